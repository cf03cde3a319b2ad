/**
 * A step of a fiber that sees how what it runs ends, and can end it while the fiber goes on, as a timeout does.
 *
 * Effect interrupts whole fibers, so by exported means what may have to end early costs a fiber of its own, a second
 * suspension and an observer, and what must be given back however a call ends costs three operators more. That is most of
 * what a policy costs. So a call is one frame on the stack of the caller's fiber, and its attempts run in that fiber: to end one, the
 * fiber is interrupted, and when the attempt has unwound and its finalizers have run, the interruption is taken back.
 * What the attempt forked as children of the fiber ends with it, as if it had had a fiber of its own.
 *
 * The frame is made of what Effect does not export: three methods by name and four fields of a fiber. They are named in
 * this file alone, and `test/fiber/frame.test.ts` fails when they change. Where they are not found, the same call runs by
 * exported means, with each attempt in a child.
 *
 * Frames are made so often that class fields would show, for each class of a chain defines its own before its constructor
 * runs: they are declared, and set by the constructors.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Alarm from "./alarm.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What a fiber has beside what it exports. */
interface Inner extends AnyFiber {
  readonly _stack: Array<unknown>
  interruptible: boolean
  _interruptedCause: Cause.Cause<never> | undefined
  readonly _children: ReadonlySet<AnyFiber> | undefined
}

const onPop = "~effect/Effect/ensureCont"
const onSuccess = "~effect/Effect/successCont"
const onFailure = "~effect/Effect/failureCont"

/** Whether a fiber takes frames. */
export const takesFrames = (fiber: AnyFiber): fiber is Inner => {
  const frame = Effect.onExitPrimitive(Effect.void, () => undefined)
  return onPop in frame && onSuccess in frame && onFailure in frame && "interruptible" in fiber &&
    "_interruptedCause" in fiber && "_children" in fiber && "_stack" in fiber && Array.isArray(fiber._stack)
}

let known: boolean | undefined

const isInner = (fiber: AnyFiber): fiber is Inner => known ??= takesFrames(fiber)

/** Whether calls may be frames from now on: without, they run by exported means, which tests try too. */
export const allow = (frames: boolean): void => {
  known = frames ? undefined : false
}

// Marks an interruption as that of a frame, so that only that frame takes it back.
class Expiry extends Context.Service<Expiry, Alarm.Alarm>()("@holdfast/core/Expiry") {}

const noChildren: ReadonlySet<AnyFiber> = new Set()

/** What comes next. */
type Rest<A, E, R> = Effect.Effect<A, E, R>

/** Takes the end of what ran, and says what comes next. */
type Then<A, E, R, B, E2> = (exit: Exit.Exit<B, E2>) => Rest<A, E, R>

/** A call that ends with `A` or `E`. It runs one effect after the other, and knows at each end what comes next. */
export abstract class Frame<A, E, R> extends Alarm.Alarm {
  declare readonly fiber: AnyFiber
  /** What runs was ended by {@link expire}. */
  declare expired: boolean
  /** The context of what runs, if it is not the caller's. */
  declare protected inner: Context.Context<never> | undefined
  declare private outer: Context.Context<never> | undefined
  declare private onEnd: Then<A, E, R, never, never> | undefined
  declare private wasInterruptible: boolean
  /** The fiber of its own that what runs has, if it has one. */
  declare private child: AnyFiber | undefined
  /** The children that the fiber had before, if what runs is in it. */
  declare private earlier: ReadonlySet<AnyFiber> | undefined

  constructor(fiber: AnyFiber) {
    super()
    this.fiber = fiber
    this.expired = false
    this.inner = undefined
    this.outer = undefined
    this.onEnd = undefined
    this.wasInterruptible = true
    this.child = undefined
    this.earlier = undefined
  }

  /** The first step. */
  protected abstract start(): Rest<A, E, R>

  /** Takes the end of an effect that was run without an `onEnd`. */
  protected abstract settle(exit: Exit.Exit<A, E>): Rest<A, E, R>

  /** Gives back all that the call holds. Nothing comes next: it has ended, or its caller was interrupted. */
  protected abstract leave(exit: Exit.Exit<A, E>): void

  /** Sets the alarm. It is cleared when what runs has ended. */
  protected abstract alarm(millis: number): void

  /** Runs the call. */
  call(): Rest<A, E, R> {
    return isInner(this.fiber)
      ? this.start()
      : Effect.onExitPrimitive(Effect.suspend(() => this.start()), (exit) => void this.leave(exit))
  }

  /** Ends the call. */
  protected end(exit: Exit.Exit<A, E>): Exit.Exit<A, E> {
    this.leave(exit)
    return exit
  }

  /** Runs an effect that nothing but an interruption of the caller ends, and then what `onEnd` says. */
  protected run<B, E2>(effect: Effect.Effect<B, E2, R>, onEnd: Then<A, E, R, B, E2> | undefined): Rest<A, E, R> {
    this.onEnd = onEnd as Then<A, E, R, never, never> | undefined
    const { fiber } = this
    if (isInner(fiber)) {
      fiber._stack.push(this)
      if (this.inner !== undefined) {
        this.outer = fiber.context
        fiber.setContext(this.inner)
      }
      // The frame gives the fiber an `A` for it.
      return effect as Effect.Effect<never, never, R>
    }
    const provided = this.inner === undefined ? effect : Effect.provideContext(effect, this.inner)
    return Effect.matchCauseEffect(provided, {
      onSuccess: (value) => this.ended(Exit.succeed(value)),
      onFailure: (cause) => this.ended(Exit.failCause(cause))
    })
  }

