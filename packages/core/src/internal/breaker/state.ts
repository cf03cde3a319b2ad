/**
 * The state of circuits, as data: the shapes that `CircuitBreaker` publishes.
 *
 * Guarded by `test/breaker/observed.test.ts` and `test/breaker/byHand.test.ts`.
 */
import type * as Duration from "effect/Duration"

/** The name of a circuit's state. */
export type StateTag = State["_tag"]

/**
 * The state of a circuit. When its open time is over, a circuit stays `Open` with a `retryAfter` of zero until the next
 * call.
 */
export type State =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly retryAfter: Duration.Duration }
  | { readonly _tag: "HalfOpen"; readonly probing: number }
  | { readonly _tag: "Isolated" }

/** The counts that a circuit decides by. */
export interface Stats {
  readonly state: StateTag
  /** Calls in the window, or failures in a row for a `consecutive` trip. */
  readonly calls: number
  readonly failures: number
  readonly slow: number
  /** Between 0 and 1, or `undefined` without calls. */
  readonly failureRate: number | undefined
  readonly slowRate: number | undefined
  /** Calls rejected so far, or that `mode: "observe"` would have rejected. */
  readonly rejections: number
}

/** A circuit as JSON data. Times are in milliseconds since the epoch, `null` for never. */
export interface SavedCircuit {
  /** `null` is the circuit for calls without a key. */
  readonly key: string | null
  readonly state: StateTag
  readonly openUntil: number | null
  readonly openedFor: number
  readonly openings: number
  readonly delay: number
  readonly restedAt: number | null
  readonly usedAt: number | null
  /** The trip that the counts belong to. */
  readonly trip: string
  readonly counts: ReadonlyArray<number>
}

/** The circuits of a breaker as JSON data. */
export interface Snapshot {
  /** When it was taken, in milliseconds since the epoch. */
  readonly at: number
  readonly circuits: ReadonlyArray<SavedCircuit>
}

/** A change of state. */
export interface Transition {
  /** `undefined` is the circuit for calls without a key. */
  readonly key: string | undefined
  readonly from: StateTag
  readonly to: StateTag
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly at: number
  /** How long the circuit will stay open, if it opened by itself. */
  readonly openFor: Duration.Duration | undefined
}

/** Called when the end of a call has changed the state of its circuit. */
export type OnChange = (from: StateTag, to: StateTag) => void
