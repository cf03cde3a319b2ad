/**
 * A store that is a dependency like any other: a step waits for it no longer than a bound, and after a failure the steps of the next
 * second fail at once, but for one that tries it. It is said once that the store is away, and once that it is back.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChainStore } from "./store.ts"
import { ChainStoreError } from "./store.ts"

/** How long a store that has failed is not asked, in milliseconds. */
const pause = 1_000

/** A step that only reads may be answered by a server that takes no writes: a replica, or one that is out of memory. */
type Kind = "read" | "write"

export const guarded = (store: ChainStore["Service"], timeout: number): ChainStore["Service"] => {
  const away = new ChainStoreError({ message: "The chain store is away" })
  const late = new ChainStoreError({
    message: `The chain store did not answer in ${Duration.format(Duration.millis(timeout))}`
  })
  /** The kind of the step that found it away. Where that was a write, no read shows that it is back. */
  let awayFor: Kind | undefined
  let askFrom = -Infinity

  /** Fails when the store has not answered in time. A process that was itself busy for so long waits once more: the answer may be there. */
  const patience = (now: () => number): Effect.Effect<never, ChainStoreError> =>
    Effect.suspend(() => {
      const from = now()
      const wait = Effect.sleep(timeout)
      const again = Effect.suspend(() => now() - from > 1.5 * timeout ? wait : Effect.void)
      return Effect.andThen(wait, Effect.andThen(again, Effect.fail(late)))
    })

  const step = <A>(kind: Kind, ask: () => Effect.Effect<A, ChainStoreError>): Effect.Effect<A, ChainStoreError> =>
    Effect.flatMap(Clock.Clock, (clock) => {
      const now = () => clock.currentTimeMillisUnsafe()
      const found = awayFor
      if (found !== undefined && (now() < askFrom || (found === "write" && kind === "read"))) return Effect.fail(away)
      // One step tries it; the others do not wait for its result.
      if (found !== undefined) askFrom = now() + pause
      // A store that throws has failed as one that dies.
      return Effect.suspend(ask).pipe(
        Effect.catchDefect((cause) =>
          Effect.fail(new ChainStoreError({ message: "The chain store is defective", cause }))
        ),
        Effect.raceFirst(patience(now)),
        Effect.matchEffect({
          onSuccess: (answer) => {
            if (awayFor === undefined || (awayFor === "write" && kind === "read")) return Effect.succeed(answer)
            awayFor = undefined
            return Effect.as(
              Effect.logWarning("The chain store answers: this process shares with its fleet again"),
              answer
            )
          },
          onFailure: (error) => {
            const known = awayFor !== undefined
            awayFor = awayFor === "write" ? awayFor : kind
            askFrom = now() + pause
            const failed = Effect.fail(error)
            return known ? failed : Effect.andThen(
              Effect.logWarning("The chain store is away: this process goes on alone until it answers", error),
              failed
            )
          }
        })
      )
    })

  return {
    enter: (entry) => step("write", () => store.enter(entry)),
    report: (report) => step("write", () => store.report(report)),
    look: (chain, members) => step("read", () => store.look(chain, members)),
    reserve: (spending) => step("write", () => store.reserve(spending)),
    settle: (settlement) => step("write", () => store.settle(settlement)),
    spent: (account) => step("read", () => store.spent(account))
  }
}
