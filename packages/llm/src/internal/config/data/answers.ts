/**
 * What a file says of answers: when a second provider is asked, whether a broken one is repaired, and its parameters.
 *
 * Guarded by `test/config/pools.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Hedge from "@holdfast/core/Hedge"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import type { Parameters } from "../../../Parameters.ts"
import type { Options } from "../../compile/options.ts"
import { Time, timeCheck } from "./time.ts"

const key = Schema.optionalKey

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const { array, integer, number, oneOf, optional, struct, text } = Arguments

// -----------------------------------------------------------------------------
// Hedges
// -----------------------------------------------------------------------------

export const HedgeData = Schema.Struct({
  /** A duration, or a quantile of the times so far, as `Hedge.quantile` reads them. */
  after: Schema.Union([
    Time,
    Schema.Struct({
      quantile: Schema.Finite,
      window: key(Time),
      minimum_calls: key(Count),
      min: key(Time),
      max: key(Time)
    })
  ]),
  max: key(Count),
  budget: key(Schema.Struct({
    ratio: key(Schema.Finite),
    min_per_second: key(Schema.Finite),
    window: key(Time)
  }))
})

const quantile = struct({
  quantile: (value, place) =>
    typeof value === "number" && value > 0 && value < 1
      ? value
      : place.fault(`must be a number above 0 and below 1, got ${Arguments.show(value)}`),
  window: optional(timeCheck),
  minimum_calls: optional(integer({ min: 1 })),
  min: optional(timeCheck),
  max: optional(timeCheck)
})

export const hedgeCheck = struct({
  after: (value, place) => (isObject(value) ? quantile(value, place) : timeCheck(value, place)),
  max: optional(integer({ min: 1 })),
  budget: optional(struct({
    ratio: optional(number({ min: 0 })),
    min_per_second: optional(number({ min: 0 })),
    window: optional(timeCheck)
  }))
})

const hedgeOf = (
  { after, budget, max }: typeof HedgeData.Type
): { readonly hedge: Options["hedge"]; readonly hedgeBudget?: RetryBudget.Options } => ({
  hedge: {
    after: "quantile" in after
      ? Hedge.quantile({ ...Struct.omit(after, ["minimum_calls"]), minimumCalls: after.minimum_calls })
      : after,
    max
  },
  ...(budget && {
    hedgeBudget: { ...Struct.omit(budget, ["min_per_second"]), minPerSecond: budget.min_per_second }
  })
})

// -----------------------------------------------------------------------------
// Repairs
// -----------------------------------------------------------------------------

export const RepairData = Schema.Union([Schema.Boolean, Schema.Struct({ rounds: key(Count) })])

export const repairCheck: Arguments.Check<unknown> = (value, place) =>
  typeof value === "boolean" ? value : struct({ rounds: optional(integer({ min: 1 })) })(value, place)

// -----------------------------------------------------------------------------
// Parameters
// -----------------------------------------------------------------------------

const efforts = ["minimal", "low", "medium", "high"] as const
const tiers = ["flex", "standard", "priority"] as const

export const ParametersData = Schema.Struct({
  temperature: key(Schema.Finite),
  top_p: key(Schema.Finite),
  max_output_tokens: key(Count),
  stop: key(Schema.Array(Schema.String)),
  seed: key(Schema.Int),
  effort: key(Schema.Literals(efforts)),
  thinking_budget: key(Count),
  service_tier: key(Schema.Literals(tiers)),
  prompt_cache_key: key(Schema.String),
  user: key(Schema.String),
  metadata: key(Schema.Record(Schema.String, Schema.String))
})

export const parametersCheck = struct({
  temperature: optional(number({ min: 0 })),
  top_p: optional(number({ min: 0, max: 1 })),
  max_output_tokens: optional(integer({ min: 1 })),
  stop: optional(array(text)),
  seed: optional((value, place) =>
    Number.isInteger(value) ? value : place.fault(`must be a whole number, got ${Arguments.show(value)}`)
  ),
  effort: optional(oneOf(...efforts)),
  thinking_budget: optional(integer({ min: 1 })),
  service_tier: optional(oneOf(...tiers)),
  prompt_cache_key: optional(text),
  user: optional(text),
  metadata: optional(Arguments.record(text))
})

const parametersOf = (data: typeof ParametersData.Type): Parameters => ({
  ...Struct.omit(data, [
    "top_p",
    "max_output_tokens",
    "thinking_budget",
    "service_tier",
    "prompt_cache_key"
  ]),
  ...(data.top_p !== undefined && { topP: data.top_p }),
  ...(data.max_output_tokens !== undefined && { maxOutputTokens: data.max_output_tokens }),
  ...(data.thinking_budget !== undefined && { thinkingBudget: data.thinking_budget }),
  ...(data.service_tier !== undefined && { serviceTier: data.service_tier }),
  ...(data.prompt_cache_key !== undefined && { promptCacheKey: data.prompt_cache_key })
})

// -----------------------------------------------------------------------------
// Options
// -----------------------------------------------------------------------------

/** The options of a chain that these sections come to. */
export const answerOptions = ({ hedge, parameters, repair }: {
  readonly hedge?: typeof HedgeData.Type
  readonly repair?: typeof RepairData.Type
  readonly parameters?: typeof ParametersData.Type
}): Pick<Options, "hedge" | "hedgeBudget" | "repair" | "parameters"> => ({
  ...(hedge && hedgeOf(hedge)),
  ...(repair !== undefined && { repair }),
  ...(parameters && { parameters: parametersOf(parameters) })
})
