/**
 * What circuits go by: the length of a row of failures, or the share of failures and slow calls in a window.
 *
 * Guarded by `test/breaker/window.test.ts`, `test/breaker/observed.test.ts` and `test/peers/breakers.test.ts`.
 */
import type { Trip } from "./trip.ts"

/** What a circuit remembers of the calls that ended while it was closed. */
export interface Memory {
  /** Takes a call in and says whether the circuit opens. */
  record(now: number, failed: boolean, slow: boolean): boolean
  clear(): void
  /** What is remembered at `now`. */
  count(now: number): Counts
  /** What is remembered, as numbers, and back. */
  save(): ReadonlyArray<number>
  load(saved: ReadonlyArray<number>): void
}

/** The calls that a circuit decides by. */
interface Counts {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

class Streak implements Memory {
  readonly most: number
  length = 0

  constructor(most: number) {
    this.most = most
  }

  record(_: number, failed: boolean): boolean {
    if (!failed) {
      this.length = 0
      return false
    }
    return ++this.length >= this.most
  }

  clear(): void {
    this.length = 0
  }

  count(): Counts {
    return { calls: this.length, failures: this.length, slow: 0 }
  }

  save(): ReadonlyArray<number> {
    return [this.length]
  }

  load([length = 0]: ReadonlyArray<number>): void {
    this.length = length
  }
}

type RateTrip = Extract<Trip, { readonly _tag: "CountRate" | "TimeRate" }>

const trips = (trip: RateTrip, calls: number, failures: number, slow: number): boolean =>
  calls >= trip.minimumCalls && (
    (failures > 0 && failures / calls >= trip.threshold) ||
    (trip.slow !== undefined && slow > 0 && slow / calls >= trip.slow.threshold)
  )

/** The last `size` calls, as a ring of bits: 1 for a failure, 2 for a slow call. */
class CountWindow implements Memory {
  readonly trip: RateTrip
  readonly ring: Uint8Array
  next = 0
  calls = 0
  failures = 0
  slow = 0

  constructor(trip: RateTrip, size: number) {
    this.trip = trip
    this.ring = new Uint8Array(size)
  }

  record(_: number, failed: boolean, slow: boolean): boolean {
    const { ring } = this
    const oldest = ring[this.next] ?? 0
    if (this.calls < ring.length) this.calls++
    this.failures += (failed ? 1 : 0) - (oldest & 1)
    this.slow += (slow ? 1 : 0) - (oldest >> 1)
    ring[this.next] = (failed ? 1 : 0) | (slow ? 2 : 0)
    this.next = this.next + 1 === ring.length ? 0 : this.next + 1
    return trips(this.trip, this.calls, this.failures, this.slow)
  }

  count(): Counts {
    return { calls: this.calls, failures: this.failures, slow: this.slow }
  }

  save(): ReadonlyArray<number> {
    const { calls, next, ring } = this
    // Oldest first.
    return Array.from({ length: calls }, (_, index) => ring[(next - calls + index + ring.length) % ring.length] ?? 0)
  }

  load(saved: ReadonlyArray<number>): void {
    this.clear()
    for (const call of saved.slice(-this.ring.length)) this.record(0, (call & 1) === 1, (call & 2) === 2)
  }

  clear(): void {
    this.ring.fill(0)
    this.next =
      this.calls =
      this.failures =
      this.slow =
        0
  }
}

/** A time window ages by tenths: a call is forgotten when it is between nine and ten tenths of the window old. */
const slots = 10

/** The calls of the last `window` milliseconds, counted by slots of a tenth of it. */
class TimeWindow implements Memory {
  readonly trip: RateTrip
  readonly width: number
  // Calls, failures and slow calls of each slot, side by side.
  readonly counts = new Uint32Array(3 * slots)
  newest = 0
  calls = 0
  failures = 0
  slow = 0

  constructor(trip: RateTrip, window: number) {
    this.trip = trip
    this.width = window / slots
  }

  record(now: number, failed: boolean, slow: boolean): boolean {
    this.age(Math.floor(now / this.width))
    const at = 3 * (this.newest % slots)
    this.add(at, 1)
    this.calls++
    if (failed) {
      this.add(at + 1, 1)
      this.failures++
    }
    if (slow) {
      this.add(at + 2, 1)
      this.slow++
    }
    return trips(this.trip, this.calls, this.failures, this.slow)
  }

  count(now: number): Counts {
    this.age(Math.floor(now / this.width))
    return { calls: this.calls, failures: this.failures, slow: this.slow }
  }

  save(): ReadonlyArray<number> {
    return [this.newest, ...this.counts]
  }

  load([newest = 0, ...counts]: ReadonlyArray<number>): void {
    this.clear()
    this.newest = newest
    for (let at = 0; at < this.counts.length; at += 3) {
      this.add(at, counts[at] ?? 0)
      this.add(at + 1, counts[at + 1] ?? 0)
      this.add(at + 2, counts[at + 2] ?? 0)
      this.calls += counts[at] ?? 0
      this.failures += counts[at + 1] ?? 0
      this.slow += counts[at + 2] ?? 0
    }
  }

  age(slot: number): void {
    const ahead = slot - this.newest
    if (ahead >= slots || ahead <= -slots) {
      this.clear()
      this.newest = slot
    }
    // A clock that was set back a little counts on in the newest slot.
    while (this.newest < slot) {
      const at = 3 * (++this.newest % slots)
      this.calls -= this.take(at)
      this.failures -= this.take(at + 1)
      this.slow -= this.take(at + 2)
    }
  }

  add(at: number, by: number): void {
    this.counts[at] = (this.counts[at] ?? 0) + by
  }

  take(at: number): number {
    const count = this.counts[at] ?? 0
    this.counts[at] = 0
    return count
  }

  clear(): void {
    this.counts.fill(0)
    this.calls = this.failures = this.slow = 0
  }
}

/** An empty memory, which opens the circuit as `trip` says. */
export const remember = (trip: Trip): Memory => {
  switch (trip._tag) {
    case "Consecutive":
      return new Streak(trip.failures)
    case "CountRate":
      return new CountWindow(trip, trip.size)
    case "TimeRate":
      return new TimeWindow(trip, trip.window)
  }
}
