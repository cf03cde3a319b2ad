/** The results as one HTML file that needs no network: the plot, how to read it, the tables, and how each client was set up. */
import { type Act, rate, work } from "./acts.ts"
import type { Candidate } from "./clients.ts"
import { common } from "./clients/client.ts"
import { patience } from "./player.ts"
import { colours, darkColours, picture } from "./plot.ts"
import type { Result } from "./statistics.ts"
import { blocks, columns } from "./table.ts"

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

const css = `
  :root { color-scheme: light dark;${colours} }
  @media (prefers-color-scheme: dark) { :root {${darkColours} } }
  body { margin: 2rem auto; max-width: 1160px; padding: 0 1rem; background: var(--page); color: var(--text);
    font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
  p, dl { max-width: 46rem; } .muted { color: var(--muted); }
  svg { width: 100%; height: auto; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
  caption { text-align: left; font-weight: 600; padding: 1.2rem 0 .3rem; }
  th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--grid); white-space: nowrap; }
  th { font-weight: normal; color: var(--muted); } th:first-child, td:first-child { text-align: left; }
  dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; }`

const words = ({ desks, errors, resets, silence }: Act["trouble"]): string => {
  const share = (part: number, what: string) => part === 0 ? [] : [`${part * 100} % of requests ${what}`]
  return [
    `${desks} requests are worked on at once`,
    ...share(errors, "are answered with 503 at once"),
    ...share(silence, "are never answered"),
    ...share(resets, "have their connection reset")
  ].join(", ")
}

const definitions = (entries: ReadonlyArray<readonly [string, string]>): string =>
  `<dl>${entries.map(([name, text]) => `<dt>${escape(name)}</dt><dd>${escape(text)}</dd>`).join("")}</dl>`

const row = (tag: "td" | "th", cells: ReadonlyArray<string>): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`

/** The whole page. `setting` is what it was measured on. */
export const report = async (
  setting: string,
  acts: ReadonlyArray<Act>,
  candidates: ReadonlyArray<Candidate>,
  results: ReadonlyArray<Result>
): Promise<string> => {
  const tables = blocks(results).map(({ act, rows }) =>
    `<table><caption>${escape(act)}</caption><thead>${row("th", ["client", ...columns])}</thead>` +
    `<tbody>${rows.map((cells) => row("td", cells)).join("")}</tbody></table>`
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clients and a server in trouble</title>
<style>${css}</style>
</head>
<body>
<h1>Clients and a server in trouble</h1>
<p>Each client makes ${rate} calls a second to a server that plays the same script of trouble, from the same seed, one
client after the other. What counts: does the caller get an answer, how long does it wait, and how much does the client
ask of a server that is down.</p>
<p class="muted">${escape(setting)}</p>
<div class="wide">${await picture(acts, results)}</div>
<h2>How it is measured</h2>
<p>Calls are made at the instants at which they are due, whether or not those before have ended, and the time of each
counts from then. A loop that waits for an answer before it asks again asks less of a slow server, and does not record
the waits that its users would have had: Gil Tene calls that coordinated omission (“How NOT to Measure Latency”, 2013).
Times are of all calls, with and without a good answer; those not over ${
    patience / 1000
  } s after the last act have failed. “requests/call” is
how often the server was asked for a call, retries and all. Memory is that of the client's process, which does nothing
else.</p>
<p>The server works on a request for ${work.least} to ${work.most} ms and lets the others wait in a queue without end.
It does not notice when a caller has given up, and does the work for nobody.</p>
<h2>Results</h2>
<div class="wide">${tables.join("\n")}</div>
<h2>The acts</h2>
${definitions(acts.map(({ millis, name, trouble }) => [`${name}, ${(millis / 1000).toFixed(1)} s`, words(trouble)]))}
<h2>The clients</h2>
<p>Each with retries on and timeouts set, as its documentation offers: ${common.retries} retries, ${common.attemptMillis} ms
an attempt, ${common.connections} connections, where there is such an option.</p>
${definitions(candidates.map(({ name, settings }) => [name, settings]))}
</body>
</html>
`
}
