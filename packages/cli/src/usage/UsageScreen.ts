/** What a person sees of a ledger in a terminal: pure functions to lines of text. */
import type * as Usage from "@holdfast/llm/Usage"
import { plot } from "simple-ascii-chart"
import { columns } from "../terminal/paragraph.ts"
import { plural, type Screen, type Style } from "../terminal/style.ts"

/** The sum of a group. */
export interface Row {
  /** The day, provider, model or value of the tag; `undefined` for entries without the tag. */
  readonly group: string | undefined
  readonly total: Usage.Total
}

/** A count as a person reads it: `1,234`, `56.7k`, `8.90M`. */
const figure = (count: number): string => {
  if (count < 10_000) return Math.round(count).toLocaleString("en")
  if (count < 999_500) return `${(count / 1e3).toFixed(count < 99_950 ? 1 : 0)}k`
  return count < 999.5e6 ? `${(count / 1e6).toFixed(count < 99.95e6 ? 2 : 0)}M` : `${(count / 1e9).toFixed(2)}G`
}

/** A cost as a person reads it; small ones keep their first two digits. */
const money = (cost: number): string =>
  cost === 0 ? "0" : cost >= 0.1 ?
    cost.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })
    : cost >= 1e-6
    ? cost.toFixed(Math.min(8, 1 - Math.floor(Math.log10(cost))))
    : "<0.000001"

const longest = 30

const nameOf = (group: string | undefined): string => {
  // A tag may hold anything, an escape of a terminal too.
  const name = (group ?? "(without the tag)").replaceAll(/\p{C}/gu, "\u00b7")
  return [...name].length > longest ? `${[...name].slice(0, longest - 1).join("")}\u2026` : name
}

const tableOf = (rows: ReadonlyArray<Row>, by: string, style: Style): ReadonlyArray<string> => {
  const hasUnpriced = rows.some(({ total }) => total.unpriced > 0)
  const titles = [by, "attempts", "failed", "input", "output", "cost", ...hasUnpriced ? ["unpriced"] : []]
  return columns([
    titles.map((title) => style.paint("quiet", title)),
    ...rows.map(({ group, total }) => [
      style.paint("strong", nameOf(group)),
      figure(total.attempts),
      figure(total.failed + total.interrupted),
      figure(total.inputTokens),
      figure(total.outputTokens),
      money(total.cost),
      ...hasUnpriced ? [total.unpriced === 0 ? "" : style.paint("warning", figure(total.unpriced))] : []
    ])
  ])
}

/** What the plot shows: cost, or tokens where nothing has a price. */
const measureOf = (rows: ReadonlyArray<Row>) => {
  const costs = rows.some(({ total }) => total.cost > 0)
  return {
    name: costs ? "cost" : "tokens",
    of: ({ total }: Row) => costs ? total.cost : total.inputTokens + total.outputTokens,
    words: costs ? money : figure
  }
}

const dayMillis = 86_400_000

/** Days beside each other, those without an entry too. */
const days = (rows: ReadonlyArray<Row>, { style, width }: Screen): ReadonlyArray<string> => {
  const { name, of, words } = measureOf(rows)
  const numbered = rows.map((row) => ({ day: Date.parse(row.group ?? "") / dayMillis, row }))
    .filter(({ day }) => !Number.isNaN(day))
  const [first, last] = [numbered[0], numbered.at(-1)]
  if (first === undefined || last === undefined || first === last) return []
  const byDay = new Map(numbered.map(({ day, row }) => [day, of(row)]))
  const points = Array.from(
    { length: last.day - first.day + 1 },
    (_, i): [number, number] => [i, byDay.get(first.day + i) ?? 0]
  )
  const most = Math.max(...points.map(([, value]) => value))
  if (most === 0) return []
  const ends = `${first.row.group ?? ""} to ${last.row.group ?? ""}`
  return [
    "",
    `  ${style.paint("strong", `${name} a day`)}  ${style.paint("quiet", ends)}`,
    ...plot(points, {
      width: Math.min(60, width - 16),
      height: 6,
      yRange: [0, most],
      customXAxisTicks: [0, points.length - 1],
      customYAxisTicks: [0, most],
      formatter: (value, { axis }) => axis === "x" ? `${value}` : words(Number(value))
    }).split("\n").filter((line) => line.trim() !== "").map((line) => `  ${line}`.trimEnd())
  ]
}

/** A bar for each group. */
const bars = (rows: ReadonlyArray<Row>, { style, width }: Screen): ReadonlyArray<string> => {
  const { name, of, words } = measureOf(rows)
  const sum = rows.reduce((all, row) => all + of(row), 0)
  const most = Math.max(...rows.map(of))
  if (most === 0) return []
  const room = Math.max(8, Math.min(30, width - longest - 20))
  return [
    "",
    `  ${style.paint("strong", name)}`,
    ...columns(rows.map((row) => [
      `  ${nameOf(row.group)}`,
      style.paint("good", "\u2588".repeat(Math.ceil(of(row) / most * room)).padEnd(room, " ")),
      words(of(row)),
      `${(of(row) / sum * 100).toFixed(1)} %`
    ]))
  ]
}

/** The whole of it. */
export const lines = (
  place: string,
  by: Usage.By,
  rows: ReadonlyArray<Row>,
  all: Usage.Total,
  screen: Screen
): ReadonlyArray<string> => {
  const { style } = screen
  const title = typeof by === "object" ? by.tag : by
  const unpriced = all.unpriced === 0
    ? []
    : [style.paint(
      "quiet",
      `  Without a price, and not in the cost: ${plural(all.unpriced, "attempt")} with tokens.`
    )]
  const partial = all.partial === 0
    ? []
    : [style.paint(
      "quiet",
      `  Broken off before their usage was complete: ${plural(all.partial, "attempt")}. The bill may be higher.`
    )]
  return [
    `${style.paint("title", "Usage")}  ${style.paint("quiet", place)}`,
    "",
    ...tableOf([...rows, { group: "all", total: all }], title, style),
    ...unpriced,
    ...partial,
    ...by === "day" ? days(rows, screen) : bars(rows, screen)
  ]
}
