/** What a person sees of a ledger in a terminal: pure functions to lines of text. */
import { plural } from "@holdfast/core/Arguments"
import type * as Usage from "@holdfast/llm/Usage"
import { displayWidth } from "effect/cli/CliOutput"
import { plot } from "simple-ascii-chart"
import { columns, wrapped } from "../terminal/paragraph.ts"
import type { Screen } from "../terminal/style.ts"

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

/** A name in so many columns of a terminal: some characters take two. */
const nameOf = (group: string | undefined, room: number): string => {
  // A tag may hold anything, an escape of a terminal too.
  const name = (group ?? "(without the tag)").replaceAll(/\p{C}/gu, "\u00b7")
  if (displayWidth(name) <= room) return name
  let shown = ""
  for (const { segment } of new Intl.Segmenter().segment(name)) {
    if (displayWidth(shown + segment) >= room) break
    shown += segment
  }
  return `${shown}\u2026`
}

/** A column of figures. */
interface Figures {
  readonly title: string
  readonly of: (total: Usage.Total) => string
}

const figures: ReadonlyArray<Figures> = [
  { title: "attempts", of: ({ attempts }) => figure(attempts) },
  { title: "failed", of: ({ failed, interrupted }) => figure(failed + interrupted) },
  { title: "input", of: ({ inputTokens }) => figure(inputTokens) },
  { title: "output", of: ({ outputTokens }) => figure(outputTokens) },
  { title: "cost", of: ({ cost }) => money(cost) },
  { title: "unpriced", of: ({ unpriced }) => unpriced === 0 ? "" : figure(unpriced) }
]

/** What a narrow terminal does without, the first first: it is in the line below the table, or in `--json`. */
const dispensable = ["unpriced", "failed", "output", "input", "attempts"]

const shortest = 12

const tableOf = (rows: ReadonlyArray<Row>, by: string, { style, width }: Screen): ReadonlyArray<string> => {
  const hasUnpriced = rows.some(({ total }) => total.unpriced > 0)
  const widthOf = ({ of, title }: Figures) => 2 + Math.max(title.length, ...rows.map(({ total }) => of(total).length))
  let shown = figures.filter(({ title }) => hasUnpriced || title !== "unpriced")
  const roomFor = () => width - shown.reduce((sum, column) => sum + widthOf(column), 0)
  for (const least of dispensable) if (roomFor() < shortest) shown = shown.filter(({ title }) => title !== least)
  const room = Math.min(longest, roomFor())
  const painted = (title: string, text: string) => title === "unpriced" ? style.paint("warning", text) : text
  return columns([
    [by, ...shown.map(({ title }) => title)].map((title, i) =>
      style.paint("quiet", i === 0 ? nameOf(title, room) : title)
    ),
    ...rows.map(({ group, total }) => [
      style.paint("strong", nameOf(group, room)),
      ...shown.map(({ of, title }) => painted(title, of(total)))
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
  const amounts = Math.max(...rows.map((row) => words(of(row)).length))
  // A share takes 7 columns, and each of the gaps two, as does the margin.
  const left = width - amounts - 15
  const names = Math.min(longest, Math.max(8, left - 30))
  const room = Math.max(4, Math.min(30, left - names))
  return [
    "",
    `  ${style.paint("strong", name)}`,
    ...columns(rows.map((row) => [
      `  ${nameOf(row.group, names)}`,
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
  const { style, width } = screen
  const note = (text: string) => wrapped(text, width, "  ").map((line) => style.paint("quiet", line))
  const title = typeof by === "object" ? by.tag : by
  const unpriced = all.unpriced === 0
    ? []
    : note(`Without a price, and not in the cost: ${plural(all.unpriced, "attempt")} with tokens.`)
  const partial = all.partial === 0
    ? []
    : note(`Broken off before their usage was complete: ${plural(all.partial, "attempt")}. The bill may be higher.`)
  return [
    `${style.paint("title", "Usage")}  ${style.paint("quiet", nameOf(place, Math.max(8, width - 7)))}`,
    "",
    ...tableOf([...rows, { group: "all", total: all }], title, screen),
    ...unpriced,
    ...partial,
    ...by === "day" ? days(rows, screen) : bars(rows, screen)
  ]
}
