/** The law of circuits: they do what a naive reference does. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { after, asked, consecutive, Down, down, half, Reference, Rules, rulesOf, Step, Steps } from "./Reference.ts"

describe("C5", () => {
  law(
    "a circuit does what the naive reference does",
    { steps: Steps, rules: Rules },
    ({ rules, steps }, reach) =>
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
        for (const way of ["Closed to Open", "HalfOpen to Closed", "HalfOpen to Open"] as const) {
          if (actual.some((line) => line.endsWith(way))) reach(way)
        }
      }).pipe(half),
    { cases: 2_000, reaches: ["Closed to Open", "HalfOpen to Closed", "HalfOpen to Open"] }
  )

  const Protected = Schema.TaggedStruct("Call", {
    takes: Schema.Literals([0, 0, 10, 80, 600, 3_000]),
    outcome: Schema.Literals(["succeed", "fail", "fail", "fail", "hint", "die", "hang", "hang"]),
    keyed: Schema.Boolean
  })
  const Pause = Schema.TaggedStruct("Wait", { millis: Schema.Literals([1, 100, 500, 500, 600, 2_500]) })
  const Interrupt = Schema.TaggedStruct("Interrupt", { which: Schema.Literals([0, 0, 1, 2]) })
  const Play = Schema.Array(
    Schema.Union([Protected, Protected, Protected, Protected, Pause, Pause, Interrupt, Interrupt])
  ).check(
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

  /** Opens the circuit, and interrupts its probe. */
  const fail = { _tag: "Call", takes: 0, outcome: "fail", keyed: false } as const
  const probing: typeof Play.Type = [
    fail,
    fail,
    fail,
    fail,
    { _tag: "Wait", millis: 2_500 },
    { _tag: "Call", takes: 0, outcome: "hang", keyed: false },
    { _tag: "Interrupt", which: 0 }
  ]

  law(
    "open admits no call, half-open admits k probes at a time, and an interrupted probe frees its slot",
    { play: Play, rules: Rules, probed: Schema.Boolean },
    ({ play, probed, rules }, reach) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make(rulesOf(rules))
        const running: Array<Fiber.Fiber<unknown, unknown>> = []
        const probes = new Set<Fiber.Fiber<unknown, unknown>>()
        const spells = new Map<string | undefined, { probes: number }>()
        for (const step of probed ? [...probing, ...play] : play) {
          if (step._tag === "Wait") {
            yield* TestClock.adjust(step.millis)
          } else if (step._tag === "Interrupt") {
            const alive = running.filter((fiber) => fiber.pollUnsafe() === undefined)
            const fiber = alive.at(-1 - step.which)
            if (fiber !== undefined) {
              if (probes.has(fiber)) reach("an interrupted probe")
              yield* Fiber.interrupt(fiber)
              running.splice(running.indexOf(fiber), 1)
            }
          } else {
            const key = step.keyed ? "a" : undefined
            const before = yield* breaker.state({ key })
            const isOpen = before._tag === "Open" && Duration.toMillis(before.retryAfter) > 0
            if (isOpen) reach("a call of an open circuit")
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
                reach("a probe that takes time")
                probes.add(fiber)
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
    { cases: 2_000, reaches: ["a call of an open circuit", "a probe that takes time", "an interrupted probe"] }
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
