/**
 * The timers of a simulation: a binary heap by time, first in first out for equal times. Keys are in arrays of their own,
 * so a comparison does not touch the timers.
 *
 * Guarded by `test/engine/engine.test.ts` and `test/laws.test.ts`.
 */

/** Something that happens at an instant. It is in the heap at most once. */
export abstract class Timer {
  // Timers are made by the million. Fields that are declared are set once, by the constructor.
  /** @internal Where in the heap it is, or -1. */
  declare slot: number

  constructor() {
    this.slot = -1
  }

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
  private length = 0
  /**
   * Whether the root was taken and not filled yet. Most timers that ring set another one, which takes that place: one way
   * down the heap, in place of one down for the last entry and one up for the new.
   */
  private hasHole = false

  get size(): number {
    return this.hasHole ? this.length - 1 : this.length
  }

  /** The time of the next timer, or `Infinity`. */
  get next(): number {
    this.fill()
    return this.length === 0 ? Infinity : this.times[0]!
  }

  add(timer: Timer, at: number): void {
    this.put(timer, at, this.take())
  }

  /** The place of a timer among those of the same time. */
  take(): number {
    return this.order++
  }

  put(timer: Timer, at: number, order: number): void {
    if (this.hasHole) {
      this.hasHole = false
      this.down(0, timer, at, order)
    } else {
      if (this.length === this.times.length) this.grow()
      this.up(this.length++, timer, at, order)
    }
  }

  remove(timer: Timer): void {
    if (timer.slot < 0) return
    this.fill()
    const { slot } = timer
    timer.slot = -1
    this.takeOut(slot)
  }

  /** Takes the next entry out, and returns what rings for it, if anything does. The heap must not be empty. */
  pop(): Timer | undefined {
    this.fill()
    const timer = this.timers[0]!
    timer.slot = -1
    this.hasHole = true
    return timer.due(this.times[0]!, this.orders[0]!)
  }

  private fill(): void {
    if (!this.hasHole) return
    this.hasHole = false
    this.takeOut(0)
  }

  /** Puts the last entry where another was. */
  private takeOut(slot: number): void {
    const last = --this.length
    const moved = this.timers.pop()!
    if (slot === last) return
    const at = this.times[last]!
    const order = this.orders[last]!
    const parent = (slot - 1) >> 1
    if (slot > 0 && this.isBefore(at, order, parent)) this.up(slot, moved, at, order)
    else this.down(slot, moved, at, order)
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
    const { length, orders, times } = this
    let slot = from
    for (;;) {
      let child = 2 * slot + 1
      if (child >= length) break
      const right = child + 1
      if (right < length && this.isBefore(times[right]!, orders[right]!, child)) child = right
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
