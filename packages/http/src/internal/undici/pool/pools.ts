/**
 * The pools of all origins: their statistics, the bound on all connections together, and how they close.
 *
 * At `maxConnections`, a new origin takes the place of the longest idle connection of the pool with the most idle ones.
 * If no connection is idle, the next one to become free, in any pool, goes to the request that has waited longest.
 *
 * Guarded by `test/undici/pool.test.ts` and `test/undici/bounds.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Client } from "undici"
import { ConnectionReset } from "../../../HttpFailure.ts"
import type { Connector } from "../connect/connector.ts"
import type { OriginStats, Stats } from "../options.ts"
import { type Origin, Targets } from "../target.ts"
import { type Bounds, type Host, OriginPool } from "./originPool.ts"

export class Pools implements Host {
  readonly targets = new Targets()
  private readonly origins = new Map<string, OriginPool>()
  private readonly connector: Connector
  private readonly options: Client.Options
  private readonly bounds: Bounds
  private readonly maxConnections: number
  private open = 0
  private tickets = 0
  /** Pools with requests that wait because every connection is taken. */
  private readonly blocked = new Set<OriginPool>()
  private closing = false
  private onDrained: (() => void) | undefined = undefined
  /** Callbacks for the next change. */
  private watchers: Array<() => void> = []
  private version = 0

  constructor(connector: Connector, options: Client.Options, bounds: Bounds, maxConnections: number) {
    this.connector = connector
    this.options = options
    this.bounds = bounds
    this.maxConnections = maxConnections
  }

  get isClosing(): boolean {
    return this.closing
  }

  of(origin: Origin): OriginPool {
    const known = this.origins.get(origin.url)
    if (known !== undefined) return known
    const made = new OriginPool(this, origin.url, this.connector.route(origin), this.options, this.bounds)
    this.origins.set(origin.url, made)
    return made
  }

  ticket(): number {
    return this.tickets++
  }

  /** Reserves one more connection, if `maxConnections` allows it. */
  mayOpen(pool: OriginPool): boolean {
    if (this.open >= this.maxConnections) {
      let richest: OriginPool | undefined
      for (const other of this.origins.values()) {
        if (other !== pool && other.idling > (richest?.idling ?? 0)) richest = other
      }
      if (richest === undefined) {
        this.blocked.add(pool)
        return false
      }
      richest.retireOldest()
    }
    this.open++
    return true
  }

  /** Whether a request of another pool should get this pool's free connection, or the pools are closing. */
  wants(pool: OriginPool): boolean {
    if (this.closing && pool.waiting === 0) return true
    const next = this.blocked.size === 0 ? undefined : this.next()
    return next !== undefined && next.head < pool.head
  }

  /** A connection has closed. */
  closed(): void {
    this.open--
    if (this.blocked.size > 0) queueMicrotask(() => this.grant())
  }

  forget(pool: OriginPool): void {
    if (this.origins.get(pool.origin) === pool) this.origins.delete(pool.origin)
  }

  stats(): Stats {
    const origins: Record<string, OriginStats> = {}
    const sum = { connected: 0, free: 0, pending: 0, running: 0 }
    for (const [origin, pool] of this.origins) {
      const stats = origins[origin] = pool.stats
      sum.connected += stats.connected
      sum.free += stats.free
      sum.pending += stats.pending
      sum.running += stats.running
    }
    return { ...sum, origins }
  }

  /** The stats now, and after each turn of the event loop that changes them. */
  get changes(): Stream.Stream<Stats> {
    return Stream.fromPull(Effect.sync(() => {
      let seen = -1
      const next: Effect.Effect<readonly [Stats]> = Effect.suspend(() => {
        if (seen === this.version) return Effect.flatMap(this.change, () => next)
        seen = this.version
        return Effect.succeed([this.stats()] as const)
      })
      return next
    }))
  }

  private get change(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const watcher = () => resume(Effect.void)
      this.watchers.push(watcher)
      return Effect.sync(() => {
        this.watchers = this.watchers.filter((other) => other !== watcher)
      })
    })
  }

  /** The stats have changed. */
  changed(): void {
    this.version++
    if (this.watchers.length > 0) {
      const { watchers } = this
      this.watchers = []
      setImmediate(() => {
        for (const watcher of watchers) watcher()
      })
    }
    // After this turn: an exchange that leaves the queue starts next, and the caller may be undici's parser.
    if (this.onDrained !== undefined && this.isDrained) setImmediate(() => this.isDrained && this.onDrained?.())
  }

  /** Rejects new requests and closes idle connections. */
  close(): void {
    this.closing = true
    for (const pool of Array.from(this.origins.values())) {
      while (pool.idling > 0) pool.retireOldest()
    }
  }

  /** Waits until all running and waiting requests have ended. */
  get drained(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.isDrained) return resume(Effect.void)
      this.onDrained = () => resume(Effect.void)
    })
  }

  async destroy(): Promise<void> {
    this.close()
    const pools = Array.from(this.origins.values())
    this.blocked.clear()
    for (const pool of pools) pool.refuseAll(() => new ConnectionReset({ code: "UND_ERR_CLOSED" }))
    await Promise.all(pools.map((pool) => pool.destroy(new Closed())))
    await this.connector.destroy()
  }

  private get isDrained(): boolean {
    for (const { running, waiting } of this.origins.values()) {
      if (running > 0 || waiting > 0) return false
    }
    return true
  }

  private grant(): void {
    const pool = this.next()
    if (pool === undefined || this.open >= this.maxConnections) return
    this.blocked.delete(pool)
    pool.pump()
    // This pool or others may have more requests waiting.
    if (this.blocked.size > 0 && this.open < this.maxConnections) this.grant()
  }

  /** The pool whose first request has waited longest. */
  private next(): OriginPool | undefined {
    let first: OriginPool | undefined
    for (const pool of this.blocked) {
      if (pool.waiting === 0) this.blocked.delete(pool)
      else if (first === undefined || pool.head < first.head) first = pool
    }
    return first
  }
}

/** Closes the pools, as the scope of a transport does: what is under way has `gracePeriod` milliseconds to end. */
export const closing = (pools: Pools, gracePeriod: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    pools.close()
    const drained = Effect.interruptible(Effect.timeoutOption(pools.drained, gracePeriod))
    const destroy = Effect.promise(() => pools.destroy())
    return gracePeriod === 0 ? destroy : Effect.andThen(drained, destroy)
  })

/** The failure of exchanges that outlive the grace period. */
class Closed extends Error {
  override readonly name = "Closed"
  readonly code = "UND_ERR_DESTROYED"
  override readonly message = "The transport was closed"
}
