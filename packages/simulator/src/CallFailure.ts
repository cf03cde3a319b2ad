/** How a call to a modelled service fails. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/**
 * - `refused`: no instance is up.
 * - `failed`: the service answered with an error.
 * - `dependency`: a call that the service itself makes has failed.
 * - `overloaded`: its queue is full.
 * - `limited`: a rate limit or quota is spent. `retryAfter` says for how long.
 * - `timeout`: the service's own timeout.
 */
export type Reason = "refused" | "failed" | "dependency" | "overloaded" | "limited" | "timeout"

/** All reasons. */
export const reasons: ReadonlyArray<Reason> = ["refused", "failed", "dependency", "overloaded", "limited", "timeout"]

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
