/** What a person sees of a demo: pure functions from its events to lines of text. */
import { plural } from "@holdfast/core/Arguments"
import { plot } from "simple-ascii-chart"
import { columns } from "../terminal/paragraph.ts"
import { seconds, type Style } from "../terminal/style.ts"
import type { ActEnded, ActStarted, AskEnded, AttemptEnded, DemoEnded, DemoStarted, Step, Tally } from "./DemoEvent.ts"

const names: Readonly<Record<string, string>> = {
  openai: "OpenAI",
  "openai-1": "OpenAI #1",
  "openai-2": "OpenAI #2",
  anthropic: "Anthropic",
  ollama: "Ollama"
}

const providerName = (provider: string | undefined): string =>
  provider === undefined ? "no provider" : names[provider] ?? provider

/** What will happen, and the policy in force. */
export const header = (event: DemoStarted, style: Style): ReadonlyArray<string> => [
  `${style.paint("title", "Holdfast demo")}  ${style.paint("quiet", `seed ${event.seed}`)}`,
  `In ${plural(event.acts, "act")} a program asks language models ${
    plural(event.asks, "question")
  }, and they go wrong.`,
  "Holdfast asks OpenAI, then Anthropic, then a local Ollama; plain fetch asks OpenAI alone.",
  style.paint("quiet", "All are simulated on this machine, over real sockets: no key, no bill."),
  "",
  `${style.paint("strong", "The policy in force")}  ${style.paint("quiet", "with times that are short for the demo")}`,
  ...event.policy.map((sentence) => `  ${sentence}`)
]

export const actTitle = (event: ActStarted, style: Style): ReadonlyArray<string> => [
  "",
  `${style.paint("quiet", `Act ${event.number} of ${event.of}`)}  ${style.paint("title", event.title)}`
]

/** Whose request failed, and why. */
export const failure = (attempt: AttemptEnded): string =>
  `${providerName(attempt.provider)}: ${attempt.because ?? "failed"}`

/** Equal neighbours become one, with how often. */
const grouped = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const groups: Array<{ readonly word: string; times: number }> = []
  for (const word of words) {
    const last = groups.at(-1)
    if (last?.word === word) {
      last.times++
    } else {
      groups.push({ word, times: 1 })
    }
  }
  return groups.map(({ times, word }) => times === 1 ? word : `${word} (${plural(times, "time")})`)
}

/** Why an answer took the way it took, in one sentence. `undefined` when there is nothing to tell. */
const story = (events: ReadonlyArray<Step>, provider?: string): string | undefined => {
  const words = grouped(events.flatMap((event, index) => {
    switch (event._tag) {
      case "AskedAgain":
        return [
          event.words === 0
            ? "tool call cut before it ran, asked again"
            : `stream cut after ${plural(event.words, "word")}, asked again`
        ]
      case "ProviderSkipped": {
        // An answer that takes two requests skips twice, and is told once.
        const first = events.findIndex((other) => other._tag === "ProviderSkipped" && other.provider === event.provider)
        return first === index ? [`${providerName(event.provider)}: skipped for now`] : []
      }
      case "ToolRan":
        return [`${providerName(event.provider)} had ${event.result} reserved`]
      case "AttemptEnded":
        // The request that was cut says the same as the event after it.
        return event.outcome === "answered" || events[index + 1]?._tag === "AskedAgain" ? [] : [failure(event)]
    }
  }))
  if (words.length === 0) {
    return undefined
  }
  const moved = events.some((event) =>
    event._tag === "ProviderSkipped" || (event._tag === "AttemptEnded" && event.next === "fallback")
  )
  return moved && provider !== undefined
    ? `${words.join("; ")}; so on to ${providerName(provider)}`
    : words.join("; ")
}

const verdictMark = (ask: AskEnded, style: Style): string => {
  switch (ask.verdict) {
    case "whole":
      return style.paint("good", "✓")
    case "failed":
      return style.paint("bad", "✗")
    case "cut":
    case "wrong":
      return style.paint("warning", "!")
  }
}

/** One answered question, and below it why it took the way it took. */
export const answer = (
  ask: AskEnded,
  events: ReadonlyArray<Step>,
  style: Style
): ReadonlyArray<string> => {
  const name = providerName(ask.provider)
  const why = ask.because ?? story(events, ask.provider)
  return [
    `  ${verdictMark(ask, style)} ${ask.question.padEnd(38)} ${style.paint("quiet", ask.mode.padEnd(6))} ` +
    `${style.paint(name.startsWith("OpenAI") ? "good" : "warning", name.padEnd(9))} ` +
    `${plural(ask.requests, "request").padEnd(10)}  ${seconds(ask.millis).padStart(7)}`,
    ...(why === undefined ? [] : [`      ${style.paint("quiet", why)}`])
  ]
}

/** What a tally says of the answers, in words. */
const tallyWords = (tally: Tally): string =>
  [
    `${tally.whole} of ${tally.asked} answered whole`,
    tally.cut > 0 ? `${tally.cut} cut and taken for whole` : undefined,
    tally.wrong > 0 ? `${tally.wrong} wrong` : undefined,
    tally.failed > 0 ? `${tally.failed} failed` : undefined,
    tally.toolRuns > 0 ? plural(tally.toolRuns, "reservation") : undefined
  ].filter((words) => words !== undefined).join(", ")

