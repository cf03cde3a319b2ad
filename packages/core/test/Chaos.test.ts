import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Chaos from "@holdfast/core/Chaos"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"
import { recorder } from "../../../vitest.tracer.ts"
import { watch } from "./Script.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

class StockError extends Data.TaggedError("StockError") {}
class StockChaos extends Chaos.Service<StockChaos, StockError, "stale">()("app/StockChaos") {}

type Options = Chaos.Options<StockError, "stale">

const on = { fault: () => new StockError(), outcome: (): "stale" => "stale", hang: true } as const

/** What becomes of each of so many calls, and how long it takes: `hang` is what is still running after an hour. */
const fates = (calls: number, options: Options, between: Effect.Effect<unknown> = Effect.void) =>
  Effect.gen(function*() {
    const call = StockChaos.inject(Effect.succeed("fresh"))
    const told: Array<string> = []
    for (let i = 0; i < calls; i++) {
      const startedAt = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.matchEffect(call, {
        onSuccess: Effect.succeed,
        onFailure: ({ _tag }) => Effect.succeed(_tag)
      }).pipe(
        Effect.zip(Clock.currentTimeMillis),
        Effect.forkChild({ startImmediately: true })
      )
      yield* between
      if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 hour")
      if (fiber.pollUnsafe() === undefined) {
        yield* Fiber.interrupt(fiber)
        told.push("hang")
      } else {
        const [fate, endedAt] = yield* Fiber.join(fiber)
        told.push(endedAt === startedAt ? fate : `late ${fate}`)
      }
    }
    return told
  }).pipe(Effect.provide(StockChaos.layer(options)))

const Share = Schema.Literals([0, 0.1, 0.2, 0.3])
const Rates = Schema.Struct({ fault: Share, outcome: Share, hang: Share, latency: Share, behaviour: Share })

