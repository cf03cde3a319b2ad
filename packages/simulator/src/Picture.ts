/**
 * Outcomes as text: tables, and a line of bars for each series.
 *
 * **When to use**
 *
 * Use {@link lines} to look at one outcome in a terminal or the log of a test, and {@link compare} to choose between
 * policies.
 *
 * **Details**
 *
 * A picture has one column for each of `width` parts of the run. A column is the mean of the slots that fall in it.
 *
 * **Gotchas**
 *
 * - Each line has a scale of its own: compare the figures at its right, not the heights of two lines.
 * - The mean flattens a peak that is shorter than a column. Raise `width`, or read the series.
 *
 * **Example**
 *
 * See {@link lines}.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Bound from "./Bound.ts"
import type { Outcome, Phase } from "./Outcome.ts"

const bars = "▁▂▃▄▅▆▇█"

/** One number for each column: the mean of the slots that fall in it, `NaN` for none. */
const columns = (values: ReadonlyArray<number>, width: number): ReadonlyArray<number> =>
  Array.from({ length: Math.min(width, values.length) }, (_, column) => {
    const count = Math.min(width, values.length)
    const slots = values.slice(
      Math.floor(column * values.length / count),
      Math.max(Math.floor((column + 1) * values.length / count), Math.floor(column * values.length / count) + 1)
    ).filter((value) => !Number.isNaN(value))
    return slots.reduce((sum, value) => sum + value, 0) / slots.length
  })

/**
 * Values as a line of bars, the highest one for `most`. A value that is zero or `NaN` is a space or a dot.
 *
 * ```ts import.meta.vitest
 * import { Picture } from "@holdfast/simulator"
 *
 * Picture.sparkline([1, 2, 4, 8, 0, 8]) // => "▁▂▄█ █"
 * ```
 */
export const sparkline = (
  values: ReadonlyArray<number>,
  options: { readonly width?: number | undefined; readonly most?: number | undefined } = {}
): string => {
  const shown = columns(values, options.width ?? values.length)
  const most = options.most ?? Math.max(...shown.filter((value) => !Number.isNaN(value)))
  return shown.map((value) => {
    if (Number.isNaN(value)) return "·"
    if (value <= 0) return " "
    return bars[Math.min(bars.length - 1, Math.max(0, Math.ceil(value / most * bars.length) - 1))]
  }).join("")
}

/**
 * Rows with their columns below each other: the first to the left, numbers to the right. A table that is wider than
 * `columns` is turned on its side, if it is narrower that way.
 */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>, columns = Infinity): ReadonlyArray<string> => {
  const upright = aligned(rows)
  if (widest(upright) <= columns) return upright
  const turned = aligned((rows[0] ?? []).map((_, i) => rows.map((row) => row[i] ?? "")))
  return widest(turned) < widest(upright) ? turned : upright
}

const widest = (lines: ReadonlyArray<string>): number => Math.max(0, ...lines.map(({ length }) => length))

const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join("  ").trimEnd()
  )
}

const ratio = (value: number): string => Number.isNaN(value) ? "-" : `${value.toFixed(2)} x`

const phasesOf = (outcome: Outcome): ReadonlyArray<Phase> =>
  (["before", "during", "after", "whole"] as const).filter((phase) =>
    outcome.figures[phase] !== undefined && (phase !== "whole" || outcome.trigger === undefined)
  )

/** The figures of all calls together, in a row for each part of the run. */
const overall = (outcome: Outcome, columns: number | undefined): ReadonlyArray<string> =>
  table([
    ["", "calls", "succeed", "a second", "load", "p50", "p99", "wasted"],
    ...phasesOf(outcome).map((phase) => {
      const { amplification, calls, goodput, p50, p99, success, wasted } = outcome.figures[phase]!
      return [
        phase,
        String(calls),
        Bound.show("success", success),
        goodput.toFixed(1),
        ratio(amplification),
        Bound.show("p50", p50),
        Bound.show("p99", p99),
        Bound.show("wasted", wasted)
      ]
    })
  ], columns)

