/**
 * Defaults, metrics and events of core, as the tables of docs/core.md: read from the constants and the declarations that the
 * code itself uses. `npm run docs` writes them.
 */
import * as Duration from "effect/Duration"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { defaults as backoff } from "../packages/core/src/internal/backoffOptions.ts"
import { defaults as breaker } from "../packages/core/src/internal/breaker/options.ts"
import { defaultTrip } from "../packages/core/src/internal/breaker/trip.ts"
import { defaults as budget } from "../packages/core/src/internal/budget/options.ts"
import { defaults as bulkhead } from "../packages/core/src/internal/bulkhead/options.ts"
import { defaults as hedge } from "../packages/core/src/internal/hedge/options.ts"
import { defaults as rateLimit } from "../packages/core/src/internal/rateLimit/options.ts"
import { defaults as retry } from "../packages/core/src/internal/retry/options.ts"
import { filling, table } from "./tables.ts"

/** Where the tables go. */
export const file = new URL("../docs/core.md", import.meta.url)

const source = new URL("../packages/core/src/", import.meta.url)

/** The options whose defaults are durations, in milliseconds. */
const durations = new Set([
  "openFor",
  "maxRetryAfter",
  "idleTimeToLive",
  "halfOpenFor",
  "storeTimeout",
  "window",
  "timeout",
  "maxWait",
  "min",
  "max",
  "initial"
])

/** The options of a bulkhead and a hedge that have these names are numbers. */
const numbers = new Set(["Bulkhead.adaptive min", "Bulkhead.adaptive max", "Bulkhead.adaptive initial", "Hedge max"])

const shown = (part: string, option: string, value: unknown): string => {
  if (value === Infinity) return "no limit"
  if (value === undefined) return "none"
  const isDuration = durations.has(option) && !numbers.has(`${part} ${option}`)
  if (isDuration && typeof value === "number") return Duration.format(Duration.millis(value))
  return typeof value === "number" ? value.toLocaleString("en") : `\`${JSON.stringify(value)}\``
}

const adaptive = new Set(["min", "max", "initial", "tolerance", "window"])
const ofQuantile = new Set(["quantile", "window", "minimumCalls", "min"])

const pick = (from: Readonly<Record<string, unknown>>, keep: (option: string) => boolean) =>
  Object.fromEntries(Object.entries(from).filter(([option]) => keep(option)))

const { mode: hintMode, maxRetryAfter: hintMax, ...retries } = retry
const { _tag: _, ...rate } = defaultTrip

const parts: ReadonlyArray<readonly [part: string, defaults: Readonly<Record<string, unknown>>]> = [
  ["Retry", retries],
  ["Retry retryAfter", { mode: hintMode, max: hintMax }],
  ["Backoff", backoff],
  ["RetryBudget", budget],
  ["Bulkhead", pick(bulkhead, (option) => !adaptive.has(option))],
  ["Bulkhead.adaptive", pick(bulkhead, (option) => adaptive.has(option))],
  ["RateLimit", rateLimit],
  ["CircuitBreaker", breaker],
  ["CircuitBreaker.rate", rate],
  ["Hedge", pick(hedge, (option) => !ofQuantile.has(option))],
  ["Hedge.quantile", pick(hedge, (option) => ofQuantile.has(option))]
]

const texts = globSync("**/*.ts", { cwd: source }).toSorted().map((path) => readFileSync(new URL(path, source), "utf8"))

/** Every metric: its name, unit and description, as the code that registers it has them. */
const metrics = (): ReadonlyArray<ReadonlyArray<string>> => {
  const rows = texts.flatMap((text) => {
    const counted = [...text.matchAll(/\bcount\(\s*"([\w.]+)",\s*"([^"]+)",\s*"([^"]+)"/gu)]
      .map(([, name, unit, description]) => [`holdfast.policy.${name}`, unit ?? "", description ?? ""])
    const registered = [
      ...text.matchAll(
        /Metric\.(?:counter|histogram)\(\s*"([\w.]+)",\s*\{\s*description: "([^"]+)"[^}]*?(?:unit: "([^"]+)"|attributes,)/gu
      )
    ] // The attributes of a bulkhead's metrics are one value, with the unit of its gauges.
      .map(([, name, description, unit = "{call}"]) => [name ?? "", unit, description ?? ""])
    const gauges = [...text.matchAll(/\bgauge\(\s*"(\w+)",\s*"([^"]+)"/gu)]
      .map(([, name, description]) => [`holdfast.bulkhead.${name}`, "{call}", description ?? ""])
    return counted.concat(registered, gauges)
  })
  return rows.map(([name, unit, description]) => [`\`${name}\``, `\`${unit}\``, description ?? ""])
    .toSorted(([a = ""], [b = ""]) => a < b ? -1 : 1)
}

/** Every event: its tag, its own fields, and its first sentence. */
const events = (): ReadonlyArray<ReadonlyArray<string>> => {
  const text = readFileSync(new URL("internal/call/event.ts", source), "utf8")
  return [...text.matchAll(/\/\*\*((?:(?!\*\/)[^])*?)\*\/\nexport interface (\w+) extends Origin \{\n([^]*?)\n\}/gu)]
    .map(([, comment = "", name = "", body = ""]) => {
      const fields = [...body.matchAll(/^ {2}readonly (\w+)\??:/gmu)].flatMap(([, field = ""]) =>
        field === "_tag" ? [] : [`\`${field}\``]
      )
      const sentence = comment.replaceAll(/\s*\n \*\s?/gu, " ").trim().split(/(?<=\.) /u)[0] ?? ""
      return [`\`${name}\``, fields.join(", "), sentence]
    })
}

/** All tables, by the name of their place in the file. */
export const tables: Readonly<Record<string, string>> = {
  defaults: table(
    ["part", "option", "default"],
    parts.flatMap(([part, defaults]) =>
      Object.entries(defaults).map(([option, value]) => [
        `\`${part.split(" ")[0]}\``,
        `\`${part.includes(" ") ? `${part.split(" ")[1]}.` : ""}${option}\``,
        shown(part, option, value)
      ])
    )
  ),
  metrics: table(["metric", "unit", "what it counts"], metrics()),
  events: table(["event", "its fields", "when"], events())
}

/** The text with the tables in their places. */
export const filled = filling(file, tables)

if (import.meta.main) writeFileSync(file, filled(readFileSync(file, "utf8")))
