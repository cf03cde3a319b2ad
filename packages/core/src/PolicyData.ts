/**
 * Policies as data: one schema for the policy in a configuration file.
 *
 * **When to use**
 *
 * Use it for policies that operators change: decode the file with {@link decode}, turn the data into options with {@link
 * toOptions}, add what only the program knows, and make the policy with `Policy.make`.
 *
 * **Details**
 *
 * Durations are text (`"30 seconds"`, `"30s"`, `"1m 30s"`) or a number of seconds. {@link decode} fails with every fault at
 * once, by path: values of the wrong type, unknown keys with the key that was probably meant, and combinations that
 * `Policy.make` would reject.
 *
 * **Gotchas**
 *
 * Options that are not data, such as functions, come from the program: spread the result of {@link toOptions} and add them. So does a
 * hedge, since only the program knows whether a call may run twice concurrently. Within another schema, {@link PolicyData}
 * reports wrong types first, and impossible combinations only when there are none.
 *
 * **Example**
 *
 * See {@link PolicyData} and {@link decode}.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Struct from "effect/Struct"
import * as Arguments from "./Arguments.ts"
import * as Backoff from "./Backoff.ts"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import { readDuration } from "./internal/arguments/duration.ts"
import { policyFile } from "./internal/policy/file.ts"
import { policyOptions } from "./internal/policy/parts.ts"
import * as Jitter from "./Jitter.ts"
import type * as Policy from "./Policy.ts"

const Seconds = Schema.Finite.pipe(Schema.decodeTo(
  Schema.Duration,
  SchemaTransformation.transform({ decode: Duration.seconds, encode: Duration.toSeconds })
))

const Text = Schema.String.annotate({ expected: "a duration, such as \"30 seconds\" or \"1m 30s\"" }).pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transformEffect<Duration.Duration, string>({
      decode: (text, options) => {
        // Effect reads fractions of a millisecond exactly.
        const read = Duration.fromInput(text as Duration.Input)
        const millis = Option.isSome(read) ? undefined : readDuration(text)
        if (Option.isSome(read)) return Effect.succeed(read.value)
        return millis === undefined
          ? Effect.fail(new SchemaIssue.InvalidValue({ expected: "a valid Duration string" }, text, options))
          : Effect.succeed(Duration.millis(millis))
      },
      encode: (duration) => Effect.succeed(String(duration))
    })
  )
)

/** A duration: text, or a number of seconds. */
const Time = Schema.Union([Text, Seconds])

const JitterData = Schema.Union([
  Schema.Literals(["none", "full", "equal"]),
  Schema.Struct({ proportional: Schema.Finite })
])

/** Rejects data from which `make` cannot build a value, with its reason. */
const makes = <A>(make: (data: A) => unknown, expected: string) =>
  Schema.makeFilter<A>((data) => {
    try {
      make(data)
      return undefined
    } catch (error) {
      if (error instanceof RangeError) return error.message
      throw error
    }
  }, { expected })

const growing = {
  initial: Schema.optionalKey(Time),
  max: Schema.optionalKey(Time),
  jitter: Schema.optionalKey(JitterData)
}

/** A delay sequence of `Backoff`, by its name. */
export const BackoffData = Schema.Union([
  Schema.Struct({ type: Schema.Literal("constant"), delay: Time, jitter: Schema.optionalKey(JitterData) }),
  Schema.Struct({ type: Schema.Literal("linear"), ...growing, increment: Schema.optionalKey(Time) }),
  Schema.Struct({ type: Schema.Literal("exponential"), ...growing, factor: Schema.optionalKey(Schema.Finite) }),
  Schema.Struct({ type: Schema.Literal("decorrelated"), initial: growing.initial, max: growing.max })
]).check(makes((data) => toBackoff(data), "a valid delay sequence"))
export type BackoffData = typeof BackoffData.Type