/** What plain `fetch` made of the same act. */
export const compared = (event: ActEnded, asks: ReadonlyArray<AskEnded>, style: Style): ReadonlyArray<string> => {
  const reasons = [...new Set(asks.flatMap((ask) => ask.because === undefined ? [] : [ask.because]))].toSorted()
  const words = `plain fetch: ${tallyWords(event.fetch)}`
  const good = event.fetch.whole === event.fetch.asked
  return [
    `  ${style.paint(good ? "quiet" : "bad", words)}` +
    (reasons.length === 0 ? "" : ` ${style.paint("quiet", `(${reasons.join(", ")})`)}`)
  ]
}

/** All acts, Holdfast beside plain `fetch`. */
export const table = (acts: ReadonlyArray<ActEnded>, end: DemoEnded, style: Style): ReadonlyArray<string> => {
  const head = (text: string) => style.paint("strong", text)
  const worry = (count: number) => count === 0 ? style.paint("quiet", "0") : style.paint("bad", String(count))
  const whole = (tally: Tally) =>
    style.paint(tally.whole === tally.asked ? "good" : "bad", `${tally.whole} of ${tally.asked}`)
  const cells = (name: string, holdfast: Tally, fetch: Tally) => [
    name,
    whole(holdfast),
    String(holdfast.requests),
    seconds(holdfast.millis),
    whole(fetch),
    worry(fetch.cut + fetch.wrong),
    worry(fetch.failed),
    String(fetch.requests),
    seconds(fetch.millis)
  ]
  const titles = ["", "whole", "sent", "time", "whole", "cut*", "failed", "sent", "time"]
  const rows = columns([
    titles.map((title) => style.paint("quiet", title)),
    ...acts.map(({ act, fetch, holdfast }) => cells(act, holdfast, fetch)),
    cells(head("all"), end.holdfast, end.fetch)
  ])
  return [
    `${" ".repeat(24)}${head("Holdfast")}${" ".repeat(27)}${head("plain fetch")}`,
    ...rows,
    style.paint("quiet", "  * cut short or wrong, and taken for the whole answer")
  ]
}

/** Questions answered whole as the demo goes on: one line for Holdfast, one for plain `fetch`. */
export const chart = (asks: ReadonlyArray<AskEnded>, style: Style): ReadonlyArray<string> => {
  const line = (client: AskEnded["client"]): Array<[number, number]> => {
    let whole = 0
    const points = asks.filter((ask) => ask.client === client).map((ask): [number, number] => {
      whole += ask.verdict === "whole" ? 1 : 0
      return [ask.ask, whole]
    })
    return [[0, 0], ...points]
  }
  const ends = [...new Map(asks.map((ask) => [ask.act, ask.ask])).values()]
  const lines = plot([line("fetch"), line("holdfast")], {
    width: 64,
    height: 12,
    yRange: [0, Math.max(...ends)],
    customXAxisTicks: [0, ...ends],
    customYAxisTicks: [0, ...ends],
    ...(style.colour ? { color: ["ansiRed", "ansiGreen"] } : {})
  }).split("\n").filter((line) => line.trim() !== "").map((line) => `  ${line}`.trimEnd())
  return [
    `  ${style.paint("strong", "Questions answered whole")}  ` +
    `${style.paint("good", "above: Holdfast")}, ${style.paint("bad", "below: plain fetch")}`,
    ...lines
  ]
}

/** How a person starts the program: by its name where it is installed, by npm in the repository. */
export type Program = "holdfast" | "npm run holdfast --"

const columnsLeft = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

/** What to take from it, and where to read on. */
export const ending = (end: DemoEnded, style: Style, program: Program): ReadonlyArray<string> => {
  const verdict = end.ok
    ? style.paint("good", `Holdfast answered all ${plural(end.holdfast.asked, "question")} to the letter`)
    : style.paint(
      "bad",
      `Holdfast answered ${end.holdfast.whole} of ${plural(end.holdfast.asked, "question")} to the letter`
    )
  return [
    `${verdict}, with ${plural(end.holdfast.requests, "request")} in ${seconds(end.holdfast.millis)}.`,
    `Plain fetch: ${tallyWords(end.fetch)}.`,
    "",
    style.paint("strong", "What to take from it"),
    "  An outage need not be an error: wait a little, retry, then ask another.",
    "  A cut answer must not pass for a whole one: look for its end, and say so.",
    "  What a tool has done is done: another model must not have it done again.",
    "  A provider that is down must not be hammered: retries need a count and a delay.",
    "",
    style.paint("strong", "Read on"),
    ...columnsLeft([
      [`${program} demo --seed 7`, "other faults, as repeatable"],
      [`${program} demo --json`, "the same as data, one event a line"],
      [`${program} doctor`, "which provider would answer, and why not the others"],
      [`${program} chat "a question"`, "the same chain, with your own keys"]
    ])
  ]
}

/** A line that is drawn over and over while a question waits for its answer. */
export const waiting = (
  options: { readonly question: string; readonly mode: string; readonly said: string },
  columns: number,
  style: Style
): string => {
  const room = Math.max(10, columns - 6)
  const line = options.said === "" ? options.question : `${options.question} ${options.said}`
  const shown = line.length <= room ? line : `…${line.slice(line.length - room + 1)}`
  return `  ${style.paint("quiet", `▸ ${shown}`)}`
}
