/**
 * Lists of timers by duration. Timers that are set for the same duration expire in the order in which they were set, so a
 * list is in order without a comparison.
 *
 * Calls set and clear their timeouts all the time, nearly always for the same few durations. Only the list is in the
 * heap, at the time of the timer that was its first when it was put there, which may have been cleared since: when its
 * turn comes, the list looks again. So a timeout that does not expire costs no step of the heap.
 *
 * Guarded by `test/engine/engine.test.ts` and `test/laws.test.ts`.
 */
import { Timer, type Timers } from "./timers.ts"

/** A timer that is in a list, or in the heap on its own. */
export abstract class Delayed extends Timer {
  /** @internal */
  declare list: Delays | undefined
  /** @internal */
  declare at: number
  /** @internal */
  declare order: number
  /** @internal */
  declare before: Delayed | undefined
  /** @internal */
  declare after: Delayed | undefined

  constructor() {
    super()
    this.list = undefined
    this.at = 0
    this.order = 0
    this.before = undefined
    this.after = undefined
  }
}

/** The timers of one duration. */
export class Delays extends Timer {
  private readonly timers: Timers
  private head: Delayed | undefined = undefined
  private tail: Delayed | undefined = undefined

  constructor(timers: Timers) {
    super()
    this.timers = timers
  }

  add(timer: Delayed, at: number): void {
    timer.list = this
    timer.at = at
    timer.order = this.timers.take()
    timer.before = this.tail
    timer.after = undefined
    if (this.tail === undefined) this.head = timer
    else this.tail.after = timer
    this.tail = timer
    if (this.slot < 0) this.timers.put(this, at, timer.order)
  }

  remove(timer: Delayed): void {
    const { after, before } = timer
    timer.list = undefined
    timer.before = timer.after = undefined
    if (before === undefined) this.head = after
    else before.after = after
    if (after === undefined) this.tail = before
    else after.before = before
  }

  /** Called by the heap, at a time that may be earlier than that of the first timer. */
  override due(at: number, order: number): Timer | undefined {
    const { head } = this
    if (head === undefined) return undefined
    const isDue = head.at === at && head.order === order
    if (isDue) this.remove(head)
    const rest = isDue ? this.head : head
    if (rest !== undefined) this.timers.put(this, rest.at, rest.order)
    return isDue ? head : undefined
  }

  /** The heap asks for what is due instead. */
  override ring(): void {}
}
