/**
 * What a call costs under a policy, beside the same parts of cockatiel, opossum, p-retry and Effect's own operators:
 * `node packages/core/benchmark/policy.ts --help`.
 *
 * The call is a function that returns a resolved promise, so that what is measured is the way there and back. In the rows "in
 * a fiber" Holdfast and Effect make call after call in one fiber, as within a program; in those "runPromise" each call is a
 * program of its own. The others are awaited in both. Each is given the options that come nearest to the same policy.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import type { Exact } from "@holdfast/core/PolicyTypes"
import * as cockatiel from "cockatiel"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as EffectBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { cpus } from "node:os"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import Opossum from "opossum"
import pRetry from "p-retry"
import * as Harness from "./internal/harness.ts"

const help = `Compares what a call costs under a policy: nanoseconds and bytes a call, and the ratio to Holdfast.

  node packages/core/benchmark/policy.ts [options]

  --rounds <n>  how often each candidate runs; the median is told (default 15)
  --quick       5 short rounds, for a first look
  --json        print the numbers as JSON
  --help        print this
`

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})
if (flags.help) {
  process.stdout.write(help)
  process.exit()
}
const rounds = flags.rounds === undefined ? (flags.quick ? 5 : 15) : Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`--rounds must be a whole number of 1 or more, got ${flags.rounds}\n`)
  process.exit(2)
}

// The call, and its failure.

const stock = () => Promise.resolve(12)

class Down extends Data.TaggedError("Down")<{}> {}
const down = new Down()
const fetchStock = Effect.promise(stock)

const effectOf = (call: () => Promise<number>) => Effect.tryPromise({ try: call, catch: () => down })

/** Fails the first time, succeeds the second time, and so on. */
const failingOnce = () => {
  let calls = 0
  return () => ++calls % 2 === 1 ? Promise.reject(down) : Promise.resolve(12)
}
const flaky = failingOnce()
const flakyStock = effectOf(flaky)

/** How long the retries sleep that do. */
const nap = 500

// Retries log a warning. What a logger makes of it is not the policy's cost.
const silent = Context.make(Logger.CurrentLoggers, new Set<Logger.Logger<unknown, unknown>>())
const runPromise = Effect.runPromiseWith(silent)

// Ways to make calls.

type Call = () => Effect.Effect<unknown, unknown>

const inFiber = (call: Call): Harness.Run => (calls) =>
  runPromise(Effect.gen(function*() {
    for (let i = 0; i < calls; i++) yield* call()
  }))

const asProgram = (call: Call): Harness.Run => async (calls) => {
  for (let i = 0; i < calls; i++) await runPromise(call())
}

const awaited = (call: () => Promise<unknown>): Harness.Run => async (calls) => {
  for (let i = 0; i < calls; i++) await call()
}

const caught = (call: () => Promise<unknown>): Harness.Run => async (calls) => {
  for (let i = 0; i < calls; i++) {
    try {
      await call()
    } catch {
      // The rejection that is measured.
    }
  }
}

/** The two rows of a comparison. `others` are those that return promises. */
const both = (
  name: string,
  effects: { readonly holdfast?: Call; readonly Effect: Call },
  others: Readonly<Record<string, Harness.Run>>
): ReadonlyArray<Harness.Row> => {
  const by = (way: (call: Call) => Harness.Run) =>
    Object.fromEntries(Object.entries(effects).map(([name, call]) => [name, way(call)]))
  return [
    { name: `${name}, in a fiber`, runs: { ...by(inFiber), ...others } },
    { name: `${name}, runPromise`, runs: { ...by(asProgram), ...others } }
  ]
}

// The parts, as each candidate has them.

const make = <const O extends Policy.AnyOptions>(options: O & Exact<O, Policy.Options>) =>
  Effect.runSync(Policy.make<O>(options))

const backoff = Backoff.exponential({ initial: "1 second", max: "16 seconds" })
const circuitBreaker = {
  trip: CircuitBreaker.rate({ threshold: 0.5, window: "30 seconds", minimumCalls: 20 }),
  openFor: "30 seconds"
} as const
const bulkhead = { limit: 64, queue: 128 }

