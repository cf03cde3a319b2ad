/**
 * Outcomes as one page of HTML: tables, and plots over time.
 *
 * **When to use**
 *
 * Use it to attach a simulation to a review, or to look at variants of a system side by side.
 *
 * **Details**
 *
 * The page needs nothing else: no script, style sheet, font or image from anywhere. It follows the reader's choice of light
 * or dark.
 *
 * **Gotchas**
 *
 * The figures are those of one seed: run several seeds before you decide.
 *
 * **Example**
 *
 * See {@link html}.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Bound from "./Bound.ts"
import { chart, type Line } from "./internal/page/chart.ts"
import { escape, key, page, table } from "./internal/page/markup.ts"
import type { EdgeOutcome, Figures, Outcome, Phase } from "./Outcome.ts"

export { type Chart, chart, type Line } from "./internal/page/chart.ts"
export { escape, key, page, table } from "./internal/page/markup.ts"

const phases: ReadonlyArray<Phase> = ["before", "during", "after", "whole"]

const rows: ReadonlyArray<readonly [title: string, cell: (figures: Figures) => string]> = [
  ["Calls", ({ calls }) => String(calls)],
  ["Calls that succeed", ({ success }) => Bound.show("success", success)],
  ["Good answers a second", ({ goodput }) => goodput.toFixed(1)],
  ["Requests for each call", ({ amplification }) => Bound.show("amplification", amplification)],
  ["Half of the calls take", ({ p50 }) => Bound.show("p50", p50)],
  ["99 of 100 calls take", ({ p99 }) => Bound.show("p99", p99)],
  ["Busiest service", ({ utilisation }) => Bound.show("utilisation", utilisation)],
  ["Work for clients that had given up", ({ wasted }) => Bound.show("wasted", wasted)],
  ["Cost", ({ cost }) => cost === 0 ? "-" : cost.toFixed(2)]
]

const recoveryOf = ({ recovery }: Outcome): string => recovery === undefined ? "-" : Bound.show("recovery", recovery)

/** All outcomes in a table, a column each. */
const overview = (outcomes: ReadonlyArray<readonly [string, Outcome]>): string =>
  table(
    "The variants",
    ["", ...outcomes.map(([name], i) => `${key(i)}${escape(name)}`)],
    [
      ...rows.map(([title, cell]) => [
        title,
        ...outcomes.map(([, { figures }]) => cell(figures.whole))
      ]),
      [
        "Requests for each call, while it goes wrong",
        ...outcomes.map(([, { figures: { during } }]) =>
          during === undefined ? "-" : Bound.show("amplification", during.amplification)
        )
      ],
      ["Recovery", ...outcomes.map(([, outcome]) => recoveryOf(outcome))]
    ].map((cells) => cells.map(escape))
  )

const decisionsOf = (edge: EdgeOutcome): string =>
  [
    edge.retries === 0 ? "" : plural(edge.retries, "retry", "retries"),
    edge.hedges === 0 ? "" : plural(edge.hedges, "hedge"),
    ...Object.entries(edge.rejected).map(([part, count]) => count === 0 ? "" : `${count} rejected by ${part}`),
    ...Object.entries(edge.stopped).map(([why, count]) => count === 0 ? "" : `${count} not retried: ${why}`),
    edge.deadlines === 0 ? "" : `${plural(edge.deadlines, "deadline")} passed`,
    edge.opened === 0 ? "" : `breaker opened ${plural(edge.opened, "time")}`,
    ...Object.entries(edge.skipped).map(([why, count]) => `${plural(count, "time")} passed by: ${why}`)
  ].filter((text) => text !== "").join("; ")

/** A series, for each second. */
const perSecond = (values: ReadonlyArray<number>, every: number): ReadonlyArray<number> =>
  values.map((value) => value * 1_000 / every)

