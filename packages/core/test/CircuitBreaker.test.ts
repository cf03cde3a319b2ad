/**
 * Circuits against a naive reference, and breakers against law C5, on random scripts of calls.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import { BulkheadFull, type CircuitOpen, PolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Store from "effect/persistence/CircuitBreaker"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const { consecutive, rate } = CircuitBreaker

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

const Rules = Schema.Struct({
  trip: Schema.Literals(["one", "three", "calls", "time", "slowCalls", "slowTime"]),
  openFor: Schema.Literals(["fixed", "linear", "decorrelated"]),
  probes: between(1, 3),
  maxRetryAfter: Schema.Literals([0, 800, 10_000]),
  idleTimeToLive: Schema.Literals([1_500, 20_000, 20_000])
})

type Outcome = "success" | "failure" | "ignored"

const rulesOf = (rules: typeof Rules.Type) => ({
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
const Step = Schema.Union([Call, Call, Call, Call, Call, Wait, Wait, Wait, Wait, Wait, ByHand])

// Calls come in bursts, so that windows fill.
const Steps = Schema.Array(Schema.Struct({ step: Step, times: between(1, 4) })).check(
  Schema.isMinLength(20),
  Schema.isMaxLength(60)
)

/** A circuit as one would write it down: it keeps every call, and counts them anew each time. */
class Reference {
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

class Down extends Data.TaggedError("Down")<{ readonly retryAfter?: Duration.Duration }> {}

const down = Effect.fail(new Down({}))

const after = <A, E>(millis: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  millis === 0 ? effect : Effect.delay(effect, millis)

const asked = (retryAfter: number): Down => new Down(retryAfter > 0 ? { retryAfter: Duration.millis(retryAfter) } : {})

/** A `Random` with known results. */
const half = Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

describe("C5", () => {
  law(
    "a circuit does what the naive reference does",
    { steps: Steps, rules: Rules },
    ({ rules, steps }) =>
      Effect.gen(function*() {
        const compiled = rulesOf(rules)
        const breaker = yield* CircuitBreaker.make(compiled)
        const clock = yield* Clock.Clock
        const now = () => clock.currentTimeMillisUnsafe()
        const [actual, expected]: [Array<string>, Array<string>] = [[], []]
        yield* breaker.changes.pipe(
          Stream.runForEach(({ at, from, to }) => Effect.sync(() => actual.push(`${at}: ${from} to ${to}`))),
          Effect.forkChild({ startImmediately: true })
        )
        const reference = new Reference(compiled, (from, to) => expected.push(`${now()}: ${from} to ${to}`))
        const compare = Effect.map(breaker.state(), (state) => deepStrictEqual(state, reference.seen(now())))
        const calls: Array<Fiber.Fiber<unknown>> = []
        const ends = {
          success: () => Effect.void,
          failure: (retryAfter: number) => Effect.fail(asked(retryAfter)),
          ignored: () => Effect.interrupt
        }
        const play = Effect.fnUntraced(function*(step: typeof Step.Type) {
          switch (step._tag) {
            case "Wait":
              return yield* TestClock.adjust(step.millis)
            case "ByHand":
              reference[step.how]()
              yield* breaker[step.how]()
              return yield* compare
            case "Call": {
              const at = now()
              const call = {}
              const admitted = reference.admit(call, at)
              let ran = false
              const fiber = yield* Effect.suspend(() => {
                ran = true
                return after(step.takes, ends[step.outcome](step.retryAfter))
              }).pipe(
                Effect.ensuring(Effect.sync(() => {
                  const hint = step.outcome === "failure" ? step.retryAfter : 0
                  reference.settle(call, now(), step.outcome, now() - at, hint, 0.5)
                })),
                breaker.protect,
                Effect.exit,
                Effect.andThen(compare),
                Effect.forkChild({ startImmediately: true })
              )
              strictEqual(ran, admitted)
              calls.push(fiber)
            }
          }
        })
        for (const { step, times } of steps) {
          for (let time = 0; time < times; time++) yield* play(step)
        }
        yield* TestClock.adjust("10 seconds")
        yield* Effect.forEach(calls, Fiber.join)
        deepStrictEqual(actual, expected)
      }).pipe(half),
    { cases: 2_000 }
  )

  const Protected = Schema.TaggedStruct("Call", {
    takes: Schema.Literals([0, 0, 10, 80, 600, 3_000]),
    outcome: Schema.Literals(["succeed", "fail", "fail", "fail", "hint", "die", "hang", "hang"]),
    keyed: Schema.Boolean
  })
  const Pause = Schema.TaggedStruct("Wait", { millis: Schema.Literals([1, 100, 500, 500, 600, 2_500]) })
  const Interrupt = Schema.TaggedStruct("Interrupt", { which: between(0, 5) })
  const Play = Schema.Array(Schema.Union([Protected, Protected, Protected, Protected, Pause, Pause, Interrupt])).check(
    Schema.isMinLength(15),
    Schema.isMaxLength(40)
  )

  const ends = {
    succeed: Effect.void,
    fail: down,
    hint: Effect.fail(asked(2_000)),
    die: Effect.die("defect"),
    hang: Effect.never
  }

  law(
    "open admits no call, half-open admits k probes at a time, and an interrupted probe frees its slot",
    { play: Play, rules: Rules },
    ({ play, rules }) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make(rulesOf(rules))
        const running: Array<Fiber.Fiber<unknown, unknown>> = []
        const spells = new Map<string | undefined, { probes: number }>()
        for (const step of play) {
          if (step._tag === "Wait") {
            yield* TestClock.adjust(step.millis)
          } else if (step._tag === "Interrupt") {
            const fiber = running[step.which]
            if (fiber !== undefined) {
              yield* Fiber.interrupt(fiber)
              running.splice(step.which, 1)
            }
          } else {
            const key = step.keyed ? "a" : undefined
            const before = yield* breaker.state({ key })
            const isOpen = before._tag === "Open" && Duration.toMillis(before.retryAfter) > 0
            const mine: { ran: boolean; spell: { probes: number } | undefined } = { ran: false, spell: undefined }
            const call = Effect.suspend(() => {
              mine.ran = true
              assertTrue(!isOpen, "an open circuit admitted a call")
              return after<void, Down>(step.takes, ends[step.outcome])
            })
            const fiber = yield* call.pipe(
              Effect.onExit(() => Effect.sync(() => mine.spell && mine.spell.probes--)),
              breaker.protect({ key }),
              Effect.forkChild({ startImmediately: true })
            )
            // A spell is one half-open time. A call of an earlier one may still run, and no longer counts.
            if (mine.ran && before._tag !== "Closed") {
              if (before._tag === "Open") spells.set(key, { probes: 0 })
              if (fiber.pollUnsafe() === undefined) {
                mine.spell = spells.get(key) ?? { probes: 0 }
                assertTrue(++mine.spell.probes <= rules.probes, `${mine.spell.probes} probes at once`)
              }
            }
            running.push(fiber)
          }
        }
        yield* Effect.forEach(running, Fiber.interrupt)
        // Nothing is left of what ran: after the longest open time, k successes close every circuit that is not closed.
        yield* TestClock.adjust("11 seconds")
        for (const key of ["a", undefined]) {
          if ((yield* breaker.state({ key }))._tag === "Closed") continue
          for (let probe = 0; probe < rules.probes; probe++) yield* Effect.orDie(breaker.protect({ key })(Effect.void))
          deepStrictEqual(yield* breaker.state({ key }), { _tag: "Closed" })
        }
      }),
    { cases: 2_000 }
  )

  it.effect("an interruption at any moment of a probe frees its slot", () =>
    Effect.gen(function*() {
      let started = 0
      for (let turns = 0; turns < 30; turns++) {
        const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: 1 })
        yield* Effect.ignore(breaker.protect(Effect.fail("down")))
        yield* TestClock.adjust(1)
        const probe = Effect.suspend(() => Effect.andThen(Effect.sync(() => started++), Effect.never))
        // A fiber that yields after each step of its own can be interrupted between any two of them.
        const fiber = yield* breaker.protect(probe).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, 3),
          Effect.forkChild({ startImmediately: true })
        )
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        strictEqual(yield* breaker.protect(Effect.succeed("up")), "up")
      }
      assertTrue(started > 0 && started < 30)
    }))
})

