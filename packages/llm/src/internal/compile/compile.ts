/**
 * Validates a chain's options and compiles them into the state that its requests use. When options change while it runs,
 * unchanged parts keep their state: a provider its cool-down and, if its options are equal, its bulkhead; a budget what is
 * spent.
 *
 * Guarded by `test/compile/check.test.ts`, `test/laws.test.ts` and `test/chain/fallback.test.ts`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import { duration, Place } from "@holdfast/core/Arguments"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import type * as AiError from "effect/ai/AiError"
import * as Tokenizer from "effect/ai/Tokenizer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { Budgets } from "../../Budgets.ts"
import { Connectivity } from "../../Connectivity.ts"
import type { Pool } from "../../Pool.ts"
import { isPool } from "../../Pool.ts"
import type { Location, Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import { Ledger } from "../../Usage.ts"
import type { ChainMember, PoolPlace, Settings } from "../chain/member.ts"
import { AttemptFailure } from "../chain/member.ts"
import * as Fleet from "../store/fleet.ts"
import { Gate } from "../store/gate.ts"
import { ChainStore } from "../store/store.ts"
import * as ChainMetrics from "../telemetry/metrics.ts"
import { checkOptions } from "./check.ts"
import * as defaults from "./defaults.ts"
import type { HedgeOptions, Options, RetryOptions, Timeouts, Treatment } from "./options.ts"

type AnyOptions = Options<unknown, unknown>

const inMillis = duration({ min: 0, infinite: true })

/** Of options that have been checked. */
const millisOf = (input: DurationInput): number => inMillis(input, new Place())

const durationOf = (input: DurationInput): Duration.Duration => Duration.millis(millisOf(input))

const clocksOf = (timeouts: Timeouts | false | undefined, location: Location) => {
  if (timeouts === false) return undefined
  const clock = (name: keyof typeof defaults.timeouts.cloud) =>
    durationOf(timeouts?.[name] ?? defaults.timeouts[location][name])
  return {
    head: timeouts?.head === undefined ? undefined : durationOf(timeouts.head),
    firstContent: clock("firstContent"),
    betweenChunks: clock("betweenChunks"),
    answer: clock("answer")
  }
}

const retriesOf = (retry: RetryOptions | false | undefined, location: Location): number =>
  retry === false ? 0 : retry?.times ?? defaults.patience[retry?.backoff === undefined ? location : "cloud"].times

const isStartingOrBusy = (reason: AiError.AiErrorReason): boolean => {
  const { kind } = detail(reason)
  return kind === "loading" || kind === "overloaded"
}

/** How one provider's attempts are repeated: while the decision allows it. */
const retryOf = (
  retry: RetryOptions | false | undefined,
  budget: RetryBudget.RetryBudget | undefined,
  location: Location
): Retry.Options<AttemptFailure> | undefined =>
  retry === false ? undefined : {
    times: retriesOf(retry, location),
    backoff: retry?.backoff ?? defaults.patience[location].backoff,
    maxElapsed: retry?.maxElapsed,
    budget,
    while: ({ follows, reason, running }) => {
      if (follows.retry === undefined) return Retry.refuse(follows.otherwise.because)
      const isPatient = retry?.times !== undefined || isStartingOrBusy(reason)
      return isPatient || running.attempt <= defaults.patience.cloud.times ||
        Retry.refuse("it is neither loading nor busy")
    },
    onRetry: ({ delay, error }) => {
      if (error instanceof AttemptFailure) error.onRetry(error, delay)
    },
    // The decision has refused every hint that is too long.
    retryAfter: { mode: "wait" }
  }

/** A model takes its time: a request waits for a slot as long as it may wait for content. */
const bulkheadOf = (
  bulkhead: Bulkhead.Options,
  timeouts: Timeouts | false | undefined,
  location: Location
): Bulkhead.Options => ({
  ...bulkhead,
  maxWait: bulkhead.maxWait ?? (timeouts === false ? undefined : timeouts?.firstContent) ??
    defaults.timeouts[location].firstContent
})

