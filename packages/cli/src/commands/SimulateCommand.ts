/**
 * `holdfast simulate`: lives through an outage under one policy or several, and shows what reaches the dependency, how many
 * calls succeed and how long they take.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import * as Screen from "../demo/Screen.ts"
import * as Candidates from "../simulate/Candidates.ts"
import * as Report from "../simulate/Report.ts"
import * as Simulation from "../simulate/Simulation.ts"
import * as SimulationScreen from "../simulate/SimulationScreen.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as CheckCommand from "./CheckCommand.ts"
import * as PolicyFile from "./PolicyFile.ts"

/** The scenario cannot be, or the report cannot be written; `message` is the line for stderr. */
export class SimulationRefused extends Data.TaggedError("SimulationRefused")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}

const clearLine = "\r\u001b[2K"

/** Why a scenario cannot be. */
const impossible = (scenario: Simulation.Scenario): string | undefined => {
  const { callsPerMinute, downFrom, downTo, hang, latency, minutes } = scenario
  if (!(minutes >= 1 && minutes <= 24 * 60)) return `--minutes must be from 1 to 1440, got ${minutes}`
  if (!(callsPerMinute >= 1)) return `--calls must be 1 or more a minute, got ${callsPerMinute}`
  if (minutes * callsPerMinute > 200_000) {
    return `--minutes times --calls must be at most 200000 calls, got ${minutes * callsPerMinute}`
  }
  if (!(downFrom >= 0 && downFrom < downTo && downTo <= minutes)) {
    return `--down-from must be before --down-to, and both within the ${minutes} minutes, got ${downFrom} and ${downTo}`
  }
  if (!(hang >= 0 && hang <= 1)) return `--hang must be a share from 0 to 1, got ${hang}`
  return latency >= 0 ? undefined : `--latency must be 0 or more milliseconds, got ${latency}`
}

const candidatesOf = Effect.fnUntraced(function*(input: {
  readonly file: Option.Option<string>
  readonly at: string
  readonly as: PolicyFile.Kind
}) {
  if (Option.isNone(input.file)) return Candidates.all
  const { policies: [options] } = yield* PolicyFile.meaning(input.file.value, input.at, input.as)
  return [Candidates.timeout, Candidates.retries, { name: options.name ?? input.file.value, options }]
})

const simulate = Effect.fnUntraced(function*(input: {
  readonly file: Option.Option<string>
  readonly at: string
  readonly as: PolicyFile.Kind
  readonly minutes: number
  readonly calls: number
  readonly downFrom: number
  readonly downTo: number
  readonly hang: number
  readonly latency: number
  readonly seed: number
  readonly json: boolean
  readonly report: Option.Option<string>
}) {
  const scenario: Simulation.Scenario = { ...input, callsPerMinute: input.calls }
  const why = impossible(scenario)
  if (why !== undefined) return yield* new SimulationRefused({ message: why })
  const candidates = yield* candidatesOf(input)
  const terminal = yield* Terminal.Terminal
  const can = yield* TerminalCapabilities.TerminalCapabilities
  const style = can.canColor ? Screen.coloured : Screen.plain
  const animate = can.canAnimate && !input.json
  const runFork = Effect.runForkWith(yield* Effect.context())
  const say = (lines: ReadonlyArray<string>) =>
    input.json ? Effect.void : terminal.display(lines.map((line) => `${line}\n`).join(""))

  yield* say([...SimulationScreen.header(scenario, style), ""])
  const entries: Array<Report.Entry> = []
  for (const candidate of candidates) {
    const outcome = yield* Simulation.run(scenario, candidate, (minute) => {
      if (animate) {
        const line = SimulationScreen.waiting(candidate.name, minute, scenario.minutes, style)
        runFork(terminal.display(clearLine + line))
      }
    })
    const { parts } = yield* PolicyFile.describe(candidate.options)
    entries.push({
      outcome,
      summary: Simulation.summarise(scenario, outcome),
      words: parts.map(({ part, text }) => `${part}: ${text}`)
    })
  }
  if (animate) yield* terminal.display(clearLine)
  yield* say([
    ...SimulationScreen.table(entries.map(({ summary }) => summary), style),
    ...SimulationScreen.plots(scenario, entries.map(({ outcome }) => outcome), style)
  ])
  if (input.json) {
    yield* terminal.display(`${
      JSON.stringify({
        scenario,
        policies: entries.map(({ outcome, summary, words }) => ({
          ...summary,
          words,
          minutes: outcome.minutes.map(({ attempts, calls, succeeded }) => ({ attempts, calls, succeeded }))
        }))
      })
    }\n`)
  }
  if (Option.isSome(input.report)) {
    const file = input.report.value
    const fs = yield* FileSystem.FileSystem
    yield* Effect.mapError(
      fs.writeFileString(file, Report.html(scenario, entries)),
      (error) => new SimulationRefused({ message: `the report cannot be written: ${FailureWords.ofFile(error)}` })
    )
    yield* say(["", `The report is in ${file}`])
  }
})

export const command = Command.make("simulate", {
  file: Argument.String("file").pipe(
    Argument.withDescription("A YAML or JSON file with a policy. Defaults to four policies to learn from"),
    Argument.optional
  ),
  at: CheckCommand.at,
  as: CheckCommand.as,
  minutes: Flag.Int("minutes").pipe(
    Flag.withDescription("How many minutes it goes on. Defaults to 60"),
    Flag.withDefault(60)
  ),
  calls: Flag.Int("calls").pipe(
    Flag.withDescription("How many calls come in a minute. Defaults to 200"),
    Flag.withDefault(200)
  ),
  downFrom: Flag.Int("down-from").pipe(
    Flag.withDescription("In which minute the dependency goes down. Defaults to 10"),
    Flag.withDefault(10)
  ),
  downTo: Flag.Int("down-to").pipe(
    Flag.withDescription("In which minute it comes back. Defaults to 50"),
    Flag.withDefault(50)
  ),
  hang: Flag.Finite("hang").pipe(
    Flag.withDescription("Which share of what reaches it hangs while it is down, from 0 to 1. Defaults to 0.5"),
    Flag.withDefault(0.5)
  ),
  latency: Flag.Int("latency").pipe(
    Flag.withDescription("How many milliseconds an answer takes while it is up. Defaults to 50"),
    Flag.withDefault(50)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("The same seed repeats a run exactly. Defaults to 1"),
    Flag.withDefault(1)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the numbers, minute by minute, as one JSON document"),
    Flag.withDefault(false)
  ),
  report: Flag.String("report").pipe(
    Flag.withDescription("Writes a page of HTML with the pictures to this file"),
    Flag.optional
  )
}, simulate).pipe(
  Command.withShortDescription("Lives through an outage under a policy, in seconds"),
  Command.withDescription(paragraph(
    "Plays an hour of calls to a dependency that is down for most of it, under a test clock, and",
    "shows for each policy how many calls succeed, how much reaches the dependency for each call",
    "(what makes an outage worse, and last longer), and how long callers wait.",
    "",
    "Given a file, its policy is compared with a timeout alone and with plain retries. Look at the",
    "load first: above 1, the policy asks more of a dependency that is down than its users do.",
    "",
    "Exit codes: 0 it was played, 1 the file holds no policy that can be, 2 wrong usage,",
    "130 or 143 interrupted."
  )),
  Command.withExamples([
    { command: "holdfast simulate", description: "See what retries, a budget and a breaker do" },
    { command: "holdfast simulate stock.yaml --report stock.html", description: "See what your policy does" },
    { command: "holdfast simulate --down-from 5 --down-to 6 --hang 0", description: "A minute of plain errors" }
  ])
)
