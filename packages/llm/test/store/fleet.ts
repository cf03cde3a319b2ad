/** A fleet in one process: chains with a store between them, over providers that write down what they are asked. */
import * as ChainStore from "@holdfast/llm/ChainStore"
import type * as Provider from "@holdfast/llm/Provider"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

/** A request that a provider was sent. */
export interface Sent {
  readonly at: number
  readonly process: number
  /** Whether its process did not reach the store at some time while it ran. */
  isAway: boolean
  /** `spent` starts a cool-down; a `failed` one may be retried. */
  ended: { readonly at: number; readonly how: "answered" | "spent" | "failed" | "gone" } | undefined
}

/** Which process sends, and whether it reaches the store. */
export const Sender = Context.Reference<{ readonly process: number; readonly isAway: () => boolean }>("test/Sender", {
  defaultValue: () => ({ process: 0, isAway: () => false })
})

/** Starts a cool-down at once. */
export const spent = new AiError.QuotaExhaustedError({})
/** Is retried first. */
export const overloaded = new AiError.InternalProviderError({ description: "overloaded" })

/** A provider that fails at times, and what it was sent. */
export const recorded = (
  name: string,
  reasonAt: (now: number, index: number) => AiError.AiErrorReason | undefined,
  took: (index: number) => number,
  tokens: (index: number) => number = () => 10
): { readonly provider: Provider.Provider; readonly sent: ReadonlyArray<Sent> } => {
  const sent: Array<Sent> = []
  let answers = 0
  const scripted = TestProvider.make(name, () =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const index = answers++
      const reason = reasonAt(now, index)
      const answer = reason !== undefined
        ? TestProvider.failure(reason)
        : TestProvider.text("hello ".repeat(tokens(index)).trim())
      return TestProvider.delay(answer, took(index))
    }))
  const provider: Provider.Provider = {
    ...scripted,
    generateText: (options) =>
      Effect.gen(function*() {
        const { isAway, process } = yield* Sender
        const request: Sent = { at: yield* Clock.currentTimeMillis, process, isAway: isAway(), ended: undefined }
        sent.push(request)
        return yield* Effect.onExit(scripted.generateText(options), (exit) =>
          Effect.map(Clock.currentTimeMillis, (at) => {
            const error = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()
            const isSpent = Option.isSome(error) && error.value.reason === spent
            request.ended = {
              at,
              how: Exit.isSuccess(exit) ? "answered" : isSpent ? "spent" : Option.isSome(error) ? "failed" : "gone"
            }
          }))
      })
  }
  return { provider, sent }
}

/** The way of one process to a store, which is cut while `isAway` says so. */
export const wayTo = (
  store: ChainStore.ChainStore["Service"],
  isAway: () => boolean
): ChainStore.ChainStore["Service"] => {
  const away = new ChainStore.ChainStoreError({ message: "no way to it" })
  const through = <A>(self: Effect.Effect<A, ChainStore.ChainStoreError>) =>
    Effect.suspend(() => isAway() ? Effect.fail(away) : self)
  return {
    enter: (entry) => through(store.enter(entry)),
    report: (report) => through(store.report(report)),
    look: (chain, members) => through(store.look(chain, members)),
    reserve: (spending) => through(store.reserve(spending)),
    settle: (settlement) => through(store.settle(settlement)),
    spent: (account) => through(store.spent(account))
  }
}
