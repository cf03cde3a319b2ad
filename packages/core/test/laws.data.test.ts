/**
 * The law of policies as data, over generated valid policies and over invalid data.
 */
import { describe } from "@effect/vitest"
import { assertEquals, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Arguments from "@holdfast/core/Arguments"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1 }))

/** A number of seconds, milliseconds or microseconds, so that durations of every form are met. */
const Time = Schema.Struct({ amount: between(1, 100_000), unit: Schema.Literals(["seconds", "millis", "micros"]) })

const timeOf = ({ amount, unit }: typeof Time.Type): Duration.Duration =>
  unit === "seconds"
    ? Duration.seconds(amount)
    : unit === "millis"
    ? Duration.millis(amount)
    : Duration.micros(BigInt(amount))

const key = Schema.optionalKey

const JitterPlan = Schema.Union([Schema.Literals(["none", "full", "equal"]), Schema.Struct({ proportional: Share })])

const BackoffPlan = Schema.Struct({
  type: Schema.Literals(["constant", "linear", "exponential", "decorrelated"]),
  initial: key(Time),
  more: key(Time),
  increment: key(Time),
  factor: key(Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 10 }))),
  jitter: key(JitterPlan)
})

/** What a policy is made of, whatever is drawn: bounds are told as what is above the value that they bound. */
const Plan = Schema.Struct({
  name: key(Schema.String),
  moreThanAttempt: key(Time),
  attemptTimeout: key(Time),
  bulkhead: key(Schema.Struct({
    limit: between(1, 1_000),
    queue: key(between(0, 1_000)),
    maxWait: key(Time),
    maxKeys: key(between(1, 1_000)),
    idleTimeToLive: key(Time)
  })),
  rateLimit: key(Schema.Struct({
    name: key(Schema.String),
    limit: between(1, 1_000),
    window: Time,
    algorithm: key(Schema.Literals(["fixed-window", "token-bucket"])),
    maxWait: key(Time),
    queue: key(between(0, 1_000)),
    maxKeys: key(between(1, 1_000)),
    storeTimeout: key(Time)
  })),
  retry: key(Schema.Struct({
    times: key(between(0, 100)),
    backoff: key(BackoffPlan),
    maxElapsed: key(Time),
    retryAfter: key(Schema.Struct({ mode: key(Schema.Literals(["clamp", "giveUp", "wait"])), max: key(Time) })),
    budget: key(Schema.Struct({
      ratio: key(Share),
      minPerSecond: key(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1_000 }))),
      window: key(Time)
    }))
  })),
  circuitBreaker: key(Schema.Struct({
    trip: key(Schema.Struct({
      type: Schema.Literals(["consecutive", "window", "size", "rate"]),
      count: between(1, 100),
      more: between(0, 100),
      threshold: key(Share),
      window: Time,
      slow: key(Schema.Struct({ longerThan: Time, threshold: key(Share) }))
    })),
    openFor: key(Schema.Union([Time, BackoffPlan])),
    probes: key(between(1, 10)),
    maxRetryAfter: key(Time),
    maxKeys: key(between(1, 1_000)),
    moreThanWindow: key(Time)
  }))
})
type Plan = typeof Plan.Type

