/**
 * `Effect.timeout` as a step of a fiber.
 *
 * The effect runs in the caller's fiber. To end it, the fiber is interrupted; when it has unwound and its finalizers
 * have run, the interruption is taken back. Three things make this equivalent to the child fiber of `Effect.timeout`:
 * - If the caller is uninterruptible, the effect runs in an interruptible child fiber after all.
 * - While it runs, the fiber has a separate set of children; those still in it at the end are interrupted. Earlier
 *   children cost nothing, however many there are.
 * - The timer is set when the fiber first suspends, after the timers of the effect, so that the effect wins a tie. An
 *   effect that never suspends costs no timer, and neither does one whose own timeout inside rings first: that one
 *   arms this one when it rings, and so does its call when it goes on after it.
 *
 * Guarded by `test/composition/interruption.test.ts`, `test/fiber/frame.test.ts` and `test/Deadline.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Alarm from "./alarm.ts"
import { type AnyFiber, type Inner, isInner, onFailure, onPop, onSuccess } from "./unexported.ts"

// Marks an interruption as that of a timeout, so that only that timeout takes it back.
class Expiry extends Context.Service<Expiry, Alarm.Alarm>()("@holdfast/core/Expiry") {}

// Effect removes an ended fiber from its parent's current set of children, which may be this one, so pass the removal
// on to the outer set. Otherwise a parent would keep all children that ended while a timeout ran.
class Children extends Set<AnyFiber> {
  private readonly outer: Set<AnyFiber>
  constructor(outer: Set<AnyFiber>) {
    super()
    this.outer = outer
  }
  override delete(child: AnyFiber): boolean {
    return super.delete(child) || this.outer.delete(child)
  }
}

/** Whether what a timeout bounds runs in `fiber` itself, and not in a child. */
export const runsInside = (fiber: AnyFiber): fiber is Inner => isInner(fiber) && fiber.interruptible

/** Ends its effect when the time is up. */
export abstract class Timeout<A, E, R> extends Alarm.Alarm {
  declare expired: boolean
  /** How the clock failed, if that is why the effect has to end. */
  declare private broken: Cause.Cause<never> | undefined
  declare private fiber: AnyFiber
  declare private clock: Clock.Clock
  declare private millis: number
  /** Whether the effect has not suspended yet. */
  declare private nested: boolean
  /** Whether the timer is not set, because a timeout inside this one covers the time. */
  declare private deferred: boolean
  /** The child fiber of the effect, if it has one. */
  declare private child: AnyFiber | undefined
  /** The context and the children that the fiber had before, if the effect runs in it. */
  declare private outerContext: Context.Context<never> | undefined
  declare private outerChildren: Set<AnyFiber> | undefined

  constructor(fiber: AnyFiber, millis: number, clock: Clock.Clock = fiber.getRef(Clock.Clock)) {
    super()
    this.expired = false
    this.broken = undefined
    this.fiber = fiber
    this.clock = clock
    this.millis = millis
    this.nested = false
    this.deferred = false
    this.child = undefined
    this.outerContext = undefined
    this.outerChildren = undefined
  }

  /** The exit of an effect whose time was up. */
  protected abstract late(): Exit.Exit<A, E>

  /** The exit of an effect that had to end because the clock failed. */
  protected lost(cause: Cause.Cause<never>): Exit.Exit<A, E> {
    return Exit.failCause(cause)
  }

  /** Called at every end: `true` when the time was up and the caller was interrupted before {@link late} could be asked. */
  protected abstract over(abandoned: boolean): void

  /** Runs an effect as a step of `fiber`. */
  start(fiber: AnyFiber, effect: Effect.Effect<A, E, R>, inner?: Context.Context<never>): Effect.Effect<A, E, R> {
    this.fiber = fiber
    if (!runsInside(fiber)) return this.inChild(effect, inner)
    this.push(fiber, inner)
    const end = this.inside(effect, fiber)
    return Exit.isExit(end) ? this.popped(end, fiber) : end
  }

  /** Bounds what a fiber does from here on, up to the end of the frame that is next. Called between two steps of it. */
  protected boundRest(fiber: Inner, inner: Context.Context<never>): void {
    this.fiber = fiber
    this.push(fiber, inner)
    Alarm.set(this, fiber, this.left(), this.clock)
  }

  /** Gives the fiber a context until the effect ends. Called while this is the last frame of the fiber. */
  protected enter(inner: Context.Context<never>): void {
    this.outerContext = this.fiber.context
    this.fiber.setContext(inner)
  }

  private push(fiber: Inner, inner: Context.Context<never> | undefined): void {
    fiber._stack.push(this)
    if (inner !== undefined) this.enter(inner)
    const { _children: children } = fiber
    this.outerChildren = children
    if (children !== undefined) {
      fiber._children = children.size === 0 && !(children instanceof Children) ? undefined : new Children(children)
    }
  }

  /** Runs the effect until it suspends or ends, so that the timer can be set then. */
  private inside(effect: Effect.Effect<A, E, R>, fiber: Inner): Effect.Effect<A, E, R> | Exit.Exit<A, E> {
    const operations = fiber.currentOpCount
    this.nested = true
    const end = fiber.runLoop(effect)
    this.nested = false
    // Each loop counts its own operations. Otherwise a fiber that makes call after call would never yield.
    fiber.currentOpCount += operations
    if (Exit.isExit(end)) return end as Exit.Exit<A, E>
    this.set()
    // A clock that runs other fibers during `sleep` may have resumed this one.
    return fiber._yielded === undefined ? fiber.yieldWith(() => {}) : end
  }