describe("inject", () => {
  law(
    "decides the same from the same seed, whatever the program draws",
    { seed: between(0, 1_000_000), other: between(0, 1_000_000), rate: Rates },
    ({ other, rate, seed }, reach) =>
      Effect.gen(function*() {
        const latency = { duration: "1 second", jitter: Jitter.full } as const
        const options: Options = { ...on, seed, rate, latency, behaviour: Effect.sleep(1) }
        const first = yield* fates(20, options)
        if (new Set(first).size > 2) reach("different fates")
        deepStrictEqual(yield* Random.withSeed(fates(20, options, Random.next), other), first)
        const drawn = Random.withSeed(Effect.andThen(fates(20, options), Random.next), other)
        strictEqual(yield* drawn, yield* Random.withSeed(Random.next, other))
      }),
    { cases: 200, reaches: ["different fates"] }
  )

  law(
    "strikes the same calls whatever else is turned on",
    { seed: between(0, 1_000_000), rate: Rates },
    ({ rate, seed }, reach) =>
      Effect.gen(function*() {
        const all = yield* fates(30, { ...on, seed, rate, latency: { duration: 5 }, behaviour: Effect.void })
        const faults = yield* fates(30, { seed, rate, fault: on.fault })
        const late = yield* fates(30, { seed, rate, latency: { duration: 5 } })
        for (let i = 0; i < 30; i++) {
          strictEqual(all[i]?.endsWith("StockError"), faults[i] === "StockError")
          if (all[i] !== "hang") strictEqual(all[i]?.startsWith("late"), late[i] === "late fresh")
          if (all[i] === "late StockError") reach("a call that two kinds strike")
        }
      }),
    { cases: 200, reaches: ["a call that two kinds strike"] }
  )

  it.effect("decides otherwise from another seed", () =>
    Effect.gen(function*() {
      const options = { ...on, rate: 0.2 }
      const one = yield* fates(50, { ...options, seed: "one" })
      const other = yield* fates(50, { ...options, seed: "other" })
      assertTrue(one.join() !== other.join())
    }))

  it.effect("strikes as often as it is told to, each kind by itself", () =>
    Effect.gen(function*() {
      const calls = 10_000
      let behaved = 0
      const rate = { fault: 0.1, outcome: 0.05, hang: 0.02, latency: 0.2, behaviour: 0.3 }
      const behaviour = Effect.sync(() => behaved++)
      const told = yield* fates(calls, { ...on, seed: 1, rate, latency: { duration: 5 }, behaviour })
      const share = (fate: string) => told.filter((one) => one.endsWith(fate)).length
      const holds = (count: number, rate: number) => {
        // Four standard deviations: one seed in 16,000 is further off.
        const off = 4 * Math.sqrt(calls * rate * (1 - rate))
        assertTrue(Math.abs(count - calls * rate) <= off, `${count} is not ${calls * rate}`)
      }
      holds(share("StockError"), rate.fault)
      holds(share("stale"), rate.outcome)
      holds(share("hang"), rate.hang)
      holds(share("fresh"), 1 - rate.fault - rate.outcome - rate.hang)
      holds(behaved, rate.behaviour)
      const ended = calls - share("hang")
      const late = told.filter((one) => one.startsWith("late")).length
      assertTrue(Math.abs(late / ended - rate.latency) < 0.02, `${late}`)
    }))

  it.effect("strikes one call in a thousand when it is not told how often", () =>
    Effect.gen(function*() {
      const told = yield* fates(20_000, { seed: 2, fault: on.fault })
      const faults = told.filter((fate) => fate === "StockError").length
      assertTrue(faults > 5 && faults < 40, `${faults}`)
    }))

  it.effect("is the effect itself while it is off", () =>
    Effect.gen(function*() {
      const self = Effect.succeed("fresh")
      const injected: Effect.Effect<string, StockError> = StockChaos.inject(self)
      deepStrictEqual(yield* Effect.exit(injected), Exit.succeed("fresh"))
      deepStrictEqual(yield* Effect.exit(StockChaos.inject(Effect.die("defect"))), Exit.die("defect"))
      const cause = yield* Effect.sandbox(StockChaos.inject(Effect.fail("down"))).pipe(Effect.flip)
      strictEqual(cause.reasons.length, 1)
      const always = StockChaos.layer({ ...on, seed: 1, rate: { fault: 1, outcome: 0, hang: 0 } })
      const inside = injected.pipe(Effect.provide(StockChaos.layerNoop))
      strictEqual(yield* Effect.provide(inside, always), "fresh")
    }))

  it.effect("runs nothing of a call that it strikes, and all of one that it spares", () =>
    Effect.gen(function*() {
      let runs = 0
      const call = StockChaos.inject(Effect.sync(() => ++runs))
      const under = (options: Omit<Options, "seed">) => Effect.provide(call, StockChaos.layer({ seed: 1, ...options }))
      strictEqual((yield* Effect.flip(under({ rate: 1, fault: on.fault })))._tag, "StockError")
      strictEqual(yield* under({ rate: 1, outcome: on.outcome }), "stale")
      strictEqual(runs, 0)
      strictEqual(yield* under({ ...on, rate: 0 }), 1)
    }))

  it.effect("delays first, then behaves, then strikes", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const startedAt = yield* Clock.currentTimeMillis
      const tell = (what: string) =>
        Effect.map(Clock.currentTimeMillis, (at) => void told.push(`${what} at ${at - startedAt}`))
      const layer = StockChaos.layer({
        seed: 1,
        rate: 1,
        latency: { duration: "2 seconds" },
        behaviour: tell("behaviour"),
        fault: () => {
          told.push("fault")
          return new StockError()
        }
      })
      const { exit, took } = yield* watch(Effect.provide(StockChaos.inject(tell("call")), layer))
      assertTrue(Exit.isFailure(exit))
      deepStrictEqual([told, took], [["behaviour at 2000", "fault"], 2_000])
    }))

  it.effect("spreads latency by the jitter", () =>
    Effect.gen(function*() {
      const layer = StockChaos.layer({ seed: 3, rate: 1, latency: { duration: 1_000, jitter: Jitter.equal } })
      const call = StockChaos.inject(Effect.void)
      const took: Array<number> = []
      const timed = Effect.gen(function*() {
        const startedAt = yield* Clock.currentTimeMillis
        yield* call
        took.push((yield* Clock.currentTimeMillis) - startedAt)
      })
      yield* watch(Effect.provide(Effect.repeat(timed, { times: 99 }), layer))
      assertTrue(took.length === 100 && took.every((millis) => millis >= 500 && millis <= 1_000), `${took}`)
      assertTrue(new Set(took.map((millis) => Math.floor(millis / 100))).size >= 5)
    }))

  it.effect("fails with what the behaviour fails with", () =>
    Effect.gen(function*() {
      const error = new StockError()
      const layer = StockChaos.layer({ seed: 1, rate: 1, behaviour: Effect.fail(error) })
      strictEqual(yield* Effect.flip(Effect.provide(StockChaos.inject(Effect.void), layer)), error)
    }))

  it.effect("tries a policy: hangs end with its timeout, faults are retried", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 second", retry: { times: 5, while: () => true } })
      const call = policy.protect(StockChaos.inject(Effect.succeed("fresh")))
      const all = Effect.all(Array.from({ length: 20 }, () => Effect.result(call)))
      const rate = { fault: 0.2, hang: 0.2 }
      const { exit } = yield* watch(
        Effect.provide(all, StockChaos.layer({ seed: 1, rate, fault: on.fault, hang: true }))
      )
      assertTrue(Exit.isSuccess(exit) && exit.value.every(({ _tag }) => _tag === "Success"))
    }))

  it.effect("counts what it does in the metrics, apart from failures of their own", () =>
    Effect.gen(function*() {
      const options: Options = {
        ...on,
        seed: 1,
        rate: { fault: 1, outcome: 0, hang: 0, latency: 1 },
        latency: { duration: 1 }
      }
      yield* fates(3, options)
      deepStrictEqual(
        (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state]),
        ["latency", "fault"].map((kind) => [
          "holdfast.chaos.injections",
          { "holdfast.chaos": "app/StockChaos", kind, unit: "{call}" },
          { count: 3, incremental: true }
        ])
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("a span", () => {
  it.effect("says that its call was struck on purpose", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      const call = StockChaos.inject(Effect.void).pipe(Effect.withSpan("call"), Effect.exit)
      const layer = StockChaos.layer({ seed: 1, rate: 1, fault: on.fault })
      yield* call.pipe(Effect.provide(layer), Effect.withTracer(tracer))
      const events = spans.flatMap(({ events }) => events.map(([name, , attributes]) => [name, attributes]))
      deepStrictEqual(events, [["holdfast.chaos", { "holdfast.chaos": "app/StockChaos", kind: "fault" }]])
    }))
})

describe("layer", () => {
  it("rejects invalid options", () => {
    const refused = (options: Partial<Options>, message: string) =>
      throws(() => StockChaos.layer({ seed: 1, ...options }), new RangeError(`app/StockChaos.layer: ${message}`))
    refused({ rate: 1.5 }, "rate must be between 0 and 1, got 1.5")
    refused({ rate: -0.1 }, "rate must be between 0 and 1, got -0.1")
    refused({ rate: NaN }, "rate must be between 0 and 1, got NaN")
    refused({ rate: { hang: 2 } }, "rate.hang must be between 0 and 1, got 2")
    refused({ ...on, rate: 0.5 }, "the rates of fault, outcome and hang must not be above 1 together, got 1.5")
    refused(
      { latency: { duration: -1 } },
      "latency.duration must be a finite duration of zero or more, got -1"
    )
    // What is not configured takes no share.
    StockChaos.layer({ seed: 1, rate: 1, fault: on.fault })
  })

  it.effect("begins anew each time it is built", () =>
    Effect.gen(function*() {
      const layer = StockChaos.layer({ seed: 5, rate: 0.5, fault: on.fault })
      const call = Effect.isSuccess(StockChaos.inject(Effect.void))
      const calls = Effect.all(Array.from({ length: 20 }, () => call))
      const first = yield* Effect.provide(calls, layer)
      const second = yield* Effect.provide(calls, layer)
      assertTrue(new Set(first).size === 2)
      deepStrictEqual(second, first)
    }))
})
