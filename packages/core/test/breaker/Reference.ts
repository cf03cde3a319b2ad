/** A naive reference for circuits, and what the tests of breakers have in common. */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"

export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export const { consecutive, rate } = CircuitBreaker

const trips = {
  one: consecutive(1),
  three: consecutive(3),
  calls: rate({ size: 6, threshold: 0.5, minimumCalls: 4 }),
  time: rate({ window: 1_000, threshold: 0.6, minimumCalls: 3 }),
  slowCalls: rate({ size: 5, threshold: 1, minimumCalls: 2, slow: { longerThan: 50, threshold: 0.5 } }),
  slowTime: rate({ window: 700, threshold: 0.9, minimumCalls: 2, slow: { longerThan: 50 } })
}

const openings = {
  fixed: 500,
  linear: Backoff.linear({ initial: 300, increment: 200, max: 2_000, jitter: Jitter.none }),
  decorrelated: Backoff.decorrelated({ initial: 300, max: 3_000 })
}

export const Rules = Schema.Struct({
  trip: Schema.Literals(["one", "three", "calls", "time", "slowCalls", "slowTime"]),
  openFor: Schema.Literals(["fixed", "linear", "decorrelated"]),
  probes: between(1, 3),
  maxRetryAfter: Schema.Literals([0, 800, 10_000]),
  idleTimeToLive: Schema.Literals([1_500, 20_000, 20_000])
})

export type Outcome = "success" | "failure" | "ignored"

export const rulesOf = (rules: typeof Rules.Type) => ({
  ...rules,
  trip: trips[rules.trip],
  openFor: openings[rules.openFor]
})

const Call = Schema.TaggedStruct("Call", {
  takes: Schema.Literals([0, 0, 0, 20, 80, 600, 5_000]),
  outcome: Schema.Literals(["success", "failure", "failure", "ignored"]),
  retryAfter: Schema.Literals([0, 0, 0, 700, 60_000])
})
const Wait = Schema.TaggedStruct("Wait", {
  millis: Schema.Literals([1, 30, 99, 100, 250, 500, 500, 500, 700, 999, 2_500, 12_000])
})
const ByHand = Schema.TaggedStruct("ByHand", { how: Schema.Literals(["isolate", "close", "close"]) })
export const Step = Schema.Union([Call, Call, Call, Call, Call, Wait, Wait, Wait, Wait, Wait, ByHand])

// Calls come in bursts, so that windows fill.
export const Steps = Schema.Array(Schema.Struct({ step: Step, times: between(1, 4) })).check(
  Schema.isMinLength(20),
  Schema.isMaxLength(60)
)

/** A circuit as one would write it down: it keeps every call, and counts them anew each time. */
export class Reference {
  readonly rules: ReturnType<typeof rulesOf>
  readonly onTransition: (from: CircuitBreaker.StateTag, to: CircuitBreaker.StateTag) => void
  state: CircuitBreaker.StateTag = "Closed"
  /** What ended in this closed time. */
  ended: Array<{ readonly at: number; readonly failed: boolean; readonly slow: boolean }> = []
  /** The calls that were admitted in this state and still run, and the probes of it that succeeded. */
  running = new Set<object>()
  passed = 0
  usedAt = -Infinity
  /** Every opening that still lengthens the next, with the delay that it got from the backoff. */
  delays: Array<number> = []
  opened = { at: -Infinity, for: 0 }
  closedAt = -Infinity

  constructor(rules: ReturnType<typeof rulesOf>, onTransition: Reference["onTransition"]) {
    this.rules = rules
    this.onTransition = onTransition
  }

  enter(state: CircuitBreaker.StateTag): void {
    if (state !== this.state) this.onTransition(this.state, state)
    this.state = state
    this.ended = []
    this.running = new Set()
    this.passed = 0
  }

  expired(now: number): boolean {
    const restsUntil = Math.max(this.usedAt, this.opened.at + this.opened.for, this.closedAt + this.opened.for)
    const probing = this.state === "HalfOpen" && this.running.size > 0
    return now >= restsUntil + this.rules.idleTimeToLive && this.state !== "Isolated" && !probing
  }