/** Fails `times` times through a breaker. */
const failing = (breaker: CircuitBreaker.CircuitBreaker, times: number, key?: string) =>
  Effect.repeat(Effect.exit(breaker.protect({ key })(down)), { times: times - 1 })

const tagOf = (breaker: CircuitBreaker.CircuitBreaker, key?: string) =>
  Effect.map(breaker.state({ key }), (state) => state._tag)

describe("trip", () => {
  it.effect("does not open after nine failures, fifty idle minutes and one more failure", () =>
    Effect.gen(function*() {
      const some = [
        consecutive(10),
        rate({ size: 10 }),
        rate({ window: "40 minutes", minimumCalls: 10 }),
        rate({ window: "30 seconds", minimumCalls: 10 })
      ]
      for (const trip of some) {
        const idle = yield* CircuitBreaker.make({ trip })
        const busy = yield* CircuitBreaker.make({ trip })
        yield* failing(idle, 9)
        yield* failing(busy, 10)
        strictEqual(yield* tagOf(busy), "Open")
        yield* TestClock.adjust("50 minutes")
        yield* failing(idle, 1)
        strictEqual(yield* tagOf(idle), "Closed")
      }
    }))

  it.effect("forgets a call with its tenth of the window, without others", () =>
    Effect.gen(function*() {
      const cases = [[0, 9_999, "Open"], [0, 10_000, "Closed"], [950, 9_999, "Open"], [950, 10_000, "Closed"]] as const
      for (const [first, second, tag] of cases) {
        yield* TestClock.setTime(first)
        const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "10 seconds", minimumCalls: 2 }) })
        yield* failing(breaker, 1)
        yield* TestClock.setTime(second)
        yield* failing(breaker, 1)
        strictEqual(yield* tagOf(breaker), tag)
      }
    }))

  it.effect("forgets that a call was slow with the call", () =>
    Effect.gen(function*() {
      const slow = { longerThan: "1 second", threshold: 0.5 } as const
      const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "10 seconds", minimumCalls: 4, slow }) })
      const call = (millis: number) => breaker.protect(Effect.sleep(millis))
      const calls = Effect.forEach(
        [1_500, 0, 0, 0],
        (millis) => Effect.andThen(call(millis), Effect.sleep("3 seconds"))
      )
      yield* Effect.forkChild(Effect.repeat(calls, { times: 3 }), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("counts on when the clock is set back a little, and anew when it is set back by the window", () =>
    Effect.gen(function*() {
      for (const [back, tag] of [[500, "Open"], [1_100, "Closed"]] as const) {
        const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "1 second", minimumCalls: 3 }) })
        for (const time of [5_000, 5_050, 5_000 - back]) {
          yield* TestClock.setTime(time)
          yield* failing(breaker, 1)
        }
        strictEqual(yield* tagOf(breaker), tag)
      }
    }))

  it.effect("opens when too many calls are slow, though they succeed", () =>
    Effect.gen(function*() {
      const slow = { longerThan: "1 second", threshold: 0.5 } as const
      const breaker = yield* CircuitBreaker.make({ trip: rate({ size: 4, slow }) })
      const call = (millis: number) => breaker.protect(Effect.sleep(millis))
      yield* Effect.forkChild(Effect.forEach([1_001, 1_000, 1_000, 1_000, 1_001, 1_001], call), {
        startImmediately: true
      })
      yield* TestClock.adjust(5_002)
      // One of the last four is slow.
      strictEqual(yield* tagOf(breaker), "Closed")
      yield* TestClock.adjust(1_001)
      strictEqual(yield* tagOf(breaker), "Open")
      yield* TestClock.adjust("30 seconds")
      yield* Effect.forkChild(call(1_001), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust(1_001)
      strictEqual(yield* tagOf(breaker), "Open")
    }))

  it.effect("counts failures by the predicate, defects always, interruption and rejections within never", () =>
    Effect.gen(function*() {
      const full = Effect.fail(new PolicyError({ reason: new BulkheadFull({ limit: 1, queue: 0 }) }))
      const cases: ReadonlyArray<[call: Effect.Effect<unknown, unknown>, opens: boolean]> = [
        [Effect.fail("unavailable"), true],
        [Effect.fail("not found"), false],
        [Effect.die("defect"), true],
        [Effect.interrupt, false],
        [full, false],
        [Effect.succeed("stock"), false]
      ]
      for (const [call, opens] of cases) {
        const breaker = yield* CircuitBreaker.make({
          trip: consecutive(1),
          isFailure: (error: unknown) => error !== "not found"
        })
        yield* Effect.exit(breaker.protect(call))
        strictEqual(yield* tagOf(breaker), opens ? "Open" : "Closed")
      }
    }))

  it.effect("takes an error that is no failure for a success, and an ignored call for neither", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(2),
        isFailure: (error: string) => error === "down"
      })
      const call = (error: string) => Effect.exit(breaker.protect(Effect.fail(error)))
      yield* call("down")
      yield* call("not found")
      yield* call("down")
      strictEqual((yield* breaker.state())._tag, "Closed")
      yield* Effect.exit(breaker.protect(Effect.interrupt))
      yield* call("down")
      strictEqual((yield* breaker.state())._tag, "Open")
    }))

  it.effect("frees the slot of a probe whose predicate throws", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(1),
        isFailure: () => {
          throw new Error("a bug in the predicate")
        }
      })
      for (let opening = 0; opening < 2; opening++) {
        assertTrue(Exit.hasDies(yield* Effect.exit(breaker.protect(down))))
        strictEqual((yield* breaker.state())._tag, "Open")
        yield* TestClock.adjust("30 seconds")
      }
    }))
})

