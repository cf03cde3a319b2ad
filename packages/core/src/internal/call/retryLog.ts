/**
 * What a policy tells people: one warning a retry, and an event on the current span.
 *
 * Guarded by `test/PolicyEvent.test.ts` and `test/composition/everything.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Predicate from "effect/Predicate"
import type { RetryScheduled } from "./event.ts"

/** Something that an error has under a key. Errors are foreign, and a getter that throws says nothing. */
const at = (error: unknown, key: string): unknown => {
  try {
    return Predicate.hasProperty(error, key) ? error[key] : undefined
  } catch {
    return undefined
  }
}

const text = (error: unknown, key: string): string | undefined => {
  const value = at(error, key)
  return Predicate.isString(value) && value.length > 0 ? value : undefined
}

const inWords = (error: unknown): string => {
  if (!Predicate.isObject(error)) return String(error)
  return [text(error, "_tag") ?? text(error, "name"), text(error, "message")].filter(Predicate.isNotUndefined)
    .join(": ")
}

/** An error in a few words: its tag or name, and its message. */
export const describe = (error: unknown): string => {
  let words = inWords(error)
  if (!Predicate.isObject(error)) return words
  // `fetch` in `Effect.tryPromise` fails with a cause that has a cause: the third of them names the address.
  if (text(error, "_tag") === "UnknownError") {
    const cause = at(error, "cause")
    for (const one of [cause, at(cause, "cause")]) if (one !== undefined) words += `: ${inWords(one)}`
  }
  // A warning is one line, whatever the error has to say.
  return words.replaceAll(/\s+/g, " ") || "an error without a message"
}

const isLogged = (fiber: Fiber.Fiber<unknown, unknown>, level: LogLevel.Severity | "None"): boolean =>
  level !== "None" && LogLevel.isLessThanOrEqualTo(fiber.cache.minimumLogLevel, level) &&
  fiber.getRef(Logger.CurrentLoggers).size > 0

/** Whether a retry is noted on a span, or logged. */
export const isReported = (fiber: Fiber.Fiber<unknown, unknown>, level: LogLevel.Severity | "None"): boolean =>
  fiber.cache.span?._tag === "Span" || isLogged(fiber, level)

/**
 * Notes a retry on the current span, if there is one, and says how to log it, if anybody reads warnings. Where neither
 * is so, no words are made.
 */
export const reportRetry = (
  fiber: Fiber.Fiber<unknown, unknown>,
  event: RetryScheduled,
  isResult: boolean,
  level: LogLevel.Severity | "None"
): Effect.Effect<void> | undefined => {
  const { span } = fiber.cache
  const noted = span !== undefined && span._tag === "Span" ? span : undefined
  if (noted === undefined && !isLogged(fiber, level)) return undefined
  // A result is not shown: it may be large, and hold what is not for a log.
  const error = isResult ? undefined : describe(event.error)
  noted?.event("holdfast.retry", fiber.getRef(Clock.Clock).currentTimeNanosUnsafe(), {
    "holdfast.policy": event.policy,
    "holdfast.attempt": event.attempt,
    "holdfast.delay_ms": event.delay,
    ...(error !== undefined && { "holdfast.error": error })
  })
  if (level === "None" || !isLogged(fiber, level)) return undefined
  const of = event.of === Infinity ? "" : ` of ${event.of}`
  const delay = Duration.format(Duration.millis(Math.round(event.delay)))
  const end = error === undefined ? `has a result to try again, next in ${delay}` : `failed, next in ${delay}: ${error}`
  return Effect.logWithLevel(level)(`${event.policy}: attempt ${event.attempt}${of} ${end}`)
}
