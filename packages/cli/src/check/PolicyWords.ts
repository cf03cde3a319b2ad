/** What a policy does, as lines for a terminal and as data. */
import { plural } from "@holdfast/core/Arguments"
import type * as Policy from "@holdfast/core/Policy"
import * as Duration from "effect/Duration"
import { wrapped } from "../terminal/paragraph.ts"
import type { Screen } from "../terminal/style.ts"

/** What one policy does. */
export const lines = (
  { attempts, duration, parts }: Policy.Description,
  { style, width }: Screen
): ReadonlyArray<string> => [
  ...(parts.length === 0
    ? ["  It has no parts, and does nothing."]
    : parts.flatMap(({ part, text }) => wrapped(text, width, `  ${style.paint("strong", part.padEnd(15))} `))),
  "",
  `  A call is executed ${attempts === 1 ? "once" : `at most ${plural(attempts, "time")}`}, ` +
  (Duration.isFinite(duration) ? `and takes at most ${Duration.format(duration)}.` : "with no bound on its time.")
]

/** The same as data. */
export const toJson = ({ attempts, duration, name, parts }: Policy.Description) => ({
  name,
  parts: parts.map(({ part, text }) => ({ part, text })),
  attempts,
  millis: Duration.isFinite(duration) ? Duration.toMillis(duration) : null
})