const treatmentOf = (
  options: Omit<AnyOptions, "providers">,
  { location, name }: Pick<Provider, "name" | "location">
): Treatment => {
  const own = options.overrides?.[name]
  const parameters = { ...options.parameters, ...own?.parameters }
  return {
    retry: options.retry,
    timeouts: location === "cloud" ? options.timeouts : options.localTimeouts,
    bulkhead: options.bulkhead,
    cooldown: options.cooldown,
    hedge: options.hedge,
    repair: options.repair,
    ...own,
    parameters: Object.keys(parameters).length === 0 ? undefined : parameters
  }
}

/** A chain as its options say it, with what they were. */
export interface Chain {
  readonly settings: Settings
  readonly members: ReadonlyArray<ChainMember>
  readonly treatments: ReadonlyMap<Provider, Treatment>
  readonly budget: Budget
  readonly hedgeBudget: Budget
}

/** A budget with what its options were. */
interface Budget {
  readonly options: AnyOptions["retryBudget"]
  readonly made: RetryBudget.RetryBudget | undefined
}

const repairsOf = (repair: Treatment["repair"]): number =>
  repair === undefined || repair === false ? 0 : repair === true ? defaults.repairs : repair.rounds ?? defaults.repairs

const makeMember = Effect.fnUntraced(function*(
  { bulkhead, cooldown, hedge, parameters, repair, retry, timeouts }: Treatment,
  provider: Provider,
  place: PoolPlace | undefined,
  budget: RetryBudget.RetryBudget | undefined,
  previous: Chain | undefined
) {
  const before = previous?.members.find((member) => member.provider === provider)
  const treatedBefore = previous?.treatments.get(provider)
  const keepsTimes = Equal.equals(treatedBefore?.hedge, hedge)
  const keepsPlaces = Equal.equals(treatedBefore?.bulkhead, bulkhead)
  const clocks = clocksOf(timeouts, provider.location)
  const name = `llm.${provider.name}`
  const member: ChainMember = {
    provider,
    retry: yield* Policy.make({ name, retry: retryOf(retry, budget, provider.location) }),
    attemptTimeout: { generateText: clocks?.answer, streamText: clocks?.firstContent, embedMany: clocks?.answer },
    head: clocks?.head,
    betweenChunks: clocks?.betweenChunks,
    bulkhead: bulkhead === undefined
      ? undefined
      : (keepsPlaces ? before?.bulkhead : undefined) ??
        (yield* Bulkhead.make({ name, ...bulkheadOf(bulkhead, timeouts, provider.location) })),
    maxRetryAfter: retry === false
      ? Duration.zero
      : durationOf(retry?.maxRetryAfter ?? defaults.maxRetryAfter),
    retries: retriesOf(retry, provider.location),
    cooldownMillis: millisOf(cooldown ?? defaults.cooldown),
    repairs: repairsOf(repair),
    gate: gateOf(place, before),
    parameters,
    hedge: hedge === undefined || hedge === false
      ? undefined
      : (keepsTimes ? before?.hedge : undefined) ?? (yield* Hedge.make(hedge)),
    place
  }
  return member
})

/** What is known of a provider outlives a change of its chain. */
const gateOf = (place: PoolPlace | undefined, before: ChainMember | undefined): Gate => {
  const load = place?.member.load
  if (before !== undefined && load !== undefined) load.enterBy(before.gate)
  return load?.gate ?? before?.gate ?? new Gate()
}

/** A hedge with its defaults: a quantile, or a time. */
const describeHedge = (hedge: HedgeOptions) =>
  Effect.map(Hedge.make(hedge), ({ machine: { max } }) => ({
    after: Predicate.isTagged(hedge.after, "Quantile") ? hedge.after : durationOf(hedge.after),
    max
  }))

/** Says what the options come to for a provider of this name. Nothing is made; a `RangeError` is thrown as of a chain. */
export const describe = Effect.fnUntraced(function*(
  options: Omit<AnyOptions, "providers">,
  provider: Pick<Provider, "name" | "location">
) {
  const { bulkhead, cooldown, hedge, parameters, repair, retry, timeouts } = treatmentOf(options, provider)
  const clocks = clocksOf(timeouts, provider.location)
  const { made } = yield* budgetOf(options.retryBudget, undefined)
  const deadline = options.deadline === undefined ? undefined : durationOf(options.deadline)
  const name = `llm.${provider.name}`
  const attempts = yield* Policy.make({
    name,
    retry: retryOf(retry, made, provider.location),
    attemptTimeout: clocks?.answer
  })
  const outer = deadline === undefined && bulkhead === undefined
    ? undefined
    : yield* Policy.make({ name, deadline, bulkhead: bulkhead && bulkheadOf(bulkhead, timeouts, provider.location) })
  return {
    policy: outer === undefined ? Policy.describe(attempts) : Policy.describe(Policy.wrap(outer, attempts)),
    firstContent: clocks?.firstContent,
    betweenChunks: clocks?.betweenChunks,
    hedge: hedge === undefined || hedge === false ? undefined : yield* describeHedge(hedge),
    repairs: repairsOf(repair),
    parameters: parameters ?? {},
    cooldown: Duration.millis(millisOf(cooldown ?? defaults.cooldown))
  }
})