  /** Runs an effect that an alarm ends in `limit` milliseconds, and then what `onEnd` says, or {@link settle}. */
  protected guard<B, E2>(effect: Effect.Effect<B, E2, R>, limit: number, onEnd?: Then<A, E, R, B, E2>): Rest<A, E, R> {
    const { fiber } = this
    const inside = isInner(fiber) && fiber.interruptible
    this.expired = false
    if (inside) {
      const children = fiber._children
      this.earlier = children === undefined || children.size === 0 ? noChildren : new Set(children)
    }
    if (limit < Infinity) this.alarm(limit)
    return this.run(inside ? effect : this.inChild(effect), onEnd)
  }

  /** Ends what {@link guard} runs. */
  protected expire(): void {
    const { fiber } = this
    this.expired = true
    if (this.earlier === undefined) this.child?.interruptUnsafe(fiber.id)
    else fiber.interruptUnsafe(fiber.id, Context.make(Expiry, this))
  }

  /** Whether a cause is that of an effect that {@link expire} ended. */
  protected hasExpired<E2>(cause: Cause.Cause<E2>): boolean {
    return this.expired && Cause.hasInterrupts(cause)
  }

  /** Whether the caller was interrupted, as far as is known: nothing will come next. */
  protected get isInterrupted(): boolean {
    const { fiber } = this
    return isInner(fiber) && fiber.interruptible && fiber._interruptedCause !== undefined
  }

  private ended(exit: Exit.Exit<unknown, unknown>): Rest<A, E, R> {
    const { onEnd } = this
    Alarm.clear(this)
    try {
      // The type of what runs is that which `onEnd`, or the frame, takes.
      return onEnd === undefined ? this.settle(exit as Exit.Exit<A, E>) : onEnd(exit as Exit.Exit<never, never>)
    } catch (defect) {
      return this.end(Exit.die(defect))
    }
  }

  private inChild<B, E2>(effect: Effect.Effect<B, E2, R>): Effect.Effect<B, E2, R> {
    return Effect.callback((resume) => {
      // The caller's fiber has what the effect needs, for it was to run it.
      const child = Effect.runForkWith(this.fiber.context as Context.Context<R>)(effect)
      this.child = child
      if (this.expired) child.interruptUnsafe(this.fiber.id)
      child.addObserver((exit) => {
        this.child = undefined
        resume(exit)
      })
      return Effect.suspend(() => Fiber.interrupt(child))
    })
  }

  /** The children that what ran in the fiber has left. */
  private orphans(): ReadonlyArray<AnyFiber> | undefined {
    const { earlier, fiber } = this
    if (earlier === undefined) return undefined
    this.earlier = undefined
    const children = isInner(fiber) ? fiber._children : undefined
    if (children === undefined || children.size === 0) return undefined
    const orphans = Array.from(children).filter((child) => !earlier.has(child))
    return orphans.length === 0 ? undefined : orphans
  }

  private popped(exit: Exit.Exit<unknown, unknown>): Rest<A, E, R> {
    const orphans = this.orphans()
    if (orphans === undefined) return this.ended(exit)
    Alarm.clear(this)
    const { onEnd } = this
    return this.run(Effect.uninterruptible(Fiber.interruptAll(orphans)), () => {
      this.onEnd = onEnd
      return this.ended(exit)
    })
  }

  /** Called when the frame is taken from the stack: one that would stay interruptible is passed over when the fiber is. */
  [onPop](fiber: Inner): void {
    this.wasInterruptible = fiber.interruptible
    fiber.interruptible = false
    if (this.outer !== undefined) fiber.setContext(this.outer)
  }

  [onSuccess](value: unknown, fiber: Inner, exit?: Exit.Exit<unknown, unknown>): Rest<A, E, R> {
    fiber.interruptible = this.wasInterruptible
    return this.popped(exit ?? Exit.succeed(value))
  }

  [onFailure](cause: Cause.Cause<unknown>, fiber: Inner, exit?: Exit.Exit<unknown, unknown>): Rest<A, E, R> {
    fiber.interruptible = this.wasInterruptible
    if (this.expired) takeBack(fiber, this)
    const failure = exit ?? Exit.failCause(cause)
    if (fiber._interruptedCause === undefined || !fiber.interruptible) return this.popped(failure)
    // What interrupted the caller passes through, with what came of the effect that it interrupted.
    const others = cause.reasons.filter((reason) => !isOf(reason, this))
    return this.end(Exit.failCause(Cause.fromReasons(others)) as Exit.Exit<A, E>)
  }
}

const isOf = (reason: Cause.Reason<unknown>, frame: Alarm.Alarm): boolean =>
  Cause.isInterruptReason(reason) && reason.annotations.get(Expiry.key) === frame

/** Takes the interruption by a frame back, and leaves that by anybody else. */
const takeBack = (fiber: Inner, frame: Alarm.Alarm): void => {
  // An interruption is made of such reasons alone.
  const others = fiber._interruptedCause?.reasons.filter(Cause.isInterruptReason)
    .filter((reason) => !isOf(reason, frame)) ?? []
  fiber._interruptedCause = others.length === 0 ? undefined : Cause.fromReasons<never>(others)
}