const RetryData = Schema.Struct({
  times: Schema.optionalKey(Schema.Finite),
  backoff: Schema.optionalKey(BackoffData),
  logLevel: Schema.optionalKey(Schema.Literals(["Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None"])),
  onTimeout: Schema.optionalKey(Schema.Literals(["retry", "stop"])),
  maxElapsed: Schema.optionalKey(Time),
  retryAfter: Schema.optionalKey(Schema.Struct({
    mode: Schema.optionalKey(Schema.Literals(["clamp", "giveUp", "wait"])),
    max: Schema.optionalKey(Time),
    spread: Schema.optionalKey(Schema.Finite)
  })),
  budget: Schema.optionalKey(Schema.Struct({
    ratio: Schema.optionalKey(Schema.Finite),
    minPerSecond: Schema.optionalKey(Schema.Finite),
    window: Schema.optionalKey(Time)
  }))
})

const TripData = Schema.Union([
  Schema.Struct({ type: Schema.Literal("consecutive"), failures: Schema.Finite }),
  Schema.Struct({
    type: Schema.Literal("rate"),
    threshold: Schema.optionalKey(Schema.Finite),
    window: Schema.optionalKey(Time),
    size: Schema.optionalKey(Schema.Finite),
    minimumCalls: Schema.optionalKey(Schema.Finite),
    slow: Schema.optionalKey(Schema.Struct({ longerThan: Time, threshold: Schema.optionalKey(Schema.Finite) }))
  })
]).check(makes((data) => toTrip(data), "a valid trip"))

const CircuitBreakerData = Schema.Struct({
  trip: Schema.optionalKey(TripData),
  openFor: Schema.optionalKey(Schema.Union([Time, BackoffData])),
  probes: Schema.optionalKey(Schema.Finite),
  probeThreshold: Schema.optionalKey(Schema.Finite),
  halfOpenFor: Schema.optionalKey(Time),
  mode: Schema.optionalKey(Schema.Literals(["enabled", "observe", "disabled"])),
  maxRetryAfter: Schema.optionalKey(Time),
  maxKeys: Schema.optionalKey(Schema.Finite),
  idleTimeToLive: Schema.optionalKey(Time)
})

const BulkheadData = Schema.Struct({
  limit: Schema.Finite,
  queue: Schema.optionalKey(Schema.Finite),
  maxWait: Schema.optionalKey(Time),
  maxKeys: Schema.optionalKey(Schema.Finite),
  idleTimeToLive: Schema.optionalKey(Time)
})

const RateLimitData = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  limit: Schema.Finite,
  window: Time,
  algorithm: Schema.optionalKey(Schema.Literals(["fixed-window", "token-bucket"])),
  maxWait: Schema.optionalKey(Time),
  queue: Schema.optionalKey(Schema.Finite),
  maxKeys: Schema.optionalKey(Schema.Finite),
  storeTimeout: Schema.optionalKey(Time)
})

const Unchecked = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  deadline: Schema.optionalKey(Time),
  bulkhead: Schema.optionalKey(BulkheadData),
  rateLimit: Schema.optionalKey(RateLimitData),
  retry: Schema.optionalKey(RetryData),
  circuitBreaker: Schema.optionalKey(CircuitBreakerData),
  attemptTimeout: Schema.optionalKey(Time)
})

/**
 * The schema of a policy as data. The keys are those of `Policy.Options`, with delay sequences and trips by `type`.
 *
 * ```ts import.meta.vitest
 * import { PolicyData } from "@holdfast/core"
 * import { Duration, Schema } from "effect"
 *
 * const data = Schema.decodeSync(PolicyData.PolicyData)({
 *   deadline: 30,
 *   retry: { times: 3, backoff: { type: "exponential", initial: "1 second", max: "16 seconds" } },
 *   attemptTimeout: "10 seconds"
 * })
 *
 * data.deadline // => Duration.seconds(30)
 * ```
 */
export const PolicyData = Unchecked.check(Schema.makeFilter<typeof Unchecked.Type>(
  (data) =>
    Arguments.faults(policyOptions, toOptions(data)).map(({ message, path }) => ({ path: [...path], issue: message })),
  { expected: "a valid policy" }
))
export type PolicyData = typeof PolicyData.Type

