/**
 * A step of a fiber that sees how what it runs ends, and goes on with what comes next.
 *
 * Frames are made so often that class fields would show, for each class of a chain defines its own before its constructor
 * runs: they are declared, and set by the constructors.
 *
 * Guarded by `test/fiber/frame.test.ts`, `test/composition/interruption.test.ts` and
 * `test/composition/transparency.test.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Timeout } from "./timeout.ts"
import { type AnyFiber, type Inner, isInner, isInterrupted, onFailure, onPop, onSuccess } from "./unexported.ts"

/** Takes the end of what a frame ran, and says what comes next. */
type Then<Self, A, E, R, B, E2> = (frame: Self, exit: Exit.Exit<B, E2>) => Effect.Effect<A, E, R>

/**
 * A step of a fiber that ends with `A` or `E`: it runs one effect after the other, and knows at each end what comes next.
 *
 * Its class says in `begin` what it runs first, and in `leave` what it gives back however it ends, interrupted or not.
 *
 * ```ts import.meta.vitest
 * import { Frame } from "@holdfast/core"
 * import { Effect, Exit } from "effect"
 * import type { Fiber } from "effect"
 *
 * let open = 0
 *
 * class Lookup extends Frame.Frame<string, never, never> {
 *   protected readonly recovers = true
 *   protected begin() {
 *     open++
 *     return this.run(Effect.fail("not found"), (lookup, exit) =>
 *       lookup.end(Exit.succeed(Exit.isSuccess(exit) ? "found" : "none")))
 *   }
 *   protected leave() {
 *     open--
 *     return undefined
 *   }
 * }
 *
 * const program = Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => new Lookup(fiber).start(fiber))
 * await Effect.runPromise(Effect.map(program, (found) => [found, open])) // => ["none", 0]
 * ```
 */
export abstract class Frame<A, E, R> {
  declare fiber: AnyFiber
  declare private onEnd: Then<this, A, E, R, never, never> | undefined
  /** The context of the fiber while the frame runs something in another. */
  declare private outer: Context.Context<never> | undefined
  declare private wasInterruptible: boolean
  /** Whether it has given back what it holds: by exported means, no frame is there to say so. */
  declare private isLeft: boolean

  constructor(fiber: AnyFiber) {
    this.fiber = fiber
    this.onEnd = undefined
    this.outer = undefined
    this.wasInterruptible = true
    this.isLeft = false
  }

  /**
   * Whether the frame is a handler of failures. An interrupted fiber skips handlers and drops the failures that they would
   * have taken; a frame that only gives something back leaves them.
   */
  protected abstract readonly recovers: boolean

  /** The first step. */
  protected abstract begin(): Effect.Effect<A, E, R>

  /**
   * Gives back all that the call holds, if it still does. Nothing comes next: it has ended, or it was interrupted. An
   * effect that is returned runs uninterruptibly before the end.
   */
  protected abstract leave(exit: Exit.Exit<A, E>): Effect.Effect<void> | undefined

  /** Runs the call, as a step of `fiber`. */
  start(fiber: AnyFiber): Effect.Effect<A, E, R> {
    this.fiber = fiber
    if (!isInner(fiber)) {
      return Effect.onExitPrimitive(
        Effect.suspend(() => this.begin()),
        (exit) => this.isLeft ? undefined : this.leave(exit)
      )
    }
    try {
      return this.begin()
    } catch (defect) {
      return this.end(Exit.die(defect))
    }
  }

  /** Ends the call. */
  end(exit: Exit.Exit<A, E>): Effect.Effect<A, E, R> {
    this.isLeft = true
    const rest = this.leave(exit)
    return rest === undefined ? exit : Effect.uninterruptible(Effect.flatMap(rest, () => exit))
  }

  /** Runs an effect, within the limit and in the context that are given, and then what `onEnd` says. */
  run<B, E2>(
    effect: Effect.Effect<B, E2, R>,
    onEnd: Then<this, A, E, R, B, E2>,
    limit?: Timeout<B, E2, R>,
    inner?: Context.Context<never>
  ): Effect.Effect<A, E, R> {
    this.onEnd = onEnd as Then<this, A, E, R, never, never>
    const { fiber } = this
    if (isInner(fiber)) {
      fiber._stack.push(this)
      if (inner !== undefined) {
        this.outer = fiber.context
        fiber.setContext(inner)
      }
      // The frame gives the fiber an `A` for it.
      return (limit === undefined ? effect : limit.start(fiber, effect)) as Effect.Effect<never, never, R>
    }
    const limited = limit === undefined ? effect : limit.start(fiber, effect)
    return Effect.matchCauseEffect(inner === undefined ? limited : Effect.provideContext(limited, inner), {
      onSuccess: (value) => this.ended(Exit.succeed(value)),
      onFailure: (cause) => this.ended(Exit.failCause(cause))
    })
  }

  /** {@link run} of a step of the fiber, which is taken when the frame is in place. */
  enter<B, E2>(
    step: (fiber: AnyFiber) => Effect.Effect<B, E2, R>,
    onEnd: Then<this, A, E, R, B, E2>
  ): Effect.Effect<A, E, R> {
    const { fiber } = this
    if (!isInner(fiber)) return this.run(Effect.suspend(() => step(fiber)), onEnd)
    this.onEnd = onEnd as Then<this, A, E, R, never, never>
    fiber._stack.push(this)
    // The frame gives the fiber an `A` for it.
    return step(fiber) as Effect.Effect<never, never, R>
  }

  /** Whether the caller was interrupted, as far as is known: nothing will come next. */
  protected get isInterrupted(): boolean {
    return isInterrupted(this.fiber)
  }

  private ended(exit: Exit.Exit<unknown, unknown>): Effect.Effect<A, E, R> {
    const { onEnd } = this
    this.onEnd = undefined
    try {
      // The type of what runs is that which `onEnd` takes.
      return onEnd === undefined
        ? this.end(Exit.die("a frame ended twice"))
        : onEnd(this, exit as Exit.Exit<never, never>)
    } catch (defect) {
      return this.end(Exit.die(defect))
    }
  }

  /** Called when the frame is taken from the stack. */
  [onPop](fiber: Inner): void {
    this.wasInterruptible = fiber.interruptible
    // An interrupted fiber skips frames while it is interruptible. Turned off, or the frame would not see the end.
    fiber.interruptible = false
    if (this.outer !== undefined) {
      fiber.setContext(this.outer)
      this.outer = undefined
    }
  }

  [onSuccess](value: unknown, fiber: Inner, exit?: Exit.Exit<unknown, unknown>): Effect.Effect<A, E, R> {
    fiber.interruptible = this.wasInterruptible
    return this.ended(exit ?? Exit.succeed(value))
  }

  [onFailure](
    cause: Cause.Cause<unknown>,
    fiber: Inner,
    exit?: Exit.Exit<unknown, unknown>
  ): Effect.Effect<A, E, R> {
    fiber.interruptible = this.wasInterruptible
    if (!isInterrupted(fiber)) return this.ended(exit ?? Exit.failCause(cause))
    const reasons = this.recovers ? cause.reasons.filter((reason) => !Cause.isFailReason(reason)) : cause.reasons
    // The failures that are left are those of a call that adds none of its own.
    const passing = Cause.fromReasons(reasons) as Cause.Cause<E>
    const end = Exit.failCause(passing)
    try {
      return this.end(end)
    } catch (defect) {
      return Exit.failCause(Cause.combine(passing, Cause.die(defect)))
    }
  }
}