describe("open", () => {
  it.effect("rejects with the time that is left, and runs nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "10 seconds" })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("4 seconds")
      let ran = false
      const call: Effect.Effect<number, Down> = Effect.sync(() => {
        ran = true
        return 1
      })
      const protectedCall: Effect.Effect<number, Down | PolicyError<CircuitOpen>> = call.pipe(breaker.protect)
      const error = yield* Effect.flip(protectedCall)
      assertTrue(error._tag === "PolicyError" && !ran)
      deepStrictEqual(error.reason.retryAfter, Duration.seconds(6))
      strictEqual(yield* Effect.flip(call.pipe(breaker.protect({ key: undefined }))), error)
    }))

  it.effect("lasts longer with each opening in a row, and starts again after a rest as long as the last", () =>
    Effect.gen(function*() {
      const openFor = Backoff.exponential({ initial: "1 second", max: "10 seconds", jitter: Jitter.none })
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor })
      const fail = Effect.gen(function*() {
        yield* failing(breaker, 1)
        const state = yield* breaker.state()
        return state._tag === "Open" ? Duration.toMillis(state.retryAfter) : 0
      })
      for (const millis of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
        strictEqual(yield* fail, millis)
        yield* TestClock.adjust(millis)
      }
      yield* breaker.protect(Effect.void)
      yield* TestClock.adjust(9_999)
      strictEqual(yield* fail, 10_000)
      yield* TestClock.adjust(10_000)
      yield* breaker.protect(Effect.void)
      yield* TestClock.adjust(10_000)
      strictEqual(yield* fail, 1_000)
    }))

  it.effect("lasts as long as the failure asks for, up to a limit", () =>
    Effect.gen(function*() {
      const cases = [[1, 10_000], [20, 20_000], [86_400, 60_000]] as const
      for (const [seconds, millis] of cases) {
        const breaker = yield* CircuitBreaker.make({
          trip: consecutive(1),
          openFor: "10 seconds",
          maxRetryAfter: "1 minute"
        })
        yield* Effect.exit(breaker.protect(Effect.fail(new Down({ retryAfter: Duration.seconds(seconds) }))))
        deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.millis(millis) })
      }
    }))

  it.effect("does not last longer because the clock was set back", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "10 seconds" })
      yield* failing(breaker, 1)
      yield* TestClock.setTime(1_000)
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(10) })
      yield* TestClock.adjust("10 seconds")
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("ends when as many probes have succeeded as may run at once", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), probes: 2, openFor: "1 second" })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* breaker.protect(Effect.void)
      deepStrictEqual(yield* breaker.state(), { _tag: "HalfOpen", probing: 0 })
      const probe = yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      deepStrictEqual(yield* breaker.state(), { _tag: "HalfOpen", probing: 1 })
      const error = yield* Effect.flip(breaker.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.zero)
      yield* Fiber.interrupt(probe)
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("is not ended or prolonged by a call that was admitted before", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "1 second" })
      const late = (call: Effect.Effect<void, Down>) =>
        Effect.forkChild(breaker.protect(Effect.delay(call, "900 millis")), { startImmediately: true })
      yield* Effect.all([late(Effect.void), late(down)])
      yield* failing(breaker, 1)
      yield* TestClock.adjust("900 millis")
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.millis(100) })
    }))
})