/** A budget by its options, which keeps what was spent of the one before. */
const budgetOf = Effect.fnUntraced(function*(
  options: AnyOptions["retryBudget"],
  previous: Budget | undefined,
  defaults?: RetryBudget.Options
): Effect.fn.Return<Budget> {
  if (options === false) return { options, made: undefined }
  if (RetryBudget.isRetryBudget(options)) return { options, made: options }
  const before = previous?.made
  if (before !== undefined && Equal.equals(previous?.options, options)) return { options, made: before }
  const given = { ...defaults, ...options }
  return {
    options,
    made: yield* before === undefined ? RetryBudget.make(given) : RetryBudget.makeFrom(before, given)
  }
})

/** The providers of a chain, each with its policy and its state, and one budget over all. */
export const chainOf = Effect.fnUntraced(function*(
  options: AnyOptions,
  sources: ReadonlyArray<Provider | Pool>,
  previous?: Chain
) {
  const all = sources.flatMap((source) => isPool(source) ? source.members.map(({ provider }) => provider) : [source])
  checkOptions(options, all)
  const places = new Map(
    sources.flatMap((source): ReadonlyArray<readonly [Provider, PoolPlace | undefined]> =>
      isPool(source)
        ? source.members.map((member) => [member.provider, { pool: source, member }])
        : [[source, undefined]]
    )
  )
  const providers = [...places.keys()]
  const budget = yield* budgetOf(options.retryBudget, previous?.budget)
  const hedgeBudget = yield* budgetOf(options.hedgeBudget, previous?.hedgeBudget, defaults.hedgeBudget)
  const treatments = new Map(providers.map((provider) => [provider, treatmentOf(options, provider)]))
  const members = yield* Effect.forEach(
    treatments,
    ([provider, treatment]) => makeMember(treatment, provider, places.get(provider), budget.made, previous)
  )
  const isHedged = members.some(({ hedge }) => hedge !== undefined)
  const fleet = yield* fleetOf(options.name ?? defaults.name, members)
  const settings = yield* settingsOf(options, isHedged ? hedgeBudget.made : undefined, fleet)
  const chain: Chain = { settings, members, treatments, budget, hedgeBudget }
  return chain
})

/** Shares the state of the members with other processes, where there is a store. */
const fleetOf = Effect.fnUntraced(function*(chain: string, members: ReadonlyArray<ChainMember>) {
  const store = Option.getOrUndefined(yield* Effect.serviceOption(ChainStore))
  const gates = new Map(members.map(({ gate, provider }) => [provider.name, gate]))
  return store === undefined ? undefined : yield* Fleet.join(store, chain, gates)
})

const settingsOf = Effect.fnUntraced(function*(
  options: AnyOptions,
  hedgeBudget: RetryBudget.RetryBudget | undefined,
  fleet: Fleet.Fleet | undefined
) {
  const settings: Settings = {
    deadline: options.deadline === undefined ? undefined : millisOf(options.deadline),
    fallbackOnContentPolicy: options.fallbackOnContentPolicy ?? false,
    hedgeBudget,
    fleet,
    connectivity: Option.getOrUndefined(yield* Effect.serviceOption(Connectivity)),
    ledger: Option.getOrUndefined(yield* Effect.serviceOption(Ledger)),
    budgets: Option.getOrUndefined(yield* Effect.serviceOption(Budgets)),
    tokenizer: Option.getOrUndefined(yield* Effect.serviceOption(Tokenizer.Tokenizer)),
    metrics: ChainMetrics.observer(yield* Effect.context())
  }
  return settings
})
