/**
 * `holdfast simulate`: lives through an outage under one policy or several, and shows what reaches the dependency, how many
 * calls succeed and how long they take.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { paragraph } from "../terminal/paragraph.ts"
import * as PolicyFlags from "./PolicyFlags.ts"

export const command = Command.make(
  "simulate",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("A YAML or JSON file: a policy, or a system. Default: four policies to learn from"),
      Argument.optional
    ),
    at: PolicyFlags.at,
    as: PolicyFlags.as,
    set: Flag.String("set").pipe(
      Flag.withDescription("Changes the file: callers.users.rate=200; may be repeated"),
      Flag.atLeast(0)
    ),
    compare: Flag.String("compare").pipe(
      Flag.withDescription("A file to play beside the first; may be repeated"),
      Flag.atLeast(0)
    ),
    minutes: Flag.Int("minutes").pipe(
      Flag.withDescription("Length in minutes. Default: 60"),
      Flag.optional
    ),
    calls: Flag.Int("calls").pipe(
      Flag.withDescription("Calls a minute. Default: 200"),
      Flag.optional
    ),
    downFrom: Flag.Int("down-from").pipe(
      Flag.withDescription("Minute in which the outage begins. Default: 10"),
      Flag.optional
    ),
    downTo: Flag.Int("down-to").pipe(
      Flag.withDescription("Minute in which it ends. Default: 50"),
      Flag.optional
    ),
    hang: Flag.Finite("hang").pipe(
      Flag.withDescription("Share of requests that hang in it, 0 to 1. Default: 0.5"),
      Flag.optional
    ),
    latency: Flag.Int("latency").pipe(
      Flag.withDescription("Milliseconds of a healthy answer. Default: 50"),
      Flag.optional
    ),
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("A seed repeats a run exactly. Default: 1"),
      Flag.withDefault(1)
    ),
    expect: Flag.String("expect").pipe(
      Flag.withDescription("A bound, such as 'recovery <= 2m'; may be repeated"),
      Flag.atLeast(0)
    ),
    findLimit: Flag.Boolean("find-limit").pipe(
      Flag.withDescription("Searches the load at which a bound breaks"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Prints one JSON document"),
      Flag.withDefault(false)
    ),
    report: Flag.String("report").pipe(
      Flag.withDescription("Writes an HTML page with plots to this file"),
      Flag.optional
    )
  },
  (input) => Effect.flatMap(Effect.promise(() => import("../simulate/simulate.ts")), ({ simulate }) => simulate(input))
).pipe(
  Command.withShortDescription("Plays an outage under a policy, in seconds"),
  Command.withDescription(paragraph(
    "Plays an hour of calls to a dependency that is down for most of it, in virtual",
    "time, and shows for each policy how many calls succeed, how much load reaches",
    "the dependency for each call, and how long callers wait.",
    "",
    "Given a file with a policy, it compares that with a timeout alone and with",
    "plain retries. Look at the load first: above 1, the policy sends more requests",
    "to a dependency that is down than its users do, which prolongs the outage.",
    "",
    "Given a file with a system (services, callers, events), it plays that: queues",
    "fill, retries multiply from tier to tier, and some systems stay down after the",
    "cause is gone. Language models under a chain have tokens, limits and a",
    "bill. docs/simulating-a-system.md has systems to start from.",
    "",
    "--set changes a value of the file by its path: a number, a word or a duration.",
    "--compare plays another file, or the same one without the change, beside it.",
    "",
    "--expect holds the last policy, or the system, to a bound: a figure, a",
    "comparison and a value. Figures: amplification, recovery, success, goodput,",
    "p50, p90, p99, max, utilisation, queue, wasted, rejected, cost, tokens, opened",
    "and unended. Add 'during', 'after' or 'before' to bound a part of the run, and",
    "write 'database.queue' for one service.",
    "",
    "Exit codes: 0 played, 1 the file is not valid or a bound is broken,",
    "2 no file to read, or wrong usage, 130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "holdfast simulate", description: "See what retries, a budget and a breaker do" },
    { command: "holdfast simulate stock.yaml --report stock.html", description: "See what your policy does" },
    {
      command: "holdfast simulate stock.yaml --expect 'amplification <= 1.3'",
      description: "Fail a build if your policy makes an outage worse"
    },
    {
      command: "holdfast simulate system.yaml --find-limit --expect 'p99 <= 500ms'",
      description: "Find how much load your system withstands"
    },
    {
      command: "holdfast simulate system.yaml --set services.stock.workers=20 --compare system.yaml",
      description: "See what twenty workers change"
    },
    {
      command: "holdfast simulate system.yaml --compare budget.yaml --report page.html",
      description: "Compare it with a change"
    },
    { command: "holdfast simulate --down-from 5 --down-to 6 --hang 0", description: "A minute of plain errors" }
  ])
)
