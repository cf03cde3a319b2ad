/**
 * Makes many calls under policies of all parts, most of which fail, time out, wait, are rejected or are interrupted, and shows
 * what is held before and after: `node --expose-gc packages/core/benchmark/soak.ts --help`. It fails when anything is held.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Chaos from "@holdfast/core/Chaos"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import { parseArgs } from "node:util"

const usage = `Holds policies against many faults, and shows that nothing of a call stays.

  node --expose-gc packages/core/benchmark/soak.ts [--calls N] [--at-once N] [--seconds N]

  --calls N    how many calls (default 1,000,000)
  --at-once N  how many callers (default 400)
  --seconds N  stop then, however many calls were made (default 120)
  --help       this text
`

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "1000000" },
    "at-once": { type: "string", default: "400" },
    seconds: { type: "string", default: "120" },
    help: { type: "boolean", default: false }
  }
})

class Faults extends Chaos.Service<Faults, Down, number>()("benchmark/Faults") {}

class Down {
  readonly _tag = "Down"
  readonly retryAfter: Duration.Duration | undefined
  constructor(retryAfter?: Duration.Duration) {
    this.retryAfter = retryAfter
  }
}

/** Attempts under way, and how many there were: each counts itself, and takes itself back in a finalizer. */
let running = 0
let attempts = 0

const counted = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    running++
    attempts++
    return Effect.ensuring(self, Effect.sync(() => running--))
  })

const works: ReadonlyArray<Effect.Effect<number, Down>> = [
  Effect.succeed(1),
  Effect.succeed(1),
  Effect.fail(new Down()),
  Effect.fail(new Down(Duration.millis(2))),
  Effect.delay(Effect.succeed(1), 1),
  Effect.delay(Effect.fail(new Down()), 1),
  Effect.never,
  Effect.die("defect"),
  Effect.interrupt,
  Effect.andThen(Effect.forkChild(Effect.sleep(5)), Effect.delay(Effect.succeed(1), 1)),
  Effect.ensuring(Effect.never, Effect.sleep(1)),
  Effect.uninterruptible(Effect.delay(Effect.succeed(1), 4))
]

const trip = CircuitBreaker.rate({ threshold: 0.7, window: "100 millis", minimumCalls: 10 })

type Run = (key: string | undefined, self: Effect.Effect<number, Down>) => Effect.Effect<unknown, unknown>

const by =
  <X>(policy: Policy.Policy<Down, X, never, Hedge.Idempotent<unknown, unknown, unknown>>): Run => (key, self) =>
    policy.protect({ key })(Hedge.idempotent(self))

/** Policies of all parts, and parts that say what they hold. */
const build = Effect.gen(function*() {
  const bulkhead = yield* Bulkhead.make({ limit: 8, queue: 16, maxWait: 3, maxKeys: 100 })
  const adaptive = yield* Bulkhead.adaptive({ initial: 20, queue: 20, maxWait: 3, window: "20 millis" })
  const rateLimit = yield* RateLimit.make({ limit: 40, window: 10, maxWait: 4, queue: 40, maxKeys: 100 })
  const breaker = yield* CircuitBreaker.make({ trip, openFor: 5, probes: 2, maxKeys: 100 })
  const stored = yield* CircuitBreaker.makeShared({ name: "soak", trip: CircuitBreaker.consecutive(8), openFor: 5 })
  const budget = yield* RetryBudget.make({ ratio: 0.5, window: "1 second" })
  const retry = { times: 3, backoff: Backoff.exponential({ initial: 1, max: 3 }), budget, retryAfter: { max: 3 } }
  const hedge = { after: 1, max: 2, budget }
  const policies: ReadonlyArray<Run> = [
    by(yield* Policy.make({ attemptTimeout: 3 })),
    by(yield* Policy.make({ deadline: 6, retry, attemptTimeout: 2 })),
    by(yield* Policy.make({ deadline: 8, bulkhead, rateLimit, retry, circuitBreaker: breaker, attemptTimeout: 2 })),
    by(yield* Policy.make({ deadline: 8, bulkhead, retry, circuitBreaker: breaker, hedge, attemptTimeout: 3 })),
    by(yield* Policy.make({ deadline: 8, bulkhead: adaptive, circuitBreaker: stored, attemptTimeout: 3 })),
    by(
      yield* Policy.make({
        deadline: 8,
        rateLimit,
        retry: { backoff: Schedule.max([Schedule.spaced(1), Schedule.recurs(2)]) },
        hedge: { after: Hedge.quantile({ minimumCalls: 10, window: "100 millis" }) }
      })
    )
  ]
  const all: ReadonlyArray<Run> = [
    ...policies,
    (key, self) => Effect.timeoutOption(bulkhead.protect({ key })(breaker.protect({ key })(self)), 4)
  ]

  /** What the parts hold for calls of a key. */
  const held = Effect.fnUntraced(function*(key: string | undefined) {
    let count = 0
    for (const part of [bulkhead, adaptive]) {
      const stats = yield* part.stats({ key })
      count += stats.running + stats.waiting
    }
    count += (yield* rateLimit.stats({ key })).waiting
    for (const part of [breaker, stored]) {
      const state = yield* part.state({ key })
      if (state._tag === "HalfOpen") count += state.probing
    }
    return count
  })
  return { all, held }
})

const keys: ReadonlyArray<string | undefined> = [undefined, ...Array.from({ length: 400 }, (_, i) => `key ${i}`)]
// Most calls are of few keys, so that they wait for each other, and the others evict each other's.
const busy = keys.slice(0, 5)

