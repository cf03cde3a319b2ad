/**
 * The faults of a file: all of them at once, by path. A schema stops at the first stage that fails, so an unknown key would hide an
 * impossible policy; here each section is checked by itself, and in the end each provider's settings on top of those of all.
 *
 * Guarded by `test/config/faults.test.ts` and `test/config/reloading.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isObject } from "effect/Predicate"
import * as Rec from "effect/Record"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { budgetsDataCheck } from "../budget/data.ts"
import { pricesCheck } from "../usage/prices/data.ts"
import { hedgeCheck, parametersCheck, repairCheck } from "./data/answers.ts"
import { embeddingNamesOf, embeddingsCheck } from "./data/embeddings.ts"
import { addressCheck } from "./data/members.ts"
import { byModelCheck, byProviderCheck } from "./data/overrides.ts"
import { memberNames, poolsCheck } from "./data/pools.ts"
import { storeCheck } from "./data/store.ts"
import { positiveTimeCheck, report, timeCheck } from "./data/time.ts"
import type { Name } from "./registry.ts"
import { names, servers } from "./registry.ts"
import type { Http } from "./schema.ts"
import { foreignKeys, foreignToProvider } from "./schema.ts"

type Check = Arguments.Check<unknown>
type Place = Arguments.Place

const { array, faults, integer, number, oneOf, optional, struct, text } = Arguments

// -----------------------------------------------------------------------------
// Sections
// -----------------------------------------------------------------------------

/** The settings of HTTP, without what has no meaning for a chain, or for one of its providers. */
const http = (isProvider: boolean): Check => (value, place) => {
  for (const { issue, path } of [...foreignKeys(value), ...isProvider ? foreignToProvider(value) : []]) {
    path.reduce((at: Place, key) => at.at(key), place).fault(issue)
  }
  report(Effect.runSyncExit(HttpPolicyData.decode(value)), place)
}

const byName = (check: Check): Check => struct(Rec.map(servers, () => optional(check)))

const count = integer({ min: 1 })

const file = struct({
  llm: optional(struct({
    http: optional(http(false)),
    providers: optional(byName(http(true))),
    models: optional(byName(text)),
    base_urls: optional(struct(Rec.map(servers, ({ name }) => optional(addressCheck(name))))),
    // Checked with the pools that it may name.
    provider_priority: optional(() => undefined),
    pools: optional(poolsCheck),
    embeddings: optional(embeddingsCheck),
    hedge: optional(hedgeCheck),
    repair: optional(repairCheck),
    parameters: optional(parametersCheck),
    // Checked with the pools that it may name.
    by_provider: optional(() => undefined),
    by_model: optional(byModelCheck),
    retry: optional(struct({
      attempts: optional(count),
      min_wait: optional(timeCheck),
      max_wait: optional(timeCheck),
      multiplier: optional(number({ above: 0 }))
    })),
    connectivity: optional(struct({ check_url: optional(text), timeout_ms: optional(count) })),
    max_tool_iterations: optional(count),
    prices: optional(pricesCheck),
    budgets: optional(budgetsDataCheck(positiveTimeCheck)),
    cooldown: optional(timeCheck),
    store: optional(storeCheck)
  }))
})

// -----------------------------------------------------------------------------
// The whole
// -----------------------------------------------------------------------------

/** Overlays one provider's settings on those of all. */
export const over = (
  config: { readonly http?: Http; readonly providers?: { readonly [N in Name]?: Http } },
  name: Name
): Effect.Effect<Http, Schema.SchemaError> => {
  const own = config.providers?.[name]
  return own === undefined ? Effect.succeed(config.http ?? {}) : HttpPolicyData.merge(config.http ?? {}, own)
}

const decoded = (value: unknown): Http | undefined => {
  const exit = Effect.runSyncExit(HttpPolicyData.decode(value ?? {}))
  return Exit.isSuccess(exit) ? exit.value : undefined
}

const property = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key as keyof typeof value] : undefined

/** Settings that are valid alone and invalid together. */
const together = (llm: unknown, place: Place): void => {
  const all = decoded(property(llm, "http"))
  const priority = property(llm, "provider_priority")
  const pools = property(llm, "pools")
  const known = [...names, ...isObject(pools) ? Object.keys(pools) : []]
  const byProvider = property(llm, "by_provider")
  const embeddings = embeddingNamesOf(property(llm, "embeddings"))
  if (byProvider !== undefined) {
    byProviderCheck(byProvider, place.at("by_provider"), [
      ...known,
      ...isObject(pools) ? memberNames(pools) : [],
      ...embeddings
    ])
  }
  if (priority !== undefined) {
    array(oneOf(...known))(priority, place.at("provider_priority"))
    if (Array.isArray(priority) && priority.length === 0) {
      place.at("provider_priority").fault("must name a provider, or be left out")
    }
  }
  if (property(llm, "retry") !== undefined && all?.retry !== undefined) {
    place.at("retry").fault("retry beside the retries of http is a retry around a retry: give only one")
  }
  for (const name of names) {
    const said = property(property(llm, "providers"), name)
    const own = said === undefined ? undefined : decoded(said)
    if (all === undefined || own === undefined) continue
    report(Effect.runSyncExit(HttpPolicyData.merge(all, own)), place.at("providers").at(name))
  }
}

const checked: Check = (value, place) => {
  file(value, place)
  together(property(value, "llm"), place.at("llm"))
}

/** Every fault of a file, by path. */
export const faultsOf = (input: unknown): ReadonlyArray<SchemaIssue.Issue> =>
  faults(checked, input).map(({ message, path }) =>
    new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue({ message }))
  )
