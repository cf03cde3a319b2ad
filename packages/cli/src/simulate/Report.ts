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
import * as Page from "@holdfast/simulator/Page"
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

const { escape } = Page

/** A line a policy over the minutes, with the outage shaded. */
const chart = (
  entries: ReadonlyArray<Entry>,
  { of, ...options }: Pick<Page.Chart, "label" | "most" | "outcome" | "title" | "unit"> & {
    readonly of: (minute: Minute) => number
  }
): string =>
  Page.chart({
    ...options,
    lines: entries.map(({ outcome: { minutes, name } }) => ({ name, values: minutes.map(of) }))
  })

const minute = 60_000

/** The page. */
export const html = (scenario: Scenario, entries: ReadonlyArray<Entry>): string => {
  const outcome = {
    duration: scenario.minutes * minute,
    trigger: { from: scenario.downFrom * minute, to: scenario.downTo * minute }
  }
  const { columns } = SimulationScreen
  const policies = entries.map(({ outcome, words }, i) =>
    `<h3>${Page.key(i)}${escape(outcome.name)}</h3><ul>${words.map((word) => `<li>${escape(word)}</li>`).join("")}</ul>`
  )
  return Page.page(
    "Holdfast simulation",
    [
      `<p>${escape(SimulationScreen.scene(scenario))}. ` +
      `<span class="quiet">Seed ${scenario.seed}. The outage is shaded.</span></p>`,
      Page.table(
        "The policies",
        ["", ...columns.map(([title]) => escape(title))],
        entries.map(({ summary }, i) => [
          Page.key(i) + escape(summary.name),
          ...columns.map(([, cell]) => escape(cell(summary)))
        ])
      ),
      `<p class="quiet">${escape(SimulationScreen.legend)}</p>`,
      chart(entries, {
        title: "Attempts that reach the dependency",
        unit: "a minute",
        outcome,
        of: ({ attempts }) => attempts
      }),
      chart(entries, {
        title: "Calls that succeed",
        unit: "",
        outcome,
        of: ({ calls, succeeded }) => calls === 0 ? Number.NaN : succeeded / calls,
        label: (value) => `${Math.round(value * 100)} %`,
        most: 1
      }),
      chart(entries, {
        title: "How long a call takes, median",
        unit: "",
        outcome,
        of: ({ median }) => median / 1_000,
        label: (value) => seconds(value * 1_000)
      }),
      "<h2>The policies</h2>",
      ...policies
    ].join("\n")
  )
}
