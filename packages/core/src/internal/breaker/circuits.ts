/**
 * The circuits of a breaker by key, bounded in number.
 */
import { Circuit, type Rules } from "./circuit.ts"
import type { SavedCircuit } from "./state.ts"

/** How many circuits a new key examines for eviction. */
const looks = 8

/** The circuits of a breaker by key: at most `maxKeys`, not counting circuits isolated by hand. */
export class Circuits {
  readonly rules: Rules
  readonly maxKeys: number
  // For calls without a key.
  readonly sole: Circuit
  // In the order in which they are examined.
  readonly circuits = new Map<string, Circuit>()
  readonly isolated = new Map<string, Circuit>()
  recent: Circuit | undefined = undefined

  constructor(rules: Rules, maxKeys: number) {
    this.rules = rules
    this.maxKeys = maxKeys
    this.sole = new Circuit(rules, undefined)
  }

  /** The circuit that decides about a call, created if necessary. A call keeps its circuit until it ends. */
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

  /** Every circuit as data. */
  save(): ReadonlyArray<SavedCircuit> {
    return [this.sole, ...this.circuits.values(), ...this.isolated.values()].map((circuit) => circuit.save())
  }

  /** Continues from the circuits of another breaker. */
  restore(saved: ReadonlyArray<SavedCircuit>, now: number): void {
    for (const circuit of saved) {
      const key = circuit.key ?? undefined
      if (key !== undefined && circuit.state === "Isolated") this.isolate(key, now)
      const target = key === undefined ? this.sole : this.isolated.get(key) ?? this.get(key, now)
      target.restore(circuit, now)
    }
  }

  /**
   * Evicts stale circuits. If none of those examined is stale, evicts the least recently used one, closed circuits
   * first.
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
    // The rest move to the end, so that the next key examines others.
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

/** Whether to evict one circuit before another. */
const before = (one: Circuit, other: Circuit): boolean => {
  const closed = one.state === "Closed"
  return closed === (other.state === "Closed") ? one.usedAt < other.usedAt : closed
}
