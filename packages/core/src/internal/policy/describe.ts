/**
 * Says what a policy will do: its parts in words, and the worst that a call can come to.
 *
 * Guarded by `test/Policy.test.ts` and `test/composition/everything.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Backoff from "../../Backoff.ts"
import { plural } from "../arguments/plural.ts"
import { type CompiledPolicy, longestWait, type PartName, partWords } from "./parts.ts"
import type { Policy } from "./shape.ts"

type AnyPolicy = CompiledPolicy<unknown, unknown, unknown>

/** A part of a policy, in words. */
export interface Part {
  /** The policy that the part belongs to. */
  readonly policy: string
  readonly part: PartName
  readonly text: string
}

/** The parts in words, outermost first. */
const words = (policy: AnyPolicy): ReadonlyArray<Part> =>
  Object.entries(partWords).flatMap(([part, words]) => {
    const text = words(policy)
    return text === undefined ? [] : [{ policy: policy.name, part: part as PartName, text }]
  })

/** The most executions of a call, and the longest that it can take in milliseconds, around what is within. */
const worst = (
  policy: AnyPolicy,
  within: { readonly attempts: number; readonly duration: number }
): { readonly attempts: number; readonly duration: number } => {
  const { attemptTimeout = Infinity, deadline = Infinity, hedge, retry } = policy
  const times = retry?.times ?? 0
  // The last leg of a race starts when the one before it has failed at its end, at the latest.
  const attempt = (1 + (hedge?.max ?? 0)) * Math.min(attemptTimeout, within.duration)
  return {
    attempts: (1 + times) * (1 + (hedge?.max ?? 0)) * within.attempts,
    duration: Math.min(
      deadline,
      longestWait(policy) + (1 + times) * attempt + (times === 0 ? 0 : times * longestDelay(retry))
    )
  }
}

const longestDelay = (retry: AnyPolicy["retry"]): number => {
  if (retry === undefined) return 0
  const backoff = Backoff.isBackoff(retry.backoff) ? retry.backoff.max : Infinity
  const { max, mode, spread } = retry.retryAfter
  // A function knows the share of an error that has come, and no bound on all.
  const hint = mode === "wait" || typeof spread === "function" ? Infinity : (1 + spread) * max
  return Math.max(backoff, hint)
}

/** What a policy will do, in words and numbers. */
export interface Description {
  readonly name: string
  /** Every part, outermost first. */
  readonly parts: ReadonlyArray<Part>
  /** How many times a call may be executed at most. */
  readonly attempts: number
  /** How long a call may take at most; `Duration.infinity` if nothing bounds it. */
  readonly duration: Duration.Duration
  /** The whole description in a few lines. */
  readonly text: string
}

/**
 * Describes what a policy will do, for people and for tests: its parts in order, and the worst case of a call.
 * Uninterruptible attempts may exceed it.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Policy } from "@holdfast/core"
 * import { Duration, Effect } from "effect"
 *
 * const policy = Effect.runSync(Policy.make({
 *   name: "stock",
 *   deadline: "30 seconds",
 *   retry: { times: 2, backoff: Backoff.constant({ delay: "1 second" }), retryAfter: { max: "1 second" } },
 *   attemptTimeout: "3 seconds"
 * }))
 *
 * const description = Policy.describe(policy)
 * description.attempts // => 3
 * description.duration // => Duration.millis(11_200)
 * description.parts.map(({ part }) => part) // => ["deadline", "retry", "attemptTimeout"]
 * description.text.split("\n")[0] // => "stock: at most 3 attempts, in at most 11s 200ms"
 * ```
 */
export const describe = <E, X, R, M>(policy: Policy<E, X, R, M>): Description => {
  const parts = policy.layers.flatMap(words)
  const { attempts, duration } = policy.layers.toReversed().reduce(
    (within, layer) => worst(layer, within),
    { attempts: 1, duration: Infinity }
  )
  const most = duration === Infinity
    ? "with no bound on time"
    : `in at most ${Duration.format(Duration.millis(Math.round(duration)))}`
  const head = `${policy.name}: at most ${plural(attempts, "attempt")}, ${most}`
  const text = [head, ...parts.map(({ part, text }) => `- ${part}: ${text}`)].join("\n")
  return { name: policy.name, parts, attempts, duration: Duration.millis(duration), text }
}
