/** Plays a scenario under one policy or several, and draws or writes what came of it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type { Kind } from "../check/kind.ts"
import * as PolicyFile from "../check/PolicyFile.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import { clearLine, screen } from "../terminal/style.ts"
import * as Candidates from "./Candidates.ts"
import * as Report from "./Report.ts"
import * as Simulation from "./Simulation.ts"
import * as SimulationScreen from "./SimulationScreen.ts"

/** The scenario cannot be, or the report cannot be written; `message` is the line for stderr. */
export class SimulationRefused extends Data.TaggedError("SimulationRefused")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}

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
  readonly as: Kind
}) {
  if (Option.isNone(input.file)) return Candidates.all
  const { policies: [options] } = yield* PolicyFile.meaning(input.file.value, input.at, input.as)
  return [Candidates.timeout, Candidates.retries, { name: options.name ?? input.file.value, options }]
})

export const simulate = Effect.fnUntraced(function*(input: {
  readonly file: Option.Option<string>
  readonly at: string
  readonly as: Kind
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
  const { downFrom, downTo, hang, latency, minutes, seed } = input
  const scenario: Simulation.Scenario = { minutes, callsPerMinute: input.calls, downFrom, downTo, hang, latency, seed }
  const why = impossible(scenario)
  if (why !== undefined) return yield* new SimulationRefused({ message: why })
  const candidates = yield* candidatesOf(input)
  const own = yield* screen
  const { style } = own
  const animate = own.animate && !input.json
  const say = (lines: ReadonlyArray<string>) => input.json ? Effect.void : own.print(lines)

  yield* say([...SimulationScreen.header(scenario, own), ""])
  const entries: Array<Report.Entry> = []
  for (const candidate of candidates) {
    const outcome = yield* Simulation.run(scenario, candidate, (minute) => {
      if (animate) own.redraw(SimulationScreen.waiting(candidate.name, minute, scenario.minutes, style))
    })
    const { parts } = yield* PolicyFile.describe(candidate.options)
    entries.push({
      outcome,
      summary: Simulation.summarise(scenario, outcome),
      words: parts.map(({ part, text }) => `${part}: ${text}`)
    })
  }
  if (animate) yield* own.write(clearLine)
  yield* say([
    ...SimulationScreen.table(entries.map(({ summary }) => summary), style),
    ...SimulationScreen.plots(scenario, entries.map(({ outcome }) => outcome), style)
  ])
  if (input.json) {
    yield* own.write(`${
      JSON.stringify({
        scenario,
        file: Option.getOrNull(input.file),
        report: Option.getOrNull(input.report),
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
