/**
 * A bulkhead as a small synchronous state machine: permits and a bounded queue. Time comes in as an argument, in
 * milliseconds, so that a call and a simulator drive the same machine.
 *
 * Guarded by `test/bulkhead/queue.test.ts` and `test/bulkhead/bulkhead.test.ts`.
 */
import * as Exit from "effect/Exit"
import { BulkheadFull, PolicyError } from "../../PolicyError.ts"
import { LinkedQueue, type Member } from "../linkedQueue.ts"

/** A call in the queue. */
export interface Waiter extends Member<Waiter> {
  /** Called once, when a permit is handed over. It may run the call to its end, and must not throw. */
  grant(): void
}

/** How many calls may run, and how many may wait for one of them to end. */
export class Bulkhead {
  limit: number
  queue: number
  running = 0
  /** Calls rejected since the machine was made. */
  rejections = 0
  /** Whether {@link settle} must be called. */
  adapts: boolean = false
  /** @internal When a call last used it. */
  usedAt = 0
  private readonly waiters = new LinkedQueue<Waiter>()
  private granting = false
  private rejection: Exit.Exit<never, PolicyError<BulkheadFull>> | undefined = undefined
  private rejectedAt = -1

  constructor(limit: number, queue: number) {
    this.limit = limit
    this.queue = queue
  }

  /** How many calls are in the queue. */
  get waiting(): number {
    return this.waiters.length
  }

  /** Whether no call is running or waiting. */
  get idle(): boolean {
    return this.running === 0 && this.waiting === 0
  }

  /** Takes a permit at once, never ahead of waiting calls. */
  tryAcquire(): boolean {
    if (this.running >= this.limit || this.waiters.first !== undefined) return false
    this.running++
    return true
  }

  /**
   * Sets a fixed limit from now on. Running and waiting calls keep their places, even beyond a smaller limit or queue.
   */
  resize(limit: number, queue: number): void {
    this.limit = limit
    this.queue = queue
    this.adapts = false
    this.handOut()
  }

  /** Releases a permit. */
  release(): void {
    this.running--
    this.handOut()
  }

  /** Hands free permits to the longest waiting calls. */
  private handOut(): void {
    // A call that ends within its `grant` re-enters here. The loop below then continues, so the stack does not grow.
    if (this.waiters.first === undefined || this.granting) return
    this.granting = true
    try {
      for (
        let first = this.waiters.first;
        first !== undefined && this.running < this.limit;
        first = this.waiters.first
      ) {
        this.waiters.leave(first)
        this.running++
        first.grant()
      }
    } finally {
      this.granting = false
    }
  }

  /** Puts a call at the end of the queue; `false` when the queue is full. */
  enqueue(waiter: Waiter): boolean {
    if (this.waiting >= this.queue) return false
    this.waiters.join(waiter)
    return true
  }

  /** Takes a call out of the queue; `false` when it is not in it. */
  cancel(waiter: Waiter): boolean {
    return this.waiters.leave(waiter)
  }

  /** Counts a rejection and returns its error, the same instance while the limit is unchanged. */
  reject(): Exit.Exit<never, PolicyError<BulkheadFull>> {
    this.rejections++
    if (this.rejection === undefined || this.rejectedAt !== this.limit) {
      this.rejectedAt = this.limit
      this.rejection = Exit.fail(
        new PolicyError({ reason: new BulkheadFull({ limit: this.limit, queue: this.queue }) })
      )
    }
    return this.rejection
  }

  /**
   * Settles a call that still holds its permit: `latency` since it got the permit, and whether an overloaded dependency
   * `dropped` it. Do not settle calls that were interrupted or failed for another reason.
   */
  settle(_now: number, _latency: number, _dropped: boolean): void {}

  /** Starts over, as a new machine does. Only for one that is idle. */
  forget(): void {}
}
