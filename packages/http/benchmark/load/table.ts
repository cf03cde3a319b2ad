/** The results as a table for a terminal: a client a line, an act a block. */
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

const widths = [12, ...columns.map((column) => Math.max(8, column.length + 1))]

const line = ([client = "", ...figures]: ReadonlyArray<string>): string =>
  client.padEnd(widths[0]!) + figures.map((figure, index) => figure.padStart(widths[index + 1]!)).join("")

export const table = (results: ReadonlyArray<Result>): string =>
  blocks(results).map(({ act, rows }) => [[act, ...columns], ...rows].map(line).join("\n")).join("\n\n")
