/**
 * Circuits as small synchronous state machines. Time and chance come in as arguments, so that the breaker's own
 * combinator, the fused policy and a simulator drive the same machine.
 *
 * Guarded by `test/breaker/circuit.test.ts` and `test/breaker/byHand.test.ts`.
 */
import type { Backoff } from "../../Backoff.ts"
import type { SavedCircuit, StateTag } from "./state.ts"
import type { Trip } from "./trip.ts"
import { type Memory, remember } from "./window.ts"

/** How a call ended, as the circuit counts it. An ignored call says nothing about the dependency's health. */
export type Outcome = typeof success | typeof failure | typeof ignored
export const success = 0
export const failure = 1
export const ignored = 2

/** The random source of a circuit, used only when it opens with a backoff. */
export interface Chance {
  random(): number
}

/** What all circuits of a breaker share. Durations are in milliseconds. */
export interface Rules {
  readonly trip: Trip
  readonly openFor: number | Backoff
  readonly probes: number
  readonly maxRetryAfter: number
  readonly idleTimeToLive: number
  /** `observe` decides but rejects nothing; `disabled` does nothing. */
  readonly mode: "enabled" | "observe" | "disabled"
  /** The share of failed probes that opens the circuit again; `undefined` if the first failed probe does. */
  readonly probeThreshold: number | undefined
  /** How long a circuit may stay half-open. */
  readonly halfOpenFor: number
  readonly onTransition: (circuit: Circuit, from: StateTag, to: StateTag, now: number) => void
}

// The ticket of a call that runs but is not counted. It is a fraction, so it matches no generation.
const unnoticed = 0.5

/** The circuit of one key. */
export class Circuit {
  readonly rules: Rules
  readonly key: string | undefined
  readonly memory: Memory
  readonly slowAfter: number
  state: StateTag = "Closed"
  // Always even. A ticket is the generation that the call was admitted in, plus one for a probe.
  generation = 0
  usedAt = -Infinity
  openUntil = -Infinity
  openedFor = 0
  // Openings in a row, restarted after a rest, and the last delay from the backoff, which a hint does not lengthen.
  openings = 0
  delay = 0
  // When the circuit has been closed for as long as it was last open.
  restedAt = -Infinity
  // Probes under way, and probes of this half-open time that passed and failed.
  probing = 0
  passed = 0
  failed = 0
  halfOpenSince = -Infinity
  /** Calls rejected, or that `observe` would have rejected. */
  rejections = 0

  constructor(rules: Rules, key: string | undefined) {
    this.rules = rules
    this.key = key
    this.memory = remember(rules.trip)
    this.slowAfter = rules.trip._tag === "Consecutive" ? Infinity : rules.trip.slow?.longerThan ?? Infinity
  }

  /** A ticket for {@link settle}, or -1 when the call is rejected. */
  admit(now: number): number {
    if (this.state === "Closed" && this.rules.mode !== "disabled") {
      if (this.expired(now)) this.forget(now)
      this.usedAt = now
      return this.generation
    }
    return this.admitProbe(now)
  }

  private admitProbe(now: number): number {
    const { halfOpenFor, mode, probes } = this.rules
    if (mode === "disabled") return unnoticed
    if (this.expired(now)) {
      this.forget(now)
      return this.admit(now)
    }
    // The half-open time ran out without a decision. A clock that was set back must not prolong it.
    if (now < this.halfOpenSince) this.halfOpenSince = now
    if (this.state === "HalfOpen" && now - this.halfOpenSince >= halfOpenFor) this.reopen(now)
    if (this.state === "Isolated") return this.reject()
    if (this.state === "Open") {
      if (this.retryAfter(now) > 0) return this.reject()
      this.move("HalfOpen", now)
      this.halfOpenSince = now
    }
    if (this.probing + this.passed + this.failed >= probes) return this.reject()
    this.probing++
    this.usedAt = now
    return this.generation + 1
  }

  /** Counts a rejection: -1, unless calls are observed only. */
  reject(): number {
    this.rejections++
    return this.rules.mode === "observe" ? unnoticed : -1
  }

  /** Opens again for as long as it was open before. */
  private reopen(now: number): void {
    this.openUntil = Math.max(now, this.halfOpenSince + this.rules.halfOpenFor + this.openedFor)
    this.openings++
    this.move("Open", now)
  }

  /**
   * Milliseconds until a probe may be admitted: zero when the open time is over, also while all probes are under way,
   * and `Infinity` while the circuit is held open by hand.
   */
  retryAfter(now: number): number {
    if (this.state === "Isolated") return Infinity
    if (this.state !== "Open") return 0
    // The clock was set back. That must not keep the circuit open for longer than `openedFor`.
    if (this.openUntil - now > this.openedFor) this.openUntil = now + this.openedFor
    return Math.max(0, this.openUntil - now)
  }

