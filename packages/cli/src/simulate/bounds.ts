/** What a simulation is held to: the bounds of `--expect`. */
import { plural } from "@holdfast/core/Arguments"
import * as Bound from "@holdfast/simulator/Bound"
import type { Outcome } from "@holdfast/simulator/Outcome"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { Style } from "../terminal/style.ts"
import { SimulationRefused } from "./SimulationRefused.ts"

/** A bound does not hold; `message` is the line for stderr. */
export class BoundsBroken extends Data.TaggedError("BoundsBroken")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 1
}

/** Says what is wrong with a bound that is unreadable, or that names what the outcome does not have. */
const refused = <A>(make: () => A): Effect.Effect<A, SimulationRefused> =>
  Effect.try({
    try: make,
    catch: (error) =>
      new SimulationRefused({
        message: `--expect: ${error instanceof Error ? error.message.replace(/^Bound\.\w+: /u, "") : String(error)}`
      })
  })

/** Reads the bounds of `--expect`. */
export const parse = (texts: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Bound.Bound>, SimulationRefused> =>
  refused(() => texts.map(Bound.parse))

/** Whether an outcome keeps the bounds. */
export const check = (
  outcome: Outcome,
  bounds: ReadonlyArray<Bound.Bound>
): Effect.Effect<ReadonlyArray<Bound.Verdict>, SimulationRefused> => refused(() => Bound.check(outcome, bounds))

/** A line for each bound. */
export const lines = (verdicts: ReadonlyArray<Bound.Verdict>, style: Style): ReadonlyArray<string> =>
  verdicts.map((verdict) =>
    `  ${verdict.holds ? style.paint("good", "holds ") : style.paint("bad", "broken")}  ${Bound.describe(verdict)}`
  )

/** What `--json` says of bounds. */
export const data = (verdicts: ReadonlyArray<Bound.Verdict>) =>
  verdicts.map(({ actual, bound, holds, phase }) => ({ bound: bound.text, holds, actual, phase }))

/** Fails if a bound is broken. */
export const hold = (name: string, verdicts: ReadonlyArray<Bound.Verdict>): Effect.Effect<void, BoundsBroken> => {
  const broken = verdicts.filter(({ holds }) => !holds)
  if (broken.length === 0) return Effect.void
  const words = broken.map((verdict) => Bound.describe({ ...verdict, holds: true }))
  return new BoundsBroken({
    message: `${name} breaks ${broken.length} of ${plural(verdicts.length, "bound")}: ${words.join("; ")}`
  })
}
