/** How long something takes. */
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
