/** The results as a table for a terminal: a client a line, an act a block. */
import Table from "cli-table3"
import type { Result, Summary } from "./statistics.ts"

export const columns = [
  "good",
  "good/s",
  "p50 ms",
  "p90 ms",
  "p99 ms",
  "max ms",
  "requests/call",
  "sockets",
  "heap MB",
  "RSS MB"
] as const

const mega = (bytes: number) => (bytes / 1e6).toFixed(0)
const millis = (value: number) => value.toFixed(0)

/** A summary in words, in the order of the columns. */
export const cells = (summary: Summary): ReadonlyArray<string> => [
  `${(summary.success * 100).toFixed(1)} %`,
  summary.throughput.toFixed(0),
  millis(summary.p50),
  millis(summary.p90),
  millis(summary.p99),
  millis(summary.max),
  summary.amplification.toFixed(2),
  summary.sockets.toFixed(0),
  mega(summary.memory.heap),
  mega(summary.memory.resident)
]

/** The results over all, then act by act. */
export const blocks = (
  results: ReadonlyArray<Result>
): ReadonlyArray<{ readonly act: string; readonly rows: ReadonlyArray<ReadonlyArray<string>> }> =>
  [results[0]!.whole, ...results[0]!.acts].map(({ act }, index) => ({
    act,
    rows: results.map(({ acts, client, whole }) => [client, ...cells([whole, ...acts][index]!)])
  }))

const plain = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: " "
  },
  style: { head: [], border: [], "padding-left": 0, "padding-right": 1 }
}

export const table = (results: ReadonlyArray<Result>): string =>
  blocks(results).map(({ act, rows }) => {
    const table = new Table({
      ...plain,
      head: [act, ...columns],
      colAligns: ["left", ...columns.map(() => "right" as const)],
      colWidths: [13, ...columns.map((column) => Math.max(8, column.length + 2))]
    })
    table.push(...rows.map((row) => [...row]))
    return table.toString().replaceAll(/ +$/gm, "")
  }).join("\n\n")
