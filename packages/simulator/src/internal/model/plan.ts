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

/** What is done, and the edge whose call it is if it is one call and nothing else: what starts that has to count it. */
export interface Plan {
  readonly effect: Effect.Effect<unknown, unknown>
  readonly only: Edge | undefined
}

const isPlain = ({ edge, options: { optional, probability, times } }: Planned): boolean =>
  edge.isUncounted && times === 1 && probability === 1 && !optional

const counted = (edge: Edge, call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
  edge.isUncounted
    ? Effect.suspend(() => {
      edge.calls++
      return call
    })
    : call

/** How calls that are made at the same time are observed: each by its edge. */
const stepOf = ({ edge, options, protected: calls }: Planned, client: number, alone: boolean) => {
  const call = counted(edge, calls[client]!)
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
 * fiber, which costs nothing; one call and nothing else is counted by what starts it, which saves an operation of each.
 */
export const planOf = (steps: ReadonlyArray<ReadonlyArray<Planned>>, client: number): Plan | undefined => {
  const [only, ...others] = steps.flat()
  if (only !== undefined && others.length === 0 && isPlain(only)) {
    return { effect: only.protected[client]!, only: only.edge }
  }
  const effects = steps.filter((step) => step.length > 0).map((step) => {
    const calls = step.map((planned) => stepOf(planned, client, others.length === 0))
    return calls.length === 1 ? calls[0]! : Effect.all(calls, { concurrency: "unbounded", discard: true })
  })
  const [first, ...rest] = effects
  if (first === undefined) return undefined
  return {
    effect: rest.reduce<Effect.Effect<unknown, unknown>>((before, next) => Effect.andThen(before, next), first),
    only: undefined
  }
}
