/**
 * What the policies of an edge's calls have decided.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type * as PolicyEvent from "@holdfast/core/PolicyEvent"

export class Decisions {
  retries = 0
  hedges = 0
  /** Calls that a part has rejected. */
  readonly rejected: Record<"bulkhead" | "rateLimit" | "circuitBreaker", number> & Record<string, number> = {
    bulkhead: 0,
    rateLimit: 0,
    circuitBreaker: 0
  }
  /** Failed calls that were not tried again, by reason. */
  readonly stopped: Record<PolicyEvent.StopReason, number> = {
    times: 0,
    notRetryable: 0,
    elapsed: 0,
    deadline: 0,
    retryAfter: 0,
    schedule: 0,
    budget: 0
  }
  deadlines = 0
  /** How often a breaker has opened, and how many are open or half open now. */
  opened = 0
  open = 0

  /** How often a chain did not ask a provider, by reason. */
  readonly skipped: Record<string, number> = {}

  skip(why: string): void {
    this.skipped[why] = (this.skipped[why] ?? 0) + 1
  }

  readonly observe: PolicyEvent.Observer = (event) => {
    switch (event._tag) {
      case "RetryScheduled":
        this.retries++
        return
      case "Hedged":
        this.hedges++
        return
      case "Rejected":
        this.rejected[event.by] = (this.rejected[event.by] ?? 0) + 1
        return
      case "RetryStopped":
        this.stopped[event.reason]++
        return
      case "DeadlinePassed":
        this.deadlines++
        return
      case "CircuitChanged":
        // That an open circuit admits a probe is not an event: both states count as one.
        if (event.from === "Closed") this.open++
        if (event.to === "Closed") this.open--
        if (event.to === "Open") this.opened++
    }
  }
}
