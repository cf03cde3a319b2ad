/**
 * The circuits of a breaker by key, bounded in number.
 *
 * Guarded by `test/breaker/keys.test.ts` and `test/breaker/stored.test.ts`.
 */
import { Keyed, type Loss } from "../keyed.ts"
import { Circuit, type Rules } from "./circuit.ts"
import type { SavedCircuit } from "./state.ts"

/** The circuits of a breaker by key: at most `maxKeys`, not counting circuits isolated by hand. */
export class Circuits {
  readonly rules: Rules
  // For calls without a key.
  readonly sole: Circuit
  private readonly circuits: Keyed<Circuit>
  private readonly isolated = new Map<string, Circuit>()

  constructor(rules: Rules, maxKeys: number) {
    this.rules = rules
    this.sole = new Circuit(rules, undefined)
    this.circuits = new Keyed(maxKeys, {
      create: (key) => new Circuit(rules, key),
      lossOf,
      evicted: (circuit, now) => circuit.close(now)
    })
  }

  /** The circuit that decides about a call, created if necessary. A call keeps its circuit until it ends. */
  get(key: string | undefined, now: number): Circuit {
    if (key === undefined) return this.sole
    return this.isolated.get(key) ?? this.circuits.get(key, now)
  }

  /** The circuit of a key, if it has one. */
  peek(key: string | undefined): Circuit | undefined {
    return key === undefined ? this.sole : this.isolated.get(key) ?? this.circuits.peek(key)
  }

  isolate(key: string | undefined, now: number): void {
    const circuit = this.peek(key) ?? new Circuit(this.rules, key)
    if (key !== undefined) {
      this.circuits.take(key)
      this.isolated.set(key, circuit)
    }
    circuit.isolate(now)
  }

  close(key: string | undefined, now: number): void {
    const circuit = this.peek(key)
    if (key !== undefined) {
      this.circuits.take(key)
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
      this.get(key, now).restore(circuit, now)
    }
  }
}

const lossOf = (circuit: Circuit, now: number): Loss =>
  circuit.expired(now) ? "nothing" : circuit.state === "Closed" ? "little" : "much"