  admit(call: object, now: number): boolean {
    if (this.expired(now)) {
      this.ended = []
      if (this.state !== "Closed") this.close()
    }
    if (this.state === "Open" && now >= this.opened.at + this.opened.for) this.enter("HalfOpen")
    const admitted = this.state === "Closed" ||
      (this.state === "HalfOpen" && this.running.size + this.passed < this.rules.probes)
    if (admitted) {
      this.running.add(call)
      this.usedAt = now
    }
    return admitted
  }

  settle(call: object, now: number, outcome: Outcome, duration: number, hint: number, random: number): void {
    if (!this.running.delete(call)) return
    const failed = outcome === "failure"
    const { trip } = this.rules
    const slow = trip._tag !== "Consecutive" && trip.slow !== undefined && duration > trip.slow.longerThan
    if (this.state === "HalfOpen") {
      this.usedAt = now
      if (outcome === "ignored") return
      if (failed || slow) return this.open(now, hint, random)
      if (++this.passed < this.rules.probes) return
      this.closedAt = now
      return this.enter("Closed")
    }
    if (outcome === "ignored") return
    this.usedAt = now
    this.ended.push({ at: now, failed, slow })
    if (this.trips(now)) this.open(now, hint, random)
  }

  trips(now: number): boolean {
    const { trip } = this.rules
    if (trip._tag === "Consecutive") {
      const row = this.ended.slice(-trip.failures)
      return row.length === trip.failures && row.every((call) => call.failed)
    }
    const tenth = trip._tag === "TimeRate" ? trip.window / 10 : 0
    const calls = trip._tag === "CountRate"
      ? this.ended.slice(-trip.size)
      : this.ended.filter((call) => Math.floor(now / tenth) - Math.floor(call.at / tenth) < 10)
    const failed = calls.filter((call) => call.failed).length / calls.length
    const slow = calls.filter((call) => call.slow).length / calls.length
    return calls.length >= trip.minimumCalls &&
      (failed >= trip.threshold || (trip.slow !== undefined && slow >= trip.slow.threshold))
  }

  open(now: number, hint: number, random: number): void {
    if (this.state === "Closed" && now - this.closedAt >= this.opened.for) this.delays = []
    const { maxRetryAfter, openFor } = this.rules
    const last = this.delays.at(-1) ?? 0
    const delay = typeof openFor === "number" ? openFor : openFor.delay(this.delays.length + 1, last, random)
    this.delays.push(delay)
    this.opened = { at: now, for: Math.max(delay, Math.min(maxRetryAfter, hint)) }
    this.enter("Open")
  }

  isolate(): void {
    if (this.state !== "Isolated") this.enter("Isolated")
  }

  close(): void {
    this.delays = []
    this.opened = { at: -Infinity, for: 0 }
    this.closedAt = -Infinity
    this.enter("Closed")
  }

  seen(now: number): CircuitBreaker.State {
    if (this.expired(now)) return { _tag: "Closed" }
    switch (this.state) {
      case "Open":
        return { _tag: "Open", retryAfter: Duration.millis(Math.max(0, this.opened.at + this.opened.for - now)) }
      case "HalfOpen":
        return { _tag: "HalfOpen", probing: this.running.size }
      default:
        return { _tag: this.state }
    }
  }
}

export class Down extends Data.TaggedError("Down")<{ readonly retryAfter?: Duration.Duration }> {}

export const down = Effect.fail(new Down({}))

export const after = <A, E>(millis: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  millis === 0 ? effect : Effect.delay(effect, millis)

export const asked = (retryAfter: number): Down =>
  new Down(retryAfter > 0 ? { retryAfter: Duration.millis(retryAfter) } : {})

/** A `Random` with known results. */
export const half = Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

/** Fails `times` times through a breaker. */
export const failing = (breaker: CircuitBreaker.CircuitBreaker, times: number, key?: string) =>
  Effect.repeat(Effect.exit(breaker.protect({ key })(down)), { times: times - 1 })

export const tagOf = (breaker: CircuitBreaker.CircuitBreaker, key?: string) =>
  Effect.map(breaker.state({ key }), (state) => state._tag)

export const transition = (
  key: string | undefined,
  from: CircuitBreaker.StateTag,
  to: CircuitBreaker.StateTag,
  at: number
) => ({
  key,
  from,
  to,
  at,
  openFor: to === "Open" ? Duration.seconds(1) : undefined
})