const rejections = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`).join(", ")

const edges = (outcome: Outcome): ReadonlyArray<string> =>
  outcome.edges.flatMap((edge) => {
    const parts = [
      rejections(edge.rejected) === "" ? "" : `rejected by ${rejections(edge.rejected)}`,
      edge.stopped["budget"] === 0 ? "" : `stopped by the budget ${edge.stopped["budget"]}`,
      edge.opened === 0 ? "" : `breaker opened ${plural(edge.opened, "time")}`,
      edge.hedges === 0 ? "" : `hedges ${edge.hedges}`,
      rejections(edge.skipped) === "" ? "" : `passed by: ${rejections(edge.skipped)}`
    ].filter((part) => part !== "")
    return parts.length === 0 ? [] : [`${edge.from} -> ${edge.to}: ${parts.join("; ")}`]
  })

/** What each language model answered, used and cost, and what the others have cost. */
const providers = (outcome: Outcome, columns: number | undefined): ReadonlyArray<string> => {
  const priced = Object.entries(outcome.services).filter(([, { cost, tokens }]) => cost + tokens.input > 0)
  if (priced.length === 0) return []
  return table([
    ["", "requests", "answers", "tokens in", "tokens out", "cost"],
    ...priced.map(([name, { cost, phases, tokens }]) => [
      name,
      String(phases.whole?.arrived ?? 0),
      String(phases.whole?.served ?? 0),
      tokens.input.toFixed(0),
      tokens.output.toFixed(0),
      cost.toFixed(2)
    ]),
    ["all", "", "", "", "", outcome.figures.whole.cost.toFixed(2)]
  ], columns)
}

/** The series of an outcome, each as a line of bars under the same axis. */
const series = (outcome: Outcome, width: number): ReadonlyArray<string> => {
  const perSecond = 1_000 / outcome.every
  const rows: Array<readonly [label: string, values: ReadonlyArray<number>, most: string]> = []
  const add = (label: string, values: ReadonlyArray<number>, show: (most: number) => string) => {
    const most = Math.max(0, ...columns(values, width).filter((value) => !Number.isNaN(value)))
    rows.push([label, values, show(most)])
  }
  for (const [name, { series: { calls, p99, succeeded } }] of Object.entries(outcome.callers)) {
    add(`${name} calls`, calls.map((count) => count * perSecond), (most) => `${most.toFixed(0)}/s`)
    add(`${name} succeed`, succeeded.map((count) => count * perSecond), (most) => `${most.toFixed(0)}/s`)
    add(`${name} p99`, p99, (most) => Bound.show("p99", most))
  }
  for (const [name, { series: { arrived, queue } }] of Object.entries(outcome.services)) {
    add(`${name} requests`, arrived.map((count) => count * perSecond), (most) => `${most.toFixed(0)}/s`)
    if (queue.some((waiting) => waiting > 0)) add(`${name} queue`, queue, (most) => most.toFixed(0))
  }
  for (const { from, opened, series: { open }, to } of outcome.edges) {
    if (opened > 0) add(`${from} -> ${to} open`, open, (most) => most.toFixed(0))
  }
  const label = Math.max(...rows.map(([label]) => label.length))
  const { trigger } = outcome
  const length = Math.min(width, outcome.callers[Object.keys(outcome.callers)[0]!]!.series.calls.length)
  const at = (instant: number) => Math.min(length - 1, Math.floor(instant / outcome.duration * length))
  const axis = trigger === undefined
    ? []
    : [
      `${" ".repeat(label + 2 + at(trigger.from))}${"-".repeat(Math.max(1, at(trigger.to) - at(trigger.from)))} events`
    ]
  return [
    ...rows.map(([name, values, most]) => `${name.padEnd(label)}  ${sparkline(values, { width })}  ${most}`),
    ...axis
  ]
}

/** How much room there is for a picture. */
export interface Options {
  /** How many columns a line of bars has, beside its label and its figure. Default: 60. */
  readonly width?: number | undefined
  /** How many columns a table may have before it is turned on its side. Default: no limit. */
  readonly columns?: number | undefined
}

/**
 * An outcome in some lines: the figures of each part of the run, what policies rejected and stopped, and a line of bars
 * for each series, whose height on the right is that of the highest bar.
 *
 * ```ts import.meta.vitest
 * import { Picture, Simulation } from "@holdfast/simulator"
 *
 * const outcome = Simulation.run({
 *   duration: "1 minute",
 *   services: { stock: { latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 20, arrivals: "regular" } },
 *   events: [{ type: "outage", service: "stock", at: "20 seconds", for: "10 seconds" }]
 * })
 *
 * Picture.lines(outcome, { width: 20 })[7] // => "users calls     ████████████████████  20/s"
 * Picture.lines(outcome, { width: 20 })[8] // => "users succeed   ██████▆   ██████████  20/s"
 * ```
 */
export const lines = (
  outcome: Outcome,
  options: Options = {}
): ReadonlyArray<string> => [
  ...overall(outcome, options.columns),
  "",
  ...(outcome.recovery === undefined ? [] : [`recovery: ${Bound.show("recovery", outcome.recovery)}`]),
  ...edges(outcome),
  ...providers(outcome, options.columns),
  "",
  ...series(outcome, options.width ?? 60)
]

/** Outcomes of variants side by side, such as of one system under several policies. */
export const compare = (
  outcomes: Readonly<Record<string, Outcome>>,
  options: Pick<Options, "columns"> = {}
): ReadonlyArray<string> => {
  const costs = Object.values(outcomes).some(({ figures }) => figures.whole.cost > 0)
  return table([
    ["", "succeed", "while well", "load", "p50", "p99", "wasted", "recovery", ...(costs ? ["cost"] : [])],
    ...Object.entries(outcomes).map(([name, { figures, recovery }]) => {
      const { after, before, during = figures.whole, whole } = figures
      const well = [before ?? whole, ...(after === undefined ? [] : [after])]
      const calls = well.reduce((sum, { calls }) => sum + calls, 0)
      return [
        name,
        Bound.show("success", whole.success),
        Bound.show("success", well.reduce((sum, part) => sum + part.success * part.calls, 0) / calls),
        ratio(during.amplification),
        Bound.show("p50", during.p50),
        Bound.show("p99", during.p99),
        Bound.show("wasted", whole.wasted),
        recovery === undefined ? "-" : Bound.show("recovery", recovery)
      ].concat(costs ? whole.cost.toFixed(2) : [])
    })
  ], options.columns)
}
