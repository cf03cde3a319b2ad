/** How the tests of a chain ask it, and what they look at. */
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

// -----------------------------------------------------------------------------
// Fixtures
// -----------------------------------------------------------------------------

export const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
export const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })
export const badRequest = new AiError.InvalidRequestError({
  description: "messages must not be empty",
  metadata: { holdfast: { kind: "invalidRequest" } }
})

export const ollama = (answers: ReadonlyArray<TestProvider.Answer>) =>
  TestProvider.script("ollama", answers, { location: "local", model: "llama3.2" })

export const retry: ProviderChain.RetryOptions = { times: 2, backoff: Backoff.constant({ delay: "1 second" }) }

/** Runs an effect while the clock is moved on, a second at a time, until it has ended. */
export const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

interface Story {
  readonly seen: ReadonlyArray<Response.StreamPart<{}>>
  readonly error: AiError.AiError | undefined
  readonly events: ReadonlyArray<ChainEvent.ChainEvent>
}

export const ask = Effect.suspend(() => {
  const seen: Array<Response.StreamPart<{}>> = []
  const events: Array<ChainEvent.ChainEvent> = []
  return LanguageModel.streamText({ prompt: "hello" }).pipe(
    Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
    Effect.match({
      onSuccess: (): Story => ({ seen, error: undefined, events }),
      onFailure: (error): Story => ({ seen, error, events })
    }),
    ChainEvent.observe((event) => events.push(event)),
    elapse
  )
})

export const generate = Effect.suspend(() => {
  const events: Array<ChainEvent.ChainEvent> = []
  return LanguageModel.generateText({ prompt: "hello" }).pipe(
    Effect.match({
      onSuccess: (response) => ({ response, error: undefined, events }),
      onFailure: (error) => ({ response: undefined, error, events })
    }),
    ChainEvent.observe((event) => events.push(event)),
    elapse
  )
})

export const chain = (
  providers: ProviderChain.Options["providers"],
  options?: Omit<ProviderChain.Options, "providers">
) => ProviderChain.layer({ retry, ...options, providers })

export const text = (parts: ReadonlyArray<{ readonly type: string }>): string =>
  parts.flatMap((part) => part.type === "text-delta" && "delta" in part ? [part.delta] : []).join("")

export const outcomes = (events: ReadonlyArray<ChainEvent.ChainEvent>): ReadonlyArray<string> =>
  events.map((event) =>
    event._tag === "AttemptFailed"
      ? `${event.provider} ${event.attempt} ${event.reason._tag} ${event.decision._tag}`
      : `${event.provider} ${event.attempt} ${event._tag}`
  )

export const cloudAnswer = TestProvider.text("The cloud has an answer of some words")
export const localAnswer = TestProvider.text("local words")

/** Where the first thing is seen of `cloudAnswer`: after `text-start` and the first word. */
export const barrier = 2
