/** Plays a scenario under one policy or several, and draws or writes what came of it. */
import { plural } from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Kind } from "../check/kind.ts"
import * as PolicyFile from "../check/PolicyFile.ts"
import { clearLine, Progress, type Screen, screen } from "../terminal/style.ts"
import * as Bounds from "./bounds.ts"
import * as Candidates from "./Candidates.ts"
import * as Changes from "./changes.ts"
import { findLimit } from "./findLimit.ts"
import * as Report from "./Report.ts"
import * as ReportFile from "./reportFile.ts"
import * as Simulation from "./Simulation.ts"
import { SimulationRefused } from "./SimulationRefused.ts"
import * as SimulationScreen from "./SimulationScreen.ts"
import { playSystems, type Variant } from "./system.ts"

/** What is wrong with a scenario. */
const impossible = (scenario: Simulation.Scenario): string | undefined => {
  const { callsPerMinute, downFrom, downTo, hang, latency, minutes } = scenario
  if (!(minutes >= 1 && minutes <= 24 * 60)) return `--minutes must be from 1 to 1440, got ${minutes}`
  if (!(callsPerMinute >= 1)) return `--calls must be 1 or more a minute, got ${callsPerMinute}`
  if (minutes * callsPerMinute > 5_000_000) {
    return `--minutes times --calls must be at most 5000000 calls, got ${minutes * callsPerMinute}`
  }
  if (!(downFrom >= 0 && downFrom < downTo && downTo <= minutes)) {
    return `--down-from must be before --down-to, and both within ${
      plural(minutes, "minute")
    }, got ${downFrom} and ${downTo}`
  }
  if (!(hang >= 0 && hang <= 1)) return `--hang must be a share from 0 to 1, got ${hang}`
  return latency >= 0 ? undefined : `--latency must be 0 or more milliseconds, got ${latency}`
}

interface Input {
  readonly file: Option.Option<string>
  readonly at: string
  readonly as: Kind
  readonly set: ReadonlyArray<string>
  readonly compare: ReadonlyArray<string>
  readonly minutes: Option.Option<number>
  readonly calls: Option.Option<number>
  readonly downFrom: Option.Option<number>
  readonly downTo: Option.Option<number>
  readonly hang: Option.Option<number>
  readonly latency: Option.Option<number>
  readonly seed: number
  readonly expect: ReadonlyArray<string>
  readonly findLimit: boolean
  readonly json: boolean
  readonly report: Option.Option<string>
}

const scenarioOf = (input: Input): Simulation.Scenario => ({
  minutes: Option.getOrElse(input.minutes, () => 60),
  callsPerMinute: Option.getOrElse(input.calls, () => 200),
  downFrom: Option.getOrElse(input.downFrom, () => 10),
  downTo: Option.getOrElse(input.downTo, () => 50),
  hang: Option.getOrElse(input.hang, () => 0.5),
  latency: Option.getOrElse(input.latency, () => 50),
  seed: input.seed
})

/** The flags that a system has no use for, and where it says the same. */
const ofPolicies = [
  ["minutes", "--minutes", "duration"],
  ["calls", "--calls", "the rate of its callers"],
  ["downFrom", "--down-from", "events"],
  ["downTo", "--down-to", "events"],
  ["hang", "--hang", "hang of an outage among its events"],
  ["latency", "--latency", "the latency of its services"]
] as const

/** What is wrong with the flags for a system. */
const strange = (input: Input): string | undefined => {
  const given = ofPolicies.find(([key]) => Option.isSome(input[key]))
  if (given === undefined) return undefined
  return `${given[1]} is for policies: a system says it itself, under ${given[2]}`
}

/** Flags that a search does not heed. */
const unheeded = ({ compare, report }: Input): string | undefined =>
  compare.length > 0
    ? "--find-limit searches one file: leave out --compare, and search the other one by itself"
    : Option.isSome(report)
    ? "--find-limit writes no page: leave out --report, or play the load that it finds"
    : undefined

/** What a file with its changes holds: a system or a policy. */
const read = Effect.fnUntraced(function*(
  { as, at }: Pick<Input, "as" | "at">,
  path: string,
  changes: ReadonlyArray<Changes.Change> = []
) {
  const found = yield* PolicyFile.systemOrMeaning(path, at, as, (input) => Changes.apply(input, changes))
  const changed = changes.length === 0 ? "" : ` with ${changes.map(({ text }) => text).join(", ")}`
  const file = `${path}${changed}`
  if (found.meaning === undefined) return { file, system: found.system }
  const [options] = found.meaning.policies
  return { file, candidate: { name: `${options.name ?? path}${changed}`, options } }
})

