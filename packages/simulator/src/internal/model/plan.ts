/**
 * The calls that a request or a caller makes, as one effect.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import type { Edge } from "../edge/edge.ts"
import type { CheckedCall } from "./check.ts"

/** A call that is made: its edge, its options, and the call itself under the policy of each client. */
export interface Planned {
  readonly edge: Edge
  readonly options: CheckedCall
  readonly protected: ReadonlyArray<Effect.Effect<unknown, unknown>>
}

/** How calls that are made at the same time are observed: each by its edge. */
const stepOf = ({ edge, options, protected: calls }: Planned, client: number, alone: boolean) => {
  const call = calls[client]!
  const observed = alone ? call : PolicyEvent.observe(call, edge.decisions.observe)
  const all = options.times === 1
    ? observed
    : Effect.all(Array.from({ length: options.times }, () => observed), { concurrency: "unbounded", discard: true })
  const tolerant: Effect.Effect<unknown, unknown> = options.optional ? Effect.ignore(all) : all
  if (options.probability === 1) return tolerant
  return Effect.suspend(() => edge.chance() < options.probability ? tolerant : Effect.void)
}

/**
 * One after the other, and those of a step at the same time. A plan with one edge is observed in the context of its
 * fiber, which costs nothing.
 */
export const planOf = (
  steps: ReadonlyArray<ReadonlyArray<Planned>>,
  client: number
): Effect.Effect<unknown, unknown> | undefined => {
  const alone = steps.flat().length === 1
  const effects = steps.filter((step) => step.length > 0).map((step) => {
    const calls = step.map((planned) => stepOf(planned, client, alone))
    return calls.length === 1 ? calls[0]! : Effect.all(calls, { concurrency: "unbounded", discard: true })
  })
  const [first, ...rest] = effects
  return first === undefined
    ? undefined
    : rest.reduce<Effect.Effect<unknown, unknown>>((before, next) => Effect.andThen(before, next), first)
}
