/**
 * The timers of a simulation: a binary heap by time, first in first out for equal times. Keys are in arrays of their own,
 * so a comparison does not touch the timers.
 *
 * Guarded by `test/engine/engine.test.ts` and `test/laws.test.ts`.
 */

/** Something that happens at an instant. It is in the heap at most once. */
export abstract class Timer {
  /** @internal Where in the heap it is, or -1. */
  slot = -1

  abstract ring(): void

  /** What rings when the heap comes to its entry: the timer itself, or one of the timers that the entry stands for. */
  due(_at: number, _order: number): Timer | undefined {
    return this
  }
}

export class Timers {
  private times = new Float64Array(256)
  private orders = new Float64Array(256)
  private readonly timers: Array<Timer> = []
  private order = 0
  size = 0

  /** The time of the next timer, or `Infinity`. */
  get next(): number {
    return this.size === 0 ? Infinity : this.times[0]!
  }

  add(timer: Timer, at: number): void {
    this.put(timer, at, this.take())
  }

  /** The place of a timer among those of the same time. */
  take(): number {
    return this.order++
  }

  put(timer: Timer, at: number, order: number): void {
    if (this.size === this.times.length) this.grow()
    this.up(this.size++, timer, at, order)
  }

  remove(timer: Timer): void {
    const { slot } = timer
    if (slot < 0) return
    timer.slot = -1
    const last = --this.size
    const moved = this.timers[last]!
    const at = this.times[last]!
    const order = this.orders[last]!
    this.timers.length = last
    if (slot === last) return
    const parent = (slot - 1) >> 1
    if (slot > 0 && this.isBefore(at, order, parent)) this.up(slot, moved, at, order)
    else this.down(slot, moved, at, order)
  }

  /** Takes the next entry out, and returns what rings for it, if anything does. The heap must not be empty. */
  pop(): Timer | undefined {
    const timer = this.timers[0]!
    const at = this.times[0]!
    const order = this.orders[0]!
    this.remove(timer)
    return timer.due(at, order)
  }

  private isBefore(at: number, order: number, slot: number): boolean {
    const time = this.times[slot]!
    return at < time || (at === time && order < this.orders[slot]!)
  }

  private place(slot: number, timer: Timer, at: number, order: number): void {
    this.times[slot] = at
    this.orders[slot] = order
    this.timers[slot] = timer
    timer.slot = slot
  }

  private move(from: number, to: number): void {
    const timer = this.timers[from]!
    this.times[to] = this.times[from]!
    this.orders[to] = this.orders[from]!
    this.timers[to] = timer
    timer.slot = to
  }

  private up(from: number, timer: Timer, at: number, order: number): void {
    let slot = from
    while (slot > 0) {
      const parent = (slot - 1) >> 1
      if (!this.isBefore(at, order, parent)) break
      this.move(parent, slot)
      slot = parent
    }
    this.place(slot, timer, at, order)
  }

  private down(from: number, timer: Timer, at: number, order: number): void {
    const { orders, size, times } = this
    let slot = from
    for (;;) {
      let child = 2 * slot + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.isBefore(times[right]!, orders[right]!, child)) child = right
      if (this.isBefore(at, order, child)) break
      this.move(child, slot)
      slot = child
    }
    this.place(slot, timer, at, order)
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2)
    const orders = new Float64Array(times.length)
    times.set(this.times)
    orders.set(this.orders)
    this.times = times
    this.orders = orders
  }
}
