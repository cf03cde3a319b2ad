/** The results as a table for a terminal: a client a line, an act a block. */
import type { Act } from "./acts.ts"
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
const cells = (summary: Summary): ReadonlyArray<string> => [
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

/** What is to see in the outage and after it, in sentences with the figures of this run. */
export const explanation = (acts: ReadonlyArray<Act>, results: ReadonlyArray<Result>): string => {
  const outage = acts.findIndex(({ name }) => name === "outage")
  const told = (of: (result: Result) => string) => results.map((result) => `${result.client} ${of(result)}`).join(", ")
  const share = (value: number) => `${(value * 100).toFixed(0)} %`
  // A client that is late without any trouble shows the machine's limits and not its own.
  const isBusy = results.some(({ acts }) => acts[0]!.success < 0.95)
  const warning = isBusy
    ? "The machine was too busy: calls failed while the server was healthy, so these figures say nothing. Run it again alone.\n\n"
    : ""
  return `${warning}What is to see:

In the outage (${
    acts[outage]!.millis / 1000
  } s) every request is answered with 503, so no client can give good answers. The question is what
the clients ask of a server that is down. Requests a call: ${
    told(({ acts }) => acts[outage]!.amplification.toFixed(2))
  }.
A retry multiplies the load: with 3 retries nearly 4 requests come for each call. Holdfast's circuit breaker opens once half
of the attempts within 2 s have failed, and lets one call through every 500 ms to probe; the other calls fail at once and
send nothing.

In the recovery the server is well again. Good calls: ${told(({ acts }) => share(acts[outage + 1]!.success))}.
p99 in ms: ${told(({ acts }) => acts[outage + 1]!.p99.toFixed(0))}.
A client that kept retrying brings waiting calls of the outage over, which may then succeed; a client with a breaker has
failed those at once, and loses up to half a second of calls until the next probe. That is its price, and it is the same
however long the outage was.

"healthy" shows how far the clients differ without trouble: not by what they answer, and by memory.`
}