const collectGarbage: () => void = globalThis.gc ?? (() => undefined)

interface Figures {
  readonly "heap, MB": number
  readonly "timers and immediates": number
  readonly listeners: number
  readonly "attempts under way": number
  readonly "permits, places and probes": number
}

const program = Effect.gen(function*() {
  const { all, held } = yield* Effect.provide(build, layerStoreMemory())
  const ends = new Map<string, number>()
  const events = new Map<string, number>()
  const calls = Number(values.calls)
  const stopAt = performance.now() + Number(values.seconds) * 1000
  let done = 0
  let seed = 1
  const below = (sides: number) => {
    seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (seed >>> 3) % sides
  }
  const pick = <A>(from: ReadonlyArray<A>): A => from[below(from.length)] as A

  const one = Effect.suspend(() => {
    const self = pick(all)(pick(below(5) > 0 ? busy : keys), counted(Faults.inject(pick(works))))
    const leaves = below(4) === 0
    return Effect.flatMap(Effect.forkChild(self, { startImmediately: true }), (fiber) => {
      const end = Effect.map(Fiber.await(fiber), (exit) => {
        done++
        const how = Exit.isSuccess(exit)
          ? "answers"
          : exit.cause.reasons.some((reason) => reason._tag === "Die")
          ? "defects"
          : exit.cause.reasons.some((reason) => reason._tag === "Fail")
          ? "failures"
          : "interruptions"
        ends.set(how, (ends.get(how) ?? 0) + 1)
      })
      if (!leaves) return end
      const after = below(3)
      return Effect.andThen(
        Effect.andThen(after === 0 ? Effect.yieldNow : Effect.sleep(after), Fiber.interrupt(fiber)),
        end
      )
    })
  })

  /** Callers make call after call until there are so many. */
  const run = (until: number) =>
    Effect.forEach(
      Array.from({ length: Number(values["at-once"]) }),
      () =>
        Effect.whileLoop({
          while: () => done < until && performance.now() < stopAt,
          body: () => one,
          step: () => undefined
        }),
      { concurrency: "unbounded", discard: true }
    ).pipe(
      PolicyEvent.observe(({ _tag }) => events.set(_tag, (events.get(_tag) ?? 0) + 1)),
      Effect.provide(Faults.layer({
        seed: "soak",
        rate: { fault: 0.05, outcome: 0.02, hang: 0.01, latency: 0.05 },
        fault: () => new Down(),
        outcome: () => 0,
        hang: true,
        latency: { duration: 1 }
      }))
    )

  const figures = Effect.gen(function*() {
    // What has ended leaves its last timers and immediates by then.
    for (let i = 0; i < 5; i++) {
      yield* Effect.sleep(50)
      collectGarbage()
    }
    let parts = 0
    for (const key of keys) parts += yield* held(key)
    const active = process.getActiveResourcesInfo()
    return {
      "heap, MB": process.memoryUsage().heapUsed / 1e6,
      "timers and immediates": active.filter((one) => one === "Timeout" || one === "Immediate").length,
      listeners: process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0),
      "attempts under way": running,
      "permits, places and probes": parts
    } satisfies Figures
  })

  const idle = yield* figures
  yield* run(Math.min(calls, 20_000))
  const before = yield* figures
  const startedAt = performance.now()
  const progress = setInterval(() => {
    process.stderr.write(`\r${done.toLocaleString("en")} of ${calls.toLocaleString("en")} calls`)
  }, 1_000).unref()
  yield* run(calls)
  clearInterval(progress)
  process.stderr.write("\r")
  const seconds = (performance.now() - startedAt) / 1000
  const after = yield* figures

  const list = (counts: ReadonlyMap<string, number>) =>
    [...counts].toSorted(([a], [b]) => a.localeCompare(b)).map(([what, count]) =>
      `${count.toLocaleString("en")} ${what}`
    )
      .join(", ")
  const rows = (Object.keys(after) as Array<keyof Figures>).map((name) => {
    const figure = (value: number) => name.endsWith("MB") ? value.toFixed(1) : String(value)
    return `${name.padEnd(28)}${[idle, before, after].map((one) => figure(one[name]).padStart(12)).join("")}`
  })
  yield* Console.log(
    `${done.toLocaleString("en")} calls with ${attempts.toLocaleString("en")} attempts in ${seconds.toFixed(0)} s`
  )
  yield* Console.log(`${list(ends)}\n${list(events)}\n`)
  yield* Console.log(
    `${"".padEnd(28)}${["idle", "20,000 calls", "all calls"].map((name) => name.padStart(12)).join("")}`
  )
  yield* Console.log(`${rows.join("\n")}\n`)
  const wrong = [
    after["heap, MB"] > before["heap, MB"] * 1.05 + 2 && "the heap has grown",
    after["timers and immediates"] > idle["timers and immediates"] && "timers are left",
    after.listeners > idle.listeners && "listeners are left",
    after["attempts under way"] > 0 && "attempts are under way",
    after["permits, places and probes"] > 0 && "permits, places or probes are held"
  ].filter((one) => one !== false)
  yield* Console.log(wrong.length === 0 ? "Nothing stays." : `Wrong: ${wrong.join(", ")}.`)
  return wrong.length === 0 ? 0 : 1
})

if (values.help) console.log(usage)
else process.exit(await Effect.runPromise(Effect.provide(Effect.scoped(program), Logger.layer([]))))
