import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Hedge from "@holdfast/core/Hedge"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

class Down extends Data.TaggedError("Down")<{
  readonly leg: number
  readonly retryAfter?: Duration.Duration
  readonly isRetryable?: boolean
}> {}

/** One leg: it takes its time and then has its outcome, and takes time to clean up. */
const Leg = Schema.Struct({
  takes: between(0, 4),
  outcome: Schema.Literals([
    "succeed",
    "succeed",
    "fail",
    "fail",
    "fail",
    "hint",
    "refuse",
    "die",
    "interrupt",
    "hang",
    "deaf"
  ]),
  cleanup: between(0, 2)
})
type Leg = typeof Leg.Type

const Race = Schema.Struct({
  legs: Schema.Tuple([Leg, Leg, Leg, Leg, Leg, Leg]),
  max: between(1, 5),
  after: between(0, 3),
  budget: Schema.Literals(["none", "none", 0, 1, 2, 4]),
  interruptAfter: Schema.Literals(["late", "late", 0, 1, 3, 6])
})
type Race = typeof Race.Type

// Times of a script never coincide, so that there is one right order: each leg adds a bit of its own.
const unit = 2 ** 22
const timesOf = (race: Race) => ({
  legs: race.legs.map(({ cleanup, outcome, takes }, leg) => ({
    outcome,
    takes: outcome === "hang" ? Infinity : takes === 0 ? 0 : takes * unit + 2 ** leg,
    cleanup: cleanup === 0 ? 0 : cleanup * unit + 2 ** (6 + leg)
  })),
  after: race.after === 0 ? 0 : race.after * unit + 2 ** 12,
  interrupt: (race.interruptAfter === "late" ? 40 : race.interruptAfter) * unit + 2 ** 18
})

interface Story {
  readonly exit: string
  readonly started: ReadonlyArray<number>
  readonly ended: number
}

/** What a caller sees who is interrupted while the legs that lost clean up: a result is dropped, a failure is not. */
const interrupted = (exit: string): string =>
  exit.startsWith("succeed") || exit === "interrupt" ? "interrupt" : `${exit} + interrupt`

/** What should happen: the earliest of all that is due, again and again. */
const naive = (race: Race): Story => {
  const { after, interrupt, legs } = timesOf(race)
  let tokens = race.budget === "none" ? Infinity : race.budget
  let held = false
  let exit: string | undefined
  let ended = 0
  const started: Array<number> = []
  const running = new Map<number, number>()
  let alarm = Infinity
  const decide = (at: number, how: string) => {
    exit ??= how
    ended = Math.max(ended, at)
    for (const [leg, ends] of running) {
      const stops = legs[leg]?.outcome === "deaf" ? ends : Math.min(at, ends)
      ended = Math.max(ended, stops + (legs[leg]?.cleanup ?? 0))
    }
    alarm = Infinity
    running.clear()
  }
  const mayStart = () => {
    if (held || started.length > race.max) return false
    if (tokens === 0) {
      held = true
      return false
    }
    tokens--
    return true
  }
  // An attempt's end is seen when its finalizers have run.
  const start = (at: number): void => {
    const leg = started.length
    started.push(at)
    const ends = at + (legs[leg]?.takes ?? 0)
    const cleanup = legs[leg]?.cleanup ?? 0
    if (ends === at && cleanup === 0) return settle(leg, at)
    running.set(leg, ends)
    alarm = Infinity
    if (after === 0) {
      if (mayStart()) start(at)
    } else if (!held && started.length <= race.max) alarm = at + after
  }
  const settle = (leg: number, at: number): void => {
    running.delete(leg)
    const outcome = legs[leg]?.outcome
    if (outcome === "succeed" || outcome === "deaf") return decide(at, `succeed ${leg}`)
    if (outcome === "die" || outcome === "refuse") return decide(at, `${outcome} ${leg}`)
    if (outcome === "interrupt") return decide(at, outcome)
    if (outcome === "hint") held = true
    if (mayStart()) return start(at)
    if (running.size === 0) decide(at, `${legs[0]?.outcome} 0`)
  }
  start(0)
  for (;;) {
    if (exit !== undefined) return { exit: interrupt < ended ? interrupted(exit) : exit, started, ended }
    const due: Array<[at: number, act: (at: number) => void]> = [
      [interrupt, (at) => decide(at, "interrupt")],
      [alarm, (at) => {
        alarm = Infinity
        if (mayStart()) start(at)
      }]
    ]
    for (const [leg, ends] of running) {
      due.push([ends + (legs[leg]?.cleanup ?? 0), (at) => settle(leg, at)])
    }
    due.sort((a, b) => a[0] - b[0])
    due[0]?.[1](due[0][0])
  }
}

