/**
 * The prices that the environment, or the file in force, says.
 *
 * Guarded by `test/Usage.test.ts` and `test/laws.test.ts`.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Setting from "../config/environment.ts"
import { fromData, PricesData } from "./prices/data.ts"
import type { Prices } from "./prices/prices.ts"

const decodeTable = Schema.decodeUnknownEffect(Schema.fromJsonString(PricesData))

/** The prices of `LLM_PRICES`; `undefined` if it is not set. */
export const pricesSetting: Effect.Effect<Prices | undefined, Config.ConfigError> = Effect.gen(function*() {
  const json = Option.getOrUndefined(yield* Setting.text("LLM_PRICES"))
  if (json === undefined) return undefined
  const data = json === "known" ? json : yield* Effect.mapError(
    decodeTable(json, { onExcessProperty: "error", errors: "all" }),
    (error) => Setting.fail(`LLM_PRICES cannot be read: ${error.message}`, error)
  )
  return yield* Effect.promise(() => fromData(data))
})
