/**
 * The metrics that derive from the events of policies.
 *
 * Guarded by `test/PolicyEvent.test.ts` and `test/composition/everything.test.ts`.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Observer } from "./event.ts"

// Seconds, as OpenTelemetry has them for `http.client.request.duration`.
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** An observer that keeps the metrics of a context. Exporters take the attribute `unit` for the unit of the metric. */
export const observer = (context: Context.Context<never>): Observer => {
  const counters = new Map<string, Metric.Counter<number>>()
  const count = (
    name: string,
    unit: string,
    description: string,
    policy: string,
    attribute?: readonly [string, string]
  ): void => {
    const key = `${name} ${policy} ${attribute?.[1] ?? ""}`
    let counter = counters.get(key)
    if (counter === undefined) {
      const attributes = { "holdfast.policy": policy, unit, ...(attribute && { [attribute[0]]: attribute[1] }) }
      counter = Metric.counter(`holdfast.policy.${name}`, { description, attributes, incremental: true })
      counters.set(key, counter)
    }
    counter.updateUnsafe(1, context)
  }
  const histograms = new Map<string, Metric.Histogram<number>>()
  const ended = (policy: string, outcome: "success" | "failure", millis: number): void => {
    count("attempts", "{attempt}", "Attempts by their outcome", policy, ["outcome", outcome])
    let histogram = histograms.get(policy)
    if (histogram === undefined) {
      histogram = Metric.histogram("holdfast.policy.attempt.duration", {
        description: "How long attempts take, in seconds",
        attributes: { "holdfast.policy": policy, unit: "s" },
        boundaries
      })
      histograms.set(policy, histogram)
    }
    histogram.updateUnsafe(millis / 1_000, context)
  }
  return (event) => {
    switch (event._tag) {
      case "AttemptSucceeded":
        return ended(event.policy, "success", event.duration)
      case "AttemptFailed":
        return ended(event.policy, "failure", event.duration)
      case "RetryScheduled":
        return count("retries", "{retry}", "Retries that were scheduled", event.policy)
      case "RetryStopped":
        return count("stops", "{call}", "Failed calls that were not tried again", event.policy, [
          "reason",
          event.reason
        ])
      case "Rejected":
        return count("rejections", "{call}", "Calls and attempts that were not let in", event.policy, ["by", event.by])
      case "Hedged":
        return count("hedges", "{attempt}", "Attempts beside one that was slow or had failed", event.policy)
      case "DeadlinePassed":
        return count("deadlines", "{call}", "Calls that passed their deadline", event.policy)
    }
  }
}
