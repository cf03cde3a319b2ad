/**
 * Several keys, deployments, regions or vendors of one model, as one provider of a chain.
 *
 * A pool stands in `providers` wherever a provider stands. For each request its strategy orders the members, and the chain asks
 * them in that order before it goes on to the next provider. The members stay providers of the chain: each has a name of its own
 * in events, errors and the ledger, its own retries, bulkhead and cool-down, and a stream is one member's answer or a failure.
 *
 * **When to use**
 *
 * - Several API keys or deployments share the load of one account or model: `leastBusy`, `weighted`.
 * - The same model is served by several vendors: `fastest`, `cheapest`.
 * - Prompt caches should be hit again: `sticky`, with {@link withSession}.
 *
 * **Details**
 *
 * - A member that is cooling down is passed by. When it answers again it warms up: its share of the requests grows from nothing to
 *   all of it within `warmUp`.
 * - `limits` keeps a member below its requests and tokens a minute. Tokens are reserved by an estimate and settled by
 *   the usage that the vendor reports. Limits are also learnt from headers such as `x-ratelimit-remaining-tokens`. A member
 *   without room is passed by before it refuses; without room at any member, the next provider of the chain is asked.
 * - `fastest` is Finagle's load metric: the mean duration, newer answers counting more, times the requests in flight.
 *
 * **Gotchas**
 *
 * The members of a pool answer differently unless they serve the same model: the pool does not check it.
 *
 * **Example**
 *
 * See {@link make} and {@link withSession}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import { MemberLoad } from "./internal/pool/load.ts"
import type { Candidate, Strategy } from "./internal/pool/strategy.ts"
import { strategies } from "./internal/pool/strategy.ts"
import { priceCheck } from "./internal/usage/price.ts"
import type { Provider } from "./Provider.ts"
import type { Price } from "./Usage.ts"

export type { Strategy } from "./internal/pool/strategy.ts"

const TypeId: unique symbol = Symbol.for("@holdfast/llm/Pool")

/** What an account may take in a minute at one member. */
export interface RateLimits {
  /** Default: no limit but the one that the vendor's headers name. */
  readonly requestsPerMinute?: number | undefined
  /** Input and output together. Default: as above. */
  readonly tokensPerMinute?: number | undefined
}

/** A provider with its place in the pool. */
export interface Member<E = never, R = never> {
  readonly provider: Provider | Effect.Effect<Provider, E, R>
  /** Its share of the requests: a member with 2 gets twice as many as one with 1. Default: 1. */
  readonly weight?: number | undefined
  /** Its price, for `cheapest`. Default: none, which is asked last. */
  readonly price?: Price | undefined
  /** Default: `{}`. */
  readonly limits?: RateLimits | undefined
}

/** Options of a pool. */
export interface Options<E = never, R = never> {
  /** The members. Their providers have names of their own. */
  readonly members: readonly [Member<E, R>, ...ReadonlyArray<Member<E, R>>]
  /**
   * Which member is asked first.
   *
   * - `inOrder`: the first that is not cooling down and has room.
   * - `weighted`: by chance, in proportion to the weights.
   * - `leastBusy`: the one with the fewest requests in flight for its weight.
   * - `fastest`: the one whose answers have come soonest, given its requests in flight.
   * - `cheapest`: by price.
   * - `sticky`: the same one for the same session, spread over the sessions by weight; by chance without a session.
   *
   * Default: `"leastBusy"`.
   */
  readonly strategy?: Strategy | undefined
  /** How long a member takes to get its whole share again after a cool-down. Default: `"30 seconds"`. */
  readonly warmUp?: Arguments.DurationInput | undefined
  /** How long it takes until a measured duration counts half, for `fastest`. Default: `"1 minute"`. */
  readonly halfLife?: Arguments.DurationInput | undefined
}

/** A member of a pool that is made: what a strategy sees of it, and its provider. */
export interface PoolMember extends Candidate {
  readonly provider: Provider
}

/** Several providers that stand for one. */
export interface Pool {
  readonly [TypeId]: typeof TypeId
  readonly strategy: Strategy
  readonly members: ReadonlyArray<PoolMember>
}

/** Whether a value is a pool. */
export const isPool = (u: unknown): u is Pool => Predicate.hasProperty(u, TypeId)

const memberFields = Arguments.struct({
  provider: Arguments.instance(Predicate.isObject, "a provider"),
  weight: Arguments.optional(Arguments.number({ above: 0 }), 1),
  price: Arguments.optional(priceCheck),
  limits: Arguments.optional(Arguments.struct({
    requestsPerMinute: Arguments.optional(Arguments.number({ min: 1 })),
    tokensPerMinute: Arguments.optional(Arguments.number({ min: 1 }))
  }))
})

const isMember = (value: unknown): value is object =>
  Predicate.isObject(value) && !Effect.isEffect(value) && !Predicate.hasProperty(value, "generateText")

