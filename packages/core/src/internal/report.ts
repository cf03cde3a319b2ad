/**
 * What a policy tells people: one warning a retry, and an event on the current span.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { RetryScheduled } from "../PolicyEvent.ts"

const text = (value: unknown): string | undefined => Predicate.isString(value) && value.length > 0 ? value : undefined

/** An error in a few words: its tag or name, and its message. */
export const describe = (error: unknown): string => {
  if (!Predicate.isObject(error)) return String(error)
  const kind = text(Predicate.hasProperty(error, "_tag") ? error._tag : undefined) ??
    text(Predicate.hasProperty(error, "name") ? error.name : undefined)
  const message = text(Predicate.hasProperty(error, "message") ? error.message : undefined)
  const words = [kind, message].filter(Predicate.isNotUndefined).join(": ")
  // A warning is one line, whatever the error has to say.
  return words.replaceAll(/\s+/g, " ") || "an error without a message"
}

/** Logs a retry and notes it on the current span, if there is one. */
export const logRetry = (event: RetryScheduled): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const error = describe(event.error)
    const span = fiber.cache.span
    if (span !== undefined && span._tag === "Span") {
      span.event("holdfast.retry", BigInt(event.at) * 1_000_000n, {
        "holdfast.policy": event.policy,
        "holdfast.attempt": event.attempt,
        "holdfast.delay_ms": event.delay,
        "holdfast.error": error
      })
    }
    const of = event.of === Infinity ? "" : ` of ${event.of}`
    const delay = Duration.format(Duration.millis(Math.round(event.delay)))
    return Effect.logWarning(`${event.policy}: attempt ${event.attempt}${of} failed, next in ${delay}: ${error}`)
  })
