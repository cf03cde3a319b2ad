/** What a person sees of a simulation in a terminal: pure functions to lines of text. */
import { plural } from "@holdfast/core/Arguments"
import { plot } from "simple-ascii-chart"
import { columns as inColumns, fitted, wrapped } from "../terminal/paragraph.ts"
import { type Screen, seconds, type Style } from "../terminal/style.ts"
import type { Outcome, Scenario, Summary } from "./Simulation.ts"

/** A share of calls, unless there were no calls. */
const percent = (share: number): string => Number.isNaN(share) ? "-" : `${(share * 100).toFixed(1)} %`

/** A time as a person reads it, of milliseconds. */
const time = (millis: number): string =>
  Number.isNaN(millis) ? "-" : millis < 1_000 ? `${Math.round(millis)} ms` : seconds(millis)

/** What happens in the scenario, in words. */
export const scene = (scenario: Scenario): string =>
  `${plural(scenario.minutes, "minute")} with ${
    plural(scenario.callsPerMinute, "call")
  } a minute to a dependency that answers in ` +
  `${time(scenario.latency)} and is down from minute ${scenario.downFrom} to minute ${scenario.downTo}; ` +
  `down, it lets ${Math.round(scenario.hang * 100)} % of what reaches it hang, and fails the rest after a second`

export const header = (scenario: Scenario, { style, width }: Screen): ReadonlyArray<string> => [
  `${style.paint("title", "Holdfast simulation")}  ${style.paint("quiet", `seed ${scenario.seed}`)}`,
  ...wrapped(`${scene(scenario)}.`, width)
]

/** A column of the table: its title, and what it says of a policy. */
export const columns: ReadonlyArray<readonly [title: string, cell: (summary: Summary) => string]> = [
  ["succeed", ({ succeeded }) => percent(succeeded)],
  ["while up", ({ succeededOutside }) => percent(succeededOutside)],
  ["load*", ({ amplification }) => Number.isNaN(amplification) ? "-" : `${amplification.toFixed(2)} x`],
  ["at once", ({ peak }) => String(peak)],
  ["median", ({ median }) => time(median)],
  ["p99", ({ p99 }) => time(p99)]
]

/** What the columns mean. */
export const legend =
  "* attempts that reach the dependency for each call while it is down. \"at once\": the most attempts that " +
  "ran together. Median and p99: how long calls took while it was down."

/** The policies beside each other. */
export const table = (summaries: ReadonlyArray<Summary>, style: Style): ReadonlyArray<string> => {
  const rows = inColumns([
    ["", ...columns.map(([title]) => style.paint("quiet", title))],
    ...summaries.map((summary) => [style.paint("strong", summary.name), ...columns.map(([, cell]) => cell(summary))])
  ])
  const unended = summaries.filter(({ unended }) => unended > 0)
  return [
    ...rows,
    style.paint("quiet", `  ${legend}`),
    ...unended.map(({ name, unended }) =>
      style.paint(
        "bad",
        `  ${plural(unended, "call")} under "${name}" had not ended a quarter of an hour after the last one began`
      )
    )
  ]
}

/** What reached the dependency, minute by minute, one plot a policy. */
export const plots = (
  scenario: Scenario,
  outcomes: ReadonlyArray<Outcome>,
  { style, width }: Pick<Screen, "style" | "width">
): ReadonlyArray<string> => {
  const most = Math.max(...outcomes.flatMap(({ minutes }) => minutes.map(({ attempts }) => attempts)))
  return outcomes.flatMap(({ minutes, name }) => [
    "",
    ...fitted([
      `  ${style.paint("strong", name)}  ${style.paint("quiet", "attempts a minute that reach the dependency")}`
    ], width),
    ...plot(minutes.map(({ attempts }, i): [number, number] => [i, attempts]), {
      // The axis and its labels take the rest.
      width: Math.min(72, width - 8),
      height: 6,
      yRange: [0, most],
      customXAxisTicks: [0, scenario.downFrom, scenario.downTo, scenario.minutes],
      customYAxisTicks: [0, scenario.callsPerMinute, most],
      formatter: String
    }).split("\n").filter((line) => line.trim() !== "").map((line) => `  ${line}`.trimEnd())
  ])
}

/** The line that is drawn over and over while it runs, within the width of the screen. `done` is a share. */
export const progress = (
  name: string,
  done: number,
  words: string,
  { style, width }: Pick<Screen, "style" | "width">
): string => {
  const label = Math.min(18, Math.max(6, width - words.length - 7))
  const bar = Math.min(30, Math.max(4, width - label - words.length - 3))
  const full = Math.round(Math.min(1, done) * bar)
  return `${style.paint("quiet", shortened(name, label).padEnd(label))} ${style.paint("good", "█".repeat(full))}` +
    `${style.paint("quiet", "░".repeat(bar - full))} ${words}`
}

/** The end of a name that is too long, which tells files apart. */
const shortened = (name: string, length: number): string => name.length <= length ? name : `…${name.slice(1 - length)}`
