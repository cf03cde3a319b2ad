/**
 * The settings of a chain as a file writes them: the schema, and the settings of HTTP that a chain rejects.
 *
 * Guarded by `test/config/faults.test.ts` and `test/LlmConfig.test.ts`.
 */
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import { isObject } from "effect/Predicate"
import * as Rec from "effect/Record"
import * as Schema from "effect/Schema"
import { BudgetData } from "../budget/data.ts"
import { PricesData } from "../usage/prices/data.ts"
import { HedgeData, ParametersData, RepairData } from "./data/answers.ts"
import { EmbeddingsData } from "./data/embeddings.ts"
import { Overrides } from "./data/overrides.ts"
import { Pools } from "./data/pools.ts"
import { StoreData } from "./data/store.ts"
import { Time } from "./data/time.ts"
import { names, servers } from "./registry.ts"

const key = Schema.optionalKey

export type Http = HttpPolicyData.HttpPolicyData

// -----------------------------------------------------------------------------
// What a chain has no use for
// -----------------------------------------------------------------------------

const ownUrl = "a provider has a URL of its own: say it under base_urls"
const noRepeat = "a chain decides by the provider's failure what is repeated"

/** The keys of HTTP that have no meaning for a chain, with the reason. */
const strangers: { readonly [K in keyof Http]?: string } = {
  hedge:
    "a chain asks another provider beside one that is late, and not the same one twice: say it under llm.hedge, or llm.by_provider",
  endpoints: "a provider has one endpoint",
  baseUrl: ownUrl,
  name: "the provider's name is its policy's",
  retryOn: noRepeat,
  idempotencyKey: noRepeat,
  idempotent: noRepeat,
  streamBody: noRepeat,
  commit: noRepeat
}

/** A setting that has no meaning, with the reason. */
interface Foreign {
  readonly path: ReadonlyArray<string>
  readonly issue: string
}

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce(
    (value, key) => isObject(value) && Object.hasOwn(value, key) ? value[key as keyof typeof value] : undefined,
    value
  )

/** The settings of HTTP that have no meaning for a chain, decoded or not. */
export const foreignKeys = (http: unknown): ReadonlyArray<Foreign> => {
  const found = Object.entries(strangers).flatMap(([name, reason]): Array<Foreign> => {
    const value = at(http, name)
    return value === undefined || value === false
      ? []
      : [{ path: [name], issue: `${name} has no meaning here: ${reason}` }]
  })
  if (at(http, "retry", "onTimeout") !== undefined) {
    found.push({ path: ["retry", "onTimeout"], issue: `retry.onTimeout has no meaning here: ${noRepeat}` })
  }
  const mode = at(http, "retry", "retryAfter", "mode")
  if (mode !== undefined && mode !== "giveUp") {
    const issue = "a chain asks the next provider where a Retry-After is longer than max: say giveUp, or leave it out"
    found.push({ path: ["retry", "retryAfter", "mode"], issue })
  }
  return found
}

/** One deadline and one budget are over all providers. */
export const foreignToProvider = (http: unknown): ReadonlyArray<Foreign> => {
  const found: Array<Foreign> = []
  if (at(http, "timeouts", "total") !== undefined) {
    found.push({ path: ["timeouts", "total"], issue: "one deadline is over all providers: say it under http" })
  }
  if (at(http, "retry", "budget") !== undefined) {
    found.push({ path: ["retry", "budget"], issue: "one budget is over all providers: say it under http" })
  }
  for (const name of ["parameters", "repair", "cooldown"]) {
    const issue = `${name} has no meaning here: say it under llm.by_provider`
    if (at(http, name) !== undefined) found.push({ path: [name], issue })
  }
  return found
}

const HttpData = HttpPolicyData.HttpPolicyData.check(Schema.makeFilter((http: Http) => foreignKeys(http)))

const ProviderData = HttpData.check(Schema.makeFilter((http: Http) => foreignToProvider(http)))

// -----------------------------------------------------------------------------
// Schema
// -----------------------------------------------------------------------------

const byName = <S extends Schema.Constraint>(schema: S) => Schema.Struct(Rec.map(servers, () => key(schema)))

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** The settings under `llm:`. */
export const LlmConfig = Schema.Struct({
  /** How all providers are called. */
  http: key(HttpData),
  /** Overrides of `http`, by provider. */
  providers: key(byName(ProviderData)),
  /** As `OPENAI_MODEL` and the like. */
  models: key(byName(Schema.NonEmptyString)),
  /** As `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL` and `OLLAMA_HOST`. */
  base_urls: key(byName(Schema.NonEmptyString)),
  /** As `PROVIDER_PRIORITY`. */
  provider_priority: key(Schema.NonEmptyArray(Schema.NonEmptyString)),
  /** Several keys, deployments or vendors of one model, by a name that `provider_priority` may list. */
  pools: key(Pools),
  /** The members of `EmbeddingChain.layerConfig`. */
  embeddings: key(EmbeddingsData),
  /** As `hedge` and `hedgeBudget` of `ProviderChain.Options`. */
  hedge: key(HedgeData),
  /** As `repair` of `ProviderChain.Options`. */
  repair: key(RepairData),
  /** As `parameters` of `ProviderChain.Options`. */
  parameters: key(ParametersData),
  /** `parameters`, `hedge`, `repair` and `cooldown` of one provider, of a pool or of one of its members, by name. */
  by_provider: key(Overrides),
  /** The same by the model that is asked. A name that ends in `*` means all that begin so. */
  by_model: key(Overrides),
  /** As `LLM_RETRY_*`. */
  retry: key(Schema.Struct({
    attempts: key(count),
    min_wait: key(Time),
    max_wait: key(Time),
    multiplier: key(Schema.Finite.check(Schema.isGreaterThan(0)))
  })),
  /** As `CONNECTIVITY_*`. */
  connectivity: key(Schema.Struct({ check_url: key(Schema.NonEmptyString), timeout_ms: key(count) })),
  /** As `LLM_MAX_TOOL_ITERATIONS`. */
  max_tool_iterations: key(count),
  /** As `LLM_PRICES`. */
  prices: key(PricesData),
  /** The budgets of `Budgets.layerConfig`. */
  budgets: key(Schema.NonEmptyArray(BudgetData)),
  /** As `cooldown` of `ProviderChain.Options`. */
  cooldown: key(Time),
  /** What the chains of a fleet share, for `ChainStoreConfig.layerConfig`. */
  store: key(StoreData)
}).check(Schema.makeFilter(({ pools, provider_priority = [] }) => {
  const known = new Set<string>([...names, ...Object.keys(pools ?? {})])
  return provider_priority.flatMap((name, i) =>
    known.has(name) ? [] : [{ path: ["provider_priority", i], issue: "must be a provider or a pool" }]
  )
})).check(Schema.makeFilter(({ http, retry }) =>
  retry !== undefined && http?.retry !== undefined
    ? { path: ["retry"], issue: "retry beside the retries of http is a retry around a retry: give only one" }
    : undefined
))
export type LlmConfig = typeof LlmConfig.Type

export const File = Schema.Struct({ llm: key(LlmConfig) })