const outcomeOf = (outcome: Leg["outcome"], leg: number): Effect.Effect<number, Down> => {
  switch (outcome) {
    case "succeed":
    case "deaf":
      return Effect.succeed(leg)
    case "fail":
      return Effect.fail(new Down({ leg }))
    case "hint":
      return Effect.fail(new Down({ leg, retryAfter: Duration.seconds(1) }))
    case "refuse":
      return Effect.fail(new Down({ leg, isRetryable: false }))
    case "die":
      return Effect.die(leg)
    case "interrupt":
      return Effect.interrupt
    case "hang":
      return Effect.never
  }
}

const show = (exit: Exit.Exit<number, Down>, race: Race): string => {
  if (Exit.isSuccess(exit)) return `succeed ${exit.value}`
  const words = exit.cause.reasons.map((reason) =>
    Cause.isInterruptReason(reason)
      ? "interrupt"
      : Cause.isDieReason(reason)
      ? `die ${reason.defect}`
      : `${race.legs[reason.error.leg]?.outcome} ${reason.error.leg}`
  )
  return [...new Set(words)].join(" + ")
}

describe("C7", () => {
  law(
    "starts, answers, fails and cleans up as a naive model does",
    { race: Race },
    ({ race }, reach) =>
      Effect.gen(function*() {
        // The first sleep under a `TestClock` can be interrupted even in a finalizer, unless time has been adjusted
        // before.
        yield* TestClock.adjust(1)
        const times = timesOf(race)
        const startedAt = yield* Clock.currentTimeMillis
        const now = Effect.map(Clock.currentTimeMillis, (at) => at - startedAt)
        const started: Array<number> = []
        let cleaned = 0
        const attempt = Effect.suspend(() => {
          const leg = started.length
          const script = times.legs[leg]
          if (script === undefined) return Effect.die("one leg too many")
          const { cleanup, outcome, takes } = script
          const end = outcomeOf(outcome, leg)
          const body = takes === 0 || takes === Infinity ? end : Effect.delay(end, takes)
          return Effect.andThen(
            Effect.map(now, (at) => started.push(at)),
            (outcome === "deaf" ? Effect.uninterruptible(body) : body).pipe(
              Effect.ensuring(
                Effect.andThen(cleanup === 0 ? Effect.void : Effect.sleep(cleanup), Effect.sync(() => cleaned++))
              )
            )
          )
        })
        let tokens = race.budget === "none" ? Infinity : race.budget
        const budget = { tryWithdraw: () => tokens > 0 && tokens-- > 0 }
        const hedge = yield* Hedge.make({ after: times.after, max: race.max, budget })
        let ended = NaN
        const fiber = yield* Hedge.idempotent(attempt).pipe(
          hedge.protect,
          Effect.onExit(() =>
            Effect.map(now, (at) => {
              ended = at
              // The laws: as many hedges as there may be, and none of the attempts has anything left to do.
              assertTrue(started.length <= 1 + race.max)
              strictEqual(cleaned, started.length)
            })
          ),
          Effect.forkChild({ startImmediately: true })
        )
        yield* Effect.forkChild(Effect.delay(Fiber.interrupt(fiber), times.interrupt), { startImmediately: true })
        yield* TestClock.adjust(100 * unit)
        const exit = yield* Fiber.await(fiber)
        deepStrictEqual({ exit: show(exit, race), started, ended }, naive(race))
        strictEqual(cleaned, started.length)
        const stats = yield* hedge.stats()
        strictEqual(stats.hedges, started.length - 1)
        if (started.length > 1) reach("a hedge")
        if (stats.wins > 0) reach("a hedge that wins")
        if (times.interrupt < ended) reach("an interrupted caller")
      }),
    { cases: 3_000, reaches: ["a hedge", "a hedge that wins", "an interrupted caller"] }
  )
})

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

