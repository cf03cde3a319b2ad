/** Plays a scenario under one policy or several, and draws or writes what came of it. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { Kind } from "../check/kind.ts"
import * as PolicyFile from "../check/PolicyFile.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import { clearLine, type Screen, screen } from "../terminal/style.ts"
import * as Bounds from "./bounds.ts"
import * as Candidates from "./Candidates.ts"
import { findLimit } from "./findLimit.ts"
import * as Report from "./Report.ts"
import * as Simulation from "./Simulation.ts"
import { SimulationRefused } from "./SimulationRefused.ts"
import * as SimulationScreen from "./SimulationScreen.ts"
import { playSystem } from "./system.ts"

/** What is wrong with a scenario. */
const impossible = (scenario: Simulation.Scenario): string | undefined => {
  const { callsPerMinute, downFrom, downTo, hang, latency, minutes } = scenario
  if (!(minutes >= 1 && minutes <= 24 * 60)) return `--minutes must be from 1 to 1440, got ${minutes}`
  if (!(callsPerMinute >= 1)) return `--calls must be 1 or more a minute, got ${callsPerMinute}`
  if (minutes * callsPerMinute > 5_000_000) {
    return `--minutes times --calls must be at most 5000000 calls, got ${minutes * callsPerMinute}`
  }
  if (!(downFrom >= 0 && downFrom < downTo && downTo <= minutes)) {
    return `--down-from must be before --down-to, and both within the ${minutes} minutes, got ${downFrom} and ${downTo}`
  }
  if (!(hang >= 0 && hang <= 1)) return `--hang must be a share from 0 to 1, got ${hang}`
  return latency >= 0 ? undefined : `--latency must be 0 or more milliseconds, got ${latency}`
}

interface Input {
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
  readonly expect: ReadonlyArray<string>
  readonly findLimit: boolean
  readonly json: boolean
  readonly report: Option.Option<string>
}

/** What the file holds: a system, or a policy, which is compared with less. Without a file, the policies to learn from. */
const subjectOf = Effect.fnUntraced(function*({ as, at, file }: Input) {
  if (Option.isNone(file)) return { candidates: Candidates.all }
  const found = yield* PolicyFile.systemOrMeaning(file.value, at, as)
  if (found.meaning === undefined) return { file: file.value, system: found.system }
  const [options] = found.meaning.policies
  return { candidates: [...Candidates.usual, { name: options.name ?? file.value, options }] }
})

/** Plays the scenario under each policy. */
const play = Effect.fnUntraced(function*(
  scenario: Simulation.Scenario,
  candidates: ReadonlyArray<Simulation.Candidate>,
  own: Screen,
  animate: boolean
) {
  const entries: Array<Report.Entry> = []
  for (const candidate of candidates) {
    const outcome = yield* Simulation.run(scenario, candidate, (minute) => {
      const words = `minute ${minute} of ${scenario.minutes}`
      if (animate) own.redraw(SimulationScreen.progress(candidate.name, minute / scenario.minutes, words, own.style))
    })
    const { parts } = yield* PolicyFile.describe(candidate.options)
    entries.push({
      outcome,
      summary: Simulation.summarise(outcome),
      words: parts.map(({ part, text }) => `${part}: ${text}`)
    })
  }
  if (animate) yield* own.write(clearLine)
  return entries
})

const writeReport = Effect.fnUntraced(function*(
  file: string,
  scenario: Simulation.Scenario,
  entries: ReadonlyArray<Report.Entry>
) {
  const fs = yield* FileSystem.FileSystem
  yield* Effect.mapError(
    fs.writeFileString(file, Report.html(scenario, entries)),
    (error) => new SimulationRefused({ message: `the report cannot be written: ${FailureWords.ofFile(error)}` })
  )
})

export const simulate = Effect.fnUntraced(function*(input: Input) {
  const { downFrom, downTo, hang, json, latency, minutes, seed } = input
  const scenario: Simulation.Scenario = { minutes, callsPerMinute: input.calls, downFrom, downTo, hang, latency, seed }
  const why = impossible(scenario)
  if (why !== undefined) return yield* new SimulationRefused({ message: why })
  const bounds = yield* Bounds.parse(input.expect)
  const subject = yield* subjectOf(input)
  const own = yield* screen
  const { style } = own
  if (subject.system !== undefined) {
    const { file, system } = subject
    if (Option.isSome(input.report)) {
      return yield* new SimulationRefused({ message: `--report draws policies, and ${file} holds a system` })
    }
    return yield* input.findLimit
      ? findLimit({ name: file, system, bounds, seed, json, screen: own })
      : playSystem({ file, system, bounds, seed, json, screen: own })
  }
  const { candidates } = subject
  // The policy that matters is the last: the others are there to compare it with.
  const last = candidates.at(-1)!
  if (input.findLimit) {
    const system = Simulation.systemOf(scenario, last)
    return yield* findLimit({ name: last.name, system, bounds, seed, json, screen: own })
  }
  const say = (lines: ReadonlyArray<string>) => json ? Effect.void : own.print(lines)

  yield* say([...SimulationScreen.header(scenario, own), ""])
  const entries = yield* play(scenario, candidates, own, own.animate && !json)
  const verdicts = yield* Bounds.check(entries.at(-1)!.outcome.simulated, bounds)
  yield* say([
    ...SimulationScreen.table(entries.map(({ summary }) => summary), style),
    ...SimulationScreen.plots(scenario, entries.map(({ outcome }) => outcome), style)
  ])
  if (verdicts.length > 0) yield* say(["", style.paint("strong", last.name), ...Bounds.lines(verdicts, style)])
  if (json) {
    yield* own.write(`${
      JSON.stringify({
        scenario,
        file: Option.getOrNull(input.file),
        report: Option.getOrNull(input.report),
        bounds: Bounds.data(verdicts),
        policies: entries.map(({ outcome, summary, words }) => ({
          ...summary,
          recovery: outcome.simulated.recovery,
          words,
          minutes: outcome.minutes.map(({ attempts, calls, succeeded }) => ({ attempts, calls, succeeded }))
        }))
      })
    }\n`)
  }
  if (Option.isSome(input.report)) {
    yield* writeReport(input.report.value, scenario, entries)
    yield* say(["", `The report is in ${input.report.value}`])
  }
  yield* Bounds.hold(last.name, verdicts)
})