describe("by hand", () => {
  it.effect("isolate rejects until close, whatever time passes", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ openFor: "1 second" })
      const late = yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 minute")), { startImmediately: true })
      yield* breaker.isolate()
      yield* TestClock.adjust("1 day")
      yield* Fiber.await(late)
      deepStrictEqual(yield* breaker.state(), { _tag: "Isolated" })
      const error = yield* Effect.flip(breaker.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.infinity)
      yield* breaker.close()
      strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
    }))

  it.effect("close forgets what was counted, and calls under way", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2) })
      yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 second")), { startImmediately: true })
      yield* failing(breaker, 1)
      yield* breaker.close()
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      strictEqual(yield* tagOf(breaker), "Closed")
      yield* failing(breaker, 1)
      strictEqual(yield* tagOf(breaker), "Open")
      yield* breaker.close()
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("close starts the open time again", () =>
    Effect.gen(function*() {
      const openFor = Backoff.linear({ initial: "1 second", jitter: Jitter.none })
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* breaker.protect(Effect.void)
      yield* breaker.close()
      yield* failing(breaker, 1)
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(1) })
    }))
})

describe("a previous breaker", () => {
  it.effect("lets another probe through for one that is under way, which counts no more", () =>
    Effect.gen(function*() {
      const options = { trip: consecutive(1), openFor: "1 second" } as const
      const breaker = yield* CircuitBreaker.make(options)
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 second")), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      const next = yield* CircuitBreaker.makeFrom(breaker, options)
      yield* next.protect(Effect.void)
      yield* TestClock.adjust("1 second")
      deepStrictEqual([yield* tagOf(breaker), yield* tagOf(next)], ["Open", "Closed"])
    }))

  it.effect("drops the counts of closed circuits, and publishes no transitions", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2) })
      yield* failing(breaker, 1)
      const next = yield* CircuitBreaker.makeFrom(breaker, { trip: consecutive(2) })
      yield* failing(next, 1)
      strictEqual(yield* tagOf(next), "Closed")
      yield* failing(next, 1)
      strictEqual(yield* tagOf(next), "Open")
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("keeps a circuit open for what the other side asked for, where the new options believe it", () =>
    Effect.gen(function*() {
      const asked = Effect.fail({ retryAfter: Duration.minutes(2) })
      const options = { trip: consecutive(1), openFor: "1 second" } as const
      const breaker = yield* CircuitBreaker.make(options)
      yield* Effect.exit(breaker.protect(asked))
      const left = (maxRetryAfter: Duration.Input) =>
        Effect.flatMap(CircuitBreaker.makeFrom(breaker, { ...options, maxRetryAfter }), (next) => next.state())
      deepStrictEqual(yield* left("5 minutes"), { _tag: "Open", retryAfter: Duration.minutes(2) })
      deepStrictEqual(yield* left("1 minute"), { _tag: "Open", retryAfter: Duration.minutes(1) })
      deepStrictEqual(yield* left(0), { _tag: "Open", retryAfter: Duration.seconds(1) })
    }))
})

