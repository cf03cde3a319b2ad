/**
 * The connections to one origin, with a bounded FIFO queue in front of them.
 *
 * undici's pool queues without bound, and a request in its queue can be neither timed nor taken out. So no more
 * exchanges are handed to it than it has connections, and the rest wait here.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { Pool } from "undici"
import { PoolTimeout } from "../HttpFailure.ts"
import type { Exchange } from "./exchange.ts"

export interface Bounds {
  readonly connections: number
  readonly poolWait: Duration.Duration
  readonly poolQueue: number
}

export class OriginPool {
  readonly pool: Pool
  private readonly bounds: Bounds
  private readonly onIdle: (pool: OriginPool) => void
  private readonly queue = new Map<Exchange, Fiber.Fiber<void>>()
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
      const timer = Effect.runForkWith(context)(Effect.map(Effect.sleep(this.bounds.poolWait), () => {
        this.queue.delete(exchange)
        refuse(new PoolTimeout({ wait: this.bounds.poolWait, queued: this.queue.size + 1 }))
      }))
      this.queue.set(exchange, timer)
    }
  }

  /** Takes an exchange that still waits here out of the queue. */
  forget(exchange: Exchange): boolean {
    const timer = this.queue.get(exchange)
    if (timer === undefined) return false
    timer.interruptUnsafe()
    return this.queue.delete(exchange)
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

  private start(exchange: Exchange): void {
    this.running++
    this.pool.dispatch(exchange.options, exchange)
  }
}
