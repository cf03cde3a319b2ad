/**
 * Bounds that an outcome has to keep, as text: `"amplification <= 1.3"`, `"recovery <= 2m"`, `"db.p99 after <= 1s"`.
 *
 * **When to use**
 *
 * Use them to say in a test, in a file or on a command line how well a system has to do. `Simulation.expect` throws if one
 * is broken, and `Limits.find` searches the load at which one breaks.
 *
 * **Details**
 *
 * A bound is a figure, a comparison and a value. The name of a caller or service before the figure makes it one of that
 * alone. A phase after the figure (`before`, `during`, `after` or `whole`) says where it holds; without one it holds in
 * every phase. A value is a number, a percentage or a duration.
 *
 * | figure | what it is | of |
 * | --- | --- | --- |
 * | `amplification` | requests for each that a call stands for | all, service |
 * | `success` | the share of calls that succeed | all, caller |
 * | `goodput` | calls per second that succeed | all, caller |
 * | `p50`, `p90`, `p99`, `max` | how long calls take | all, caller |
 * | `utilisation` | the share of workers that are busy | all, service |
 * | `queue` | requests that wait for a worker, on average | all, service |
 * | `wasted` | the share of served requests whose client had given up | all, service |
 * | `rejected` | the share of requests that are refused, over the limit or find a full queue | all, service |
 * | `cost` | what the services cost | all, service |
 * | `tokens` | tokens that a language model used, in prompts and answers | all, service |
 * | `recovery` | how long after the last event calls succeed as before | all |
 * | `opened` | how often a breaker opens | all |
 * | `unended` | calls that never end | all |
 *
 * Without a name, `amplification`, `utilisation`, `queue` and `rejected` are those of the service where they are highest.
 *
 * **Gotchas**
 *
 * - A figure of nothing, such as the latency of no calls, keeps any bound. A system without events has recovered at once.
 * - If there are events, a bound without a phase is not checked over the whole run, but in each of its parts: ask for
 *   `whole` if an average over the outage is enough.
 *
 * **Example**
 *
 * See {@link parse}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { Outcome, Phase, ServiceFigures } from "./Outcome.ts"

/** A bound as text. */
export type Text = `${string} ${"<=" | ">=" | "<" | ">"} ${string}`

/** A bound. */
export interface Bound {
  readonly text: string
  /** A caller or a service; `undefined` for all together. */
  readonly name: string | undefined
  readonly figure: Figure
  readonly phase: Phase | undefined
  readonly comparison: "<=" | ">=" | "<" | ">"
  readonly value: number
}

/** How an outcome keeps a bound. */
export interface Verdict {
  readonly bound: Bound
  readonly holds: boolean
  /** The figure, in the phase where it is worst. */
  readonly actual: number
  readonly phase: Phase
}

const figures = [
  "amplification",
  "success",
  "goodput",
  "p50",
  "p90",
  "p99",
  "max",
  "utilisation",
  "queue",
  "wasted",
  "rejected",
  "cost",
  "tokens",
  "recovery",
  "opened",
  "unended"
] as const

/** The name of a figure. */
export type Figure = typeof figures[number]

const kinds: Readonly<Record<Figure, "number" | "share" | "duration">> = {
  amplification: "number",
  success: "share",
  goodput: "number",
  p50: "duration",
  p90: "duration",
  p99: "duration",
  max: "duration",
  utilisation: "share",
  queue: "number",
  wasted: "share",
  rejected: "share",
  cost: "number",
  tokens: "number",
  recovery: "duration",
  opened: "number",
  unended: "number"
}

const phases = ["before", "during", "after", "whole"] as const
const form = /^(?:(.+)\.)?([A-Za-z]\w*)(?:\s+(\w+))?\s*(<=|>=|<|>)\s*([^\s=<>][^=<>]*)$/u

const valueOf = (figure: Figure, text: string, place: Arguments.Place): number => {
  if (kinds[figure] === "duration") return Arguments.duration({ min: 0 })(text, place)
  const [, digits, percent] = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/u.exec(text) ?? []
  if (digits === undefined) {
    place.fault(`must be a number${kinds[figure] === "share" ? " or a percentage" : ""}, got "${text}"`)
    return NaN
  }
  const amount = Number(digits) / (percent === "%" ? 100 : 1)
  if (kinds[figure] === "share" && amount > 1) place.fault(`must be at most 1, which is 100 %, got ${text}`)
  return amount
}