const plotsOf = (outcome: Outcome): string => {
  const { callers, every, services } = outcome
  const plot = (title: string, unit: string, lines: ReadonlyArray<Line>) => chart({ title, unit, lines, outcome })
  const named = <A>(all: Readonly<Record<string, A>>, of: (one: A) => ReadonlyArray<number>): ReadonlyArray<Line> =>
    Object.entries(all).map(([name, one]) => ({ name, values: of(one) }))
  return [
    plot(
      "Calls and good answers",
      "a second",
      Object.entries(callers).flatMap(([name, { series }]) => [
        { name: `${name}: calls`, values: perSecond(series.calls, every) },
        { name: `${name}: good answers`, values: perSecond(series.succeeded, every) }
      ])
    ),
    plot(
      "Requests that reach a service",
      "a second",
      named(services, ({ series }) => perSecond(series.arrived, every))
    ),
    plot("99 of 100 calls take", "s", named(callers, ({ series }) => series.p99.map((millis) => millis / 1_000))),
    plot("Requests that wait for a worker", "", named(services, ({ series }) => series.queue))
  ].join("")
}

const sectionOf = (name: string, index: number, outcome: Outcome): string => {
  const { edges, figures, services } = outcome
  const seen = phases.filter((phase) => figures[phase] !== undefined)
  return `<section><h2>${key(index)}${escape(name)}</h2>` +
    (outcome.recovery === undefined ? "" : `<p>Recovery: ${escape(recoveryOf(outcome))}</p>`) +
    table(
      `Figures of ${name}`,
      ["", ...seen],
      rows.map(([title, cell]) => [title].concat(seen.map((phase) => cell(figures[phase]!))).map(escape))
    ) +
    plotsOf(outcome) +
    table(
      `Services of ${name}`,
      ["Service", "Requests", "Served", "Rejected", "Most that waited", "Tokens", "Cost"],
      Object.entries(services).map(([service, { cost, mostQueued, phases: { whole }, tokens }]) =>
        [
          service,
          String(whole?.arrived ?? 0),
          String(whole?.served ?? 0),
          String(whole?.rejected ?? 0),
          String(mostQueued),
          tokens.input + tokens.output === 0 ? "-" : `${tokens.input} in, ${Math.round(tokens.output)} out`,
          cost === 0 ? "-" : cost.toFixed(2)
        ].map(escape)
      )
    ) +
    table(
      `Calls of ${name}`,
      ["From", "To", "Calls", "Requests", "What the policy did"],
      edges.map((edge) => [
        escape(edge.from),
        escape(edge.to),
        String(edge.calls),
        String(edge.attempts),
        escape(decisionsOf(edge))
      ])
    ) + "</section>"
}

/**
 * A page with the outcomes of one system, or of variants of it by their names.
 *
 * ```ts import.meta.vitest
 * import { Page, Scenarios, Simulation } from "@holdfast/simulator"
 *
 * const outcomes = { "with a budget": Simulation.run(Scenarios.threeTiers({ budget: 0.1 })) }
 * const page = Page.html(outcomes, { title: "Three tiers" })
 *
 * page.includes("<h2>") && page.includes("with a budget") // => true
 * page.includes("<script") // => false
 * ```
 */
export const html = (
  outcomes: Readonly<Record<string, Outcome>>,
  options: { readonly title?: string | undefined } = {}
): string => {
  const all = Object.entries(outcomes)
  const [[, first] = []] = all
  const several = first === undefined || all.length < 2 ? "" : overview(all) +
    chart({
      title: "Good answers",
      unit: "a second",
      outcome: first,
      lines: all.map(([name, { callers, every }]) => ({
        name,
        values: Object.values(callers).reduce<ReadonlyArray<number>>(
          (sum, { series }) => perSecond(series.succeeded, every).map((value, i) => value + (sum[i] ?? 0)),
          []
        )
      }))
    })
  const scene = first === undefined
    ? "No outcome."
    : `${Bound.show("p50", first.duration)}, seed ${first.seed}.${
      first.trigger === undefined ? "" : " What goes wrong is shaded."
    }`
  const sections = all.map(([name, outcome], i) => sectionOf(name, i, outcome)).join("\n")
  return page(options.title ?? "Holdfast simulation", `<p class="quiet">${scene}</p>\n${several}\n${sections}`)
}
