/**
 * The machines of one bulkhead: the one for calls without a key, and one for each key.
 *
 * Guarded by `test/bulkhead/bulkhead.test.ts` and `test/bulkhead/queue.test.ts`.
 */
import { Keyed } from "../keyed.ts"
import type { Bulkhead } from "./queue.ts"

/** The machines of one bulkhead: at most `maxKeys` by key, and those in use beyond. */
export class Bulkheads {
  readonly name: string
  only: Bulkhead
  /** The longest wait in the queue, in milliseconds. */
  readonly maxWait: number
  /** Whether an error means that the dependency is overloaded. */
  readonly isOverload: (error: unknown) => boolean
  private readonly create: () => Bulkhead
  private readonly idleTimeToLive: number
  private readonly keyed: Keyed<Bulkhead>
  /** Rejections of evicted machines. */
  private past = 0

  constructor(options: {
    readonly name: string
    readonly create: () => Bulkhead
    readonly maxWait: number
    readonly isOverload: (error: unknown) => boolean
    readonly maxKeys: number
    readonly idleTimeToLive: number
  }) {
    const { create, idleTimeToLive } = options
    this.name = options.name
    this.create = create
    this.only = create()
    this.maxWait = options.maxWait
    this.isOverload = options.isOverload
    this.idleTimeToLive = idleTimeToLive
    this.keyed = new Keyed(options.maxKeys, {
      create,
      lossOf: (machine, now) => !machine.idle ? "use" : this.isStale(machine, now) ? "nothing" : "little",
      evicted: (machine) => {
        this.past += machine.rejections
      }
    })
  }

  /** The machine of a key. Use it before anything else runs, or it may be evicted. */
  get(key: string | undefined, now: number): Bulkhead {
    if (key === undefined) return this.only
    const machine = this.keyed.get(key, now)
    if (machine.adapts && machine.idle && this.isStale(machine, now)) machine.forget()
    machine.usedAt = now
    return machine
  }

  private isStale(machine: Bulkhead, now: number): boolean {
    return now - machine.usedAt >= this.idleTimeToLive
  }

  /** The machine of a key, if there is one. Changes nothing. */
  peek(key: string | undefined): Bulkhead | undefined {
    return key === undefined ? this.only : this.keyed.peek(key)
  }

  /**
   * Takes over the machines of another bulkhead with their calls, and sets their limits. The other then has the same machines,
   * so that its calls count here too.
   */
  takeOver(other: Bulkheads, limit: number, queue: number): void {
    this.only = other.only
    this.keyed.share(other.keyed)
    this.past = other.past
    for (const machine of [this.only, ...this.keyed.values()]) machine.resize(limit, queue)
  }

  /** A machine that no call has used. */
  get fresh(): Bulkhead {
    return this.create()
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed.size
  }

  /** A sum over all current machines. */
  sum(of: (machine: Bulkhead) => number): number {
    let sum = of(this.only)
    for (const machine of this.keyed.values()) sum += of(machine)
    return sum
  }

  /** All rejected calls, including those of evicted machines. */
  get rejections(): number {
    return this.past + this.sum((machine) => machine.rejections)
  }
}