/** A bare provider is the mistake to expect: it is said what goes around it. */
const memberCheck: typeof memberFields = (value, place) => {
  const member = Arguments.instance(isMember, "{ provider, weight, price, limits }")(value, place)
  return member === undefined ? member : memberFields(member, place)
}

const poolCheck = Arguments.refine(
  Arguments.struct({
    members: Arguments.array(memberCheck),
    strategy: Arguments.optional(Arguments.oneOf(...strategies), "leastBusy" as const),
    warmUp: Arguments.optional(Arguments.duration({ min: 0 }), 30_000),
    halfLife: Arguments.optional(Arguments.duration({ above: 0 }), 60_000)
  }),
  ({ members, strategy }, place) => {
    if (members.length === 0) place.at("members").fault("must have a member")
    if (strategy === "cheapest" && members.every(({ price }) => price === undefined)) {
      place.at("strategy").fault("needs the `price` of a member")
    }
  }
)

/**
 * The check of the options, for those that are part of others.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 * import { Pool } from "@holdfast/llm"
 *
 * Arguments.faults(Pool.optionsCheck, { members: [] }).map(Arguments.format) // => ["members must have a member"]
 * ```
 */
export const optionsCheck: Arguments.Check<unknown> = poolCheck

const priceOf = (price: Pick<Price, "input" | "output"> | undefined): number | undefined =>
  price === undefined ? undefined : price.input + price.output

/**
 * Makes a pool. Throws a `RangeError` that lists every invalid option by its path.
 *
 * ```ts import.meta.vitest
 * import { Pool, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 *
 * // Two keys of one account. In production: OpenAiProvider.make({ name: "openai-1", model, apiKey }).
 * const first = TestProvider.script("openai-1", [TestProvider.failure(new AiError.QuotaExhaustedError({}))])
 * const second = TestProvider.script("openai-2", [TestProvider.text("Hello from the second key")])
 * const ollama = TestProvider.script("ollama", [], { location: "local" })
 *
 * const keys = Pool.make({ strategy: "inOrder", members: [{ provider: first }, { provider: second }] })
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layer({ providers: [keys, ollama] }))
 * )
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hello from the second key"
 * ```
 */
export const make = <E = never, R = never>(options: Options<E, R>): Effect.Effect<Pool, E, R> =>
  compile("Pool.make", [], options)

/**
 * Makes a pool with other options, whose members go on with what earlier pools have learnt of the same providers: how fast they
 * answer, how long their answers are, and what is left of their limits. For options that change while a program runs.
 *
 * ```ts import.meta.vitest
 * import { Pool } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 *
 * const first = TestProvider.script("openai-1", [])
 * const second = TestProvider.script("openai-2", [])
 * const program = Effect.gen(function*() {
 *   const one = yield* Pool.make({ members: [{ provider: first }] })
 *   return yield* Pool.makeFrom([one], { strategy: "fastest", members: [{ provider: first }, { provider: second }] })
 * })
 *
 * Effect.runSync(program).members.map(({ name }) => name) // => ["openai-1", "openai-2"]
 * ```
 */
export const makeFrom = <E = never, R = never>(
  previous: Iterable<Pool>,
  options: Options<E, R>
): Effect.Effect<Pool, E, R> => compile("Pool.makeFrom", previous, options)

const compile = <E, R>(where: string, previous: Iterable<Pool>, options: Options<E, R>): Effect.Effect<Pool, E, R> => {
  const { halfLife, members, strategy, warmUp } = Arguments.check(where, poolCheck, options)
  const before = [...previous].flatMap((pool) => pool.members)
  return Effect.map(
    Effect.forEach(options.members, ({ provider }) => Effect.isEffect(provider) ? provider : Effect.succeed(provider)),
    (providers): Pool => ({
      [TypeId]: TypeId,
      strategy,
      members: providers.map((provider, i) => {
        const { limits, price, weight = 1 } = members[i] ?? {}
        const load = new MemberLoad(
          { requestsPerMinute: limits?.requestsPerMinute, tokensPerMinute: limits?.tokensPerMinute },
          warmUp,
          halfLife
        )
        const known = before.find((member) => member.provider === provider)
        if (known !== undefined) load.resume(known.load)
        return { provider, name: provider.name, weight, price: priceOf(price), load }
      })
    })
  )
}

/** The session that a request belongs to, for `sticky`. Default: none. */
export const Session: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "@holdfast/llm/Pool/Session",
  { defaultValue: () => undefined }
)

/**
 * Runs an effect as part of a session: its requests go to the same member of a `sticky` pool, whose prompt cache knows them.
 *
 * ```ts import.meta.vitest
 * import { Pool } from "@holdfast/llm"
 * import { Effect } from "effect"
 *
 * await Effect.runPromise(Pool.Session.pipe(Pool.withSession("user-42"))) // => "user-42"
 * ```
 */
export const withSession: {
  (session: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, session: string): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, session: string): Effect.Effect<A, E, R> =>
    Effect.provideService(self, Session, session)
)
