/**
 * What Effect does not export: the stack of a fiber, which calls three methods by name, two methods of a
 * fiber, and six of its fields.
 *
 * Effect interrupts whole fibers. With its public API a timeout therefore needs a child fiber, a second suspension and an
 * observer, and giving something back at every end needs three more operators. That is most of what a policy costs. So a
 * call is a {@link Frame} on the stack of its caller's fiber and its attempts run in that fiber, each under a
 * {@link Timeout} if it has one.
 *
 * What an attempt can see of this is its fiber's id. All else has to be as under `Effect.retry` and `Effect.timeout`
 * composed by hand, and `test/composition/transparency.test.ts` compares the two on random programs.
 *
 * `test/fiber/frame.test.ts` fails when Effect changes one of these names. Where they are not found, the same call runs by
 * the public API, with each attempt that has a timeout in a child.
 *
 * Guarded by `test/fiber/frame.test.ts`.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a fiber has beside what it exports. */
export interface Inner extends AnyFiber {
  readonly _stack: Array<unknown>
  interruptible: boolean
  _interruptedCause: Cause.Cause<never> | undefined
  _children: Set<AnyFiber> | undefined
  _yielded: unknown
  currentOpCount: number
  /** Runs an effect until the fiber suspends, or to the exit that a frame yields. */
  runLoop(effect: Effect.Effect<unknown, unknown, unknown>): Effect.Effect<never> | Exit.Exit<unknown, unknown>
  /** What a step returns that ends the loop: with an exit, or with what to call when the fiber is evaluated again. */
  yieldWith(yielded: Exit.Exit<unknown, unknown> | (() => void)): Effect.Effect<never>
}

export const onPop = "~effect/Effect/ensureCont"
export const onSuccess = "~effect/Effect/successCont"
export const onFailure = "~effect/Effect/failureCont"

/** Whether a fiber takes frames. */
export const takesFrames = (fiber: AnyFiber): fiber is Inner => {
  const frame = Effect.onExitPrimitive(Effect.void, () => undefined)
  return onPop in frame && onSuccess in frame && onFailure in frame && "interruptible" in fiber &&
    "_interruptedCause" in fiber && "_children" in fiber && "_yielded" in fiber && "currentOpCount" in fiber &&
    "_stack" in fiber && Array.isArray(fiber._stack) &&
    "runLoop" in fiber && typeof fiber.runLoop === "function" &&
    "yieldWith" in fiber && typeof fiber.yieldWith === "function"
}

let known: boolean | undefined

export const isInner = (fiber: AnyFiber): fiber is Inner => known ??= takesFrames(fiber)

/** Whether calls may be frames from now on: without, they run by the public API, which tests try too. */
export const allow = (frames: boolean): void => {
  known = frames ? undefined : false
}

/** Whether a fiber was interrupted, as far as is known, and will run nothing more of what it is in. */
export const isInterrupted = (fiber: AnyFiber): boolean =>
  isInner(fiber) && fiber.interruptible && fiber._interruptedCause !== undefined