/**
 * Reads a bound. Throws a `RangeError` that says what is wrong with it.
 *
 * ```ts import.meta.vitest
 * import { Bound } from "@holdfast/simulator"
 *
 * Bound.parse("db.p99 after <= 1s").value // => 1_000
 *
 * let message = ""
 * try {
 *   Bound.parse("amplifcation <= 1.3")
 * } catch (error) {
 *   message = String(error)
 * }
 * message.includes("did you mean \"amplification\"?") // => true
 * ```
 */
export const parse = (text: string): Bound =>
  Arguments.check("Bound.parse", (_, place): Bound => {
    const [, name, word = "", phase, comparison, value = ""] = form.exec(text.trim()) ?? []
    if (comparison === undefined) {
      place.fault(
        `must be a figure, a comparison (<=, >=, < or >) and a value, such as "recovery <= 2m", got ${
          Arguments.show(text)
        }`
      )
    }
    const isKnown = comparison !== undefined &&
      Arguments.oneOf(...figures)(word, place.at("figure")) !== undefined
    const figure = isKnown ? word as Figure : figures[0]
    return {
      text,
      name,
      figure,
      phase: Arguments.optional(Arguments.oneOf(...phases))(phase, place.at("phase")),
      comparison: comparison as Bound["comparison"],
      value: isKnown ? valueOf(figure, value, place.at("value")) : NaN
    }
  }, text)

const perService: Partial<Record<Figure, (figures: ServiceFigures) => number>> = {
  amplification: ({ amplification }) => amplification,
  utilisation: ({ utilisation }) => utilisation,
  queue: ({ queue }) => queue,
  wasted: ({ served, wasted }) => served === 0 ? 0 : wasted / served,
  rejected: ({ arrived, rejected }) => arrived === 0 ? 0 : rejected / arrived,
  cost: ({ cost }) => cost,
  tokens: ({ inputTokens, outputTokens }) => inputTokens + outputTokens
}

/** A figure in one phase. `undefined` if there is no such figure. */
const figureOf = (outcome: Outcome, { figure, name }: Bound, phase: Phase): number | undefined => {
  const ofService = perService[figure]
  if (name === undefined) {
    switch (figure) {
      case "recovery":
        return outcome.recovery ?? 0
      case "opened":
        return outcome.edges.reduce((sum, { opened }) => sum + opened, 0)
      case "unended":
        return Object.values(outcome.callers).reduce((sum, { unended }) => sum + unended, 0)
      case "queue":
      case "rejected":
        return Math.max(
          ...Object.values(outcome.services).flatMap(({ phases }) =>
            ofService === undefined || phases[phase] === undefined ? [] : [ofService(phases[phase])]
          )
        )
      case "tokens":
        return Object.values(outcome.services).reduce(
          (sum, { phases }) =>
            sum + (phases[phase] === undefined || ofService === undefined ? 0 : ofService(phases[phase])),
          0
        )
      default:
        return outcome.figures[phase]?.[figure]
    }
  }
  const service = outcome.services[name]?.phases[phase]
  if (service !== undefined) return ofService?.(service)
  const caller = outcome.callers[name]?.phases[phase]
  return caller !== undefined && figure in caller ? caller[figure as keyof typeof caller] : undefined
}

const keeps = ({ comparison, value }: Bound, actual: number): boolean => {
  switch (comparison) {
    case "<=":
      return actual <= value
    case ">=":
      return actual >= value
    case "<":
      return actual < value
    case ">":
      return actual > value
  }
}