const holdfast = {
  retry: make({ retry: { times: 3, backoff } }),
  timeout: make({ attemptTimeout: "10 seconds" }),
  bulkhead: make({ bulkhead }),
  breaker: make({ circuitBreaker }),
  deadline: make({ deadline: "30 seconds" }),
  four: make({ bulkhead, retry: { times: 3, backoff }, circuitBreaker, attemptTimeout: "10 seconds" }),
  immediate: make({ retry: { times: 3, backoff: Backoff.constant({ delay: 0 }) } }),
  open: make({ circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" } }),
  full: make({ bulkhead: { limit: 1 } }),
  sleeping: make({ retry: { times: 3, backoff: Backoff.constant({ delay: nap }) } })
}

const schedule = Schedule.exponential("1 second")
const semaphore = Semaphore.makeUnsafe(64)
const breakerOf = (tripPolicy: EffectBreaker.TripPolicy, openDuration: "30 seconds" | "1 hour") =>
  Effect.runSync(
    EffectBreaker.make({ tripPolicy, openDuration }).pipe(
      Effect.provide(EffectBreaker.layerStoreMemory()),
      Effect.provideService(Scope.Scope, Scope.makeUnsafe())
    )
  )
const effectBreaker = breakerOf(EffectBreaker.rate({ threshold: 0.5, size: 100, minimumCalls: 20 }), "30 seconds")
const effectOpen = breakerOf(EffectBreaker.consecutive(1), "1 hour")
const effectFull = Semaphore.makeUnsafe(1)

const key = { key: "stock" }
const effects = {
  retry: () => Effect.retry(fetchStock, { times: 3, schedule }),
  timeout: () => Effect.timeout(fetchStock, "10 seconds"),
  bulkhead: () => semaphore.withPermit(fetchStock),
  breaker: () => effectBreaker.execute(fetchStock, key),
  deadline: () => Effect.timeout(fetchStock, "30 seconds"),
  four: () =>
    fetchStock.pipe(
      Effect.timeout("10 seconds"),
      effectBreaker.execute(key),
      Effect.retry({ times: 3, schedule }),
      semaphore.withPermit
    )
}

const { ConsecutiveBreaker, ConstantBackoff, ExponentialBackoff, handleAll, SamplingBreaker, TimeoutStrategy } =
  cockatiel
const exponential = new ExponentialBackoff({ initialDelay: 1_000, maxDelay: 16_000 })
const sampling = () => ({ breaker: new SamplingBreaker({ threshold: 0.5, duration: 30_000 }), halfOpenAfter: 30_000 })
const cockatiels = {
  retry: cockatiel.retry(handleAll, { maxAttempts: 3, backoff: exponential }),
  timeout: cockatiel.timeout(10_000, TimeoutStrategy.Aggressive),
  bulkhead: cockatiel.bulkhead(64, 128),
  breaker: cockatiel.circuitBreaker(handleAll, sampling()),
  deadline: cockatiel.timeout(30_000, TimeoutStrategy.Aggressive),
  four: cockatiel.wrap(
    cockatiel.bulkhead(64, 128),
    cockatiel.retry(handleAll, { maxAttempts: 3, backoff: exponential }),
    cockatiel.circuitBreaker(handleAll, sampling()),
    cockatiel.timeout(10_000, TimeoutStrategy.Aggressive)
  ),
  immediate: cockatiel.retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(0) }),
  open: cockatiel.circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(1), halfOpenAfter: 3_600_000 }),
  full: cockatiel.bulkhead(1, 0),
  sleeping: cockatiel.retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(nap) })
}

const opossumOf = <A>(action: () => Promise<A>, capacity?: number) =>
  new Opossum(action, {
    timeout: false,
    errorThresholdPercentage: 50,
    volumeThreshold: 20,
    rollingCountTimeout: 30_000,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    resetTimeout: 3_600_000,
    ...(capacity === undefined ? {} : { capacity })
  })
const opossums = {
  breaker: opossumOf(stock),
  open: opossumOf(stock),
  full: opossumOf(() => new Promise<never>(() => {}), 1)
}

const delays = { retries: 3, minTimeout: 1_000, maxTimeout: 16_000 }
const pRetries = {
  retry: () => pRetry(stock, delays),
  immediate: (call: () => Promise<number>) => pRetry(call, { retries: 3, minTimeout: 0 }),
  sleeping: (call: () => Promise<number>) => pRetry(call, { retries: 3, minTimeout: nap, factor: 1 })
}

// The rows.

