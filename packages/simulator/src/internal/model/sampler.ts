/**
 * Distributions of durations. Each sample takes one number from 0 to 1, so runs with the same seed compare call by call.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */

/** From a random number to milliseconds. */
export type Sampler = (random: number) => number

export const constant = (millis: number): Sampler => () => millis

export const uniform = (from: number, to: number): Sampler => (random) => from + random * (to - from)

export const exponential = (mean: number): Sampler => (random) => -mean * Math.log1p(-random)

export const samples = (values: ReadonlyArray<number>): Sampler => (random) =>
  values[Math.floor(random * values.length)] ?? 0

/** The 99 % quantile of the standard normal distribution. */
const z99 = 2.3263478740408408

export const logNormal = (median: number, p99: number): Sampler => {
  const sigma = Math.log(p99 / median) / z99
  return (random) => median * Math.exp(sigma * normalQuantile(random))
}

/**
 * The inverse of the normal distribution, by P. J. Acklam's rational approximation. Its relative error is below 1.15e-9.
 */
export const normalQuantile = (p: number): number => {
  if (p < 0.02425) return p <= 0 ? -38 : tail(Math.sqrt(-2 * Math.log(p)))
  if (p > 1 - 0.02425) return p >= 1 ? 38 : -tail(Math.sqrt(-2 * Math.log1p(-p)))
  const q = p - 0.5
  const r = q * q
  return (((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
        3.066479806614716e1) * r + 2.506628277459239) *
    q /
    (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
          1.328068155288572e1) * r + 1)
}

const tail = (q: number): number =>
  (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) * q + 2.938163982698783) /
  ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