/** Attempts that are given in turn; the last one is given again. */
const inTurn = <A, E>(...attempts: ReadonlyArray<Effect.Effect<A, E>>) => {
  const state = { attempts: 0 }
  const effect = Hedge.idempotent(
    Effect.suspend(() => attempts[Math.min(state.attempts++, attempts.length - 1)] ?? Effect.die("no attempt"))
  )
  return { state, effect }
}

describe("hedge", () => {
  it.effect("starts the second attempt after the delay, and not before", () =>
    Effect.gen(function*() {
      const { effect, state } = inTurn<string, never>(Effect.never, Effect.succeed("second"))
      const fiber = yield* fork(Hedge.hedge(effect, { after: "2 seconds" }))
      yield* TestClock.adjust(1_999)
      strictEqual(state.attempts, 1)
      yield* TestClock.adjust(1)
      strictEqual(yield* Fiber.join(fiber), "second")
    }))

  it.live("races under the live clock too", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { effect } = inTurn<string, never>(
        Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)),
        Effect.succeed("second")
      )
      strictEqual(yield* effect.pipe(Hedge.hedge({ after: "5 millis" })), "second")
      assertTrue(yield* Deferred.isDone(interrupted))
    }))

  it.live("starts all attempts at once when there is no delay", () =>
    Effect.gen(function*() {
      const { effect, state } = inTurn<never, never>(Effect.never)
      const fiber = yield* fork(Hedge.hedge(effect, { after: 0, max: 2 }))
      strictEqual(state.attempts, 3)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("does not start a second attempt of a call that is fast", () =>
    Effect.gen(function*() {
      const { effect, state } = inTurn(Effect.delay(Effect.succeed("first"), 10))
      const fiber = yield* fork(Hedge.hedge(effect, { after: 20, max: 3 }))
      yield* TestClock.adjust("1 minute")
      strictEqual(yield* Fiber.join(fiber), "first")
      strictEqual(state.attempts, 1)
    }))

  it.effect("fails with the first attempt's error itself, when all fail", () =>
    Effect.gen(function*() {
      const errors = [new Down({ leg: 0 }), new Down({ leg: 1 }), new Down({ leg: 2 })]
      const { effect, state } = inTurn(...errors.map((error, leg) => Effect.delay(Effect.fail(error), 30 - 10 * leg)))
      const fiber = yield* fork(Effect.flip(Hedge.hedge(effect, { after: 1, max: 2 })))
      yield* TestClock.adjust("1 minute")
      strictEqual(yield* Fiber.join(fiber), errors[0])
      strictEqual(state.attempts, 3)
    }))

  it.effect("ends at once with an error that no other attempt can better", () =>
    Effect.gen(function*() {
      const { effect, state } = inTurn(Effect.fail("bad request"))
      const options = { after: "1 second", max: 3, while: (error: string) => error !== "bad request" } as const
      strictEqual(yield* Effect.flip(Hedge.hedge(effect, options)), "bad request")
      strictEqual(state.attempts, 1)
    }))

  it.effect("ends with what the predicate throws", () =>
    Effect.gen(function*() {
      const { effect } = inTurn(Effect.fail("down"))
      const exit = yield* Effect.exit(Hedge.hedge(effect, {
        after: "1 second",
        while: () => {
          throw "broken predicate"
        }
      }))
      deepStrictEqual(exit, Exit.die("broken predicate"))
    }))

  it.effect("does not outlive a caller that is interrupted by one of its own attempts", () =>
    Effect.gen(function*() {
      const caller: { fiber?: Fiber.Fiber<unknown, unknown> } = {}
      let running = 0
      const { effect } = inTurn<never, never>(
        Effect.ensuring(Effect.andThen(Effect.sync(() => running++), Effect.never), Effect.sync(() => running--)),
        Effect.suspend(() => {
          running++
          caller.fiber?.interruptUnsafe()
          return Effect.never
        }).pipe(Effect.ensuring(Effect.andThen(Effect.sleep(5), Effect.sync(() => running--))))
      )
      caller.fiber = yield* fork(Hedge.hedge(effect, { after: 10 }))
      yield* TestClock.adjust(14)
      strictEqual(caller.fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      assertTrue(caller.fiber.pollUnsafe() !== undefined)
      strictEqual(running, 0)
    }))

  it.effect("waits for an attempt that lets another one answer as it starts", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<string>()
      let cleaned = false
      const { effect } = inTurn<string, never>(
        Deferred.await(answer),
        Effect.andThen(Deferred.succeed(answer, "first"), Effect.never).pipe(
          Effect.ensuring(Effect.andThen(Effect.sleep(5), Effect.sync(() => cleaned = true)))
        )
      )
      const fiber = yield* fork(Effect.map(Hedge.hedge(effect, { after: 10 }), (value) => [value, cleaned]))
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* Fiber.join(fiber), ["first", true])
    }))

  it.effect("fails many times at once without growing the stack", () =>
    Effect.gen(function*() {
      const { effect, state } = inTurn(Effect.fail("down"))
      strictEqual(yield* Effect.flip(Hedge.hedge(effect, { after: "1 second", max: 50_000 })), "down")
      strictEqual(state.attempts, 50_001)
    }))

  it("takes nothing but what is declared idempotent", () => {
    const plain = Effect.succeed(1)
    const hedge = Effect.runSync(Hedge.make({ after: "1 second" }))
    const declared: Effect.Effect<number> = Hedge.idempotent(plain).pipe(hedge.protect)
    const keyed: Effect.Effect<number> = Hedge.idempotent(plain).pipe(hedge.protect({ key: "eu" }))
    deepStrictEqual([Effect.runSync(declared), Effect.runSync(keyed)], [1, 1])
    type Refused<F, S> = F extends (self: infer I, ...rest: infer _) => unknown ? S extends I ? false : true : never
    const refused: [
      Refused<Hedge.Protect<unknown>, typeof plain>,
      Refused<typeof Hedge.hedge, typeof plain>,
      Refused<ReturnType<typeof hedge.protect<{ key: "eu" }>>, typeof plain>
    ] = [true, true, true]
    strictEqual(refused.length, 3)
  })
})

