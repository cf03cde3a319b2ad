/**
 * What throws in a callback, a schedule, an error or a service is a defect of its own call. The call gives back its permit,
 * its place in a queue and the slot of its probe, and the calls beside it and after it go on.
 */
import { afterEach, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Chaos from "@holdfast/core/Chaos"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as Unexported from "../../src/internal/fiber/unexported.ts"

afterEach(() => Unexported.allow(true))

const boom = (): never => {
  throw "boom"
}

type Call = Effect.Effect<unknown, unknown>

/** What a row has in common with its neighbours: one permit, one probe, and a queue. */
interface Parts {
  readonly bulkhead: Bulkhead.Bulkhead
  readonly circuitBreaker: CircuitBreaker.CircuitBreaker
  readonly rateLimit: RateLimit.RateLimit
}

interface Row {
  /** The options beside the parts, of which one may be replaced by one that throws. */
  readonly policy?: () => Partial<Policy.Options<never>>
  /** What is wrong around the call. */
  readonly around?: (call: Call) => Call
  /** Default: fails after 10 ms. */
  readonly attempt?: Call
  /** How the call ends, where it is not with what was thrown. */
  readonly ends?: "down"
}

const down = Effect.fail("down")
const slow = Effect.delay(down, 10)
const backoff = Backoff.constant({ delay: 10 })

const observed = (tag: PolicyEvent.PolicyEvent["_tag"], row: Row = {}): Row => ({
  ...row,
  around: PolicyEvent.observe((event) => event._tag === tag && boom())
})

const errorWith = (property: string): Call =>
  Effect.suspend(() => Effect.fail(Object.defineProperty({ _tag: "Down", message: "down" }, property, { get: boom })))

/** An error that throws whatever it is asked. */
const hostile = new Proxy({}, {
  get: boom,
  has: boom,
  ownKeys: boom,
  getPrototypeOf: boom,
  getOwnPropertyDescriptor: boom
})

/** An error whose every property throws when it is read. */
const foreign: Readonly<Record<string, Row>> = Object.fromEntries(
  ["_tag", "reason", "retryAfter", "isRetryable", "name", "message", "toString", "~@holdfast/core/PolicyError"].map(
    (property): [string, Row] => [`an error whose ${property} throws`, {
      policy: () => ({ retry: { times: 1, backoff } }),
      attempt: Effect.delay(errorWith(property), 10),
      ends: "down"
    }]
  )
)

class StockChaos extends Chaos.Service<StockChaos, string, string>()("test/StockChaos") {}

const chaotic = (options: Partial<Chaos.Options<string, string>>): Row => ({
  attempt: StockChaos.inject(Effect.delay(Effect.succeed("answer"), 10)),
  around: Effect.provide(StockChaos.layer({ seed: 1, rate: 1, ...options }))
})

const tracer = Tracer.make({
  span: (options) => Object.assign(new Tracer.NativeSpan(options), { event: boom })
})

const rows: Readonly<Record<string, Row>> = {
  "retry: while": { policy: () => ({ retry: { while: boom } }) },
  "retry: onRetry": { policy: () => ({ retry: { onRetry: boom, backoff } }) },
  "retry: a schedule that throws": {
    policy: () => ({ retry: { backoff: Schedule.modifyDelay(Schedule.spaced(10), boom) } })
  },
  "retry: a schedule that dies": {
    policy: () => ({ retry: { backoff: Schedule.modifyDelay(Schedule.spaced(10), () => Effect.die("boom")) } })
  },
  "retry: a schedule that cannot begin": {
    policy: () => ({ retry: { backoff: Schedule.fromStep(Effect.die("boom")) } })
  },
  "retry: a predicate that throws for the last attempt alone": {
    policy: () => {
      let asked = 0
      return { retry: { times: 2, backoff, while: () => ++asked < 3 || boom() } }
    }
  },
  "retry: chance, for the jitter": {
    policy: () => ({ retry: { backoff: Backoff.exponential({ initial: 10, jitter: Jitter.full }) } }),
    around: Effect.provideService(Random.Random, { nextDoubleUnsafe: boom, nextIntUnsafe: boom })
  },
  "retry: an error whose retryAfter throws": {
    policy: () => ({ retry: { times: 1, backoff } }),
    attempt: Effect.delay(errorWith("retryAfter"), 10),
    ends: "down"
  },
  "retry: whileResult": {
    policy: () => ({ retry: { whileResult: boom } }),
    attempt: Effect.delay(Effect.succeed("answer"), 10)
  },
  "retry: whileResult, by an effect": {
    policy: () => ({ retry: { whileResult: () => Effect.die("boom") } }),
    attempt: Effect.delay(Effect.succeed("answer"), 10)
  },
  "retry: while, by an effect": { policy: () => ({ retry: { while: () => Effect.die("boom") } }) },
  "retry: onTimeout": {
    policy: () => ({ attemptTimeout: 5, retry: { onTimeout: boom } }),
    attempt: Effect.never
  },
  "breaker: chance, for the open time": {
    policy: () => ({
      circuitBreaker: halfOpen({ openFor: Backoff.exponential({ initial: 5, max: 5, jitter: Jitter.full }) })
    }),
    around: Effect.provideService(Random.Random, { nextDoubleUnsafe: boom, nextIntUnsafe: boom })
  },
  ...foreign,
  "an error that throws whatever it is asked": {
    policy: () => ({ retry: { times: 1, backoff } }),
    attempt: Effect.delay(Effect.fail(hostile), 10),
    ends: "down"
  },
  "an error that throws whatever it is asked, of a leg": {
    policy: () => ({ hedge: { after: 5 }, attemptTimeout: "1 hour" }),
    attempt: Effect.delay(Effect.fail(hostile), 10),
    ends: "down"
  },
  "breaker: isFailure": { policy: () => ({ circuitBreaker: halfOpen({ isFailure: boom }) }) },
  "breaker: ignore": { policy: () => ({ circuitBreaker: halfOpen({ ignore: boom }) }) },
  "bulkhead: isOverload": {
    policy: () => ({
      bulkhead: Effect.runSync(
        Bulkhead.adaptive({ initial: 1, max: 1, queue: 1, maxWait: "1 hour", isOverload: boom })
      ),
      retry: { times: 0 }
    })
  },
  "hedge: while, asked of the first leg": { policy: () => ({ hedge: { after: "1 minute", while: boom } }) },
  "hedge: while, asked of a second leg": {
    policy: () => ({ hedge: { after: 5, while: boom } }),
    attempt: Effect.delay(down, 20)
  },
  "hedge: budget, for a leg that is slow": {
    policy: () => ({ hedge: { after: 5, budget: { tryWithdraw: boom } } })
  },
  "hedge: budget, for a leg that has failed": {
    policy: () => ({ hedge: { after: "1 minute", budget: { tryWithdraw: boom } } })
  },
  "timeout: an attempt whose finalizer dies": {
    policy: () => ({ attemptTimeout: 5, retry: { times: 0 } }),
    attempt: Effect.ensuring(Effect.never, Effect.die("boom")),
    ends: "down"
  },
  "deadline: a call whose finalizer dies": {
    policy: () => ({ deadline: 5 }),
    attempt: Effect.ensuring(Effect.never, Effect.die("boom")),
    ends: "down"
  },
  "observer: of an attempt that starts": observed("AttemptStarted"),
  "observer: of an attempt that fails": observed("AttemptFailed"),
  "observer: of an attempt that succeeds": observed("AttemptSucceeded", {
    attempt: Effect.delay(Effect.succeed("answer"), 10)
  }),
  "observer: of a retry": observed("RetryScheduled", { policy: () => ({ retry: { backoff } }) }),
  "observer: of the end of the retries": observed("RetryStopped", { policy: () => ({ retry: { times: 0 } }) }),
  "observer: of a hedge": observed("Hedged", { policy: () => ({ hedge: { after: 5 } }) }),
  "observer: of a circuit": observed("CircuitChanged"),
  "observer: of a deadline": observed("DeadlinePassed", { policy: () => ({ deadline: 5 }), attempt: Effect.never }),
  "logger": {
    policy: () => ({ retry: { backoff } }),
    around: Effect.provide(Logger.layer([Logger.make(boom)]))
  },
  "span": {
    policy: () => ({ retry: { backoff } }),
    around: (call) => Effect.provideService(Effect.withSpan(call, "call"), Tracer.Tracer, tracer)
  },
  "chaos: fault": chaotic({ fault: boom }),
  "chaos: outcome": chaotic({ outcome: boom }),
  "chaos: behaviour": chaotic({ behaviour: Effect.sync(boom) })
}

/** A breaker that one failure opens for 5 ms, after which the next call is its probe. */
const halfOpen = (options?: CircuitBreaker.Options) =>
  Effect.runSync(CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), openFor: 5, ...options }))

