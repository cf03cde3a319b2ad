/**
 * The acts of the demo: what goes wrong with the cloud in each, as data, and the seeded draw that decides which request
 * it hits.
 *
 * An act's draw depends on the seed, the act's name and the number of the request within the act, and on nothing else:
 * two servers that play the same act with the same seed do the same to the n-th request of each. That makes a run
 * repeatable, and a comparison of two clients fair.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** What happens to one request. Times are in milliseconds. */
export type Fault =
  /** The answer comes, whole. */
  | { readonly _tag: "None" }
  /** 503 with `Retry-After`, in whole seconds as RFC 9110, section 10.2.3 writes it. */
  | { readonly _tag: "Unavailable"; readonly retryAfterSeconds: number }
  /** The connection is reset (TCP RST) after the request was read and before the first byte of an answer. */
  | { readonly _tag: "Reset" }
  /** The answer comes, whole, and its head only after `delay`. */
  | { readonly _tag: "Slow"; readonly delay: number }
  /** 429 with `insufficient_quota`: waiting does not help. */
  | { readonly _tag: "QuotaSpent" }
  /**
   * A stream ends after `share` of its words: `reset` breaks the connection; `quiet` ends the HTTP body in good order, as
   * a proxy does whose upstream died, so that only the missing `[DONE]` tells.
   */
  | { readonly _tag: "Cut"; readonly share: number; readonly how: "reset" | "quiet" }

/** The fault's kind, and the ranges that its numbers are drawn from. */
export type FaultKind =
  | { readonly _tag: "None" }
  | { readonly _tag: "Unavailable"; readonly retryAfterSeconds: number }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Slow"; readonly delay: readonly [min: number, max: number] }
  | { readonly _tag: "QuotaSpent" }
  | { readonly _tag: "Cut"; readonly share: readonly [min: number, max: number] }

export interface Act {
  /** A name of one word, for events and tests. */
  readonly name: string
  /** What happens, in plain words and one line. */
  readonly title: string
  /** Whether the cloud listens at all. */
  readonly listening: boolean
  readonly fault: FaultKind
  /** The share of requests that are hit, from 0 to 1. The first request that can be hit always is, unless this is 0. */
  readonly share: number
  /** How many requests in a row can be hit. */
  readonly inARow: number
}

/** The acts of the demo, in the order of play. */
export const all: ReadonlyArray<Act> = [
  {
    name: "healthy",
    title: "The cloud is well",
    listening: true,
    fault: { _tag: "None" },
    share: 0,
    inARow: 0
  },
  {
    name: "unavailable",
    title: "The cloud is overloaded: 503, try again in a second",
    listening: true,
    fault: { _tag: "Unavailable", retryAfterSeconds: 1 },
    share: 0.5,
    inARow: 1
  },
  {
    name: "resets",
    title: "The network drops connections",
    listening: true,
    fault: { _tag: "Reset" },
    share: 0.6,
    inARow: 3
  },
  {
    name: "slow",
    title: "The cloud is far too slow",
    listening: true,
    fault: { _tag: "Slow", delay: [1800, 2400] },
    share: 0.6,
    inARow: 3
  },
  {
    name: "quota",
    title: "The bill was not paid: 429, quota spent",
    listening: true,
    fault: { _tag: "QuotaSpent" },
    share: 1,
    inARow: Number.POSITIVE_INFINITY
  },
  {
    name: "cut",
    title: "Streams are cut in the middle of a sentence",
    listening: true,
    fault: { _tag: "Cut", share: [0.3, 0.7] },
    share: 0.75,
    inARow: 1
  },
  {
    name: "gone",
    title: "The cloud is gone: connection refused",
    listening: false,
    fault: { _tag: "None" },
    share: 0,
    inARow: 0
  }
]

const none: Fault = { _tag: "None" }

/**
 * Starts the draw of an act: each call of the result gives the fault of the next request. Only a streamed answer can be
 * cut; a request for a whole one passes a `Cut` act and takes no part in the draw.
 */
export const draw = (
  act: Act,
  seed: string | number
): Effect.Effect<(request: { readonly stream: boolean }) => Fault> =>
  Random.Random.useSync((random) => {
    const between = ([min, max]: readonly [number, number]) => min + (max - min) * random.nextDoubleUnsafe()
    let drawn = 0
    let inARow = 0
    return (request: { readonly stream: boolean }): Fault => {
      if (act.share === 0 || (act.fault._tag === "Cut" && !request.stream)) {
        return none
      }
      const hit = random.nextDoubleUnsafe() < act.share || drawn === 0
      drawn++
      if (!hit || inARow >= act.inARow) {
        inARow = 0
        return none
      }
      inARow++
      switch (act.fault._tag) {
        case "Slow":
          return { _tag: "Slow", delay: Math.round(between(act.fault.delay)) }
        case "Cut":
          return {
            _tag: "Cut",
            share: between(act.fault.share),
            how: random.nextDoubleUnsafe() < 0.5 ? "reset" : "quiet"
          }
        default:
          return act.fault
      }
    }
  }).pipe(Random.withSeed(`${seed}/${act.name}`))
