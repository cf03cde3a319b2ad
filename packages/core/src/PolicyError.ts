/**
 * The error of a policy itself, beside the errors of the call that it protects.
 *
 * **When to use**
 *
 * `Effect.catchReason("PolicyError", "CircuitOpen", ...)` catches one reason, and `Effect.catchTag("PolicyError", ...)`
 * all.
 *
 * **Details**
 *
 * The reason is a tagged value. The type parameter holds exactly the reasons that the policy's parts can produce.
 *
 * **Gotchas**
 *
 * An `AttemptTimeout` and a `DeadlineExceeded` in the phase `attempt` say nothing about whether the work was done.
 * After `BulkheadFull`, `RateLimited` and the phase `queue` nothing of the call ran; after `CircuitOpen`, nothing of
 * the attempt that it rejected.
 *
 * **Example**
 *
 * See {@link PolicyError}.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { hasProperty, isTagged } from "effect/Predicate"

const TypeId = "~@holdfast/core/PolicyError"

/**
 * One attempt took longer than the policy's `attemptTimeout`, and was interrupted. A retry treats it as a transient
 * failure.
 */
export class AttemptTimeout extends Data.TaggedError("AttemptTimeout")<{
  readonly timeout: Duration.Duration
}> {
  readonly isRetryable = true
  readonly isRejection = false
  override get message(): string {
    return `The attempt took longer than ${Duration.format(this.timeout)} and was interrupted`
  }
}

/**
 * The whole call did not end within the policy's `deadline`. `phase` says where it was: `queue` (nothing of the call
 * had run) or `attempt` (the running attempt was interrupted).
 */
export class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<{
  readonly deadline: Duration.Duration
  readonly phase: "queue" | "attempt"
}> {
  readonly isRetryable = false
  get isRejection(): boolean {
    return this.phase === "queue"
  }
  override get message(): string {
    const where = this.phase === "queue" ? "while it waited to start; nothing of it ran" : "while an attempt ran"
    return `The call passed its deadline of ${Duration.format(this.deadline)} ${where}`
  }
}

/**
 * The bulkhead had no free permit, and its queue was full or the wait too long. The call did not run.
 */
export class BulkheadFull extends Data.TaggedError("BulkheadFull")<{
  readonly limit: number
  readonly queue: number
}> {
  readonly isRetryable = true
  readonly isRejection = true
  override get message(): string {
    return `The bulkhead is full (${this.limit} running, room for ${this.queue} to wait); nothing of the call ran`
  }
}

/**
 * The circuit was open, or half-open with all its probes under way. The call did not run. `retryAfter` is how long
 * until a probe may be admitted.
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<{
  readonly retryAfter: Duration.Duration
}> {
  readonly isRetryable = true
  readonly isRejection = true
  override get message(): string {
    const until = Duration.isFinite(this.retryAfter)
      ? `is open for another ${Duration.format(this.retryAfter)}`
      : "was opened by hand, until it is closed by hand"
    return `The circuit breaker ${until}; nothing of the call ran`
  }
}

/**
 * The rate limit was reached, and the wait for the next permission would have been too long. The call did not run.
 * `retryAfter` is how long until the next permission.
 */
export class RateLimited extends Data.TaggedError("RateLimited")<{
  readonly retryAfter: Duration.Duration
}> {
  readonly isRetryable = true
  readonly isRejection = true
  override get message(): string {
    return `The rate limit is reached for another ${Duration.format(this.retryAfter)}; nothing of the call ran`
  }
}

/** The reason that each part of a policy can fail with, by the name of its option. */
export interface Reasons {
  readonly deadline: DeadlineExceeded
  readonly bulkhead: BulkheadFull
  readonly rateLimit: RateLimited
  readonly circuitBreaker: CircuitOpen
  readonly attemptTimeout: AttemptTimeout
}

/** Every reason that a policy can fail with. */
export type Reason = Reasons[keyof Reasons]

/**
 * The error of a policy.
 *
 * ```ts import.meta.vitest
 * import { Policy, PolicyError } from "@holdfast/core"
 * import { Effect, Fiber } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ attemptTimeout: "1 second" })
 *   const fiber = yield* Effect.forkChild(Effect.flip(policy.protect(Effect.never)), { startImmediately: true })
 *   yield* TestClock.adjust("1 second")
 *   return yield* Fiber.join(fiber)
 * })
 *
 * const error = await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * PolicyError.isPolicyError(error) // => true
 * error.reason._tag // => "AttemptTimeout"
 * error.message // => "The attempt took longer than 1s and was interrupted"
 * ```
 */
export class PolicyError<out R extends Reason = Reason> extends Data.TaggedError("PolicyError")<{
  readonly reason: Reason
  readonly cause?: unknown
}> {
  declare readonly reason: R
  readonly [TypeId] = TypeId

  constructor(options: { readonly reason: R }) {
    super({ reason: options.reason, cause: options.reason })
  }

  override get message(): string {
    return this.reason.message
  }

  /** How long to wait before another attempt, if the reason knows. */
  get retryAfter(): Duration.Duration | undefined {
    return "retryAfter" in this.reason ? this.reason.retryAfter : undefined
  }

  /** Whether the same call may succeed later. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }

  /** Whether the call, or the attempt that a circuit rejected, never ran. */
  get isRejection(): boolean {
    return this.reason.isRejection
  }
}

/** Tells a `PolicyError` from any other value. */
export const isPolicyError = (u: unknown): u is PolicyError => {
  try {
    return hasProperty(u, TypeId) && isTagged(u, "PolicyError")
  } catch {
    // Called with any error, even a `Proxy` that throws.
    return false
  }
}

/**
 * The error type of a policy whose parts can give the reasons `R`: `never` when there are none.
 */
export type FromReason<R extends Reason> = [R] extends [never] ? never : PolicyError<R>
