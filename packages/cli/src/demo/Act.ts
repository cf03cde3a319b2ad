/**
 * The acts of the demo: what goes wrong with each cloud, as data, and the seeded draw that decides which requests it hits.
 *
 * **When to use**
 *
 * Use it to script an outage for {@link OpenAiServer} and {@link AnthropicServer}, in a test or a demonstration.
 *
 * **Details**
 *
 * A draw depends on the seed, the names of the act and the cloud, and the number of the request within the act. Two servers
 * that play the same act with the same seed therefore do the same to the n-th request of each: a run can be repeated, and two
 * clients can be compared fairly.
 *
 * **Gotchas**
 *
 * The number of a request counts the requests of its act, so a client that retries more meets other faults.
 *
 * **Example**
 *
 * `Act.draw({ ...Act.well, fault: { _tag: "Reset" }, share: 0.1, inARow: 1 }, "seed")` makes a draw that resets a tenth of the requests.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Question from "./Question.ts"

/** What happens to one request. Times are in milliseconds. */
export type Fault =
  /** The answer comes, whole. */
  | { readonly _tag: "None" }
  /** Overloaded, with `Retry-After` in whole seconds, as RFC 9110, section 10.2.3 writes it, or without. */
  | { readonly _tag: "Unavailable"; readonly retryAfterSeconds?: number }
  /** The connection is reset (TCP RST) after the request was read and before the first byte of an answer. */
  | { readonly _tag: "Reset" }
  /** The answer comes, whole, and its head only after `delay`. */
  | { readonly _tag: "Slow"; readonly delay: number }
  /** 429 with `insufficient_quota`: waiting does not help. */
  | { readonly _tag: "QuotaSpent" }
  /** 429 with `rate_limit_exceeded` for the first of two keys; the other has room. */
  | { readonly _tag: "KeyLimited"; readonly retryAfterSeconds: number }
  /**
   * A stream ends after `share` of its pieces: `reset` breaks the connection; `quiet` ends the HTTP body in good order, as
   * a proxy does whose upstream died, so that only the terminator that is missing tells.
   */
  | { readonly _tag: "Cut"; readonly share: number; readonly how: "reset" | "quiet" }

/** The fault's kind, and the ranges that its numbers are drawn from. */
export type FaultKind =
  | Exclude<Fault, { readonly _tag: "Slow" | "Cut" }>
  | { readonly _tag: "Slow"; readonly delay: readonly [min: number, max: number] }
  | { readonly _tag: "Cut"; readonly share: readonly [min: number, max: number] }

/** What a request is, as far as a fault cares. */
export interface Request {
  /** Whether the answer is streamed. */
  readonly stream: boolean
  /** Whether it brings what a tool said. */
  readonly afterTool: boolean
}

/** What is wrong with one cloud. */
export interface Trouble {
  /** Whether the cloud listens at all. */
  readonly listening: boolean
  readonly fault: FaultKind
  /** The share of requests that are hit, from 0 to 1. The first eligible request is always hit, unless this is 0. */
  readonly share: number
  /** How many requests in a row can be hit. */
  readonly inARow: number
  /** Which requests can be hit; the others pass, and take no part in the draw. */
  readonly only?: keyof Request
}

export interface Act {
  /** How many keys of OpenAI's the program on Holdfast has. */
  readonly keys: 1 | 2
  /** A name of one word, for events and tests. */
  readonly name: string
  /** What happens, in plain words and one line. */
  readonly title: string
  readonly questions: ReadonlyArray<Question.Question>
  readonly openai: Trouble
  readonly anthropic: Trouble
}

/** A cloud that answers. */
export const well: Trouble = { listening: true, fault: { _tag: "None" }, share: 0, inARow: 0 }

/** A cloud that refuses every connection. */
export const gone: Trouble = { ...well, listening: false }

const always = (fault: FaultKind, only?: keyof Request): Trouble => ({
  listening: true,
  fault,
  share: 1,
  inARow: Number.POSITIVE_INFINITY,
  ...(only === undefined ? {} : { only })
})