  /**
   * Settles an admitted call that took `duration` milliseconds. `retryAfter` is the hint of the failure in
   * milliseconds, or 0. A ticket of an earlier state is ignored, and each ticket is settled once.
   */
  settle(ticket: number, now: number, outcome: Outcome, duration: number, retryAfter: number, chance: Chance): void {
    const slow = duration > this.slowAfter
    if (ticket === this.generation) {
      if (outcome === ignored) return
      this.usedAt = now
      if (this.memory.record(now, outcome === failure, slow)) this.open(now, retryAfter, chance)
    } else if (ticket === this.generation + 1) {
      this.usedAt = now
      this.probing--
      if (outcome === ignored) return
      const { probeThreshold, probes } = this.rules
      if (outcome === failure || slow) this.failed++
      else this.passed++
      const isDecided = this.passed + this.failed >= probes
      if (this.failed > 0 && (probeThreshold === undefined || (isDecided && this.failed / probes >= probeThreshold))) {
        this.open(now, retryAfter, chance)
      } else if (isDecided) {
        this.restedAt = now + this.openedFor
        this.move("Closed", now)
      }
    }
  }

  /** Holds the circuit open until {@link close}. */
  isolate(now: number): void {
    if (this.state !== "Isolated") this.move("Isolated", now)
  }

  /** Closes the circuit and clears its counts. Calls under way no longer count. */
  close(now: number): void {
    this.restedAt = this.openUntil = -Infinity
    if (this.state !== "Closed") return this.move("Closed", now)
    this.generation += 2
    this.memory.clear()
  }

  /** Stays open for `openFor` from now on, because the circuit is open elsewhere. */
  holdOpen(now: number, openFor: number): void {
    this.usedAt = now
    this.openedFor = openFor
    this.openUntil = now + openFor
    if (this.state !== "Open") this.move("Open", now)
  }

  /** Whether the circuit has been unused for so long that its counts are stale. */
  expired(now: number): boolean {
    return now - this.usedAt >= this.rules.idleTimeToLive && this.probing === 0 && this.state !== "Isolated" &&
      now - Math.max(this.openUntil, this.restedAt) >= this.rules.idleTimeToLive
  }

  /** Resets the circuit. Calls under way still count. */
  forget(now: number): void {
    if (this.state !== "Closed") return this.close(now)
    this.memory.clear()
  }

  /** Continues from the state of `other`, which had other rules: see {@link restore}. */
  resume(other: Circuit, now: number): void {
    this.restore(other.save(), now)
  }

  /** The circuit as data. */
  save(): SavedCircuit {
    const { delay, key, openUntil, openedFor, openings, restedAt, state, usedAt } = this
    const time = (at: number) => Number.isFinite(at) ? at : null
    return {
      key: key ?? null,
      state,
      openUntil: time(openUntil),
      openedFor,
      openings,
      delay,
      restedAt: time(restedAt),
      usedAt: time(usedAt),
      trip: JSON.stringify(this.rules.trip),
      counts: this.memory.save()
    }
  }

  /**
   * Continues from a saved circuit. The counts of a closed circuit are kept if its trip is the same; an open circuit
   * stays open for no longer than these rules allow.
   */
  restore(saved: SavedCircuit, now: number): void {
    const { maxRetryAfter, openFor, trip } = this.rules
    const longest = typeof openFor === "number" ? openFor : openFor.max
    const hinted = saved.openedFor > saved.delay
    this.openedFor = Math.min(saved.openedFor, hinted ? Math.max(longest, maxRetryAfter) : longest)
    // A probe under way belongs to the other circuit, so another probe is admitted here.
    const openUntil = saved.openUntil ?? -Infinity
    this.openUntil = saved.state === "HalfOpen" ? now : Math.min(openUntil, now + this.openedFor)
    this.state = saved.state === "HalfOpen" ? "Open" : saved.state
    this.openings = saved.openings
    this.delay = saved.delay
    this.restedAt = saved.restedAt ?? -Infinity
    this.usedAt = saved.usedAt ?? -Infinity
    if (saved.trip === JSON.stringify(trip)) this.memory.load(saved.counts)
  }

  private open(now: number, retryAfter: number, chance: Chance): void {
    if (this.state === "Closed" && now >= this.restedAt) this.openings = this.delay = 0
    this.openings++
    const { maxRetryAfter, openFor } = this.rules
    const before = this.delay
    this.delay = typeof openFor === "number" ? openFor : openFor.max
    try {
      if (typeof openFor !== "number") this.delay = openFor.delay(this.openings, before, chance.random())
    } finally {
      // If a call's `Random` throws, the call dies. The circuit opens anyway, or it would reject forever.
      this.openedFor = Math.max(this.delay, Math.min(retryAfter, maxRetryAfter))
      this.openUntil = now + this.openedFor
      this.move("Open", now)
    }
  }

  private move(to: StateTag, now: number): void {
    const from = this.state
    this.state = to
    this.generation += 2
    this.probing = this.passed = this.failed = 0
    this.memory.clear()
    this.rules.onTransition(this, from, to, now)
  }
}
