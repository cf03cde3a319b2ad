/**
 * The check of a distribution, which makes a sampler of it.
 *
 * Guarded by `test/System.test.ts` and `test/queues.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Sampler from "./sampler.ts"

const { array, duration, number, struct } = Arguments

/** A distribution of amounts, as a function from chance. */
const distribution = (
  amount: Arguments.Check<number>,
  positive: Arguments.Check<number>,
  noun: string
): Arguments.Check<Sampler.Sampler> =>
(value, place) => {
  if (typeof value === "object" && value !== null) {
    if ("exponential" in value) {
      return Sampler.exponential(struct({ exponential: positive })(value, place)?.exponential)
    }
    if ("uniform" in value) {
      const [from = NaN, to = NaN, ...rest] = struct({ uniform: array(amount) })(value, place)?.uniform ?? []
      if (!(from <= to) || rest.length > 0) {
        place.at("uniform").fault(`must be two ${noun}s, the lesser first`)
      }
      return Sampler.uniform(from, to)
    }
    if ("median" in value || "p99" in value) {
      const { median = NaN, p99 = NaN } = struct({ median: positive, p99: positive })(value, place) ?? {}
      if (median > p99) place.at("p99").fault(`must be at least the median (${median}), got ${p99}`)
      return Sampler.logNormal(median, p99)
    }
    if ("samples" in value) {
      const samples = struct({ samples: array(amount) })(value, place)?.samples ?? []
      if (samples.length === 0) place.at("samples").fault(`must have at least one ${noun}`)
      return Sampler.samples(samples)
    }
  }
  return Sampler.constant(amount(value, place))
}

/** A distribution of durations, in milliseconds. */
export const latency = distribution(duration({ min: 0 }), duration({ above: 0 }), "duration")

/** A distribution of numbers of tokens. */
export const tokens = distribution(number({ min: 0 }), number({ above: 0 }), "number")
