/** Searches the load at which a bound breaks. */
import { plural } from "@holdfast/core/Arguments"
import * as Bound from "@holdfast/simulator/Bound"
import * as Limits from "@holdfast/simulator/Limits"
import type * as System from "@holdfast/simulator/System"
import * as Effect from "effect/Effect"
import type { Screen } from "../terminal/style.ts"
import { SimulationRefused } from "./SimulationRefused.ts"

const times = (load: number): string => `${Number(load.toPrecision(3))} x`

/** Searches from a tenth of the load to ten times that, and says where the first bound breaks. */
export const findLimit = Effect.fnUntraced(function*(options: {
  readonly name: string
  readonly system: System.System
  readonly bounds: ReadonlyArray<Bound.Bound>
  readonly seed: number
  readonly json: boolean
  readonly screen: Screen
}) {
  const { bounds, json, name, screen, seed, system } = options
  const { style } = screen
  if (bounds.length === 0) {
    return yield* new SimulationRefused({
      message: "--find-limit needs a bound to search for, such as --expect 'p99 <= 500ms'"
    })
  }
  const limit = yield* Limits.find(system, bounds.map(({ text }) => text), {
    seed,
    onRun: ({ holds, load }) => {
      screen.progress(`${style.paint("quiet", "load")} ${times(load)}: ${holds ? "holds" : "breaks"}`)
    }
  })
  screen.progress("")
  const { broken, breaksAt, holdsAt, runs } = limit
  const data = {
    policy: name,
    holdsAt,
    breaksAt,
    runs: runs.map(({ holds, load }) => ({ load, holds })).toSorted((a, b) => a.load - b.load)
  }
  if (json) return yield* screen.write(`${JSON.stringify(data)}\n`)
  const verdict = broken?.verdicts.find(({ holds }) => !holds)
  yield* screen.print([
    "",
    holdsAt === 0
      ? `${name}: a bound is broken at ${times(breaksAt)} the load already`
      : `${name}: all bounds hold up to ${style.paint("strong", times(holdsAt))} the load`,
    ...(verdict === undefined
      ? []
      : [`at ${times(breaksAt)} it breaks ${Bound.describe({ ...verdict, holds: true })}`]),
    style.paint(
      "quiet",
      `${plural(runs.length, "run")}, found by halving: a load below the limit that breaks a bound is not seen`
    )
  ])
})
