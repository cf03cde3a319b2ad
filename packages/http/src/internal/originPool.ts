/**
 * The connections to one origin, with a bounded FIFO queue in front of them.
 *
 * undici's pool queues without bound, and a request in its queue can be neither timed nor taken out. So no more
 * exchanges are handed to it than it has connections, and the rest wait here.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Pool } from "undici"
import { PoolTimeout } from "../HttpFailure.ts"
import type { Exchange } from "./exchange.ts"

/** An exchange in the queue: until when, in milliseconds by the `Clock`, and who is told if that passes. */
interface Place {
  readonly until: number
  readonly refuse: (reason: PoolTimeout) => void
}

export interface Bounds {
  readonly connections: number
  readonly poolWait: Duration.Duration
  readonly poolQueue: number
}

export class OriginPool {
  readonly pool: Pool
  private readonly bounds: Bounds
  private readonly onIdle: (pool: OriginPool) => void
  private readonly queue = new Map<Exchange, Place>()
  /** Sleeps until the time of the first in the queue is up. */
  private watcher: Fiber.Fiber<void> | undefined = undefined
  private running = 0
  private pumping = false

  constructor(origin: string, options: Pool.Options, bounds: Bounds, onIdle: (pool: OriginPool) => void) {
    this.bounds = bounds
    this.onIdle = onIdle
    this.pool = new Pool(origin, options)
    const idle = () => {
      if (this.running === 0 && this.queue.size === 0 && this.pool.stats.connected === 0) this.onIdle(this)
    }
    this.pool.on("disconnect", idle).on("connectionError", idle)
  }

  get stats() {
    const { connected, free, pending } = this.pool.stats
    return { connected, free, pending: pending + this.queue.size, running: this.running }
  }

  /**
   * Hands an exchange to undici, now or in its turn. `refuse` is told when its turn does not come within the bounds.
   */
  send(exchange: Exchange, context: Context.Context<never>, refuse: (reason: PoolTimeout) => void): void {
    if (this.running < this.bounds.connections && this.queue.size === 0) {
      this.start(exchange)
    } else if (this.queue.size >= this.bounds.poolQueue) {
      refuse(new PoolTimeout({ wait: Duration.zero, queued: this.queue.size }))
    } else {
      const now = Context.get(context, Clock.Clock).currentTimeMillisUnsafe()
      this.queue.set(exchange, { until: now + Duration.toMillis(this.bounds.poolWait), refuse })
      this.watcher ??= Effect.runForkWith(context)(this.watch())
    }
  }

  /** Takes an exchange that still waits here out of the queue. */
  forget(exchange: Exchange): boolean {
    const waited = this.queue.delete(exchange)
    if (waited && this.queue.size === 0 && this.watcher !== undefined) {
      this.watcher.interruptUnsafe()
      this.watcher = undefined
    }
    return waited
  }

  /** An exchange that was started is over. */
  release(): void {
    this.running--
    if (this.queue.size === 0 || this.pumping) return
    this.pumping = true
    // The next one starts outside undici's parser, which may be what called this.
    queueMicrotask(() => {
      this.pumping = false
      for (const exchange of this.queue.keys()) {
        if (this.running >= this.bounds.connections) return
        this.forget(exchange)
        this.start(exchange)
      }
    })
  }

  /** Refuses those whose time is up. All wait equally long, so the first in the queue is the first to go. */
  private watch(): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      for (const [exchange, { refuse, until }] of this.queue) {
        if (until > now) return Effect.flatMap(Effect.sleep(until - now), () => this.watch())
        this.queue.delete(exchange)
        refuse(new PoolTimeout({ wait: this.bounds.poolWait, queued: this.queue.size + 1 }))
      }
      this.watcher = undefined
      return Effect.void
    })
  }

  private start(exchange: Exchange): void {
    this.running++
    this.pool.dispatch(exchange.options, exchange)
  }
}
