/**
 * Circuits as small synchronous state machines. Time and chance come in as arguments, so that the breaker's own
 * combinator, the fused policy and a simulator drive the same machine.
 */
import type { Backoff } from "../../Backoff.ts"
import type { StateTag } from "../../CircuitBreaker.ts"
import type { Trip } from "./trip.ts"
import { type Memory, remember } from "./window.ts"

/** How a call ended, as a circuit wants to know it. An ignored call says nothing of the dependency's health. */
export type Outcome = typeof success | typeof failure | typeof ignored
export const success = 0
export const failure = 1
export const ignored = 2

/** Where a circuit draws chance from: asked only when it opens, and only by a backoff. */
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
  readonly onTransition: (circuit: Circuit, from: StateTag, to: StateTag, now: number) => void
}

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
  // Openings in a row, counted anew after a rest, and what the backoff said last: a hint does not make it grow.
  openings = 0
  delay = 0
  // When the circuit has been closed for as long as it was last open.
  restedAt = -Infinity
  // Probes under way, and probes of this half-open time that passed.
  probing = 0
  passed = 0

  constructor(rules: Rules, key: string | undefined) {
    this.rules = rules
    this.key = key
    this.memory = remember(rules.trip)
    this.slowAfter = rules.trip._tag === "Consecutive" ? Infinity : rules.trip.slow?.longerThan ?? Infinity
  }

  /** A ticket for {@link settle}, or -1 when the call is rejected. */
  admit(now: number): number {
    if (this.expired(now)) this.forget(now)
    switch (this.state) {
      case "Closed":
        this.usedAt = now
        return this.generation
      case "Isolated":
        return -1
      case "Open":
        if (this.retryAfter(now) > 0) return -1
        this.move("HalfOpen", now)
    }
    if (this.probing + this.passed >= this.rules.probes) return -1
    this.probing++
    this.usedAt = now
    return this.generation + 1
  }

  /**
   * Milliseconds until a probe may be admitted: zero when the open time is over, also while all probes are under way,
   * and `Infinity` while the circuit is held open by hand.
   */
  retryAfter(now: number): number {
    if (this.state === "Isolated") return Infinity
    if (this.state !== "Open") return 0
    // The clock was set back, which must not keep the circuit open for longer than it was to be.
    if (this.openUntil - now > this.openedFor) this.openUntil = now + this.openedFor
    return Math.max(0, this.openUntil - now)
  }

  /**
   * Takes the end of an admitted call that took `duration` milliseconds. `retryAfter` is how long the failure asked to
   * be left alone, in milliseconds, or 0. A ticket of an earlier state is ignored, and each ticket is settled once.
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
      if (outcome === failure || slow) {
        this.open(now, retryAfter, chance)
      } else if (++this.passed >= this.rules.probes) {
        this.restedAt = now + this.openedFor
        this.move("Closed", now)
      }
    }
  }

  /** Holds the circuit open until {@link close}. */
  isolate(now: number): void {
    if (this.state !== "Isolated") this.move("Isolated", now)
  }

  /** Closes the circuit and forgets all that it has seen, calls under way included. */
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

  /** Whether nobody has used the circuit for so long that what it knows is of no use. */
  expired(now: number): boolean {
    return now - this.usedAt >= this.rules.idleTimeToLive && this.probing === 0 && this.state !== "Isolated" &&
      now - Math.max(this.openUntil, this.restedAt) >= this.rules.idleTimeToLive
  }

  /** Starts again as a new circuit would. Calls under way still count. */
  forget(now: number): void {
    if (this.state !== "Closed") return this.close(now)
    this.memory.clear()
  }

  /**
   * Goes on from where `other` is, whose rules were others. What a closed circuit has counted depends on its rules, and is
   * left behind; one that is open stays so for no longer than it would by these rules.
   */
  resume(other: Circuit, now: number): void {
    const { maxRetryAfter, openFor } = this.rules
    const longest = typeof openFor === "number" ? openFor : openFor.max
    const hinted = other.openedFor > other.delay
    this.openedFor = Math.min(other.openedFor, hinted ? Math.max(longest, maxRetryAfter) : longest)
    // A probe under way knows the other circuit alone, so that another one is let through.
    this.openUntil = other.state === "HalfOpen" ? now : Math.min(other.openUntil, now + this.openedFor)
    this.state = other.state === "HalfOpen" ? "Open" : other.state
    this.openings = other.openings
    this.delay = other.delay
    this.restedAt = other.restedAt
    this.usedAt = other.usedAt
  }

  private open(now: number, retryAfter: number, chance: Chance): void {
    if (this.state === "Closed" && now >= this.restedAt) this.openings = this.delay = 0
    this.openings++
    const { maxRetryAfter, openFor } = this.rules
    this.delay = typeof openFor === "number" ? openFor : openFor.delay(this.openings, this.delay, chance.random())
    this.openedFor = Math.max(this.delay, Math.min(retryAfter, maxRetryAfter))
    this.openUntil = now + this.openedFor
    this.move("Open", now)
  }

  private move(to: StateTag, now: number): void {
    const from = this.state
    this.state = to
    this.generation += 2
    this.probing = this.passed = 0
    this.memory.clear()
    this.rules.onTransition(this, from, to, now)
  }
}

