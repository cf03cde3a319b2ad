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

/** How to read the outage and what follows it, in sentences with the figures of this run. */
export const explanation = (acts: ReadonlyArray<Act>, results: ReadonlyArray<Result>): string => {
  const outage = acts.findIndex(({ name }) => name === "outage")
  const told = (of: (result: Result) => string) => results.map((result) => `${result.client} ${of(result)}`).join(", ")
  const share = (value: number) => `${(value * 100).toFixed(0)} %`
  // A client that is late without any trouble shows the machine's limits and not its own.
  const isBusy = results.some(({ acts }) => acts[0]!.success < 0.95)
  const warning = isBusy
    ? "The machine was too busy: calls failed while the server was healthy, so these figures say nothing. Run it again alone.\n\n"
    : ""
  const during = (of: (summary: Summary) => string) => told(({ acts }) => of(acts[outage]!))
  const after = (of: (summary: Summary) => string) => told(({ acts }) => of(acts[outage + 1]!))
  return `${warning}How to read it:

A call counts in the act in which it begins, and may end in a later one.

In the outage (${
    acts[outage]!.millis / 1000
  } s) every request is answered with 503. What does each client ask of a server that is down?
Requests per call: ${during(({ amplification }) => amplification.toFixed(2))}.
Retries multiply the load: with 3 retries, a call becomes nearly 4 requests. Holdfast's circuit breaker opens once half of
the attempts within 2 s have failed. Then it lets one call through every 500 ms as a probe; the other calls fail at once and
send nothing.

A call of the outage can succeed only if it waits until the outage is over. So "good" shows there how long a client lets its
callers wait, and most of the difference in "whole run" is that choice too.
Good calls: ${during(({ success }) => share(success))}.
Median time in ms: ${during(({ p50 }) => p50.toFixed(0))}.
A client that waits answers more calls of a short outage, and none of a long one. A client that fails at once lets its
caller do something else. Holdfast waits too, if you leave out the circuit breaker and choose longer delays.

In the recovery the server is well again.
Good calls: ${after(({ success }) => share(success))}.
p99 in ms: ${after(({ p99 }) => p99.toFixed(0))}.
Clients that kept retrying bring the waiting calls of the outage along, and new calls queue behind them. Behind a circuit
breaker nothing waits, but calls fail until the next probe, for up to half a second. That is the breaker's price, however
long the outage was.

In "healthy" nothing goes wrong: there the clients differ in memory, and in their last calls, which the outage meets.`
}
