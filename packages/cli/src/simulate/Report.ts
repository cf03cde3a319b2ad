/**
 * A simulation as one page of HTML.
 *
 * **When to use**
 *
 * Use it to attach the result of {@link Simulation} to a review.
 *
 * **Details**
 *
 * The page needs nothing else: no script, style sheet, font or image from anywhere.
 *
 * **Gotchas**
 *
 * The figures are those of one seed: run several seeds before you decide.
 *
 * **Example**
 *
 * See {@link html}.
 */
import { seconds } from "../terminal/style.ts"
import type { Minute, Outcome, Scenario, Summary } from "./Simulation.ts"
import * as SimulationScreen from "./SimulationScreen.ts"

/** What a report shows of one policy. */
export interface Entry {
  readonly outcome: Outcome
  readonly summary: Summary
  /** The policy in words, a part an entry. */
  readonly words: ReadonlyArray<string>
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

const colours = ["#b3261e", "#b26a00", "#1a6fb0", "#1b7f4b", "#6b4fa0"]

const width = 860
const height = 220
const left = 56
const bottom = 28
const top = 12

const round = (value: number): string => value.toFixed(1)

/** A few round numbers from 0 to `most`. */
const ticks = (most: number): ReadonlyArray<number> => {
  const raw = most / 6
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw) ?? raw
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step)
}

/** One chart: a line a policy over the minutes, with the outage shaded. */
const chart = (
  scenario: Scenario,
  entries: ReadonlyArray<Entry>,
  options: {
    readonly title: string
    readonly of: (minute: Minute) => number
    readonly label: (value: number) => string
    readonly most?: number
  }
): string => {
  const values = entries.map(({ outcome }) => outcome.minutes.map(options.of))
  const most = options.most ?? Math.max(1, ...values.flat().filter((value) => !Number.isNaN(value)))
  const x = (minute: number) => left + ((width - left - 8) * minute) / Math.max(1, scenario.minutes - 1)
  const y = (value: number) => top + (height - top - bottom) * (1 - value / most)
  const grid = ticks(most).map((value) =>
    `<line class="grid" x1="${left}" x2="${width - 8}" y1="${round(y(value))}" y2="${round(y(value))}"/>` +
    `<text x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${escape(options.label(value))}</text>`
  ).join("")
  const shade = `<rect class="down" x="${round(x(scenario.downFrom))}" y="${top}" ` +
    `width="${round(x(scenario.downTo) - x(scenario.downFrom))}" height="${height - top - bottom}"/>`
  const axis = [0, scenario.downFrom, scenario.downTo, scenario.minutes - 1].map((minute) =>
    `<text x="${round(x(minute))}" y="${height - 8}" text-anchor="middle">${minute}</text>`
  ).join("")
  const lines = values.map((points, i) =>
    `<polyline stroke="${colours[i % colours.length]}" points="${
      points.map((value, minute) => Number.isNaN(value) ? "" : `${round(x(minute))},${round(y(value))}`)
        .filter((point) => point !== "").join(" ")
    }"><title>${escape(entries[i]!.outcome.name)}</title></polyline>`
  ).join("")
  return `<figure><figcaption>${escape(options.title)}</figcaption>` +
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(options.title)}">` +
    `${shade}${grid}${axis}${lines}</svg></figure>`
}

const style = `
:root { color-scheme: light dark; --ink: #1c1b1f; --paper: #fff; --quiet: #6a6a70; --line: #d9d9de; --shade: #f3e3e1 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e1e5; --paper: #1c1b1f; --quiet: #a5a3a9; --line: #3a393e; --shade: #3a2422 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 900px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } p, li { max-width: 70ch } .quiet { color: var(--quiet) }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line) } th:first-child, td:first-child { text-align: left }
th { font-weight: 500; color: var(--quiet) } figure { margin: 2rem 0 } figcaption { font-weight: 600 }
svg { width: 100%; height: auto } svg text { font-size: 12px; fill: var(--quiet) } .grid { stroke: var(--line) } .down { fill: var(--shade) }
polyline { fill: none; stroke-width: 2 } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .5em }
`

/** The page. */
export const html = (scenario: Scenario, entries: ReadonlyArray<Entry>): string => {
  const key = (i: number) => `<span class="key" style="background:${colours[i % colours.length]}"></span>`
  const head = SimulationScreen.columns.map(([title]) => `<th>${escape(title)}</th>`).join("")
  const rows = entries.map(({ summary }, i) =>
    `<tr><td>${key(i)}${escape(summary.name)}</td>` +
    `${SimulationScreen.columns.map(([, cell]) => `<td>${escape(cell(summary))}</td>`).join("")}</tr>`
  ).join("")
  const policies = entries.map(({ outcome, words }, i) =>
    `<h3>${key(i)}${escape(outcome.name)}</h3><ul>${words.map((word) => `<li>${escape(word)}</li>`).join("")}</ul>`
  ).join("")
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Holdfast simulation</title><style>${style}</style></head><body>
<h1>Holdfast simulation</h1>
<p>${
    escape(SimulationScreen.scene(scenario))
  }. <span class="quiet">Seed ${scenario.seed}. The outage is shaded.</span></p>
<table><thead><tr><th></th>${head}</tr></thead><tbody>${rows}</tbody></table>
<p class="quiet">${escape(SimulationScreen.legend)}</p>
${
    chart(scenario, entries, {
      title: "Attempts a minute that reach the dependency",
      of: (minute) => minute.attempts,
      label: String
    })
  }
${
    chart(scenario, entries, {
      title: "Calls that succeed",
      of: (minute) => minute.calls === 0 ? Number.NaN : minute.succeeded / minute.calls,
      label: (value) => `${Math.round(value * 100)} %`,
      most: 1
    })
  }
${
    chart(scenario, entries, {
      title: "How long a call takes, median",
      of: ({ median }) => median / 1_000,
      label: (value) => seconds(value * 1_000)
    })
  }
<h2>The policies</h2>
${policies}
</body></html>
`
}
