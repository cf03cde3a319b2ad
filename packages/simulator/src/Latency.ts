/**
 * The distribution of a duration.
 *
 * **When to use**
 *
 * Use it for the time that a service takes, the pause of a user, and the time until a person tries again.
 *
 * **Details**
 *
 * Prefer `samples` if you have measured, and `median` with `p99` if you know two quantiles. `exponential` is the
 * distribution of queueing theory, to compare with its formulas.
 *
 * **Gotchas**
 *
 * - A duration alone is a constant, under which requests queue less than with a spread around the same mean.
 * - Samples are drawn one by one: slow requests that came together in the measurement do not come together here.
 *
 * **Example**
 *
 * See `SystemData.decode`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"

/**
 * - A duration: always as long.
 * - `exponential`: exponentially distributed, with this mean.
 * - `uniform`: evenly between two durations.
 * - `median` and `p99`: log-normally distributed, as most measured latencies are, roughly.
 * - `samples`: one of the values, each as likely: a measured distribution.
 */
export type Latency =
  | DurationInput
  | { readonly exponential: DurationInput }
  | { readonly uniform: readonly [DurationInput, DurationInput] }
  | { readonly median: DurationInput; readonly p99: DurationInput }
  | { readonly samples: ReadonlyArray<DurationInput> }
