/** What a system says that a person can hardly mean, though it can be played. */
import * as Arguments from "@holdfast/core/Arguments"
import type { Outcome } from "@holdfast/simulator/Outcome"
import type * as System from "@holdfast/simulator/System"
import * as Duration from "effect/Duration"

const millis = (input: Arguments.DurationInput): number =>
  Arguments.check("time", Arguments.duration({ min: 0 }), input)

const durationOf = ({ duration = 600_000 }: System.System): number => millis(duration)

/** More calls take an hour of computing. */
const mostCalls = 200_000_000

/** Why a system takes too long to play; `undefined` if it does not. */
export const endless = (system: System.System): string | undefined => {
  const length = durationOf(system)
  const calls = Object.values(system.callers).reduce((sum, { rate = 0 }) => sum + rate, 0) * length / 1_000
  if (calls <= mostCalls) return undefined
  return `its callers make ${calls.toPrecision(2)} calls in ${Duration.format(Duration.millis(length))}, ` +
    `which would take hours: lower their rate or the duration, to at most ${Arguments.plural(mostCalls, "call")}`
}

/** A line for each event that never begins, and one if nothing was called. */
export const notesOn = (system: System.System, outcome: Outcome): ReadonlyArray<string> => {
  const length = durationOf(system)
  const late = (system.events ?? []).flatMap((event, i) =>
    millis(event.at) < length ? [] : [
      `events.${i} (${event.type}) never begins: the system is watched for ${
        Duration.format(Duration.millis(length))
      }. Give it an earlier \`at\`, or the system a longer duration.`
    ]
  )
  const quiet = Object.entries(outcome.callers).filter(([, { phases }]) => phases.whole?.calls === 0)
  return [
    ...late,
    ...quiet.map(([name]) => `${name} made no call: raise its rate, or the duration.`)
  ]
}