/** Whether the outcome keeps a bound. A figure of nothing, such as the latency of no calls, keeps any. */
const verdict = (outcome: Outcome, bound: Bound): Verdict => {
  const { figure, name, phase } = bound
  const known = phases.filter((phase) => outcome.figures[phase] !== undefined)
  const services = Object.keys(outcome.services)
  const callers = Object.keys(outcome.callers)
  if (name !== undefined && !services.includes(name) && !callers.includes(name)) {
    const [fault] = Arguments.faults(Arguments.oneOf(...services, ...callers), name)
    throw new RangeError(`Bound.check: "${bound.text}" names no service or caller: it ${fault?.message}`)
  }
  const all = known.map((phase) => ({ phase, actual: figureOf(outcome, bound, phase) }))
  if (all.every(({ actual }) => actual === undefined)) {
    const [kind, others] = services.includes(name ?? "") ? ["service", callers] : ["caller", services]
    const whose = others.filter((other) => figureOf(outcome, { ...bound, name: other }, "whole") !== undefined)
    const instead = whose.length === 0 ? "leave out the name" : `there is one of ${whose.join(", ")}`
    throw new RangeError(`Bound.check: "${bound.text}": the ${kind} ${name} has no ${figure}: ${instead}`)
  }
  const asked = phase !== undefined ? [phase] : known.length === 1 ? known : known.filter((one) => one !== "whole")
  const worse = bound.comparison.startsWith("<") ? Math.max : Math.min
  let worst: Verdict | undefined
  for (const { actual, phase } of all) {
    if (actual === undefined || Number.isNaN(actual) || !asked.includes(phase)) continue
    if (worst === undefined || (worse(actual, worst.actual) === actual && actual !== worst.actual)) {
      worst = { bound, holds: keeps(bound, actual), actual, phase }
    }
  }
  return worst ?? { bound, holds: true, actual: NaN, phase: phase ?? "whole" }
}

/** Checks bounds, in their order. Throws a `RangeError` for one that names what the outcome does not have. */
export const check = (outcome: Outcome, bounds: ReadonlyArray<string | Bound>): ReadonlyArray<Verdict> =>
  bounds.map((bound) => verdict(outcome, typeof bound === "string" ? parse(bound) : bound))

/** A value of a figure as a person reads it: `"12 %"`, `"1.3"`, `"2m"`, `"never"`. */
export const show = (figure: Figure, value: number): string => {
  if (Number.isNaN(value)) return "-"
  if (value === Infinity) return figure === "recovery" ? "never" : "unbounded"
  switch (kinds[figure]) {
    case "share":
      return `${Number((value * 100).toFixed(2))} %`
    case "duration":
      return value < 1 ? `${Number(value.toFixed(2))} ms` : Duration.format(Duration.millis(Math.round(value)))
    case "number":
      return String(Number(value.toPrecision(4)))
  }
}

const unrounded = (figure: Figure, value: number): string => {
  if (!Number.isFinite(value)) return show(figure, value)
  const digits = Number((kinds[figure] === "share" ? value * 100 : value).toPrecision(15))
  return `${digits}${{ share: " %", duration: " ms", number: "" }[kinds[figure]]}`
}

/** A verdict in a line. */
export const describe = ({ actual, bound, holds, phase }: Verdict): string => {
  const where = figureIsWhole(bound.figure) || phase === "whole" ? "" : ` ${phase} the events`
  // A value that rounds to the limit which it breaks is shown as it is.
  const rounded = show(bound.figure, actual)
  const shown = holds || rounded !== show(bound.figure, bound.value) ? rounded : unrounded(bound.figure, actual)
  return `${bound.text}: ${shown}${where}${holds ? "" : ", which breaks it"}`
}

const figureIsWhole = (figure: Figure): boolean => ["recovery", "opened", "unended"].includes(figure)

/** An outcome breaks a bound. The message lists every bound with the figure that was found. */
export class BoundBroken extends Data.TaggedError("BoundBroken")<{ readonly verdicts: ReadonlyArray<Verdict> }> {
  override get message(): string {
    const broken = this.verdicts.filter(({ holds }) => !holds).length
    return `${broken} of ${Arguments.plural(this.verdicts.length, "bound")} ${broken === 1 ? "is" : "are"} broken\n${
      this.verdicts.map((verdict) => `  ${verdict.holds ? "holds " : "BROKEN"}  ${describe(verdict)}`).join("\n")
    }`
  }
}
