/** Sums a ledger up, and draws or prints what came of it. */
import { plural } from "@holdfast/core/Arguments"
import * as Usage from "@holdfast/llm/Usage"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { screen } from "../terminal/style.ts"
import { sumsOf, type UsageRefused, wrongUsage } from "./source.ts"
import type { Row } from "./UsageScreen.ts"
import * as UsageScreen from "./UsageScreen.ts"

interface Input {
  readonly ledger: Option.Option<string>
  readonly by: string
  readonly since: Option.Option<string>
  readonly top: number
  readonly table: string
  readonly json: boolean
}

const byOf = (text: string): Effect.Effect<Usage.By, UsageRefused> => {
  if (text === "day" || text === "provider" || text === "model" || text === "operation") return Effect.succeed(text)
  const tag = text.startsWith("tag:") ? text.slice("tag:".length) : ""
  return tag === ""
    ? wrongUsage(`--by must be day, provider, model, operation, or tag:NAME as tag:user, got ${JSON.stringify(text)}`)
    : Effect.succeed({ tag })
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const sinceOf = (text: string): Effect.Effect<number, UsageRefused> => {
  const [, count, unit = ""] = /^(\d+)([mhdw])$/u.exec(text) ?? []
  const length = units[unit]
  if (length !== undefined) return Effect.map(Clock.currentTimeMillis, (now) => now - Number(count) * length)
  const at = /^\d{4}-\d{2}-\d{2}/u.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at)
    ? wrongUsage(
      `--since must be a day, as 2026-11-01, or a time back from now, as 24h or 7d, got ${JSON.stringify(text)}`
    )
    : Effect.succeed(at)
}

/** The place of the ledger: the argument, or the variable, whose value may be secret. */
const placeOf = Effect.fnUntraced(function*(ledger: Option.Option<string>) {
  if (Option.isSome(ledger)) return { place: ledger.value, shown: ledger.value, fromEnvironment: false }
  const variable = Option.getOrUndefined(yield* Config.option(Config.Redacted("HOLDFAST_LEDGER")))
  const place = variable === undefined ? "" : Redacted.value(variable).trim()
  return place === ""
    ? yield* wrongUsage(
      "Name a ledger: a SQLite file, a file of JSON lines, or - for stdin. PostgreSQL: set HOLDFAST_LEDGER to its URL"
    )
    : { place, shown: "HOLDFAST_LEDGER", fromEnvironment: true }
})

const plus = (rows: ReadonlyArray<Row>): Usage.Total => {
  let all = Usage.zero
  for (const { total } of rows) {
    all = Object.fromEntries(
      Object.entries(all).map(([key, sum]) => [key, sum + total[key as keyof Usage.Total]])
    ) as unknown as Usage.Total
  }
  return all
}

/** Days in order; other groups by what they cost, the dearest first. At most `top`, the others in one row. */
const ordered = (rows: ReadonlyArray<Row>, by: Usage.By, top: number): ReadonlyArray<Row> => {
  if (by === "day") {
    const days = rows.toSorted((a, b) => (a.group ?? "").localeCompare(b.group ?? ""))
    const earlier = days.slice(0, -top)
    return earlier.length === 0
      ? days
      : [{ group: `${earlier.length} earlier`, total: plus(earlier) }, ...days.slice(-top)]
  }
  const sorted = rows.toSorted((a, b) =>
    b.total.cost - a.total.cost || b.total.outputTokens - a.total.outputTokens || b.total.attempts - a.total.attempts
  )
  const others = sorted.slice(top)
  return others.length === 0
    ? sorted
    : [...sorted.slice(0, top), { group: plural(others.length, "other"), total: plus(others) }]
}

export const usage = Effect.fnUntraced(function*(input: Input) {
  if (input.top < 1) return yield* wrongUsage(`--top must be 1 or more, got ${input.top}`)
  const by = yield* byOf(input.by)
  const since = Option.isSome(input.since) ? yield* sinceOf(input.since.value) : undefined
  const { fromEnvironment, place, shown } = yield* placeOf(input.ledger)
  const sums = yield* sumsOf(place, fromEnvironment, { by, since, table: input.table })
  const rows = Array.from(sums, ([group, total]): Row => ({ group, total }))
  const all = plus(rows)
  const own = yield* screen
  const drawn = ordered(rows, by, input.top)
  if (input.json) {
    const groups = drawn.map(({ group, total }) => ({ group: group ?? null, ...total }))
    return yield* own.write(`${JSON.stringify({ by: input.by, groups, all }, undefined, 2)}\n`)
  }
  if (rows.length === 0) {
    const when = Option.isSome(input.since) ? ` since ${input.since.value}` : ""
    return yield* own.print([`The ledger has no entry${when}: ${shown}`])
  }
  yield* own.print(UsageScreen.lines(shown, by, drawn, all, own))
})
