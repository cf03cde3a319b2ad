/**
 * What a chain does with the budgets of a request: reserves in them before a provider is asked, and settles what each attempt took,
 * however it ends.
 *
 * Guarded by `test/budget/money.laws.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { ChainMember, Obstacle, RunningAttempt, Visit } from "../chain/member.ts"
import type { ChainRequest } from "../chain/request.ts"
import type { Admission } from "./admission.ts"
import { because } from "./admission.ts"
import type { Admitted } from "./spending.ts"

type Refused = Exclude<Admission, Admitted>

const free: Admitted = { _tag: "Admitted", settle: () => Effect.void }

const obstacleOf = (refused: Refused, { provider }: ChainMember, now: number): Obstacle => {
  const why = because(refused, `${provider.name}/${provider.model}`)
  // No time makes room for a request that is larger than its budget.
  const resetAt = refused._tag === "Spent" && refused.needs <= refused.spent.budget.limit
    ? DateTime.makeUnsafe(now + Duration.toMillis(refused.wait))
    : undefined
  return { why: "budget", because: why, reason: new AiError.QuotaExhaustedError({ resetAt }) }
}

/** The request that a provider may be asked for. */
interface Course {
  readonly request: ChainRequest
  /** The providers that could answer it. */
  readonly able: ReadonlyArray<ChainMember>
}

/**
 * The attempts at a provider, once the budgets have room for the first. Without room the request fails, but for a hedge, which
 * only adds to it, and for budgets that leave the cheapest provider.
 */
export const afford = <O extends { readonly _tag: string }, R>(
  { able, request }: Course,
  { hedge, member }: Visit,
  /** Does not ask the provider; the next may be asked instead. */
  skip: (obstacle: Obstacle) => Effect.Effect<O>,
  attempts: Effect.Effect<O, never, R>
): Effect.Effect<O | { readonly _tag: "Failed" }, never, R> => {
  const { spending } = request
  if (spending === undefined) return attempts
  return Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      let admission = yield* spending.admit(member, false)
      const isSaving = admission._tag === "Spent" && admission.spent.budget.whenSpent === "cheapest"
      if (isSaving && spending.isCheapest(member, able)) admission = yield* spending.admit(member, true)
      if (admission._tag !== "Admitted") {
        const obstacle = obstacleOf(admission, member, request.log.now())
        if (admission._tag === "Unpriced" || isSaving || hedge > 0) return yield* restore(skip(obstacle))
        request.log.outspent(member.provider, obstacle, admission.spent)
        return { _tag: "Failed" } as const
      }
      spending.keep(member, admission)
      return yield* Effect.ensuring(
        restore(attempts),
        // Nothing was sent.
        Effect.suspend(() => spending.take(member)?.settle({ usage: undefined }, false) ?? Effect.void)
      )
    })
  )
}

/** An attempt that settles what it took: when its answer has been read, has broken off, or was given up. */
export const charged = <A, E, R>(
  request: ChainRequest,
  running: RunningAttempt,
  scope: Scope.Scope,
  attempt: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { spending } = request
  if (spending === undefined) return attempt
  return Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const first = spending.take(running.member)
      // A request that was let in may retry.
      const admission = first ?? (yield* spending.admit(running.member, true))
      const { settle } = admission._tag === "Admitted" ? admission : free
      return yield* Effect.onExit(restore(attempt), (exit) =>
        Exit.isSuccess(exit)
          ? Scope.addFinalizer(scope, Effect.suspend(() => settle(running.meter.reported, true)))
          : settle(running.meter.reported, Exit.hasInterrupts(exit)))
    })
  )
}