describe("keys", () => {
  const Uses = Schema.Array(Schema.Struct({
    key: between(0, 9),
    what: Schema.Literals(["success", "failure", "failure", "failure", "failure", "failure", "isolate", "close"]),
    wait: Schema.Literals([0, 0, 0, 1, 400, 5_000])
  })).check(Schema.isMinLength(20), Schema.isMaxLength(60))

  const rules = rulesOf({ trip: "three", openFor: "fixed", probes: 1, maxRetryAfter: 0, idleTimeToLive: 20_000 })

  law(
    "a breaker that goes on from another is where that is, by key, and no longer open than its own options say",
    { openFor: Schema.Literals([100, 500, 2_000]), uses: Uses },
    ({ openFor, uses }) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ ...rules, maxKeys: 10 })
        for (const { key, wait, what } of uses) {
          yield* TestClock.adjust(wait)
          if (what === "isolate" || what === "close") yield* breaker[what]({ key: `${key}` })
          else yield* Effect.exit(breaker.protect({ key: `${key}` })(what === "success" ? Effect.void : down))
        }
        const next = yield* CircuitBreaker.makeFrom(breaker, { ...rules, maxKeys: 10, openFor })
        for (let key = 0; key < 10; key++) {
          const before = yield* breaker.state({ key: `${key}` })
          const after = yield* next.state({ key: `${key}` })
          strictEqual(after._tag, before._tag)
          if (before._tag !== "Open" || after._tag !== "Open") continue
          deepStrictEqual(after.retryAfter, Duration.min(before.retryAfter, Duration.millis(openFor)))
        }
      })
  )

  law("each key has a circuit of its own", { uses: Uses }, ({ uses }) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...rules, maxKeys: 10 })
      const references = Array.from({ length: 10 }, () => new Reference(rules, () => {}))
      for (const { key, wait, what } of uses) {
        yield* TestClock.adjust(wait)
        const now = yield* Clock.currentTimeMillis
        const reference = references[key] as Reference
        if (what === "isolate" || what === "close") {
          reference[what]()
          yield* breaker[what]({ key: `${key}` })
        } else {
          const call = {}
          reference.admit(call, now)
          reference.settle(call, now, what, 0, 0, 0.5)
          yield* Effect.exit(breaker.protect({ key: `${key}` })(what === "success" ? Effect.void : down))
        }
        deepStrictEqual(yield* breaker.state({ key: `${key}` }), reference.seen(now))
      }
    }))

  law(
    "no more circuits are kept than allowed, but for those isolated",
    { uses: Uses, max: between(1, 6) },
    (input) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), maxKeys: input.max })
        const isolated = new Set<number>()
        for (const { key, what } of input.uses) {
          if (what === "isolate") isolated.add(key)
          if (what === "close") isolated.delete(key)
          yield* what === "isolate" || what === "close"
            ? breaker[what]({ key: `${key}` })
            : failing(breaker, 1, `${key}`)
          if (what === "failure" && !isolated.has(key)) strictEqual(yield* tagOf(breaker, `${key}`), "Open")
          const tags = yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (key) => tagOf(breaker, `${key}`))
          assertTrue(tags.filter((tag) => tag === "Open").length <= input.max)
          strictEqual(tags.filter((tag) => tag === "Isolated").length, isolated.size)
        }
      })
  )

  it.effect("gives up the closed circuit that was used least recently, before one that is open", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2), maxKeys: 3 })
      yield* failing(breaker, 2, "open")
      yield* failing(breaker, 1, "newer")
      yield* failing(breaker, 1, "older")
      yield* TestClock.adjust(1)
      yield* Effect.exit(breaker.protect({ key: "newer" })(Effect.interrupt))
      yield* failing(breaker, 1, "another")
      strictEqual(yield* tagOf(breaker, "open"), "Open")
      // One more failure opens the circuit that was kept, and not the one that starts again.
      yield* failing(breaker, 1, "newer")
      strictEqual(yield* tagOf(breaker, "newer"), "Open")
      yield* failing(breaker, 1, "older")
      strictEqual(yield* tagOf(breaker, "older"), "Closed")
    }))

  it.effect("evicts a circuit that has been idle for long", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(1),
        idleTimeToLive: "1 minute",
        openFor: "30 seconds"
      })
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("89 seconds")
      strictEqual(yield* tagOf(breaker, "a"), "Open")
      yield* TestClock.adjust("1 second")
      strictEqual(yield* tagOf(breaker, "a"), "Closed")
    }))

  it.effect("gives up what is idle when a new key comes", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), idleTimeToLive: "1 minute" })
      const closed: Array<string | undefined> = []
      yield* breaker.changes.pipe(
        Stream.runForEach(({ key, to }) => Effect.sync(() => to === "Closed" && closed.push(key))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* failing(breaker, 1, "a")
      yield* failing(breaker, 1, "b")
      yield* TestClock.adjust("89 seconds")
      yield* failing(breaker, 1, "c")
      yield* TestClock.adjust("1 second")
      deepStrictEqual(closed, [])
      yield* breaker.protect({ key: "d" })(Effect.void)
      yield* TestClock.adjust(1)
      deepStrictEqual(closed, ["a", "b"])
    }))
})

