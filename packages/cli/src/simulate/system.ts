/** Plays the system in a file. */
import type * as Bound from "@holdfast/simulator/Bound"
import * as Picture from "@holdfast/simulator/Picture"
import * as Simulator from "@holdfast/simulator/Simulation"
import type * as System from "@holdfast/simulator/System"
import * as Effect from "effect/Effect"
import { clearLine, type Screen } from "../terminal/style.ts"
import * as Bounds from "./bounds.ts"
import * as SimulationScreen from "./SimulationScreen.ts"

/** Plays a system, draws it or writes it as data, and holds it to bounds. */
export const playSystem = Effect.fnUntraced(function*(options: {
  readonly file: string
  readonly system: System.System
  readonly bounds: ReadonlyArray<Bound.Bound>
  readonly seed: number
  readonly json: boolean
  readonly screen: Screen
}) {
  const { bounds, file, json, screen, seed, system } = options
  const { style } = screen
  const animate = screen.animate && !json
  const outcome = yield* Simulator.runEffect(system, {
    seed,
    onProgress: ({ now, of }) => {
      if (animate) screen.redraw(SimulationScreen.progress(file, now / of, "", style))
    }
  })
  if (animate) yield* screen.write(clearLine)
  const verdicts = yield* Bounds.check(outcome, bounds)
  if (json) {
    yield* screen.write(`${JSON.stringify({ file, bounds: Bounds.data(verdicts), outcome })}\n`)
  } else {
    const title = `${style.paint("title", "Holdfast simulation")}  ${style.paint("quiet", `${file}, seed ${seed}`)}`
    // The labels and figures beside the bars take about 40 columns.
    const width = Math.min(60, Math.max(20, screen.width - 44))
    yield* screen.write([title, "", ...Picture.lines(outcome, { width })].map((line) => `${line}\n`).join(""))
    if (verdicts.length > 0) yield* screen.print(["", ...Bounds.lines(verdicts, style)])
  }
  yield* Bounds.hold(file, verdicts)
})
