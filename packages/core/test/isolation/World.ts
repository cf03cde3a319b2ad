/**
 * A platform of its own: timers, a wall clock and a scheduler that one test drives step by step, all in one turn of the
 * event loop, promises included. Timers can be faked and restored in it, its clock can be set, and it can cancel the timers of a request
 * that has been answered, as Cloudflare's workerd does. Callbacks keep their async context, as on a real platform.
 */
import * as Scheduler from "effect/Scheduler"
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
import { mock } from "node:test"
import { vi } from "vitest"

/** Which request, or call, runs: timers belong to the one that set them. */
export const request = new AsyncLocalStorage<string>()

interface Timer {
  readonly at: number
  readonly owner: string | undefined
  readonly run: () => void
}

interface Planned {
  readonly at: number
  readonly run: () => void
}

export type Fakes = "node:test" | "Vitest"

const epoch = 1_700_000_000_000

export class World {
  /** Milliseconds since the world began, which no setting of the clock changes. */
  now = 0
  /** What came out of timers, tasks and callbacks: a platform reports it as uncaught, and goes on. */
  readonly uncaught: Array<unknown> = []
  readonly scheduler: Scheduler.Scheduler
  private offset = 0
  private readonly timers = new Map<object, Timer>()
  private tasks: Array<() => void> = []
  private plans: ReadonlyArray<Planned> = []
  private fakes: Fakes | undefined = undefined

  constructor() {
    this.scheduler = new Scheduler.MixedScheduler("async", (task) => {
      const bound = AsyncResource.bind(task)
      this.tasks.push(bound)
      return () => {
        this.tasks = this.tasks.filter((other) => other !== bound)
      }
    })
  }

  /** Plans something for an instant. Plans for the same instant happen in the order in which they were made. */
  plan(at: number, run: () => void): void {
    this.plans = [...this.plans, { at, run }].toSorted((one, other) => one.at - other.at)
  }

  /** Sets the wall clock forward or back. */
  jump(millis: number): void {
    this.offset += millis
  }

  /** Replaces the timers and the clock of the process, as tests do. */
  fake(fakes: Fakes): void {
    this.restore()
    this.fakes = fakes
    const now = Date.now()
    if (fakes === "Vitest") vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now })
    else mock.timers.enable({ apis: ["setTimeout", "Date"], now })
  }

  /** Lets faked time pass. */
  tick(millis: number): void {
    if (this.fakes === "Vitest") this.guard(() => vi.advanceTimersByTime(millis))
    else if (this.fakes === "node:test") this.guard(() => mock.timers.tick(millis))
  }

  /** Brings the real timers back: those that were faked are never heard of again. */
  restore(): void {
    if (this.fakes === "Vitest") vi.useRealTimers()
    else if (this.fakes === "node:test") mock.timers.reset()
    this.fakes = undefined
  }

  /** Cancels the timers of a request that has been answered. */
  cancelTimersOf(owner: string): void {
    for (const [handle, timer] of this.timers) if (timer.owner === owner) this.timers.delete(handle)
  }

  get isFaked(): boolean {
    return this.fakes !== undefined
  }

  /** How many timers are set. */
  get pending(): number {
    return this.timers.size
  }

  /** Runs all that is planned and all that follows from it, up to an instant. */
  async run(until: number): Promise<void> {
    const { clearTimeout, setTimeout } = globalThis
    const { now } = Date
    globalThis.setTimeout =
      ((run: (...args: ReadonlyArray<unknown>) => void, millis = 0, ...args: ReadonlyArray<unknown>) => {
        const handle = {}
        this.timers.set(handle, {
          at: this.now + Math.max(1, millis),
          owner: request.getStore(),
          run: AsyncResource.bind(() => run(...args))
        })
        return handle
      }) as typeof setTimeout
    globalThis.clearTimeout = ((handle: object) => void this.timers.delete(handle)) as typeof clearTimeout
    Date.now = () => epoch + this.now + this.offset
    try {
      for (;;) {
        await this.runTasks()
        const [plan] = this.plans
        const timer = this.next()
        const at = Math.min(plan?.at ?? Infinity, timer?.[1].at ?? Infinity)
        if (at > until) break
        this.now = at
        if (plan?.at === at) {
          this.plans = this.plans.slice(1)
          this.guard(plan.run)
        } else if (timer !== undefined) {
          this.timers.delete(timer[0])
          this.guard(timer[1].run)
        }
      }
      this.now = until
    } finally {
      this.restore()
      globalThis.setTimeout = setTimeout
      globalThis.clearTimeout = clearTimeout
      Date.now = now
    }
  }

  private next(): readonly [object, Timer] | undefined {
    let first: readonly [object, Timer] | undefined
    for (const entry of this.timers) if (first === undefined || entry[1].at < first[1].at) first = entry
    return first
  }

  /** Runs tasks, and what follows promises, until there is nothing left to run. */
  private async runTasks(): Promise<void> {
    do {
      for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) this.guard(task)
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    } while (this.tasks.length > 0)
  }

  private guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.uncaught.push(error)
    }
  }
}