/** Leaves out the properties that are `undefined`, as data does. */
const given = <A extends object>(all: A): { readonly [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as never

const maybe = <A, B>(value: A | undefined, f: (value: A) => B): B | undefined =>
  value === undefined ? undefined : f(value)

/** A delay sequence as data, and made by the constructor. */
const backoffOf = (plan: typeof BackoffPlan.Type) => {
  const initial = maybe(plan.initial, timeOf)
  // Above the default of `initial` if that is what applies.
  const max = maybe(plan.more, (more) => Duration.sum(timeOf(more), initial ?? Duration.seconds(20)))
  const increment = maybe(plan.increment, timeOf)
  const { factor, jitter: data } = plan
  const jitter = typeof data === "object"
    ? Jitter.proportional(data.proportional)
    : maybe(data, (name) => ({ none: Jitter.none, full: Jitter.full, equal: Jitter.equal })[name])
  const delay = initial ?? Duration.zero
  switch (plan.type) {
    case "constant":
      return { data: given({ type: plan.type, delay, jitter: data }), made: Backoff.constant({ delay, jitter }) }
    case "linear":
      return {
        data: given({ type: plan.type, initial, increment, max, jitter: data }),
        made: Backoff.linear({ initial, increment, max, jitter })
      }
    case "exponential":
      return {
        data: given({ type: plan.type, initial, factor, max, jitter: data }),
        made: Backoff.exponential({ initial, factor, max, jitter })
      }
    case "decorrelated":
      return { data: given({ type: plan.type, initial, max }), made: Backoff.decorrelated({ initial, max }) }
  }
}

type TripPlan = NonNullable<NonNullable<Plan["circuitBreaker"]>["trip"]>

const tripOf = ({ count, more, type, ...plan }: TripPlan) => {
  if (type === "consecutive") {
    return { data: { type, failures: count } as const, made: CircuitBreaker.consecutive(count) }
  }
  const rate = given({
    threshold: plan.threshold,
    slow: maybe(plan.slow, ({ longerThan, threshold }) => given({ longerThan: timeOf(longerThan), threshold })),
    minimumCalls: type === "rate" ? undefined : count,
    size: type === "size" ? count + more : undefined,
    window: type === "window" ? timeOf(plan.window) : undefined
  })
  return { data: given({ type: "rate" as const, ...rate }), made: CircuitBreaker.rate(rate) }
}

/** A policy as data, and the same policy as options, made by the constructors. */
const policyOf = (plan: Plan) => {
  const attemptTimeout = maybe(plan.attemptTimeout, timeOf)
  const common = given({
    name: plan.name,
    attemptTimeout,
    deadline: maybe(plan.moreThanAttempt, (more) => Duration.sum(timeOf(more), attemptTimeout ?? Duration.zero)),
    bulkhead: maybe(
      plan.bulkhead,
      ({ idleTimeToLive, maxWait, ...rest }) =>
        given({ ...rest, maxWait: maybe(maxWait, timeOf), idleTimeToLive: maybe(idleTimeToLive, timeOf) })
    )
  })
  const retry = maybe(plan.retry, ({ backoff, budget, maxElapsed, retryAfter, times }) => {
    const same = given({
      times,
      maxElapsed: maybe(maxElapsed, timeOf),
      retryAfter: maybe(retryAfter, ({ max, mode }) => given({ mode, max: maybe(max, timeOf) })),
      // JSON has no zero below zero.
      budget: maybe(
        budget,
        ({ minPerSecond, ratio, window }) =>
          given({ ratio, minPerSecond: maybe(minPerSecond, Math.abs), window: maybe(window, timeOf) })
      )
    })
    const delays = maybe(backoff, backoffOf)
    return { data: given({ ...same, backoff: delays?.data }), made: { ...same, backoff: delays?.made } }
  })
  const circuitBreaker = maybe(
    plan.circuitBreaker,
    ({ maxKeys, maxRetryAfter, moreThanWindow, openFor, probes, trip }) => {
      const trips = maybe(trip, tripOf)
      const window = trips?.made._tag === "TimeRate" ? trips.made.window : 30_000
      const same = given({
        probes,
        maxKeys,
        maxRetryAfter: maybe(maxRetryAfter, timeOf),
        idleTimeToLive: maybe(moreThanWindow, (more) => Duration.sum(timeOf(more), Duration.millis(window)))
      })
      const open = maybe(openFor, (plan) => {
        if ("type" in plan) return backoffOf(plan)
        const time = timeOf(plan)
        return { data: time, made: time }
      })
      return {
        data: given({ ...same, trip: trips?.data, openFor: open?.data }),
        made: { ...same, trip: trips?.made, openFor: open?.made }
      }
    }
  )
  return {
    data: given({ ...common, retry: retry?.data, circuitBreaker: circuitBreaker?.data }) as PolicyData.PolicyData,
    options: { ...common, retry: retry?.made, circuitBreaker: circuitBreaker?.made } satisfies Policy.Options
  }
}

/** The options, with the delay sequences told by their words and by delays that they give. */
const comparable = ({ circuitBreaker, retry, ...options }: Policy.Options): unknown =>
  given({
    ...options,
    retry: maybe(retry, ({ backoff, ...rest }) => given({ ...rest, backoff: maybe(backoff, delaysOf) })),
    circuitBreaker: maybe(circuitBreaker, (breaker) =>
      CircuitBreaker.isCircuitBreaker(breaker)
        ? breaker
        : given({ ...breaker, openFor: maybe(breaker.openFor, delaysOf) }))
  })

const delaysOf = (input: unknown): unknown =>
  Backoff.isBackoff(input)
    ? {
      words: String(input),
      delays: [1, 2, 3, 10].flatMap((retry) => [0, 0.5, 0.9].map((random) => input.delay(retry, 250, random)))
    }
    : input

/** The data with a value at a path. */
const put = (data: unknown, [key = "", ...path]: ReadonlyArray<string>, value: unknown = 1): unknown => {
  const object: Readonly<Record<string, unknown>> = Predicate.isObject(data) ? data : {}
  return { ...object, [key]: path.length === 0 ? value : put(object[key], path, value) }
}

/** The path of every key of the data. */
const leaves = (data: unknown): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<ReadonlyArray<string>> = []
  const visit = (value: unknown, path: ReadonlyArray<string>): void => {
    if (!Predicate.isReadonlyObject(value)) return
    for (const key of Object.keys(value)) {
      const inner = path.concat(key)
      found.push(inner)
      visit(value[key], inner)
    }
  }
  visit(data, [])
  return found
}

const policies = Arbitrary.map(Arbitrary.schema(Plan), policyOf)

const encode = Schema.encodeEffect(PolicyData.PolicyData)

/** Parts with more than one way to be written. */
const parts = ["a backoff", "a trip", "a budget"] as const

const shown = ({ options }: ReturnType<typeof policyOf>, reach: (what: typeof parts[number]) => void): void => {
  if (options.retry?.backoff !== undefined) reach("a backoff")
  if (options.retry?.budget !== undefined) reach("a budget")
  if (options.circuitBreaker?.trip !== undefined) reach("a trip")
}

describe("C10", () => {
  law(
    "decoding what was encoded gives the same data",
    { policy: policies },
    ({ policy }, reach) =>
      Effect.gen(function*() {
        shown(policy, reach)
        const encoded = yield* encode(policy.data)
        assertEquals(yield* PolicyData.decode(encoded), policy.data)
      }).pipe(Effect.orDie),
    { reaches: parts }
  )

  law(
    "what was encoded is plain data, and comes out of a JSON file as it went in",
    { policy: policies },
    ({ policy }, reach) =>
      Effect.gen(function*() {
        shown(policy, reach)
        const encoded = yield* encode(policy.data)
        const file: unknown = JSON.parse(JSON.stringify(encoded))
        deepStrictEqual(file, encoded)
        const decoded = yield* PolicyData.decode(file)
        assertEquals(decoded, policy.data)
        deepStrictEqual(yield* encode(decoded), encoded)
      }).pipe(Effect.orDie),
    { reaches: parts }
  )

  law(
    "data means the policy that the constructors make of the same parts",
    { policy: policies },
    ({ policy }, reach) =>
      Effect.gen(function*() {
        shown(policy, reach)
        const decoded = yield* Effect.flatMap(encode(policy.data), PolicyData.decode)
        const meant = PolicyData.toOptions(decoded)
        const words = (options: Policy.Options) => Effect.map(Policy.make(options), (policy) => Policy.describe(policy))
        assertEquals(yield* words(meant), yield* words(policy.options))
        assertEquals(comparable(meant), comparable(policy.options))
      }).pipe(Effect.orDie),
    { reaches: parts }
  )

  law(
    "a number of seconds is the duration in words",
    { millis: between(1, 100_000_000) },
    ({ millis }, reach) =>
      Effect.gen(function*() {
        if (millis % 1_000 > 0) reach("a fraction of a second")
        const inSeconds = yield* PolicyData.decode({ deadline: millis / 1_000 })
        assertEquals(inSeconds, { deadline: Duration.millis(millis) })
        assertEquals(inSeconds, yield* PolicyData.decode({ deadline: `${millis} millis` }))
        assertEquals(inSeconds, yield* PolicyData.decode({ deadline: `${millis / 1_000} seconds` }))
      }).pipe(Effect.orDie),
    { reaches: ["a fraction of a second"] }
  )

  const Path = Schema.Literals([
    "",
    "retry",
    "retry.budget",
    "retry.retryAfter",
    "circuitBreaker",
    "bulkhead",
    "rateLimit"
  ])
  law(
    "a key that no part has is refused with its path, beside whatever else there is",
    { key: Schema.String, path: Path, policy: policies },
    ({ key, path, policy }, reach) =>
      Effect.gen(function*() {
        if (path.includes(".")) reach("a key two levels down")
        const keys = [...path.split(".").filter((part) => part !== ""), `${key}?`]
        const error = yield* Effect.flip(PolicyData.decode(put(yield* encode(policy.data), keys)))
        const at = keys.map((key) => `[${JSON.stringify(key)}]`).join("")
        assertTrue(/is not an option.*\n  at /.test(error.message) && error.message.includes(`at ${at}`), error.message)
      }).pipe(Effect.orDie),
    { reaches: ["a key two levels down"] }
  )

  const Wrong = Schema.Literals([
    "seconds",
    "words",
    "none",
    "empty",
    "list",
    "zero",
    "negative",
    "half",
    "large",
    "nan"
  ])
  const wrong: { readonly [K in typeof Wrong.Type]: unknown } = {
    seconds: "10s",
    words: "soon",
    none: null,
    empty: {},
    list: [],
    zero: 0,
    negative: -1,
    half: 0.5,
    large: 1_000_000,
    nan: NaN
  }

  law(
    "finds a fault wherever the schema does, and nowhere else",
    { policy: policies, at: between(0, 1_000), wrong: Wrong },
    (input, reach) =>
      Effect.gen(function*() {
        const encoded = yield* encode(input.policy.data)
        const places = leaves(encoded)
        const place = places[input.at % places.length]
        const file = place === undefined ? encoded : put(encoded, place, wrong[input.wrong])
        const decoded = yield* Effect.exit(
          Schema.decodeUnknownEffect(PolicyData.PolicyData)(file, { onExcessProperty: "error", errors: "all" })
        )
        const faults = PolicyData.faults(file)
        const words = faults.map(Arguments.format).join("; ")
        strictEqual(faults.length > 0, Exit.isFailure(decoded), `${JSON.stringify(file)}: ${words}: ${String(decoded)}`)
        if (faults.length > 0) reach("a fault")
        else reach("none")
      }).pipe(Effect.orDie),
    { reaches: ["a fault", "none"] }
  )
})