/**
 * Decodes the content of a file. Fails with every fault at once, by path.
 *
 * ```ts import.meta.vitest
 * import { PolicyData } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const refused = PolicyData.decode({ deadline: "1s", attemptTimeout: "10s", retry: { time: 3 } }).pipe(Effect.flip)
 *
 * const { message } = await Effect.runPromise(refused)
 * message.includes("must not be longer than the deadline (1000 millis), got 10000 millis") // => true
 * message.includes("is not an option (`time`: did you mean `times`?)") // => true
 * ```
 */
export const decode = (input: unknown): Effect.Effect<PolicyData, Schema.SchemaError> =>
  Effect.suspend(() => {
    const [first, ...others] = faults(input).map(({ message, path }) =>
      new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue({ message }, input))
    )
    return first === undefined
      ? Schema.decodeUnknownEffect(PolicyData)(input, { onExcessProperty: "error", errors: "all" })
      : Effect.fail(new Schema.SchemaError(new SchemaIssue.Composite(PolicyData.ast, [first, ...others], input)))
  })

/**
 * Every fault of the content of a file, by path; none if {@link decode} succeeds.
 *
 * ```ts import.meta.vitest
 * import { Arguments, PolicyData } from "@holdfast/core"
 *
 * const [deadline, times] = PolicyData.faults({ retry: { times: -1 }, deadline: "0s" }).map(Arguments.format)
 * deadline // => 'deadline must be longer than zero, got "0s"'
 * times // => "retry.times must be a whole number of 0 or more, got -1"
 * ```
 */
export const faults = (input: unknown): ReadonlyArray<Arguments.Fault> => Arguments.faults(policyFile, input)

/**
 * Turns the data into the options of `Policy.make`.
 *
 * ```ts import.meta.vitest
 * import { Policy, PolicyData } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const data = yield* PolicyData.decode({ retry: { times: 1, backoff: { type: "constant", delay: 0 } } })
 *   const policy = yield* Policy.make(PolicyData.toOptions(data))
 *   let attempts = 0
 *   yield* Effect.suspend(() => Effect.fail(++attempts)).pipe(policy.protect, Effect.ignore)
 *   return attempts
 * })
 *
 * await Effect.runPromise(program) // => 2
 * ```
 */
export const toOptions = (data: typeof Unchecked.Type): Omit<Policy.Options, "hedge"> => ({
  ...data,
  retry: data.retry === undefined
    ? undefined
    : { ...data.retry, backoff: data.retry.backoff === undefined ? undefined : toBackoff(data.retry.backoff) },
  circuitBreaker: data.circuitBreaker === undefined ? undefined : {
    ...data.circuitBreaker,
    trip: data.circuitBreaker.trip === undefined ? undefined : toTrip(data.circuitBreaker.trip),
    openFor: data.circuitBreaker.openFor === undefined || Duration.isDuration(data.circuitBreaker.openFor)
      ? data.circuitBreaker.openFor
      : toBackoff(data.circuitBreaker.openFor)
  }
})

/** Makes the `Backoff` that the data describes. */
export const toBackoff = (data: BackoffData): Backoff.Backoff => {
  if (data.type === "decorrelated") return Backoff.decorrelated(Struct.omit(data, ["type"]))
  const jitter = toJitter(data.jitter)
  switch (data.type) {
    case "constant":
      return Backoff.constant({ ...Struct.omit(data, ["type"]), jitter })
    case "linear":
      return Backoff.linear({ ...Struct.omit(data, ["type"]), jitter })
    case "exponential":
      return Backoff.exponential({ ...Struct.omit(data, ["type"]), jitter })
  }
}

const jitters = { none: Jitter.none, full: Jitter.full, equal: Jitter.equal }

const toJitter = (data: typeof JitterData.Type | undefined): Jitter.Jitter | undefined =>
  data === undefined ? undefined : typeof data === "string" ? jitters[data] : Jitter.proportional(data.proportional)

const toTrip = (data: typeof TripData.Type): CircuitBreaker.Trip =>
  data.type === "consecutive"
    ? CircuitBreaker.consecutive(data.failures)
    : CircuitBreaker.rate(Struct.omit(data, ["type"]))