describe("make", () => {
  it.effect("follows the latency, and hedges none before it knows it", () =>
    Effect.gen(function*() {
      const after = Hedge.quantile({ quantile: 0.5, minimumCalls: 4, window: "1 minute" })
      const hedge = yield* Hedge.make({ after })
      const call = (first: number) =>
        Effect.gen(function*() {
          const { effect, state } = inTurn(Effect.delay(Effect.succeed("first"), first), Effect.succeed("second"))
          const fiber = yield* fork(hedge.protect(effect))
          yield* TestClock.adjust("10 seconds")
          return [yield* Fiber.join(fiber), state.attempts]
        })
      for (const first of [10, 20, 30, 4_000]) deepStrictEqual(yield* call(first), ["first", 1])
      strictEqual((yield* hedge.stats()).after, 20)
      deepStrictEqual(yield* call(21), ["second", 2])
      deepStrictEqual(yield* call(19), ["first", 1])
      // Within the window the delay stays; after it the latencies of the window rule.
      for (let i = 0; i < 5; i++) deepStrictEqual(yield* call(4), ["first", 1])
      strictEqual((yield* hedge.stats()).after, 4)
      deepStrictEqual(yield* hedge.stats(), { calls: 11, hedges: 1, wins: 1, after: 4 })
    }))

  it.effect("does not sink its delay by the hedges that win", () =>
    Effect.gen(function*() {
      const after = Hedge.quantile({ quantile: 0.8, minimumCalls: 10, window: "1 millis" })
      const hedge = yield* Hedge.make({ after })
      let calls = 0
      // Every fifth first attempt hangs, the others take from 1 to 4 milliseconds.
      const call = Effect.suspend(() => {
        const time = calls++ % 5
        const { effect } = inTurn(
          time === 4 ? Effect.never : Effect.delay(Effect.succeed("first"), 1 + time),
          Effect.succeed("second")
        )
        return hedge.protect(effect)
      })
      const fiber = yield* fork(Effect.gen(function*() {
        // Until the delay is known nothing helps against an attempt that hangs.
        for (let i = 0; i < 500; i++) yield* Effect.timeoutOption(call, "1 second")
      }))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      const stats = yield* hedge.stats()
      strictEqual(stats.after, 4)
      assertTrue(stats.hedges >= 95 && stats.hedges <= 220, `${stats.hedges}`)
    }))

  it.effect("keeps the latencies of each key apart, and forgets keys that are not used", () =>
    Effect.gen(function*() {
      const after = Hedge.quantile({ quantile: 0.5, minimumCalls: 1 })
      const hedge = yield* Hedge.make({ after, maxKeys: 10, idleTimeToLive: "1 minute" })
      const call = (key: string, takes: number) =>
        Effect.gen(function*() {
          const effect = Hedge.idempotent(Effect.sleep(takes))
          const fiber = yield* fork(effect.pipe(hedge.protect({ key })))
          yield* TestClock.adjust(takes)
          yield* Fiber.join(fiber)
        })
      yield* call("slow", 20)
      yield* call("fast", 5)
      const afterOf = (key: string) => Effect.map(hedge.stats({ key }), ({ after }) => after)
      deepStrictEqual([yield* afterOf("slow"), yield* afterOf("fast"), yield* afterOf("none")], [20, 5, undefined])
      for (let i = 0; i < 100; i++) {
        yield* call("fast", 5)
        yield* call(`${i}`, 1)
      }
      strictEqual(hedge.machine.size, 10)
      deepStrictEqual([yield* afterOf("slow"), yield* afterOf("fast")], [undefined, 5])
      yield* TestClock.adjust("2 minutes")
      yield* call("last", 1)
      strictEqual(hedge.machine.size, 1)
    }))

  it.effect("shares one budget among its calls", () =>
    Effect.gen(function*() {
      let tokens = 2
      const hedge = yield* Hedge.make({ after: 10, max: 3, budget: { tryWithdraw: () => tokens > 0 && tokens-- > 0 } })
      const started: Array<number> = []
      for (let i = 0; i < 3; i++) {
        const { effect, state } = inTurn(Effect.fail("down"))
        yield* Effect.flip(hedge.protect(effect))
        started.push(state.attempts)
      }
      deepStrictEqual(started, [3, 1, 1])
    }))

  it.effect("does not ask a budget again that has refused a hedge of the call", () =>
    Effect.gen(function*() {
      let asked = 0
      const hedge = yield* Hedge.make({ after: 10, max: 5, budget: { tryWithdraw: () => ++asked > 1 } })
      const { effect, state } = inTurn(Effect.delay(Effect.fail("down"), 20))
      const fiber = yield* fork(Effect.flip(hedge.protect(effect)))
      yield* TestClock.adjust("1 second")
      strictEqual(yield* Fiber.join(fiber), "down")
      deepStrictEqual([asked, state.attempts], [1, 1])
    }))

  it("rejects invalid options", () => {
    const make = (options: Hedge.Options) => () => Effect.runSync(Hedge.make(options))
    const refused = (run: () => unknown, message: string) => throws(run, new RangeError(message))
    refused(make({ after: -1 }), "Hedge.make: after must be a finite duration of zero or more, got -1")
    refused(make({ after: 1, max: 0 }), "Hedge.make: max must be a whole number of 1 or more, got 0")
    refused(make({ after: 1, maxKeys: 0 }), "Hedge.make: maxKeys must be a whole number of 1 or more, got 0")
    refused(
      () => Hedge.hedge(Hedge.idempotent(Effect.void), { after: Infinity }),
      "Hedge.hedge: after must be a finite duration of zero or more, got Infinity"
    )
    refused(
      () => Hedge.quantile({ quantile: 1 }),
      "Hedge.quantile: quantile must be above 0 and below 1, got 1"
    )
    refused(
      () => Hedge.quantile({ min: 10, max: 5 }),
      "Hedge.quantile: max must be at least min (10 millis), got 5 millis"
    )
    refused(() => Hedge.quantile({ window: 0 }), "Hedge.quantile: window must be longer than zero, got 0")
  })
})
