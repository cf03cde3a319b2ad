/**
 * The deadline in force: an instant in the context, and the call that it is of, because it ends with that call.
 *
 * Guarded by `test/Deadline.test.ts` and `test/composition/nested.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/** `Deadline.Deadline`, where the call that `Deadline.within` makes can know it. */
export const Deadline: Context.Reference<number> = Context.Reference<number>("@holdfast/core/Deadline", {
  defaultValue: () => Infinity
})

/** The time of one call: the deadline that it has set, and what was in force around it. */
export interface Term {
  readonly at: number
  /** The call has ended. Fibers that outlive it have its deadline in their context still. */
  readonly isOver: boolean
  readonly outerAt: number
  readonly outer: Term | undefined
}

const CurrentTerm: Context.Reference<Term | undefined> = Context.Reference<Term | undefined>(
  "@holdfast/core/Deadline/Term",
  { defaultValue: () => undefined }
)

/** The deadline in force for a fiber: that of the innermost call around it that has not ended, or one given by hand. */
export const deadlineOf = (fiber: Fiber.Fiber<unknown, unknown>): number => {
  const at = fiber.getRef(Deadline)
  return at === Infinity ? at : inForce(at, fiber.getRef(CurrentTerm))
}

/** The deadline of a context that says `at`, within `term`. */
export const inForce = (at: number, term: Term | undefined): number => {
  // A deadline that is not the term's was provided by hand.
  while (term !== undefined && term.isOver && term.at === at) {
    at = term.outerAt
    term = term.outer
  }
  return at
}

/** The term that a fiber is in. */
export const termOf = (fiber: Fiber.Fiber<unknown, unknown>): Term | undefined => fiber.getRef(CurrentTerm)

/** A context in which a term runs. */
export const within = (context: Context.Context<never>, term: Term): Context.Context<never> =>
  Context.add(Context.add(context, Deadline, term.at), CurrentTerm, term)

/** The time of an attempt that runs in the fiber of its call, in milliseconds, and whether it will ring. */
export interface AttemptBound {
  readonly timeout: number
  readonly isSet: boolean
}

/** The time of the whole call, where the policy bounds it. */
export interface Bound {
  readonly expired: boolean
  /** The instant at which it is over, in milliseconds since the epoch. */
  readonly at: number
  /** Sets its timer, if it has left the time to the timeout of an attempt so far. */
  arm(): void
  /** Bounds what runs from now on, and shows it the deadline, if an attempt went without. */
  show(): void
}

/** A call that runs, as its attempts know it. */
export interface Running {
  /** The deadline in force, in milliseconds since the epoch; `Infinity` without one. */
  deadline(): number
}
