/**
 * How attempts are repeated, by `LLM_RETRY_*`: the settings of tenacity's `stop_after_attempt` and `wait_exponential`, with
 * its meaning. The pause before the n-th retry is the multiplier times 2^(n-1) seconds, not less than the shortest wait
 * and not more than the longest. Against what tenacity does it varies by a tenth, so that clients do not come back in step.
 *
 * Guarded by `test/config/selection.test.ts` and `test/config/settings.test.ts`.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { RetryOptions } from "../compile/options.ts"
import * as Setting from "./environment.ts"

/** The settings of waits: durations, and seconds for the multiplier. */
interface Waits {
  readonly min?: Duration.Duration | undefined
  readonly max?: Duration.Duration | undefined
  readonly multiplier?: number | undefined
}

const defaultMax = Duration.seconds(60)

/** The delays of these waits; none without settings. */
const backoffOf = ({ max, min, multiplier }: Waits): RetryOptions["backoff"] => {
  if (max === undefined && min === undefined && multiplier === undefined) return undefined
  const shortest = min ?? Duration.zero
  const longest = max ?? Duration.max(defaultMax, shortest)
  const initial = Duration.min(Duration.seconds(multiplier ?? 1), longest)
  return Backoff.exponential({ initial, factor: 2, max: longest, jitter: Jitter.proportional(0.1) }).pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.max(duration, shortest)))
  )
}

/** What the environment says of retries; `undefined` where it says nothing. */
export const retrySettings: Effect.Effect<RetryOptions | undefined, Config.ConfigError> = Effect.gen(function*() {
  const attempts = yield* Setting.wholeNumber("LLM_RETRY_ATTEMPTS", 1)
  const min = yield* Setting.duration("LLM_RETRY_MIN_WAIT")
  const max = yield* Setting.duration("LLM_RETRY_MAX_WAIT")
  const multiplier = yield* Setting.numberAbove("LLM_RETRY_MULTIPLIER", 0)
  if (min !== undefined && max !== undefined && Duration.isGreaterThan(min, max)) {
    return yield* Effect.fail(
      Setting.fail(
        `LLM_RETRY_MIN_WAIT must not be longer than LLM_RETRY_MAX_WAIT (${Duration.format(max)}), got ${
          Duration.format(min)
        }`
      )
    )
  }
  const backoff = backoffOf({ min, max, multiplier })
  return attempts === undefined && backoff === undefined ? undefined : {
    ...(attempts !== undefined && { times: attempts - 1 }),
    ...(backoff !== undefined && { backoff })
  }
})
