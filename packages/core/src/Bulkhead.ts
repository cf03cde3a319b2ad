/**
 * Bounded concurrency: a limited number of calls run, a limited number wait, and any further call is rejected at once.
 *
 * **When to use**
 *
 * A slow dependency does not fail; it blocks its callers and the sockets and memory that they hold, until parts of the
 * program that never use it stall too. A bulkhead gives each dependency a compartment of its own (Michael Nygard,
 * "Release It!", 2nd ed. 2018, ch. 5), so that one flooded compartment does not sink the others.
 *
 * **Details**
 *
 * Choose the limit by Little's law: calls in flight = calls a second x seconds a call (John Little, Operations Research
 * 9, 1961). 200 calls a second that take 50 ms each are 10 in flight; twice that leaves room for a slow minute. If the
 * numbers are unknown or change, let {@link adaptive} find the limit. The queue is bounded, because an unbounded queue
 * turns an overload into latency that outlives it.
 *
 * **Gotchas**
 *
 * A limit that is guessed too low rejects calls to a healthy dependency, and a queue hides that. A call that needs a
 * permit of the bulkhead that it runs in can deadlock.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Arguments from "./Arguments.ts"
import type { Bulkheads } from "./internal/bulkhead/bulkheads.ts"
import { compile, compileAdaptive } from "./internal/bulkhead/compile.ts"
import * as Options_ from "./internal/bulkhead/options.ts"
import type { Bulkhead as Machine } from "./internal/bulkhead/queue.ts"
import type { AdaptiveOptions, Bulkhead, Options } from "./internal/bulkhead/shape.ts"
import * as Shape from "./internal/bulkhead/shape.ts"
import { protectAlone } from "./internal/call/protect.ts"

export type { AdaptiveOptions, Bulkhead, CommonOptions, Options, Stats } from "./internal/bulkhead/shape.ts"

/**
 * Makes a bulkhead with a fixed limit. Invalid options are a defect: one `RangeError` that lists every fault.
 *
 * ```ts import.meta.vitest
 * import { Bulkhead } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ limit: 1 })
 *   // While the outer call holds the only permit, the inner one is rejected.
 *   return yield* Effect.succeed("stock").pipe(
 *     bulkhead.protect,
 *     Effect.catchReason("PolicyError", "BulkheadFull", () => Effect.succeed("full")),
 *     bulkhead.protect
 *   )
 * })
 *
 * await Effect.runPromise(program) // => "full"
 * ```
 */
export const make = (options: Options): Effect.Effect<Bulkhead> =>
  Effect.sync(() => fromMachines(compile(Arguments.check("Bulkhead.make", Options_.bulkheadOptions, options))))

/**
 * Changes the limit of a running bulkhead: makes a bulkhead with other options that takes over the running and waiting
 * calls of `previous`.
 *
 * No running call is interrupted and no waiting call is rejected, even if the new limit or queue is smaller. A larger
 * limit admits waiting calls at once. The two bulkheads share their permits from then on. An adaptive bulkhead becomes
 * fixed.
 *
 * ```ts import.meta.vitest
 * import { Bulkhead } from "@holdfast/core"
 * import { Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "1 minute" })
 *   yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
 *   const waiting = yield* Effect.forkChild(bulkhead.protect(Effect.succeed("stock")), { startImmediately: true })
 *   yield* Bulkhead.makeFrom(bulkhead, { limit: 2 })
 *   return yield* Fiber.join(waiting)
 * })
 *
 * await Effect.runPromise(program) // => "stock"
 * ```
 */
export const makeFrom = (previous: Bulkhead, options: Options): Effect.Effect<Bulkhead> =>
  Effect.sync(() => {
    const checked = Arguments.check("Bulkhead.makeFrom", Options_.bulkheadOptions, options)
    const machines = compile(checked)
    machines.takeOver(previous.machines, checked.limit, checked.queue)
    return fromMachines(machines)
  })