  /**
   * Whether a timeout within the effect rings before this one would. It has to call {@link arm} when it rings, and so does
   * what goes on after it; otherwise nothing ends the effect.
   */
  protected isCovered(): boolean {
    return false
  }

  /** How many milliseconds are left, when the timer is set after all. */
  protected left(): number {
    return this.millis
  }

  /** Sets the timer that was not needed so far. */
  arm(): void {
    if (!this.deferred) return
    this.deferred = false
    Alarm.set(this, this.fiber, this.left(), this.clock)
  }

  /** How many more milliseconds the effect may take; called when the time is up. */
  protected more(): number {
    return 0
  }

  override ring(): void {
    const more = this.more()
    if (more > 0) return Alarm.set(this, this.fiber, more, this.clock)
    this.expire()
  }

  override clockFailed(cause: Cause.Cause<never>): void {
    this.broken = cause
    this.expire()
  }

  private expire(): void {
    this.expired = true
    const { child, fiber } = this
    if (child === undefined) fiber.interruptUnsafe(fiber.id, Context.make(Expiry, this))
    else child.interruptUnsafe(fiber.id)
  }

  private set(): void {
    this.deferred = this.isCovered()
    if (!this.deferred) Alarm.set(this, this.fiber, this.millis, this.clock)
  }

  private inChild(effect: Effect.Effect<A, E, R>, inner?: Context.Context<never>): Effect.Effect<A, E, R> {
    return Effect.callback((resume) => {
      // The caller's fiber has the effect's requirements, since it would have run the effect.
      const child = Effect.runForkWith((inner ?? this.fiber.context) as Context.Context<R>)(effect)
      this.child = child
      if (child.pollUnsafe() === undefined) this.set()
      child.addObserver((exit) => resume(Effect.suspend(() => this.ended(exit, undefined))))
      return Effect.andThen(
        Effect.suspend(() => Fiber.interrupt(child)),
        Effect.sync(() => this.close(this.expired))
      )
    })
  }

  private close(abandoned: boolean): void {
    this.deferred = false
    Alarm.clear(this)
    this.over(abandoned)
  }

  /** The effect has ended, and so have its children. */
  private ended(exit: Exit.Exit<A, E>, interrupted: Cause.Cause<never> | undefined): Exit.Exit<A, E> {
    let end = interrupted === undefined ? exit : Exit.failCause(interrupted)
    try {
      this.close(this.expired && interrupted !== undefined)
      if (this.expired && interrupted === undefined) {
        end = this.broken === undefined ? this.late() : this.lost(this.broken)
      }
    } catch (defect) {
      end = interrupted === undefined ? Exit.die(defect) : Exit.failCause(Cause.combine(interrupted, Cause.die(defect)))
    }
    return end
  }

  /** The frame is no longer on the stack. If {@link inside} is running, its loop ends with it. */
  private taken(exit: Exit.Exit<A, E>, fiber: Inner): Effect.Effect<A, E> {
    return this.nested ? fiber.yieldWith(exit) : this.popped(exit, fiber)
  }

  private popped(exit: Exit.Exit<A, E>, fiber: Inner): Effect.Effect<A, E> {
    const { _children: orphans } = fiber
    fiber._children = this.outerChildren
    if (orphans === undefined || orphans.size === 0) return this.unwound(exit, fiber)
    // The fiber stays uninterruptible meanwhile, and the time goes on.
    return Effect.flatMap(Fiber.interruptAll(Array.from(orphans)), () => this.unwound(exit, fiber))
  }

  private unwound(exit: Exit.Exit<A, E>, fiber: Inner): Exit.Exit<A, E> {
    fiber.interruptible = true
    if (this.expired) takeBack(fiber, this)
    return this.ended(exit, fiber._interruptedCause)
  }

  [onPop](fiber: Inner): void {
    fiber.interruptible = false
    if (this.outerContext !== undefined) {
      fiber.setContext(this.outerContext)
      this.outerContext = undefined
    }
  }

  [onSuccess](value: A, fiber: Inner, exit?: Exit.Exit<A, E>): Effect.Effect<A, E> {
    return this.taken(exit ?? Exit.succeed(value), fiber)
  }

  [onFailure](cause: Cause.Cause<E>, fiber: Inner, exit?: Exit.Exit<A, E>): Effect.Effect<A, E> {
    return this.taken(exit ?? Exit.failCause(cause), fiber)
  }
}

/** Takes the interruption by a timeout back, and leaves that by anything else. */
const takeBack = (fiber: Inner, timeout: Alarm.Alarm): void => {
  // An interruption is made of such reasons alone.
  const others = fiber._interruptedCause?.reasons.filter(Cause.isInterruptReason)
    .filter((reason) => reason.annotations.get(Expiry.key) !== timeout) ?? []
  fiber._interruptedCause = others.length === 0 ? undefined : Cause.fromReasons<never>(others)
}