/**
 * What is played: systems, or policies, which are compared with less. The policy of the file is the last one. Without a
 * file, the policies to learn from.
 */
const subjectOf = Effect.fnUntraced(function*(input: Input) {
  const { compare, file } = input
  const changes = yield* Changes.parseAll(input.set)
  if (Option.isNone(file)) {
    if (changes.length > 0) return yield* new SimulationRefused({ message: "--set needs a file to change" })
    return compare.length === 0
      ? { candidates: Candidates.all }
      : yield* new SimulationRefused({ message: "--compare needs a file to compare with" })
  }
  // A file with changes may be compared with itself.
  const names = changes.length === 0 ? [file.value, ...compare] : compare
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) {
    return yield* new SimulationRefused({ message: `--compare needs files that differ: ${twice} is named twice` })
  }
  const first = yield* read(input, file.value, changes)
  const others = yield* Effect.forEach(compare, (file) => read(input, file))
  const different = others.find(({ system }) => (system === undefined) !== (first.system === undefined))
  if (different !== undefined) {
    const [system, policy] = first.system === undefined ? [different.file, first.file] : [first.file, different.file]
    return yield* new SimulationRefused({
      message: `--compare needs files of one kind: ${system} holds a system, and ${policy} a policy`
    })
  }
  const variants = others.flatMap(({ file, system }): ReadonlyArray<Variant> =>
    system === undefined ? [] : [{ file, system }]
  )
  if (first.system !== undefined) {
    return { variants: [{ file: first.file, system: first.system }, ...variants] as const }
  }
  const candidates = others.flatMap(({ candidate }) => candidate === undefined ? [] : [candidate])
  return { candidates: [...Candidates.usual, ...candidates, first.candidate] }
})

/** Plays the scenario under each policy. */
const play = Effect.fnUntraced(function*(
  scenario: Simulation.Scenario,
  candidates: ReadonlyArray<Simulation.Candidate>,
  own: Screen
) {
  const entries: Array<Report.Entry> = []
  for (const candidate of candidates) {
    const outcome = yield* Simulation.run(scenario, candidate, (minute) => {
      const words = `minute ${minute} of ${scenario.minutes}`
      own.progress(SimulationScreen.progress(candidate.name, minute / scenario.minutes, words, own))
    })
    const { parts } = yield* PolicyFile.describe(candidate.options)
    entries.push({
      outcome,
      summary: Simulation.summarise(outcome),
      words: parts.map(({ part, text }) => `${part}: ${text}`)
    })
  }
  own.progress("")
  return entries
})

/** Plays what is asked for. A run that fails or is interrupted leaves no half-drawn progress in the terminal. */
export const simulate = (input: Input) => Effect.ensuring(played(input), noProgress)

const noProgress = Effect.map(Progress, (progress) => progress?.(clearLine))

const played = Effect.fnUntraced(function*(input: Input) {
  const { json, seed } = input
  const scenario = scenarioOf(input)
  const bounds = yield* Bounds.parse(input.expect)
  const subject = yield* subjectOf(input)
  const why = (subject.variants === undefined ? impossible(scenario) : strange(input)) ??
    (input.findLimit ? unheeded(input) : undefined)
  if (why !== undefined) return yield* new SimulationRefused({ message: why })
  if (Option.isSome(input.report)) yield* ReportFile.check(input.report.value)
  const own = yield* screen
  const { style } = own
  if (subject.variants !== undefined) {
    const { variants } = subject
    const [{ file, system }] = variants
    return yield* input.findLimit
      ? findLimit({ name: file, system, bounds, seed, json, screen: own })
      : playSystems({ variants, bounds, seed, json, report: input.report, screen: own })
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
  const entries = yield* play(scenario, candidates, own)
  const verdicts = yield* Bounds.check(entries.at(-1)!.outcome.simulated, bounds)
  yield* say([
    ...SimulationScreen.table(entries.map(({ summary }) => summary), style),
    ...SimulationScreen.plots(scenario, entries.map(({ outcome }) => outcome), own)
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
    yield* ReportFile.write(input.report.value, Report.html(scenario, entries))
    yield* say(["", `The report is in ${input.report.value}`])
  }
  yield* Bounds.hold(last.name, verdicts)
})
