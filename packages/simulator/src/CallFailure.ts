/**
 * The failure of a call to a modelled service.
 *
 * **When to use**
 *
 * Use it in the `retry.while` of a policy that is simulated, to decide by the {@link Reason} what is tried again.
 *
 * **Details**
 *
 * `retryAfter` is set if a rate limit or a quota rejects the request, or a full queue where the service says so, and a retry waits for it as for that of any error.
 *
 * **Gotchas**
 *
 * - A policy retries every reason unless its `retry.while` says otherwise.
 * - A request that hangs or is lost does not fail. Its client waits until its own timeout, for ever without one.
 * - `timeout` is the service's own. The timeouts of a policy fail with the errors of the policy.
 *
 * **Example**
 *
 * ```ts import.meta.vitest
 * import { CallFailure } from "@holdfast/simulator"
 * import { Duration } from "effect"
 *
 * const retryAfter = Duration.seconds(2)
 * new CallFailure.CallFailure({ service: "stock", reason: "limited", retryAfter }).message
 * // => "stock: limited, retry after 2s"
 * ```
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/**
 * - `refused`: no instance is up.
 * - `failed`: the service answered with an error.
 * - `dependency`: a call that the service itself makes has failed.
 * - `overloaded`: its queue is full.
 * - `limited`: a rate limit or quota is spent. `retryAfter` says for how long.
 * - `timeout`: the service's own timeout.
 * - `cut`: the answer of a language model broke off after it had begun.
 */
export type Reason = "refused" | "failed" | "dependency" | "overloaded" | "limited" | "timeout" | "cut"

/** All reasons. */
export const reasons: ReadonlyArray<Reason> = [
  "refused",
  "failed",
  "dependency",
  "overloaded",
  "limited",
  "timeout",
  "cut"
]

/** The failure of one attempt. `Retry` reads its `retryAfter`, as that of any error. */
export class CallFailure extends Data.TaggedError("CallFailure")<{
  readonly service: string
  readonly reason: Reason
  /** How long to wait, if the service has said so. */
  readonly retryAfter?: Duration.Duration | undefined
}> {
  override get message(): string {
    const hint = this.retryAfter === undefined ? "" : `, retry after ${Duration.format(this.retryAfter)}`
    return `${this.service}: ${this.reason}${hint}`
  }
}