/** How many circuits a new key looks at, in turn, for those to give up. */
const looks = 8

/** The circuits of a breaker by key: at most `maxKeys`, and beside them those that were isolated by hand. */
export class Circuits {
  readonly rules: Rules
  readonly maxKeys: number
  // For calls without a key.
  readonly sole: Circuit
  // In the order in which they are looked at.
  readonly circuits = new Map<string, Circuit>()
  readonly isolated = new Map<string, Circuit>()
  recent: Circuit | undefined = undefined

  constructor(rules: Rules, maxKeys: number) {
    this.rules = rules
    this.maxKeys = maxKeys
    this.sole = new Circuit(rules, undefined)
  }

  /** The circuit that decides about a call, made if need be. A call keeps its circuit until it ends. */
  get(key: string | undefined, now: number): Circuit {
    if (key === undefined) return this.sole
    const { recent } = this
    if (recent !== undefined && recent.key === key) return recent
    let circuit = this.peek(key)
    if (circuit === undefined) {
      this.makeRoom(now)
      circuit = new Circuit(this.rules, key)
      this.circuits.set(key, circuit)
    }
    this.recent = circuit
    return circuit
  }

  /** The circuit of a key, if it has one. */
  peek(key: string | undefined): Circuit | undefined {
    return key === undefined ? this.sole : this.circuits.get(key) ?? this.isolated.get(key)
  }

  isolate(key: string | undefined, now: number): void {
    const circuit = this.peek(key) ?? new Circuit(this.rules, key)
    if (key !== undefined) {
      this.drop(key)
      this.isolated.set(key, circuit)
    }
    circuit.isolate(now)
  }

  close(key: string | undefined, now: number): void {
    const circuit = this.peek(key)
    if (key !== undefined) {
      this.drop(key)
      this.isolated.delete(key)
    }
    circuit?.close(now)
  }

  /** Goes on from where the circuits of another breaker are. */
  resume(others: Circuits, now: number): void {
    this.sole.resume(others.sole, now)
    for (const [key, circuit] of others.circuits) this.get(key, now).resume(circuit, now)
    for (const [key, circuit] of others.isolated) {
      this.isolate(key, now)
      this.isolated.get(key)?.resume(circuit, now)
    }
  }

  /**
   * Gives up circuits that nobody has used for long, and if that is not enough the least recently used one, rather a
   * closed one than one that still rejects.
   */
  private makeRoom(now: number): void {
    const looked = this.circuits.values().take(looks).toArray()
    let last: Circuit | undefined
    for (const circuit of looked) {
      if (circuit.expired(now)) {
        this.giveUp(circuit, now)
      } else if (last === undefined || before(circuit, last)) {
        last = circuit
      }
    }
    if (this.circuits.size >= this.maxKeys && last !== undefined) this.giveUp(last, now)
    // Those that stay go to the end, so that the next key looks at others.
    for (const circuit of looked) {
      if (circuit.key !== undefined && this.circuits.delete(circuit.key)) this.circuits.set(circuit.key, circuit)
    }
  }

  private giveUp(circuit: Circuit, now: number): void {
    if (circuit.key !== undefined) this.drop(circuit.key)
    circuit.close(now)
  }

  private drop(key: string): void {
    this.circuits.delete(key)
    if (this.recent?.key === key) this.recent = undefined
  }
}

/** Whether one circuit is to be given up before another. */
const before = (one: Circuit, other: Circuit): boolean => {
  const closed = one.state === "Closed"
  return closed === (other.state === "Closed") ? one.usedAt < other.usedAt : closed
}
