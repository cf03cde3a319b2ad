/** What the page shows of a simulation, as plain data. */
import { plural } from "@holdfast/core/Arguments"
import type * as Outcome from "@holdfast/simulator/Outcome"

/** A plot, without its values. */
export interface PlotLines {
  readonly title: string
  readonly unit: string
  readonly lines: ReadonlyArray<string>
}

export interface Summary {
  /** The parts of the run that have figures. */
  readonly phases: ReadonlyArray<string>
  /** Rows of a table: what, and how much in each part of the run. */
  readonly figures: ReadonlyArray<{ readonly what: string; readonly values: ReadonlyArray<string> }>
  /** Language models, and services with a price: what they answered, used and cost. */
  readonly providers: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<string> }>
  readonly breakers: ReadonlyArray<{ readonly edge: string; readonly state: string }>
  /** The providers that a chain has passed by, and why. */
  readonly skipped: ReadonlyArray<{ readonly edge: string; readonly state: string }>
  readonly recovery: string | undefined
}

const percent = (share: number): string => Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : "-"
const times = (value: number): string => Number.isFinite(value) ? value.toFixed(2) : "-"
const millis = (value: number): string =>
  !Number.isFinite(value) ? "-" : value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`

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

const providersOf = (services: Outcome.Outcome["services"]): Summary["providers"] =>
  Object.entries(services).filter(([, { cost, tokens }]) => cost + tokens.input > 0).map(
    ([name, { cost, phases, tokens }]) => ({
      name,
      values: [phases.whole?.arrived ?? 0, phases.whole?.served ?? 0, tokens.input, tokens.output].map((count) =>
        count.toFixed(0)
      ).concat(times(cost))
    })
  )

const breakersOf = (edges: Outcome.Outcome["edges"]): Summary["breakers"] =>
  edges.flatMap(({ from, opened, series, to }) => {
    const open = series.open.at(-1) ?? 0
    return opened === 0 && open === 0 ? [] : [{
      edge: `${from} to ${to}`,
      state: open === 0
        ? `closed; has opened ${plural(opened, "time")}`
        : `${open} open; has opened ${plural(opened, "time")}`
    }]
  })

const reasons: Readonly<Record<string, string>> = {
  cooling: "it was cooling down",
  limited: "its limits left no room",
  full: "its bulkhead was full"
}

/** A provider whose cool-down has turned a request away since the summary before is cooling down now. */
const skippedOf = (edges: Outcome.Outcome["edges"], before: Outcome.Outcome["edges"]): Summary["skipped"] =>
  edges.flatMap(({ from, skipped, to }, i) => {
    const all = Object.entries(skipped)
    if (all.length === 0) return []
    const isCooling = (skipped["cooling"] ?? 0) > (before[i]?.skipped["cooling"] ?? 0)
    const words = all.map(([why, count]) => `${plural(count, "time")} because ${reasons[why] ?? `it was ${why}`}`).join(
      ", "
    )
    return [{ edge: `${from} to ${to}`, state: `${isCooling ? "cooling down; " : ""}passed by ${words}` }]
  })

/** More lines than these cannot be told apart. */
const mostLines = 8

/** A plot of an outcome, and how to read the values of its lines from a later one of the same run. */
interface Plotted extends PlotLines {
  readonly read: (outcome: Outcome.Outcome) => ReadonlyArray<ReadonlyArray<number>>
}

const shown = (names: ReadonlyArray<string>): ReadonlyArray<string> => names.slice(0, mostLines)

/** The plots of a run, whose services and callers do not change. */
export const plotsOf = (outcome: Outcome.Outcome): ReadonlyArray<Plotted> => {
  const callers = shown(Object.keys(outcome.callers))
  const services = shown(Object.keys(outcome.services))
  const rest = (all: object, listed: ReadonlyArray<string>) => {
    const more = Object.keys(all).length - listed.length
    return more === 0 ? "" : ` (${listed.length} of ${listed.length + more})`
  }
  const [of, ofServices] = [rest(outcome.callers, callers), rest(outcome.services, services)]
  const perSecond = (values: ReadonlyArray<number> | undefined = []) =>
    values.map((value) => value / (outcome.every / 1_000))
  return [
    {
      title: `Calls and good answers${of}`,
      unit: "a second",
      lines: callers.flatMap((name) => [`${name}: calls`, `${name}: good answers`]),
      read: ({ callers: all }) =>
        callers.flatMap((name) => [perSecond(all[name]?.series.calls), perSecond(all[name]?.series.succeeded)])
    },
    {
      title: `Requests that reach a service${ofServices}`,
      unit: "a second",
      lines: services,
      read: ({ services: all }) => services.map((name) => perSecond(all[name]?.series.arrived))
    },
    {
      title: `Slowest calls (99th percentile)${of}`,
      unit: "seconds",
      lines: callers,
      read: ({ callers: all }) =>
        callers.map((name) => (all[name]?.series.p99 ?? []).map((value) => Number.isFinite(value) ? value / 1_000 : 0))
    },
    {
      title: `Requests that wait for a worker${ofServices}`,
      unit: "requests",
      lines: services,
      read: ({ services: all }) => services.map((name) => all[name]?.series.queue ?? [])
    }
  ]
}

/** The values of all lines of all plots up to an instant: those of the slots that are complete. */
export const valuesOf = (
  plots: ReadonlyArray<Plotted>,
  outcome: Outcome.Outcome,
  now: number
): ReadonlyArray<ReadonlyArray<number>> => {
  const slots = now >= outcome.duration ? Math.ceil(outcome.duration / outcome.every) : Math.floor(now / outcome.every)
  return plots.flatMap(({ read }) =>
    read(outcome).map((values) => Array.from({ length: slots }, (_, slot) => values[slot] ?? 0))
  )
}

/** The tables of an outcome. `before` are the edges as they were in the summary before. */
export const summaryOf = (
  { edges, figures, recovery, services }: Outcome.Outcome,
  isOver: boolean,
  before: Outcome.Outcome["edges"]
): Summary => {
  const seen = phases.filter((phase) => figures[phase] !== undefined)
  return {
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
    skipped: skippedOf(edges, before),
    recovery: recovery === undefined || !isOver
      ? undefined
      : recovery === Infinity
      ? "The system does not recover."
      : `The system recovers ${millis(recovery)} after the last event.`
  }
}
