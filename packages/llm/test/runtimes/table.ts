/** What every runtime did, as the table of a README. */
import { isDeepStrictEqual } from "node:util"
import type { Results } from "./runtimes.ts"

/** What a suite gave in each runtime, Node first. */
export interface Ran {
  readonly title: string
  readonly results: ReadonlyMap<string, Results>
}

const begin = "<!-- written by the run of packages/llm/test/runtimes -->"
const end = "<!-- end -->"

/** A text with the table in its place. */
export const withTable = (text: string, table: string): string => {
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from === -1 || to === -1) throw new Error(`There is no place for the table: ${begin} ... ${end}`)
  return `${text.slice(0, from)}${begin}\n\n${table}\n\n${text.slice(to)}`
}

/** A row a scenario, a column a runtime. */
export const tableOf = (suites: ReadonlyArray<Ran>): string => {
  const runtimes = [...new Set(suites.flatMap(({ results }) => [...results.keys()]))]
  const rows = suites.flatMap(({ results, title }) => {
    const nodes = results.get("Node.js") ?? {}
    return [
      [`**${title}**`, ...runtimes.map(() => "")],
      ...Object.keys(nodes).map((scenario) => {
        const cell = (runtime: string) => {
          const own = results.get(runtime)
          return own === undefined ? "-" : isDeepStrictEqual(own[scenario], nodes[scenario]) ? "yes" : "no"
        }
        return [scenario].concat(runtimes.map(cell))
      })
    ]
  })
  return drawn([["", ...runtimes], ...rows])
}

/** As `npm run format` leaves a table. */
const drawn = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  const [head = [], ...others] = rows
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...others.map(line)].join("\n")
}