/** Ends a call that the table expects to fail in its own words. */
const words = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? "answer"
    : exit.cause.reasons.map((reason) => reason._tag === "Die" ? `died: ${String(reason.defect)}` : reason._tag).join()

describe.each([["as a frame", true], ["by the public API", false]])("%s", (_, frames) => {
  it.effect.each(Object.entries(rows))("%s", ([, row]) =>
    Effect.gen(function*() {
      Unexported.allow(frames)
      const parts: Parts = {
        bulkhead: yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "1 hour" }),
        circuitBreaker: halfOpen(),
        rateLimit: yield* RateLimit.make({ limit: 1_000, window: "1 hour" })
      }
      const options: Policy.Options<never> = { ...parts, retry: { times: 0 }, ...row.policy?.() }
      const policy = yield* Policy.make<Policy.Options<never>>(options)
      const bulkhead = options.bulkhead as Bulkhead.Bulkhead
      const breaker = options.circuitBreaker as CircuitBreaker.CircuitBreaker
      // The circuit opens, so that the call is its only probe.
      yield* Effect.flip(breaker.protect(down)).pipe(Effect.exit)
      yield* TestClock.adjust(20)
      const attempt = Hedge.idempotent(row.attempt ?? slow) as Hedge.Idempotent<unknown, never>
      const call = policy.protect(attempt)
      const fiber = yield* Effect.forkChild((row.around ?? ((self) => self))(call), { startImmediately: true })
      // It waits for the permit of the call.
      const neighbour = yield* Effect.forkChild(bulkhead.protect(Effect.succeed("neighbour")), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      const exit = fiber.pollUnsafe()
      strictEqual(exit === undefined ? "hangs" : words(exit), row.ends === undefined ? "died: boom" : "Fail")
      deepStrictEqual(neighbour.pollUnsafe(), Exit.succeed("neighbour"))
      const { running, waiting } = yield* bulkhead.stats()
      const state = yield* breaker.state()
      deepStrictEqual({ running, waiting, probing: state._tag === "HalfOpen" ? state.probing : 0 }, {
        running: 0,
        waiting: 0,
        probing: 0
      })
      // The parts serve the next call.
      const next = yield* Policy.make({ bulkhead, rateLimit: parts.rateLimit, circuitBreaker: breaker })
      strictEqual(yield* next.protect(Effect.succeed("next")), "next")
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(Logger.layer([]))))
})
