/** Plays the systems in files: one, or variants of it side by side. */
import type * as Bound from "@holdfast/simulator/Bound"
import type { Outcome } from "@holdfast/simulator/Outcome"
import * as Page from "@holdfast/simulator/Page"
import * as Picture from "@holdfast/simulator/Picture"
import * as Simulator from "@holdfast/simulator/Simulation"
import type * as System from "@holdfast/simulator/System"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Screen } from "../terminal/style.ts"
import * as Bounds from "./bounds.ts"
import { endless, notesOn } from "./notes.ts"
import * as ReportFile from "./reportFile.ts"
import { SimulationRefused } from "./SimulationRefused.ts"
import * as SimulationScreen from "./SimulationScreen.ts"

/** A system, and the file that it is from. */
export interface Variant {
  readonly file: string
  readonly system: System.System
}

/** Plays systems, draws them or writes them as data, and holds the first one to bounds. */
export const playSystems = Effect.fnUntraced(function*(options: {
  readonly variants: readonly [Variant, ...ReadonlyArray<Variant>]
  readonly bounds: ReadonlyArray<Bound.Bound>
  readonly seed: number
  readonly json: boolean
  readonly report: Option.Option<string>
  readonly screen: Screen
}) {
  const { bounds, json, report, screen, seed, variants } = options
  for (const { file, system } of variants) {
    const why = endless(system)
    if (why !== undefined) return yield* new SimulationRefused({ message: `${file}: ${why}` })
  }
  const { style } = screen
  const play = ({ file, system }: Variant) =>
    Simulator.runEffect(system, {
      seed,
      onProgress: ({ now, of }) => {
        screen.progress(SimulationScreen.progress(file, now / of, "", screen))
      }
    })
  const [{ file }, ...others] = variants
  const outcome = yield* play(variants[0])
  const outcomes: Record<string, Outcome> = { [file]: outcome }
  for (const variant of others) outcomes[variant.file] = yield* play(variant)
  screen.progress("")
  const verdicts = yield* Bounds.check(outcome, bounds)
  if (json) {
    const compared = others.length === 0
      ? {}
      : { compared: others.map(({ file }) => ({ file, outcome: outcomes[file] })) }
    const notes = notesOn(variants[0].system, outcome)
    yield* screen.write(`${JSON.stringify({ file, bounds: Bounds.data(verdicts), notes, outcome, ...compared })}\n`)
  } else {
    const title = `${style.paint("title", "Holdfast simulation")}  ${style.paint("quiet", `seed ${seed}`)}`
    // The labels and figures beside the bars take about 40 columns, or 30 if the names are short.
    const width = Math.min(60, Math.max(10, screen.width - 44))
    const columns = screen.width
    const drawn = variants.flatMap(({ file }) =>
      ["", style.paint("strong", file)].concat(Picture.lines(outcomes[file]!, { width, columns }))
    )
    const compared = others.length === 0 ? [] : ["", ...Picture.compare(outcomes, { columns })]
    yield* screen.print([title, ...drawn, ...compared])
    const notes = variants.flatMap(({ file, system }) =>
      notesOn(system, outcomes[file]!).map((note) => `${style.paint("warning", "note")}  ${file}: ${note}`)
    )
    if (notes.length > 0) yield* screen.print(["", ...notes])
    if (verdicts.length > 0) yield* screen.print(["", ...Bounds.lines(verdicts, style)])
  }
  if (Option.isSome(report)) {
    yield* ReportFile.write(report.value, Page.html(outcomes))
    if (!json) yield* screen.print(["", `The report is in ${report.value}`])
  }
  yield* Bounds.hold(file, verdicts)
})
