/**
 * What all parts of a run share.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type { Engine } from "../engine/engine.ts"

/** The part of the run in which a call ends: before, during and after what goes wrong. */
type PhaseIndex = 0 | 1 | 2

export interface Run {
  readonly engine: Engine
  /** When callers stop. */
  readonly until: number
  /** How long a slot of the series is. */
  readonly every: number
  phase: PhaseIndex
  /** Calls that have begun and not ended. */
  inFlight: number
}
