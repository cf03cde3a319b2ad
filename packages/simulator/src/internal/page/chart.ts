/**
 * A plot over the time of a simulation.
 *
 * Guarded by `test/Page.test.ts`.
 */
import * as Bound from "../../Bound.ts"
import type { Outcome } from "../../Outcome.ts"
import { dashes, escape, key } from "./markup.ts"

/** A line of a plot. */
export interface Line {
  readonly name: string
  /** At equal distances over the time of the plot. One that is not finite leaves a gap. */
  readonly values: ReadonlyArray<number>
}

/** What a plot shows. */
export interface Chart {
  readonly title: string
  /** Of the values; empty if they have none. */
  readonly unit: string
  readonly lines: ReadonlyArray<Line>
  /** The time that it spans, in milliseconds, and the part of it that is shaded. */
  readonly outcome: Pick<Outcome, "duration" | "trigger">
  /** The value at the top. Default: the largest. */
  readonly most?: number | undefined
  /** A value on the axis. Default: three digits of it. */
  readonly label?: ((value: number) => string) | undefined
}

const width = 860
const height = 220
const left = 56
const bottom = 28
const top = 12

const round = (value: number): string => value.toFixed(1)

const inDigits = (value: number): string => String(Number(value.toPrecision(3)))

/** A few round numbers from 0 to `most`. */
const ticks = (most: number): ReadonlyArray<number> => {
  const raw = most / 6
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= raw) ?? raw
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step)
}

/** At most so many points in a line: a page with a week of seconds would have a point for each. */
const mostPoints = 430

/** One value for each point: the mean of the slots that fall in it. */
const thinned = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  if (values.length <= mostPoints) return values
  return Array.from({ length: mostPoints }, (_, i) => {
    const slots = values.slice(
      Math.floor(i * values.length / mostPoints),
      Math.max(Math.floor((i + 1) * values.length / mostPoints), Math.floor(i * values.length / mostPoints) + 1)
    ).filter(Number.isFinite)
    return slots.reduce((sum, value) => sum + value, 0) / slots.length
  })
}

/**
 * A plot over time, as a figure of HTML: a line for each series, what goes wrong shaded, and a legend.
 *
 * ```ts import.meta.vitest
 * import { Page } from "@holdfast/simulator"
 *
 * const outcome = { duration: 60_000, trigger: { from: 20_000, to: 40_000 } }
 * const figure = Page.chart({ title: "Answers", unit: "a second", lines: [{ name: "all", values: [9, 0, 8] }], outcome })
 *
 * figure.includes("<figcaption>Answers, a second</figcaption>") // => true
 * ```
 */
export const chart = ({ label = inDigits, lines, most: highest, outcome, title, unit }: Chart): string => {
  const { duration, trigger } = outcome
  const shown = lines.map(({ name, values }) => ({ name, values: thinned(values) }))
  const most = highest ?? Math.max(1e-9, ...shown.flatMap(({ values }) => values.filter(Number.isFinite)))
  const x = (millis: number) => left + (width - left - 8) * Math.min(1, millis / duration)
  const y = (value: number) => top + (height - top - bottom) * (1 - value / most)
  const grid = ticks(most).map((value) =>
    `<line class="grid" x1="${left}" x2="${width - 8}" y1="${round(y(value))}" y2="${round(y(value))}"/>` +
    `<text x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${escape(label(value))}</text>`
  ).join("")
  const shade = trigger === undefined ?
    "" :
    `<rect class="down" x="${round(x(trigger.from))}" y="${top}" width="${
      round(Math.max(1, x(trigger.to) - x(trigger.from)))
    }" height="${height - top - bottom}"/>`
  const axis = [0, ...(trigger === undefined ? [] : [trigger.from, trigger.to]), duration].map((at) =>
    `<text x="${round(x(at))}" y="${height - 8}" text-anchor="${at === duration ? "end" : "middle"}">${
      escape(Bound.show("p50", at))
    }</text>`
  ).join("")
  const drawn = shown.map(({ values }, i) =>
    `<polyline class="l${i % dashes.length}" stroke-dasharray="${dashes[i % dashes.length]}" points="${
      values.map((value, slot) =>
        Number.isFinite(value) ? `${round(x((slot + 0.5) / values.length * duration))},${round(y(value))}` : ""
      ).filter((point) => point !== "").join(" ")
    }"/>`
  ).join("")
  const words = shown.map(({ name, values }) =>
    `${name} at most ${label(Math.max(0, ...values.filter(Number.isFinite)))}`
  ).join("; ")
  return `<figure><figcaption>${escape(title)}${unit === "" ? "" : `, ${escape(unit)}`}</figcaption>` +
    `<div class="scroll" tabindex="0"><svg class="plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="${
      escape(`${title}: ${words}`)
    }">` +
    `${shade}${grid}${axis}${drawn}</svg></div><ul class="legend">${
      shown.map(({ name }, i) => `<li>${key(i)}${escape(name)}</li>`).join("")
    }</ul></figure>`
}