const sometimes = (fault: FaultKind, share: number, inARow: number): Trouble => ({
  listening: true,
  fault,
  share,
  inARow,
  ...(fault._tag === "Cut" ? { only: "stream" } : {})
})

const cut: Trouble = sometimes({ _tag: "Cut", share: [0.3, 0.7] }, 0.75, 1)

/** The acts of the demo, in the order of play. */
export const all: ReadonlyArray<Act> = [
  {
    name: "healthy",
    title: "All is well",
    questions: Question.mixed,
    openai: well,
    anthropic: well,
    keys: 1
  },
  {
    name: "unavailable",
    title: "OpenAI is overloaded: 503, try again in a second",
    questions: Question.words,
    openai: sometimes({ _tag: "Unavailable", retryAfterSeconds: 1 }, 0.5, 1),
    anthropic: well,
    keys: 1
  },
  {
    name: "resets",
    title: "The network drops connections to OpenAI",
    questions: Question.words,
    openai: sometimes({ _tag: "Reset" }, 0.6, 3),
    anthropic: well,
    keys: 1
  },
  {
    name: "slow",
    title: "OpenAI is far too slow",
    questions: Question.words,
    openai: sometimes({ _tag: "Slow", delay: [1800, 2400] }, 0.6, 3),
    anthropic: well,
    keys: 1
  },
  {
    name: "quota",
    title: "OpenAI's bill was not paid (429), and Anthropic is busy (529)",
    questions: Question.words,
    openai: always({ _tag: "QuotaSpent" }),
    anthropic: sometimes({ _tag: "Unavailable" }, 0.5, 1),
    keys: 1
  },
  {
    name: "limit",
    title: "One of two keys for OpenAI is at its limit: 429, try again in two minutes",
    questions: Question.words,
    openai: always({ _tag: "KeyLimited", retryAfterSeconds: 120 }),
    anthropic: well,
    keys: 2
  },
  {
    name: "cut",
    title: "Streams are cut in the middle of a sentence",
    questions: Question.words,
    openai: cut,
    anthropic: well,
    keys: 1
  },
  {
    name: "torn",
    title: "Tool calls and answers are cut in the middle",
    questions: Question.errands,
    openai: cut,
    anthropic: well,
    keys: 1
  },
  {
    name: "handover",
    title: "OpenAI has a tool called, and is lost before it can answer",
    questions: Question.errands,
    openai: always({ _tag: "Reset" }, "afterTool"),
    anthropic: well,
    keys: 1
  },
  {
    name: "gone",
    title: "OpenAI is gone (connection refused), and Anthropic overloaded (529)",
    questions: Question.mixed,
    openai: gone,
    anthropic: always({ _tag: "Unavailable" }),
    keys: 1
  }
]

const none: Fault = { _tag: "None" }

/**
 * Starts the draw of what is wrong: each call of the result gives the fault of the next request. `seed` names the draw:
 * the same one gives the same faults.
 */
export const draw = (trouble: Trouble, seed: string): Effect.Effect<(request: Request) => Fault> =>
  Random.Random.useSync((random) => {
    const between = ([min, max]: readonly [number, number]) => min + (max - min) * random.nextDoubleUnsafe()
    let drawn = 0
    let inARow = 0
    return (request: Request): Fault => {
      if (trouble.share === 0 || (trouble.only !== undefined && !request[trouble.only])) {
        return none
      }
      const hit = random.nextDoubleUnsafe() < trouble.share || drawn === 0
      drawn++
      if (!hit || inARow >= trouble.inARow) {
        inARow = 0
        return none
      }
      inARow++
      switch (trouble.fault._tag) {
        case "Slow":
          return { _tag: "Slow", delay: Math.round(between(trouble.fault.delay)) }
        case "Cut":
          return {
            _tag: "Cut",
            share: between(trouble.fault.share),
            how: random.nextDoubleUnsafe() < 0.5 ? "reset" : "quiet"
          }
        default:
          return trouble.fault
      }
    }
  }).pipe(Random.withSeed(seed))