const rows: ReadonlyArray<Harness.Row> = [
  { name: "the bare call, in a fiber", runs: { Effect: inFiber(() => fetchStock) } },
  { name: "the bare call, runPromise", runs: { Effect: asProgram(() => fetchStock) } },
  { name: "the bare call, awaited", runs: { none: awaited(stock) } },
  ...both("retry", { holdfast: () => holdfast.retry.protect(fetchStock), Effect: effects.retry }, {
    cockatiel: awaited(() => cockatiels.retry.execute(stock)),
    "p-retry": awaited(pRetries.retry)
  }),
  ...both("attempt timeout", { holdfast: () => holdfast.timeout.protect(fetchStock), Effect: effects.timeout }, {
    cockatiel: awaited(() => cockatiels.timeout.execute(stock))
  }),
  ...both("bulkhead", { holdfast: () => holdfast.bulkhead.protect(fetchStock), Effect: effects.bulkhead }, {
    cockatiel: awaited(() => cockatiels.bulkhead.execute(stock))
  }),
  ...both("circuit breaker", { holdfast: () => holdfast.breaker.protect(fetchStock), Effect: effects.breaker }, {
    cockatiel: awaited(() => cockatiels.breaker.execute(stock)),
    opossum: awaited(() => opossums.breaker.fire())
  }),
  ...both("deadline", { holdfast: () => holdfast.deadline.protect(fetchStock), Effect: effects.deadline }, {
    cockatiel: awaited(() => cockatiels.deadline.execute(stock))
  }),
  ...both("all four", { holdfast: () => holdfast.four.protect(fetchStock), Effect: effects.four }, {
    cockatiel: awaited(() => cockatiels.four.execute(stock))
  }),
  ...both("rejected by an open breaker", {
    holdfast: () => Effect.ignore(holdfast.open.protect(fetchStock)),
    Effect: () => Effect.ignore(effectOpen.execute(fetchStock, key))
  }, {
    cockatiel: caught(() => cockatiels.open.execute(stock)),
    opossum: caught(() => opossums.open.fire())
  }),
  ...both("rejected by a full bulkhead", {
    holdfast: () => Effect.ignore(holdfast.full.protect(fetchStock)),
    Effect: () => effectFull.withPermitsIfAvailable(1)(fetchStock)
  }, {
    cockatiel: caught(() => cockatiels.full.execute(stock)),
    opossum: caught(() => opossums.full.fire())
  }),
  ...both("a failure, then a success, no delay", {
    holdfast: () => holdfast.immediate.protect(flakyStock),
    Effect: () => Effect.retry(flakyStock, { times: 3 })
  }, {
    cockatiel: awaited(() => cockatiels.immediate.execute(flaky)),
    "p-retry": awaited(() => pRetries.immediate(flaky))
  })
]

/** So many calls at once, each of which fails and sleeps before its retry. `call` makes one that fails the first time. */
type Crowd = (call: () => () => Promise<number>, calls: number) => Promise<unknown>

const effectCrowd =
  (protect: (call: Effect.Effect<number, Down>) => Effect.Effect<number, Down>): Crowd => (call, calls) =>
    runPromise(
      Effect.forEach(Array.from({ length: calls }), () => protect(effectOf(call())), {
        concurrency: "unbounded",
        discard: true
      })
    )
const promiseCrowd = (protect: (call: () => Promise<number>) => Promise<number>): Crowd => (call, calls) =>
  Promise.all(Array.from({ length: calls }, () => protect(call())))

const crowds: Readonly<Record<string, Crowd>> = {
  holdfast: effectCrowd(holdfast.sleeping.protect),
  Effect: effectCrowd(Effect.retry({ times: 3, schedule: Schedule.spaced(nap) })),
  cockatiel: promiseCrowd((call) => cockatiels.sleeping.execute(call)),
  "p-retry": promiseCrowd(pRetries.sleeping)
}

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const crowd = 10_000

/** What the sleepers hold in the middle of their nap, and in a second crowd, what the whole costs. */
const measureCrowd = async (run: Crowd) => {
  collect()
  const heap = process.memoryUsage().heapUsed
  const sleeping = run(failingOnce, crowd)
  await setTimeout(nap / 2)
  collect()
  const bytes = (process.memoryUsage().heapUsed - heap) / crowd
  await sleeping
  collect()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await run(failingOnce, crowd)
  const { system, user } = process.cpuUsage(cpu)
  return { bytes, cpu: (user + system) / 1e3, wall: performance.now() - start }
}

// Open what is to be open, fill what is to be full.

const hanging = () => new Promise<never>(() => {})
await runPromise(Effect.ignore(holdfast.open.protect(Effect.fail(down))))
await runPromise(Effect.ignore(effectOpen.execute(Effect.fail(down), key)))
await cockatiels.open.execute(() => Promise.reject(down)).catch(() => undefined)
opossums.open.open()
Effect.runFork(holdfast.full.protect(Effect.never))
Effect.runFork(effectFull.withPermit(Effect.never))
void cockatiels.full.execute(hanging)
void opossums.full.fire()

// Measure and tell.

const progress = (text: string) => void process.stderr.write(`${text}\n`)

const results = await Harness.measure(rows, {
  rounds,
  millis: flags.quick ? 5 : 20,
  onRound: (round) => progress(round === 0 ? "warming up" : `round ${round} of ${rounds}`)
})

