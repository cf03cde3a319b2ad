/**
 * The connections to one origin, with a bounded FIFO queue in front of them.
 *
 * undici's pool queues without bound, cannot time out or remove a queued request, and does not limit idle connections.
 * So this pool keeps the connections itself. Idle ones form a stack, because the server is least likely to have closed
 * the one that was used last. Guarded by `test/undici/pool.test.ts` and `test/undici/bounds.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Client } from "undici"
import { PoolTimeout, type Reason } from "../../../HttpFailure.ts"
import type { Route } from "../connect/connector.ts"
import { cancelled, type Exchange } from "../exchange/exchange.ts"
import type { OriginStats } from "../options.ts"
import { Connection, type Owner } from "./connection.ts"

/** A place in the queue: its order of arrival, and the `Clock` time in milliseconds at which it times out. */
interface Place {
  readonly ticket: number
  readonly until: number
}

export interface Bounds {
  readonly connections: number
  readonly idleConnections: number
  readonly poolWait: Duration.Duration
  readonly poolQueue: number
}

/** The interface to all pools together. */
export interface Host {
  ticket(): number
  mayOpen(pool: OriginPool): boolean
  wants(pool: OriginPool): boolean
  changed(): void
  closed(): void
  forget(pool: OriginPool): void
}

export class OriginPool implements Owner {
  readonly origin: string
  readonly route: Route
  private readonly pools: Host
  private readonly bounds: Bounds
  private readonly options: Client.Options
  private readonly all = new Set<Connection>()
  private readonly idle: Array<Connection> = []
  /** Idle connections that were used in this turn of the event loop. */
  private readonly resting = new Set<Connection>()
  private readonly queue = new Map<Exchange, Place>()
  /** Sleeps until the first place in the queue times out. */
  private watcher: Fiber.Fiber<void> | undefined = undefined
  private pumping = false
  private trimming = false
  /** Whether connections are shared, as HTTP/2 allows: unknown until the first is open. */
  private shares: boolean | undefined

  /** Exchanges in progress. */
  running = 0

  constructor(pools: Host, origin: string, route: Route, options: Client.Options, bounds: Bounds) {
    this.pools = pools
    this.origin = origin
    this.route = route
    this.options = options
    this.bounds = bounds
    this.shares = options.allowH2 === true && origin.startsWith("https:") ? undefined : false
  }

  get stats(): OriginStats {
    const stats = { connected: 0, free: 0, pending: this.queue.size, running: this.running }
    for (const connection of this.all) {
      stats.pending += connection.pending
      if (!connection.isOpen) continue
      stats.connected++
      if (connection.running === 0) stats.free++
    }
    return stats
  }

  get waiting(): number {
    return this.queue.size
  }

  get idling(): number {
    return this.idle.length + this.resting.size
  }

  /** The ticket of the first in the queue. */
  get head(): number {
    for (const { ticket } of this.queue.values()) return ticket
    return Infinity
  }

  /** Starts an exchange on a connection or queues it. Fails it if the queue is full or its wait times out. */
  send(exchange: Exchange, context: Context.Context<never>): void {
    const connection = this.queue.size === 0 ? this.pick() : undefined
    if (connection !== undefined) {
      this.start(exchange, connection)
    } else if (this.queue.size >= this.bounds.poolQueue) {
      exchange.refuse(new PoolTimeout({ wait: Duration.zero, queued: this.queue.size }))
      this.forgetIfUnused()
    } else {
      const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
      const until = now + Duration.toMillis(this.bounds.poolWait)
      this.queue.set(exchange, { ticket: this.pools.ticket(), until })
      this.pools.changed()
      this.watcher ??= Effect.runForkWith(context)(this.watch())
    }
  }

  /** Removes a waiting exchange from the queue. */
  forget(exchange: Exchange): void {
    if (!this.queue.delete(exchange)) return
    if (this.queue.size === 0 && this.watcher !== undefined) {
      this.watcher.interruptUnsafe()
      this.watcher = undefined
    }
    this.pools.changed()
    this.forgetIfUnused()
  }

  /** Fails all waiting exchanges. */
  refuseAll(reason: () => Reason): void {
    for (const exchange of Array.from(this.queue.keys())) {
      this.forget(exchange)
      exchange.refuse(reason())
    }
  }

  connected(connection: Connection): void {
    if (this.shares !== false || connection.isShared) this.shares = connection.isShared
    this.pools.changed()
    this.pumpSoon()
  }

  lost(connection: Connection): void {
    // If the first connection failed before its protocol was known, let the waiting exchanges open theirs in parallel.
    if (this.options.allowH2 === true && this.shares === undefined) this.shares = false
    this.pools.changed()
    // An exchange that is not written yet reopens the connection, so keep it.
    if (connection.running === 0) this.remove(connection)
    this.pumpSoon()
  }

