/**
 * The checks of a chain's options: every fault at once, each with its path.
 *
 * Guarded by `test/compile/check.test.ts` and `test/laws.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { isPool } from "../../Pool.ts"
import type { Provider } from "../../Provider.ts"

type Check = Arguments.Check<unknown>

const { boolean, callback, duration, instance, integer, number, oneOf, optional, record, struct, text } = Arguments

const clock = optional(duration({ above: 0, infinite: true }))

const orFalse = (check: Check): Check => (value, place) => value === false ? value : check(value, place)

/** A part of a policy's options, as a policy checks it. */
const ofPolicy = (...keys: readonly [string, ...ReadonlyArray<string>]): Check => (value, place) => {
  const options = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
  for (const { message, path } of Arguments.faults(Policy.optionsCheck, options)) {
    path.slice(keys.length).reduce((at, key) => at.at(key), place).fault(message)
  }
  return value
}

const timeouts = optional(orFalse(struct({ head: clock, firstContent: clock, betweenChunks: clock, answer: clock })))

const treatment = {
  retry: optional(orFalse(struct({
    times: optional(integer({ min: 0 })),
    backoff: optional(instance(Schedule.isSchedule, "a Backoff or any other Schedule")),
    maxElapsed: clock,
    maxRetryAfter: clock
  }))),
  timeouts,
  bulkhead: optional(ofPolicy("bulkhead")),
  cooldown: optional(duration({ min: 0, infinite: true })),
  parameters: optional(struct({
    temperature: optional(number({ min: 0 })),
    topP: optional(number({ min: 0, max: 1 })),
    maxOutputTokens: optional(integer({ min: 1 })),
    stop: optional(Arguments.array(text)),
    seed: optional((value, place) =>
      Number.isInteger(value) ? value : place.fault(`must be a whole number, got ${Arguments.show(value)}`)
    ),
    effort: optional(oneOf("minimal", "low", "medium", "high")),
    thinkingBudget: optional(integer({ min: 1 })),
    serviceTier: optional(oneOf("flex", "standard", "priority")),
    promptCacheKey: optional(text),
    user: optional(text),
    metadata: optional(record(text))
  })),
  repair: optional((value, place) =>
    typeof value === "boolean" ? value : struct({ rounds: optional(integer({ min: 1 })) })(value, place)
  ),
  hedge: optional(orFalse(struct({ after: ofPolicy("hedge", "after"), max: optional(integer({ min: 1 })) })))
}

// -----------------------------------------------------------------------------
// Providers
// -----------------------------------------------------------------------------

const feature = optional(boolean)

/** The fields that a chain reads. A provider may have more of its own. */
const providerFields: { readonly [K in keyof Provider]?: Check } = {
  name: text,
  model: text,
  location: oneOf("cloud", "local"),
  capabilities: struct({
    tools: feature,
    images: feature,
    structuredOutput: feature,
    contextWindow: optional(integer({ min: 1, infinite: true }))
  }),
  generateText: callback(),
  streamText: callback(),
  preflight: instance(Effect.isEffect, "an Effect")
}

const provider: Check = (value, place) => {
  if (typeof value !== "object" || value === null) {
    return place.fault(`must be a provider, or an Effect that makes one, got ${Arguments.show(value)}`)
  }
  if (Predicate.hasProperty(value, "make") && typeof value.make === "function") {
    return place.fault("must be a provider, or an Effect that makes one, got what makes one: call its `make`")
  }
  for (const [key, check] of Object.entries(providerFields)) check(value[key as keyof typeof value], place.at(key))
}

/** Providers, or what makes them: no two of the same name. */
const providers: Check = (value, place) => {
  if (!Array.isArray(value) || value.length === 0) {
    return place.fault(`must be an array of providers, at least one, got ${Arguments.show(value)}`)
  }
  const names = new Map<unknown, number>()
  for (const [i, source] of value.entries()) {
    if (Effect.isEffect(source) || isPool(source)) continue
    provider(source, place.at(`${i}`))
    const { name } = Object(source)
    const before = names.get(name)
    if (before === undefined) names.set(name, i)
    else place.at(`${i}`).at("name").fault(`must be unique, got ${Arguments.show(name)}, as providers.${before} has`)
  }
}

// -----------------------------------------------------------------------------
// Options
// -----------------------------------------------------------------------------

const budget = optional(orFalse(Arguments.or(RetryBudget.isRetryBudget, ofPolicy("retry", "budget"))))

const chain = struct({
  ...treatment,
  providers,
  name: optional(text),
  localTimeouts: timeouts,
  overrides: optional(record(struct(treatment))),
  retryBudget: budget,
  hedgeBudget: budget,
  deadline: clock,
  fallbackOnContentPolicy: optional(boolean)
})

/** The options of a chain of embeddings. */
export const embeddingOptionsCheck: Check = struct({
  retry: treatment.retry,
  timeouts,
  bulkhead: treatment.bulkhead,
  cooldown: treatment.cooldown,
  hedge: treatment.hedge,
  members: Arguments.refine(Arguments.array((value) => value), (members, place) => {
    if (members.length === 0) place.fault("must have a member")
  }),
  sameModel: optional(boolean),
  name: optional(text),
  localTimeouts: timeouts,
  overrides: optional(record(struct(treatment))),
  retryBudget: budget,
  hedgeBudget: budget,
  deadline: clock
})

/** The options of a chain. An override must name a provider, where the names of all are known. */
export const optionsCheck: Check = (value, place) => {
  chain(value, place)
  const { overrides, providers }: { readonly overrides?: unknown; readonly providers?: unknown } = Object(value)
  if (!Array.isArray(providers) || providers.some((source) => Effect.isEffect(source) || isPool(source))) return
  const names = providers.flatMap((source) => typeof source?.name === "string" ? [source.name] : [])
  const known: Check = struct(Object.fromEntries(names.map((name) => [name, () => undefined])))
  for (const { message, path: [name] } of Arguments.faults(known, overrides ?? {})) {
    const [, meant = ""] = /( \(.*did you mean.*)/u.exec(message) ?? []
    const words = meant === "" ? `, which has ${names.join(", ")}` : meant
    if (name !== undefined) place.at("overrides").at(name).fault(`is not a provider of the chain${words}`)
  }
}

/**
 * Throws a `RangeError` that lists every fault of a chain's options. Without `made`, sources that are effects are taken on trust:
 * check again with the providers that they made.
 */
export const checkOptions = (given: object, made?: ReadonlyArray<Provider>): void => {
  Arguments.check("ProviderChain.make", optionsCheck, made === undefined ? given : { ...given, providers: made })
}
