/**
 * What a chain does with a member of a pool: orders it, lets attempts in, and tells it what they took.
 *
 * Guarded by `test/pool/Pool.test.ts` and `test/laws.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Pool } from "../../Pool.ts"
import { Session } from "../../Pool.ts"
import type { ChainMember, Method, RunningAttempt } from "../chain/member.ts"
import { ResponseHeaders } from "../protocol/responseHeaders.ts"
import { totalTokens } from "../usage/tokens.ts"
import { remainingOf } from "./remaining.ts"
import type { Situation } from "./strategy.ts"
import { order } from "./strategy.ts"

/** The members of a chain in the order in which a request asks them: those of a pool by its strategy. */
export const arrange = (
  members: ReadonlyArray<ChainMember>,
  request: Pick<Situation, "method" | "now" | "input">,
  context: Context.Context<never>
): ReadonlyArray<ChainMember> => {
  if (members.every(({ place }) => place === undefined)) return members
  const random = Context.get(context, Random.Random)
  const session = Context.get(context, Session)
  const situation: Situation = { ...request, session, random: () => random.nextDoubleUnsafe() }
  const arranged = new Set<Pool>()
  const byPlace = new Map(members.map((other) => [other.place?.member, other]))
  return members.flatMap((member) => {
    const pool = member.place?.pool
    if (pool === undefined) return [member]
    if (arranged.has(pool)) return []
    arranged.add(pool)
    return order(pool.strategy, pool.members, situation).flatMap((one) => byPlace.get(one) ?? [])
  })
}

/** Milliseconds until a member has room for a request; 0 where it has. */
export const roomAt = ({ place }: ChainMember, input: number, now: number): number =>
  place === undefined ? 0 : place.member.load.room(now, input)

/** The tokens that a request is expected to take at a member of a pool; 0 at any other. */
export const tokensAt = ({ place }: ChainMember, input: number): number => place?.member.load.expected(input) ?? 0

/** An attempt that listens to what the vendor says is left of the account's limits. */
export const heeding = <A, E, R>(
  { member, ticket }: RunningAttempt,
  now: () => number,
  attempt: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const load = member.place?.member.load
  if (load === undefined) return attempt
  return Effect.suspend(() => {
    load.take(1, ticket.tokens)
    return Effect.provideService(attempt, ResponseHeaders, (headers) => {
      const remaining = remainingOf(headers, now())
      if (remaining !== undefined) load.learn(remaining)
    })
  })
}

/** The first content of a stream, or a whole answer, has come. */
export const answered = ({ member, startedAt }: RunningAttempt, method: Method, now: number): void =>
  member.place?.member.load.answered(method, now, now - startedAt)

/** Another provider answered first: this one takes at least as long as it was waited for. */
export const outpaced = ({ member, startedAt }: RunningAttempt, method: Method, now: number): void =>
  member.place?.member.load.outpaced(method, now, now - startedAt)

/** The vendor has said what the attempt took. */
export const settled = (
  { member, ticket }: RunningAttempt,
  { usage }: Response.FinishPartEncoded
): void => {
  const output = usage.outputTokens.total
  if (usage.inputTokens.total === undefined && output === undefined) return
  const tokens = totalTokens(usage)
  member.place?.member.load.take(0, tokens - ticket.tokens)
  ticket.settle(tokens)
  if (output !== undefined) member.place?.member.load.wrote(output)
}