  /** An exchange has left a connection. It rests, and is used last: if the exchange was cut, the connection is closing. */
  released(connection: Connection): void {
    this.running--
    if (connection.running === 0) {
      if (!connection.isOpen) this.remove(connection)
      else if (this.pools.wants(this)) this.retireSoon(connection)
      else if (connection.isResting) this.resting.add(connection)
      else this.idle.push(connection)
    }
    this.pools.changed()
    if (this.queue.size > 0) this.pumpSoon()
    else if (this.idling > this.bounds.idleConnections) this.trimSoon()
  }

  /** A resting connection is ready for immediate use, unless it is in use already. */
  rested(connection: Connection): void {
    if (this.resting.delete(connection)) this.idle.push(connection)
  }

  /** Starts waiting exchanges in a microtask, because the caller may be undici's parser. */
  pumpSoon(): void {
    if (this.pumping || this.queue.size === 0) return
    this.pumping = true
    // Cheaper than `queueMicrotask`, which makes an async resource of its own.
    void resolved.then(this.pumpNow)
  }

  private readonly pumpNow = (): void => {
    this.pumping = false
    this.pump()
  }

  pump(): void {
    for (const exchange of this.queue.keys()) {
      const connection = this.pick()
      if (connection === undefined) return
      this.forget(exchange)
      this.start(exchange, connection)
    }
  }

  /** Closes the connection that has been idle for the longest. */
  retireOldest(): void {
    const connection = this.idle.shift() ?? first(this.resting)
    if (connection === undefined) return
    void connection.destroy(cancelled)
    this.remove(connection)
  }

  destroy(reason: Error): Promise<unknown> {
    const all = Array.from(this.all)
    this.all.clear()
    this.idle.length = 0
    this.resting.clear()
    return Promise.all(all.map((connection) => connection.destroy(reason)))
  }

  private start(exchange: Exchange, connection: Connection): void {
    this.running++
    this.pools.changed()
    connection.start(exchange)
  }

  /** A connection for the next exchange, if one is available now. */
  private pick(): Connection | undefined {
    if (this.running >= this.bounds.connections) return undefined
    if (this.shares === true) {
      for (const connection of this.all) {
        if (!connection.isOpen) continue
        // A new connection will soon know how many streams it allows.
        if (connection.isFull && !connection.isSettled) return undefined
        if (connection.isFull) continue
        if (connection.running === 0) this.takeIdle(connection)
        return connection
      }
    }
    const idle = this.idle.pop() ?? first(this.resting)
    if (idle !== undefined) {
      this.resting.delete(idle)
      return idle
    }
    // Let one connection find out the protocol before opening others.
    if (this.shares !== false && this.isOpening) return undefined
    if (!this.pools.mayOpen(this)) return undefined
    const connection = new Connection(this, this.route, this.options)
    this.all.add(connection)
    return connection
  }

  private takeIdle(connection: Connection): void {
    this.resting.delete(connection)
    const at = this.idle.indexOf(connection)
    if (at !== -1) this.idle.splice(at, 1)
  }

  private get isOpening(): boolean {
    for (const connection of this.all) {
      if (!connection.isOpen) return true
    }
    return false
  }

  /** Closes a connection in a microtask, because the caller is undici's parser. */
  private retireSoon(connection: Connection): void {
    queueMicrotask(() => void connection.destroy(cancelled))
    this.remove(connection)
  }

  private remove(connection: Connection): void {
    if (!this.all.delete(connection)) return
    this.takeIdle(connection)
    this.pools.closed()
    this.forgetIfUnused()
  }

  /** Forgets the origin if it has neither connections nor waiting exchanges. */
  private forgetIfUnused(): void {
    if (this.all.size === 0 && this.queue.size === 0) this.pools.forget(this)
  }

  /** Closes idle connections above the bound, after this turn of the event loop has had a chance to use them. */
  private trimSoon(): void {
    if (this.trimming) return
    this.trimming = true
    setImmediate(() => {
      this.trimming = false
      while (this.idling > this.bounds.idleConnections) this.retireOldest()
    })
  }

  /** Fails exchanges whose wait has timed out. All have the same bound, so the queue is in order of expiry. */
  private watch(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      for (const [exchange, { until }] of this.queue) {
        if (until > now) return Effect.flatMap(Effect.sleep(until - now), () => this.watch())
        this.queue.delete(exchange)
        this.pools.changed()
        exchange.refuse(new PoolTimeout({ wait: this.bounds.poolWait, queued: this.queue.size + 1 }))
      }
      this.watcher = undefined
      this.forgetIfUnused()
      return Effect.void
    })
  }
}

const resolved = Promise.resolve()

const first = <A>(all: Set<A>): A | undefined => all.values().next().value