/**
 * Makes a bulkhead that finds its limit between `min` and `max` from the latency of the calls: it grows while calls are
 * as fast as without load, and shrinks when they slow down or time out. Shrinking interrupts no running call.
 *
 * In each window, with the average latency of its calls, the latency `base` without load, and the share of calls that
 * were dropped:
 *
 * ```text
 * gradient = min(1, tolerance * base / latency)
 * next     = limit * max(0.5, gradient - dropped) + sqrt(limit) * (1 - dropped)
 * ```
 *
 * and the limit becomes `next` if that is more, and goes a fifth of the way to it if it is less. It does not change
 * while callers leave permits unused. A dependency that serves `n` calls in parallel thus ends near `tolerance * n +
 * sqrt(limit)`.
 *
 * This is the `GradientLimit` of Netflix's concurrency-limits under its `WindowedLimit` (Eran Landau, William Thurston
 * and Tim Bozarth, "Performance Under Load", Netflix TechBlog, 2018). Measuring the base again, in case the dependency
 * has become slower for good, follows BBR (Cardwell et al., ACM Queue 14(5), 2016): for one window the limit falls to a
 * quarter.
 *
 * The bulkhead measures calls that succeed and calls that fail with an overload error. A call interrupted from outside
 * tells it nothing, so put a timeout inside.
 *
 * ```ts import.meta.vitest
 * import { Bulkhead } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.adaptive({ min: 4, max: 100, queue: 50 })
 *   yield* Effect.succeed("stock").pipe(Effect.timeout("1 second"), bulkhead.protect)
 *   return yield* bulkhead.stats()
 * })
 *
 * await Effect.runPromise(program) // => { running: 0, waiting: 0, limit: 20, queue: 50, rejections: 0 }
 * ```
 */
export const adaptive = (options?: AdaptiveOptions): Effect.Effect<Bulkhead> =>
  Effect.sync(() =>
    fromMachines(compileAdaptive(Arguments.check("Bulkhead.adaptive", Options_.adaptiveOptions, options ?? {})))
  )

/**
 * Tells a `Bulkhead` from any other value.
 *
 * ```ts import.meta.vitest
 * import { Bulkhead } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * Bulkhead.isBulkhead(Effect.runSync(Bulkhead.make({ limit: 10 }))) // => true
 * Bulkhead.isBulkhead({ limit: 10 }) // => false
 * ```
 */
export const isBulkhead: (u: unknown) => u is Bulkhead = Shape.isBulkhead

/**
 * Publishes metrics of a bulkhead while the scope is open: the gauges `holdfast.bulkhead.running`,
 * `holdfast.bulkhead.waiting` and `holdfast.bulkhead.limit`, and the counter `holdfast.bulkhead.rejections`, each
 * summed over all keys, with the bulkhead's name as the attribute `holdfast.bulkhead`. They are read when metrics are
 * exported and add no cost to a call. A bulkhead replaces an earlier one of the same name.
 *
 * ```ts import.meta.vitest
 * import { Bulkhead } from "@holdfast/core"
 * import { Effect, Metric } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ name: "stock", limit: 8 })
 *   yield* Bulkhead.metrics(bulkhead)
 *   const series = yield* bulkhead.protect(Metric.snapshot)
 *   return series.flatMap(({ id, state }) => "value" in state ? [[id, state.value]] : [])
 * }).pipe(Effect.scoped, Effect.provideService(Metric.MetricRegistry, new Map()))
 *
 * await Effect.runPromise(program) // => [["holdfast.bulkhead.running", 1], ["holdfast.bulkhead.waiting", 0], ["holdfast.bulkhead.limit", 8]]
 * ```
 */
export const metrics = (self: Bulkhead): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context) => {
    const { machines } = self
    const attributes = { "holdfast.bulkhead": self.name, unit: "{call}" }
    const gauge = (name: string, description: string, of: (machine: Machine) => number) =>
      Metric.registerUnsafe(Metric.gauge(`holdfast.bulkhead.${name}`, { description, attributes }), context, {
        get: () => ({ value: machines.sum(of) }),
        update: () => {},
        modify: () => {}
      })
    const rejections = Metric.counter("holdfast.bulkhead.rejections", {
      description: "Calls that a bulkhead rejected",
      attributes,
      incremental: true
    })
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => [
        gauge("running", "Calls that hold a permit", (machine) => machine.running),
        gauge("waiting", "Calls in the queue", (machine) => machine.waiting),
        gauge("limit", "Calls that may run at the same time", (machine) => machine.limit),
        Metric.registerUnsafe(rejections, context, {
          get: () => ({ count: machines.rejections, incremental: true }),
          update: () => {},
          modify: () => {}
        })
      ]),
      (registrations) =>
        Effect.sync(() => {
          for (const registration of registrations) registration.remove()
        })
    ))
  })

const fromMachines = (machines: Bulkheads): Bulkhead => ({
  [Shape.TypeId]: Shape.TypeId,
  name: machines.name,
  machines,
  protect: protectAlone({ bulkhead: machines }) as Bulkhead["protect"],
  stats: (options) =>
    Effect.sync(() => {
      const { limit, queue, rejections, running, waiting } = machines.peek(options?.key) ?? machines.fresh
      return { running, waiting, limit, queue, rejections }
    })
})
