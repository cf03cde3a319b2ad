/**
 * The main plot, as SVG: for each client a row, for each measure a column, with the acts shaded along the time. Drawn by
 * Vega-Lite without a browser; its colours are CSS variables, so that it follows a light or dark page.
 */
import { parse, View } from "vega"
import { compile, type TopLevelSpec } from "vega-lite"
import { type Act, duration, rate, starts } from "./acts.ts"
import type { Result, Sample } from "./statistics.ts"

/** The colours of plot and report. */
export const colours = `
  --page: #ffffff; --text: #1f2430; --muted: #667085; --grid: #e4e7ec; --trouble: #f6d9b5; --other: #5b7fb4; --ours: #0f8a5f;`

export const darkColours = `
  --page: #14171d; --text: #e6e9ef; --muted: #98a2b3; --grid: #2b313c; --trouble: #54401f; --other: #7ea6e0; --ours: #3ccf91;`

interface Measure {
  readonly title: string
  readonly unit: string
  readonly value: (sample: Sample) => number | undefined
  readonly scale: object
  readonly axis: object
  /** A level to compare with. */
  readonly level?: number
}

const within = (least: number, value: number, most: number): number => Math.min(most, Math.max(least, value))

const measures: ReadonlyArray<Measure> = [
  {
    title: "Calls with a good answer",
    unit: "% of calls",
    value: ({ success }) => success === undefined ? undefined : success * 100,
    scale: { domain: [0, 100] },
    axis: { values: [0, 50, 100] }
  },
  {
    title: "99th percentile of the time of a call",
    unit: "ms",
    value: ({ p99 }) => p99 === undefined ? undefined : within(1, p99, 10_000),
    scale: { type: "log", domain: [1, 10_000] },
    axis: { values: [1, 10, 100, 1_000, 10_000], format: "~s" }
  },
  {
    title: "Requests at the server (dashed: calls)",
    unit: "a second",
    value: ({ requests }) => within(10, requests, 10_000),
    scale: { type: "log", domain: [10, 10_000] },
    axis: { values: [10, 100, 1_000, 10_000], format: "~s" },
    level: rate
  }
]

const column = (
  acts: ReadonlyArray<Act>,
  results: ReadonlyArray<Result>,
  { axis, level, scale, title, unit, value }: Measure,
  isFirst: boolean
) => {
  const clients = results.map(({ client }) => client)
  const begin = starts(acts)
  const values = results.flatMap(({ client, samples }, row) => [
    ...samples.map((sample) => ({ client, kind: "sample", at: sample.at, value: value(sample) })),
    ...acts.map(({ millis, name, trouble }, index) => ({
      client,
      kind: trouble === acts[0]?.trouble ? "well" : "trouble",
      from: begin[index]! / 1000,
      to: (begin[index]! + millis) / 1000,
      middle: (begin[index]! + millis / 2) / 1000,
      name: row === 0 ? name : ""
    }))
  ])
  const x = {
    type: "quantitative",
    title: "seconds",
    scale: { domain: [0, duration(acts) / 1000], nice: false },
    axis: { tickCount: 6 }
  }
  const y = { type: "quantitative", title: unit, scale, axis }
  const only = (kind: string) => [{ filter: `datum.kind === "${kind}"` }]
  return {
    title: { text: title, anchor: "start", fontSize: 12, offset: 22 },
    data: { values },
    facet: {
      row: {
        field: "client",
        type: "nominal",
        sort: clients,
        title: null,
        header: { labels: isFirst, labelAngle: -90, labelFontSize: 12, labelFontWeight: "bold", labelPadding: 6 }
      }
    },
    bounds: "flush",
    spacing: 20,
    spec: {
      width: 320,
      height: 72,
      layer: [
        {
          transform: only("trouble"),
          mark: { type: "rect", color: "var(--trouble)", opacity: 0.55, stroke: "var(--page)", strokeWidth: 2 },
          encoding: { x: { field: "from", ...x }, x2: { field: "to" } }
        },
        {
          transform: [{ filter: `datum.name` }],
          mark: { type: "text", color: "var(--muted)", fontSize: 8.5, y: -4, baseline: "bottom" },
          encoding: { x: { field: "middle", ...x }, text: { field: "name" } }
        },
        {
          transform: only("sample"),
          mark: { type: "line", strokeWidth: 1.6 },
          encoding: {
            x: { field: "at", ...x },
            y: { field: "value", ...y },
            color: {
              condition: { test: `datum.client === "Holdfast"`, value: "var(--ours)" },
              value: "var(--other)"
            }
          }
        },
        ...(level === undefined ? [] : [{
          data: { values: [{}] },
          mark: { type: "rule", color: "var(--muted)", strokeDash: [3, 3] },
          encoding: { y: { datum: level, ...y } }
        }])
      ]
    }
  }
}

const style = {
  background: "var(--page)",
  padding: 14,
  font: "system-ui, -apple-system, 'Segoe UI', sans-serif",
  view: { stroke: null },
  title: { color: "var(--text)" },
  header: { labelColor: "var(--text)" },
  axis: {
    labelColor: "var(--muted)",
    titleColor: "var(--muted)",
    titleFontWeight: "normal",
    gridColor: "var(--grid)",
    domain: false,
    tickColor: "var(--grid)"
  }
}

/** Draws it: success, p99 and load over time, by client. */
export const picture = async (acts: ReadonlyArray<Act>, results: ReadonlyArray<Result>): Promise<string> => {
  const spec = {
    hconcat: measures.map((measure, index) => column(acts, results, measure, index === 0)),
    spacing: 24,
    config: style
  }
  // Vega-Lite checks what its types cannot follow.
  const view = new View(parse(compile(spec as unknown as TopLevelSpec).spec), { renderer: "none" })
  const svg = await view.toSVG()
  view.finalize()
  const css = `svg {${colours} } @media (prefers-color-scheme: dark) { svg {${darkColours} } }`
  // A tenth of a pixel is as fine as anyone sees.
  const rounded = svg.replaceAll(
    /\d+\.\d{2,}/g,
    (digits) => `${Number(Number(digits).toFixed(digits.startsWith("0") ? 2 : 1))}`
  )
  return rounded.replace(/(<svg[^>]*>)/, `$1<style>${css}</style>`)
}
