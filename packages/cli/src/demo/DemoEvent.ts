/**
 * What happens in a demo, as data: `--json` prints these, one a line, and the screen is drawn from them and from nothing
 * else.
 *
 * With one seed, two runs give the same events but for the fields that hold a time (`millis`) or a place (`urls`).
 */

/** Whether a question wants its answer as a whole or as it comes. */
export type Mode = "whole" | "stream"

/** Who asks: a program on Holdfast, or one on plain `fetch`. */
type Client = "holdfast" | "fetch"

/**
 * What became of a question: the whole answer; a part of one that was taken for whole; something else that was taken for
 * an answer; or an error that the program saw.
 */
export type Verdict = "whole" | "cut" | "wrong" | "failed"

/** What became of many questions. */
export interface Tally {
  readonly asked: number
  readonly whole: number
  readonly cut: number
  readonly wrong: number
  readonly failed: number
  /** How many requests were sent for an answer. */
  readonly requests: number
  /** How often a tool ran for an answer. */
  readonly toolRuns: number
  readonly millis: number
}

/** The simulated servers: the three of Holdfast's, and the one that plain `fetch` asks. */
type Server = "openai" | "anthropic" | "ollama" | "openaiOfFetch"

export interface DemoStarted {
  readonly _tag: "DemoStarted"
  readonly seed: number
  readonly acts: number
  /** How many questions will be asked, those of all acts in both modes. */
  readonly asks: number
  /** The policy in force, in words, one sentence an entry. */
  readonly policy: ReadonlyArray<string>
  readonly urls: Readonly<Record<Server, string>>
}

export interface ActStarted {
  readonly _tag: "ActStarted"
  readonly act: string
  readonly title: string
  readonly number: number
  readonly of: number
}

interface AskStarted {
  readonly _tag: "AskStarted"
  readonly act: string
  /** Counts the questions of the whole demo, from 1. */
  readonly ask: number
  readonly question: string
  readonly mode: Mode
}

/** One request of Holdfast's to one provider is over. */
export interface AttemptEnded {
  readonly _tag: "AttemptEnded"
  readonly act: string
  readonly ask: number
  /** Counts the requests of this question, from 1. */
  readonly attempt: number
  readonly provider: string
  readonly model: string
  readonly outcome: "answered" | "failed"
  /** Why it failed, in words. */
  readonly because?: string
  /** What followed: the same provider again, the next one, or the end. */
  readonly next?: "retry" | "fallback" | "fail"
  readonly millis: number
}

/** A provider was skipped, because it failed before and is cooling down. */
interface ProviderSkipped {
  readonly _tag: "ProviderSkipped"
  readonly act: string
  readonly ask: number
  readonly provider: string
}

/** A model had a tool called, and it ran. */
interface ToolRan {
  readonly _tag: "ToolRan"
  readonly act: string
  readonly ask: number
  readonly tool: string
  /** Whose answer called it. */
  readonly provider: string
  /** What it gave. */
  readonly result: string
}

/** A stream broke off after it had begun, which only the program can mend: it asks again. */
interface AskedAgain {
  readonly _tag: "AskedAgain"
  readonly act: string
  readonly ask: number
  readonly because: string
  /** How many words had arrived, and were thrown away; none when the call of a tool was cut. */
  readonly words: number
}

/** What happened on the way to an answer. */
export type Step = AttemptEnded | ProviderSkipped | ToolRan | AskedAgain

export interface AskEnded {
  readonly _tag: "AskEnded"
  readonly client: Client
  readonly act: string
  readonly ask: number
  readonly question: string
  readonly mode: Mode
  readonly verdict: Verdict
  /** Who answered. */
  readonly provider?: string
  /** Why there is no answer, in words. */
  readonly because?: string
  readonly requests: number
  /** How often a tool ran. */
  readonly toolRuns: number
  readonly millis: number
}

export interface ActEnded {
  readonly _tag: "ActEnded"
  readonly act: string
  readonly title: string
  readonly holdfast: Tally
  readonly fetch: Tally
}

export interface DemoEnded {
  readonly _tag: "DemoEnded"
  readonly seed: number
  /** Whether Holdfast answered every question, to the letter. */
  readonly ok: boolean
  readonly holdfast: Tally
  readonly fetch: Tally
  /** How many requests each server counted, of any kind. */
  readonly served: Readonly<Record<Server, number>>
  readonly millis: number
}

export type DemoEvent =
  | DemoStarted
  | ActStarted
  | AskStarted
  | Step
  | AskEnded
  | ActEnded
  | DemoEnded

/** The tally of nothing. */
export const emptyTally: Tally = {
  asked: 0,
  whole: 0,
  cut: 0,
  wrong: 0,
  failed: 0,
  requests: 0,
  toolRuns: 0,
  millis: 0
}

/** The tally with one more question in it. */
export const count = (tally: Tally, ask: AskEnded): Tally => ({
  ...tally,
  asked: tally.asked + 1,
  [ask.verdict]: tally[ask.verdict] + 1,
  requests: tally.requests + ask.requests,
  toolRuns: tally.toolRuns + ask.toolRuns,
  millis: tally.millis + ask.millis
})

/** The tally of two. */
export const sum = (self: Tally, that: Tally): Tally => ({
  asked: self.asked + that.asked,
  whole: self.whole + that.whole,
  cut: self.cut + that.cut,
  wrong: self.wrong + that.wrong,
  failed: self.failed + that.failed,
  requests: self.requests + that.requests,
  toolRuns: self.toolRuns + that.toolRuns,
  millis: self.millis + that.millis
})