const naps = flags.quick ? 1 : Math.min(3, rounds)
const samples: Array<{ readonly name: string } & Awaited<ReturnType<typeof measureCrowd>>> = []
for (let round = 1; round <= naps; round++) {
  progress(`sleeping retries, round ${round} of ${naps}`)
  for (const [name, run] of Harness.rotate(crowds, round)) samples.push({ name, ...await measureCrowd(run) })
}
const sleepers = Object.keys(crowds).map((name) => {
  const all = samples.filter((sample) => sample.name === name)
  return {
    name,
    bytes: Harness.median(all.map(({ bytes }) => bytes)),
    cpu: Harness.median(all.map(({ cpu }) => cpu)),
    wall: Harness.median(all.map(({ wall }) => wall))
  }
})

const machine = `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores`

const peers = ["Effect", "cockatiel", "opossum", "p-retry"]

/** A table of one of the measures, with the ratio of each candidate to Holdfast. */
const compare = (title: string, of: (cell: Harness.Cell) => number): string => {
  const value = (result: Harness.Result, name: string) => {
    const cell = result.cells[name]
    return cell && of(cell)
  }
  return Harness.table([
    [title, "holdfast", ...peers.flatMap((name) => [name, ""])],
    ...results.filter(({ cells }) => cells["none"] === undefined).map((result) => {
      const ours = value(result, "holdfast")
      const others = peers.map((name) => value(result, name))
      return [result.name, Harness.number(ours)].concat(
        others.flatMap((other) => [Harness.number(other), Harness.ratio(other, ours)])
      )
    })
  ])
}

/** The bare call that a candidate's part is added to: in the same kind of fiber for effects, awaited for promises. */
const bareOf = (row: string, candidate: string): Harness.Cell | undefined =>
  candidate === "holdfast" || candidate === "Effect"
    ? results.find(({ name }) => name === `the bare call, ${row.split(", ").at(-1)}`)?.cells["Effect"]
    : results.find(({ cells }) => cells["none"] !== undefined)?.cells["none"]

/** The parts that let the call through: what they add to the bare call, each candidate to its own. */
const adds = (title: string, of: (cell: Harness.Cell) => number): string => {
  const passing = results.filter(({ cells, name }) =>
    cells["holdfast"] !== undefined && !/^(?:rejected|a failure)/u.test(name)
  )
  const added = ({ cells, name }: Harness.Result, candidate: string) => {
    const [cell, bare] = [cells[candidate], bareOf(name, candidate)]
    return cell && bare && of(cell) - of(bare)
  }
  return Harness.table([
    [title, "holdfast", ...peers.flatMap((name) => [name, ""])],
    ...passing.map((result) => {
      const ours = added(result, "holdfast")
      return [result.name, Harness.number(ours)].concat(peers.flatMap((name) => {
        const other = added(result, name)
        return [Harness.number(other), Harness.ratio(other, ours)]
      }))
    })
  ])
}

const told = (): string => {
  const bare = results.find(({ cells }) => cells["none"] !== undefined)?.cells["none"]
  return [
    `${machine}; medians of ${rounds} rounds`,
    compare("ns a call", ({ ns }) => ns),
    adds("ns added to the bare call", ({ ns }) => ns),
    compare("bytes allocated a call", ({ bytes }) => bytes),
    adds("bytes added to the bare call", ({ bytes }) => bytes),
    `The bare call, awaited: ${Harness.number(bare?.ns)} ns, ${Harness.number(bare?.bytes)} bytes`,
    Harness.table([
      [`${crowd.toLocaleString("en")} retries that sleep at once`, "bytes each", "CPU ms", "wall ms"],
      ...sleepers.map(({ bytes, cpu, name, wall }) => [name, ...[bytes, cpu, wall].map(Harness.number)])
    ]),
    [
      "The ratio is to holdfast. A dash: the candidate has no such part. What is added is over each candidate's own bare call, an",
      "effect in the same kind of fiber or an awaited promise. Bytes of a call are all that it allocates, by V8's",
      `GCProfiler; bytes of a sleeping retry are those in use while all sleep their ${nap} ms. opossum's bulkhead is a breaker too;`,
      "Effect's full semaphore gives no error, but None; cockatiel's retry without a delay takes a timer of 1 ms."
    ].join("\n")
  ].join("\n\n")
}

process.stdout.write(`${flags.json ? JSON.stringify({ machine, rounds, results, sleepers }, undefined, 2) : told()}\n`)
// The calls that hang to keep the bulkheads full do not keep the process.
process.exit()
