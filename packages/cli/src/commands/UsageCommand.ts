/** `holdfast usage`: looks at a ledger, and says what was spent on which day, at which provider, by whom. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { paragraph } from "../terminal/paragraph.ts"

export const command = Command.make(
  "usage",
  {
    ledger: Argument.String("ledger").pipe(
      Argument.withDescription("A SQLite file, or entries as lines of JSON; - for stdin. Default: HOLDFAST_LEDGER"),
      Argument.optional
    ),
    by: Flag.String("by").pipe(
      Flag.withDescription("day, provider, model, operation, or tag:NAME. Default: day"),
      Flag.withDefault("day")
    ),
    since: Flag.String("since").pipe(
      Flag.withDescription("A day, as 2026-11-01, or a time back from now, as 24h or 7d"),
      Flag.optional
    ),
    top: Flag.Int("top").pipe(
      Flag.withDescription("The most rows. The others are summed up in one. Default: 20"),
      Flag.withDefault(20)
    ),
    table: Flag.String("table").pipe(
      Flag.withDescription("The table in a database. Default: holdfast_usage"),
      Flag.withDefault("holdfast_usage")
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Prints one JSON document"),
      Flag.withDefault(false)
    )
  },
  (input) => Effect.flatMap(Effect.promise(() => import("../usage/usage.ts")), ({ usage }) => usage(input))
).pipe(
  Command.withShortDescription("Tells what was spent, by day, provider, model, operation or tag"),
  Command.withDescription(paragraph(
    "Sums up a ledger: attempts, tokens and cost, as a table and a plot. A ledger",
    "is what UsageSql.layer writes into SQLite or PostgreSQL, or a file of",
    "Usage.toJsonLines.",
    "",
    "Costs are in the currency of the prices that the program had: US dollars with",
    "Prices.known. An attempt without a price is counted as unpriced, never as",
    "free. Days are UTC.",
    "",
    "The URL of PostgreSQL holds a password, so it is read from HOLDFAST_LEDGER",
    "alone, and never shown.",
    "",
    "Exit codes: 0 shown, also if the ledger is empty, 1 it cannot be read,",
    "2 wrong usage, 130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "holdfast usage usage.db", description: "See what each day cost" },
    { command: "holdfast usage usage.db --by tag:user --since 7d", description: "See who spent most in a week" },
    { command: "holdfast usage entries.jsonl --by model --json", description: "Sum lines of JSON up, for a script" },
    { command: "HOLDFAST_LEDGER=postgres://... holdfast usage", description: "Look into PostgreSQL" }
  ])
)