const transition = (
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

describe("what is seen", () => {
  it.effect("every transition is a change, with its key and time", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "1 second" })
      const changes = yield* breaker.changes.pipe(
        Stream.take(6),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("1 second")
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("1 second")
      yield* breaker.protect({ key: "a" })(Effect.void)
      yield* breaker.isolate()
      deepStrictEqual(yield* Fiber.join(changes), [
        transition("a", "Closed", "Open", 0),
        transition("a", "Open", "HalfOpen", 1_000),
        transition("a", "HalfOpen", "Open", 1_000),
        transition("a", "Open", "HalfOpen", 2_000),
        transition("a", "HalfOpen", "Closed", 2_000),
        transition(undefined, "Closed", "Isolated", 2_000)
      ])
    }))

  it.effect("a subscriber does not run within a call, and misses the oldest changes if it falls behind", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make()
      const seen: Array<string | undefined> = []
      const subscriber = yield* breaker.changes.pipe(
        Stream.runForEach((change) => Effect.sync(() => seen.push(change.key))),
        Effect.forkChild({ startImmediately: true })
      )
      const keys = Array.from({ length: 200 }, (_, index) => `${index}`)
      yield* Effect.forEach(keys, (key) => breaker.isolate({ key }), { discard: true }).pipe(
        Effect.provideService(Scheduler.MaxOpsBeforeYield, Infinity)
      )
      deepStrictEqual(seen, [])
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(subscriber)
      deepStrictEqual(seen, keys.slice(-128))
    }))

  it.effect("counts transitions and rejections, in the registry of the context", () =>
    Effect.gen(function*() {
      const registry = yield* Metric.MetricRegistry
      const breaker = yield* CircuitBreaker.make({ name: "stock", trip: consecutive(1) })
      yield* breaker.protect(Effect.void)
      strictEqual(registry.size, 0)
      yield* failing(breaker, 3)
      const counts = (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state])
      deepStrictEqual(counts, [
        [
          "holdfast.circuit_breaker.transitions",
          { "holdfast.policy": "stock", unit: "{transition}", from: "Closed", to: "Open" },
          { count: 1, incremental: true }
        ],
        ["holdfast.circuit_breaker.rejections", { "holdfast.policy": "stock", unit: "{call}" }, {
          count: 2,
          incremental: true
        }]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("arguments", () => {
  const made = (options: CircuitBreaker.Options) => () => Effect.runSync(CircuitBreaker.make(options))
  const cases: ReadonlyArray<[evaluate: () => unknown, message: string]> = [
    [() => consecutive(0), "CircuitBreaker.consecutive: failures must be a whole number of 1 or more, got 0"],
    [() => rate({ threshold: 0 }), "CircuitBreaker.rate: threshold must be above 0 and at most 1, got 0"],
    [() => rate({ threshold: 50 }), "CircuitBreaker.rate: threshold must be above 0 and at most 1, got 50"],
    [() => rate({ size: 0 }), "CircuitBreaker.rate: size must be a whole number of 1 or more, got 0"],
    [() => rate({ size: 2.5 }), "CircuitBreaker.rate: size must be a whole number of 1 or more, got 2.5"],
    [() => rate({ size: 5, window: 1 }), "CircuitBreaker.rate: size must not be given beside a window, got 5"],
    [
      () => rate({ size: 5, minimumCalls: 6 }),
      "CircuitBreaker.rate: minimumCalls must not be above the size (5), got 6"
    ],
    [() => rate({ window: 0 }), "CircuitBreaker.rate: window must be longer than zero, got 0"],
    [
      () => rate({ slow: { longerThan: "1 second", threshold: 2 } }),
      "CircuitBreaker.rate: slow.threshold must be above 0 and at most 1, got 2"
    ],
    [made({ openFor: 0 }), "CircuitBreaker.make: openFor must be longer than zero, got 0"],
    [made({ probes: 0 }), "CircuitBreaker.make: probes must be a whole number of 1 or more, got 0"],
    [made({ maxKeys: 0 }), "CircuitBreaker.make: maxKeys must be a whole number of 1 or more, got 0"],
    [
      made({ maxRetryAfter: -1 }),
      "CircuitBreaker.make: maxRetryAfter must be a finite duration of zero or more, got -1"
    ],
    [
      made({ trip: rate({ window: "1 minute" }), idleTimeToLive: "30 seconds" }),
      "CircuitBreaker.make: idleTimeToLive must be at least the window (60000 millis), got 30000 millis"
    ]
  ]
  for (const [evaluate, message] of cases) {
    it(message, () => throws(evaluate, new RangeError(message)))
  }
})

describe("shared", () => {
  class Lost extends Context.Service<Lost, { how: "answers" | "dawdles" | "fails" | "hangs" }>()("test/Lost") {}

  /** The store in memory, which counts what it is asked and can be lost. */
  const layerLossy = Layer.effect(
    Store.CircuitBreakerStore,
    Effect.gen(function*() {
      const store = yield* Store.CircuitBreakerStore
      const lost = yield* Lost
      const through = <A, R>(self: Effect.Effect<A, Store.CircuitBreakerError, R>) =>
        Effect.suspend(() => {
          if (lost.how === "answers") return self
          if (lost.how === "dawdles") return Effect.delay(self, "100 millis")
          if (lost.how === "hangs") return Effect.never
          const reason = new Store.CircuitBreakerStoreError({ message: "connection refused" })
          return Effect.fail(new Store.CircuitBreakerError({ reason }))
        })
      return {
        admit: (key) => through(store.admit(key)),
        record: (options) => through(store.record(options)),
        state: (key) => through(store.state(key))
      }
    })
  ).pipe(
    Layer.provide(Store.layerStoreMemory()),
    Layer.provideMerge(Layer.sync(Lost, () => ({ how: "answers" as const })))
  )

  const lines: Array<string> = []
  const layerLog = Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])

  const shared = (name: string, body: Effect.Effect<void, unknown, Store.CircuitBreakerStore | Lost>) =>
    it.effect(name, () =>
      Effect.andThen(Effect.sync(() => lines.splice(0)), body).pipe(
        Effect.provide(Layer.merge(layerLossy, layerLog))
      ))

  const pair = (options: Omit<CircuitBreaker.SharedOptions, "name">) =>
    Effect.all([
      CircuitBreaker.makeShared({ name: "stock", ...options }),
      CircuitBreaker.makeShared({ name: "stock", ...options })
    ])

  for (const [name, trip] of Object.entries({ consecutive: consecutive(4), "rate by size": rate({ size: 4 }) })) {
    shared(
      `${name} counts the calls of all processes`,
      Effect.gen(function*() {
        const [one, other] = yield* pair({ trip, openFor: "1 second" })
        yield* failing(one, 2, "a")
        yield* failing(other, 1, "a")
        strictEqual(yield* tagOf(one, "a"), "Closed")
        yield* failing(other, 1, "a")
        for (const breaker of [one, other]) {
          deepStrictEqual(yield* breaker.state({ key: "a" }), { _tag: "Open", retryAfter: Duration.seconds(1) })
          const error = yield* Effect.flip(breaker.protect({ key: "a" })(Effect.void))
          deepStrictEqual(error.reason.retryAfter, Duration.seconds(1))
          strictEqual(yield* breaker.protect({ key: "b" })(Effect.succeed(1)), 1)
        }
        yield* TestClock.adjust("1 second")
        strictEqual(yield* one.protect({ key: "a" })(Effect.succeed(1)), 1)
        strictEqual(yield* other.protect({ key: "a" })(Effect.succeed(1)), 1)
      })
    )
  }

  const locally: ReadonlyArray<[name: string, trip: CircuitBreaker.Trip, call: Effect.Effect<void, Down>]> = [
    ["rate by window", rate({ window: "10 seconds", minimumCalls: 2 }), down],
    ["slow calls", rate({ size: 2, slow: { longerThan: "1 second" } }), Effect.sleep("2 seconds")]
  ]
  for (const [name, trip, call] of locally) {
    shared(
      `${name} counts the calls of one process, and opens the circuit for all`,
      Effect.gen(function*() {
        const [one, other] = yield* pair({ trip, openFor: "1 minute" })
        const run = (breaker: CircuitBreaker.CircuitBreaker) =>
          Effect.andThen(
            Effect.forkChild(Effect.exit(breaker.protect(call)), { startImmediately: true }),
            TestClock.adjust("2 seconds")
          )
        yield* run(one)
        yield* run(other)
        strictEqual(yield* tagOf(one), "Closed")
        yield* run(one)
        strictEqual(yield* tagOf(one), "Open")
        strictEqual(yield* tagOf(other), "Open")
        assertTrue(Exit.isFailure(yield* Effect.exit(other.protect(Effect.void))))
      })
    )
  }

  shared(
    "one probe runs in all processes together, and its interruption frees the slot",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      yield* failing(one, 1)
      yield* TestClock.adjust("1 second")
      const probe = yield* Effect.forkChild(one.protect(Effect.never), { startImmediately: true })
      deepStrictEqual(yield* other.state(), { _tag: "HalfOpen", probing: 1 })
      const error = yield* Effect.flip(other.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.zero)
      yield* Fiber.interrupt(probe)
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
      strictEqual(yield* tagOf(one), "Closed")
    })
  )

  shared(
    "a slow probe opens the circuit again",
    Effect.gen(function*() {
      const trip = rate({ size: 2, slow: { longerThan: "1 second" } })
      const breaker = yield* CircuitBreaker.makeShared({ name: "stock", trip, openFor: "1 second" })
      yield* failing(breaker, 2)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(breaker.protect(Effect.sleep("2 seconds")), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust("2 seconds")
      strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  shared(
    "the open time grows with each opening in a row, and by the hint of the failure",
    Effect.gen(function*() {
      const openFor = Backoff.exponential({ initial: "1 second", max: "1 hour", jitter: Jitter.none })
      const [one, other] = yield* pair({ trip: consecutive(1), openFor })
      const opened = [[one, 1], [other, 2], [one, 4]] as const
      for (const [breaker, seconds] of opened) {
        yield* failing(breaker, 1)
        deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(seconds) })
        yield* TestClock.adjust(Duration.seconds(seconds))
      }
      yield* Effect.exit(one.protect(Effect.fail(new Down({ retryAfter: Duration.minutes(4) }))))
      deepStrictEqual(yield* other.state(), { _tag: "Open", retryAfter: Duration.minutes(4) })
    })
  )

  shared(
    "isolate and close are of one process alone",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      const changes: Array<string> = []
      yield* one.changes.pipe(
        Stream.runForEach(({ from, to }) => Effect.sync(() => changes.push(`${from} to ${to}`))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* one.isolate()
      strictEqual(yield* tagOf(one), "Isolated")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
      yield* one.close()
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      yield* failing(one, 1)
      yield* one.close()
      strictEqual(yield* tagOf(one), "Open")
      // A call that is turned away by hand does not ask the store, and so is not its probe.
      yield* one.isolate()
      yield* TestClock.adjust("1 second")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* tagOf(other), "Open")
      deepStrictEqual(changes, [
        "Closed to Isolated",
        "Isolated to Closed",
        "Closed to Open",
        "Closed to Isolated"
      ])
    })
  )

  shared(
    "a call that is isolated while the store is asked does not run, and frees its slot",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      yield* failing(other, 1)
      yield* TestClock.adjust("1 second")
      lost.how = "dawdles"
      const late = yield* Effect.forkChild(Effect.flip(one.protect(Effect.void)), { startImmediately: true })
      yield* one.isolate()
      yield* TestClock.adjust("200 millis")
      deepStrictEqual((yield* Fiber.join(late)).reason.retryAfter, Duration.infinity)
      lost.how = "answers"
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "local state that saw more failures than the store follows the store",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(one, 1)
      yield* other.protect(Effect.void)
      yield* failing(one, 1)
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      lost.how = "fails"
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "local state knows a circuit that a probe of this process has opened again",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(other, 2)
      yield* TestClock.adjust("1 minute")
      yield* failing(one, 1)
      lost.how = "fails"
      deepStrictEqual(yield* one.state(), { _tag: "Open", retryAfter: Duration.minutes(1) })
    })
  )

  shared(
    "changes are those that this process made in the store",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 second" })
      const changesOf = (breaker: CircuitBreaker.CircuitBreaker, count: number) =>
        breaker.changes.pipe(Stream.take(count), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      const [ones, others] = [yield* changesOf(one, 1), yield* changesOf(other, 2)]
      yield* failing(other, 1)
      yield* failing(one, 1)
      yield* TestClock.adjust("1 second")
      yield* other.protect(Effect.void)
      deepStrictEqual(yield* Fiber.join(ones), [transition(undefined, "Closed", "Open", 0)])
      deepStrictEqual(yield* Fiber.join(others), [
        transition(undefined, "Open", "HalfOpen", 1_000),
        transition(undefined, "HalfOpen", "Closed", 1_000)
      ])
    })
  )

  shared(
    "calls go on with local state when the store fails, and with the store's when it is back",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(other, 1)
      lost.how = "fails"
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      yield* failing(one, 2)
      strictEqual(yield* tagOf(one), "Open")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* tagOf(other), "Closed")
      deepStrictEqual(lines.filter((line) => line.includes("store")), [
        "stock: the circuit breaker's store failed; calls go on with this process's own state",
        "stock: the circuit breaker's store failed; calls go on with this process's own state"
      ])
      lost.how = "answers"
      yield* TestClock.adjust("5 seconds")
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      strictEqual(yield* tagOf(one), "Closed")
    })
  )

  shared(
    "local state knows a circuit that was open in the store when it failed",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 minute" })
      yield* failing(other, 1)
      yield* Effect.exit(one.protect(Effect.void))
      lost.how = "fails"
      yield* TestClock.adjust("20 seconds")
      const error = yield* Effect.flip(one.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.seconds(40))
      yield* TestClock.adjust("40 seconds")
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "a store that does not answer delays one call in five seconds, and no longer than the timeout",
    Effect.gen(function*() {
      const lost = yield* Lost
      const breaker = yield* CircuitBreaker.makeShared({ name: "stock", storeTimeout: "200 millis" })
      lost.how = "hangs"
      const call = breaker.protect(Effect.succeed(1))
      const first = yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestClock.adjust("199 millis")
      strictEqual(first.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      strictEqual(yield* Fiber.join(first), 1)
      strictEqual(yield* call, 1)
      yield* TestClock.adjust("5 seconds")
      const later = yield* Effect.forkChild(call, { startImmediately: true })
      strictEqual(later.pollUnsafe(), undefined)
      yield* TestClock.adjust("200 millis")
      strictEqual(yield* Fiber.join(later), 1)
      deepStrictEqual(lines, [
        "stock: the circuit breaker's store did not answer in 200ms; calls go on with this process's own state"
      ])
    })
  )
})
