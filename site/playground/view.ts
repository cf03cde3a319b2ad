/** What the page shows of a simulation, as plain data. */
import type * as Outcome from "@holdfast/simulator/Outcome"
import type { Running } from "@holdfast/simulator/Simulation"

interface Line {
  readonly name: string
  readonly values: ReadonlyArray<number>
}

export interface Plot {
  readonly title: string
  readonly unit: string
  readonly lines: ReadonlyArray<Line>
}

export interface View {
  readonly now: number
  readonly duration: number
  readonly every: number
  readonly isOver: boolean
  readonly trigger: Outcome.Outcome["trigger"]
  readonly plots: ReadonlyArray<Plot>
  /** Rows of a table: what, and how much in each part of the run. */
  readonly figures: ReadonlyArray<{ readonly what: string; readonly values: ReadonlyArray<string> }>
  readonly phases: ReadonlyArray<string>
  /** Language models, and services with a price: what they answered, used and cost. */
  readonly providers: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<string> }>
  readonly breakers: ReadonlyArray<{ readonly edge: string; readonly state: string }>
  readonly recovery: string | undefined
}

const percent = (share: number): string => Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : "-"
const times = (value: number): string => Number.isFinite(value) ? value.toFixed(2) : "-"
const millis = (value: number): string =>
  !Number.isFinite(value) ? "-" : value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`

const perSecond = (values: ReadonlyArray<number>, every: number): ReadonlyArray<number> =>
  values.map((value) => value / (every / 1_000))

const phases = ["whole", "before", "during", "after"] as const

const rows: ReadonlyArray<readonly [string, (figures: Outcome.Figures) => string]> = [
  ["Calls that succeed", ({ success }) => percent(success)],
  ["Good answers a second", ({ goodput }) => times(goodput)],
  ["Requests for each call", ({ amplification }) => times(amplification)],
  ["Half of the calls take", ({ p50 }) => millis(p50)],
  ["99 of 100 calls take", ({ p99 }) => millis(p99)],
  ["Busiest service", ({ utilisation }) => percent(utilisation)],
  ["Wasted work", ({ wasted }) => percent(wasted)],
  ["Cost", ({ cost }) => times(cost)]
]

export const providerColumns = ["Requests", "Answers", "Tokens in", "Tokens out", "Cost"]

const providersOf = (services: Outcome.Outcome["services"]): View["providers"] =>
  Object.entries(services).filter(([, { cost, tokens }]) => cost + tokens.input > 0).map(
    ([name, { cost, phases, tokens }]) => ({
      name,
      values: [phases.whole?.arrived ?? 0, phases.whole?.served ?? 0, tokens.input, tokens.output].map((count) =>
        count.toFixed(0)
      ).concat(times(cost))
    })
  )

const breakersOf = (edges: Outcome.Outcome["edges"]): View["breakers"] =>
  edges.flatMap(({ from, opened, series, to }) => {
    const open = series.open.at(-1) ?? 0
    return opened === 0 && open === 0 ? [] : [{
      edge: `${from} to ${to}`,
      state: open === 0 ? `closed; has opened ${opened} times` : `${open} open; has opened ${opened} times`
    }]
  })

export const viewOf = (running: Running): View => {
  const outcome = running.outcome()
  const { callers, edges, every, figures, recovery, services, trigger } = outcome
  const seen = phases.filter((phase) => figures[phase] !== undefined)
  const lines = (of: (name: string) => ReadonlyArray<number>, names: ReadonlyArray<string>): ReadonlyArray<Line> =>
    names.map((name) => ({ name, values: of(name) }))
  return {
    now: Math.min(running.now, running.duration),
    duration: running.duration,
    every,
    isOver: running.isOver,
    trigger,
    plots: [
      {
        title: "Calls and good answers",
        unit: "a second",
        lines: Object.entries(callers).flatMap(([name, { series }]) => [
          { name: `${name}: calls`, values: perSecond(series.calls, every) },
          { name: `${name}: good answers`, values: perSecond(series.succeeded, every) }
        ])
      },
      {
        title: "Requests that reach a service",
        unit: "a second",
        lines: lines((name) => perSecond(services[name]?.series.arrived ?? [], every), Object.keys(services))
      },
      {
        title: "Slowest calls (99th percentile)",
        unit: "s",
        lines: lines(
          (name) => (callers[name]?.series.p99 ?? []).map((value) => Number.isFinite(value) ? value / 1_000 : 0),
          Object.keys(callers)
        )
      },
      {
        title: "Requests that wait for a worker",
        unit: "",
        lines: lines((name) => services[name]?.series.queue ?? [], Object.keys(services))
      }
    ],
    phases: seen,
    figures: rows.map(([what, show]) => ({
      what,
      values: seen.flatMap((phase) => {
        const of = figures[phase]
        return of === undefined ? [] : [show(of)]
      })
    })),
    providers: providersOf(services),
    breakers: breakersOf(edges),
    recovery: recovery === undefined || !running.isOver
      ? undefined
      : recovery === Infinity
      ? "The system does not recover."
      : `The system recovers ${millis(recovery)} after the last event.`
  }
}
