/**
 * The demo's program on Holdfast: a `ProviderChain` of the simulated cloud and the simulated Ollama over
 * `UndiciTransport`, with a policy whose times are short enough to watch.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as FailureWords from "../FailureWords.ts"
import type { Answer, Asker, Attempt, Providers } from "./Demo.ts"
import { AskFailed } from "./Demo.ts"

/** Short enough for a demo, and long enough that a busy machine is not taken for a slow cloud. */
const options = {
  retry: {
    times: 2,
    backoff: Backoff.exponential({ initial: "100 millis", factor: 2, max: "400 millis", jitter: Jitter.equal })
  },
  timeouts: { firstContent: "0.8 seconds", betweenChunks: "0.8 seconds", answer: "0.8 seconds" },
  localTimeouts: { firstContent: "5 seconds", betweenChunks: "5 seconds", answer: "5 seconds" },
  deadline: "10 seconds",
  cooldown: "30 seconds"
} as const

/** The policy in force, in words. */
export const policy: ReadonlyArray<string> = [
  `A request to the cloud has ${options.timeouts.firstContent} to its first words, or it has failed.`,
  `A failed one goes out again, up to ${options.retry.times} times, after a short pause or as told.`,
  "What a pause cannot mend goes to Ollama at once: a spent quota, a refused key.",
  `A provider that was given up is left alone for ${options.cooldown}; acts start afresh.`,
  `No question takes longer than ${options.deadline}, whatever happens.`,
  "An answer that a reader has begun to see is never patched up in secret."
]

const nextOf = { Retry: "retry", Fallback: "fallback", Fail: "fail" } as const

const toAttempt = (event: ChainEvent.ChainEvent): Attempt | undefined => {
  switch (event._tag) {
    case "AttemptSucceeded":
      return {
        provider: event.provider,
        model: event.model,
        outcome: "answered",
        millis: Duration.toMillis(event.duration)
      }
    case "AttemptFailed":
      return {
        provider: event.provider,
        model: event.model,
        outcome: "failed",
        because: FailureWords.brief(event.reason),
        next: nextOf[event.decision._tag],
        millis: Duration.toMillis(event.duration)
      }
    default:
      return undefined
  }
}

const partialOf = (error: unknown): string | undefined =>
  ChainError.isStreamInterrupted(error) ? error.partial.text : undefined

/** Starts the program: connections, providers and what the chain learns live as long as the scope. */
export const connect = Effect.fnUntraced(function*(providers: Providers): Effect.fn.Return<Asker, never, Scope.Scope> {
  const chain = ProviderChain.layer({
    ...options,
    providers: [
      OpenAiProvider.make({
        name: "cloud",
        apiKey: Redacted.make("demo"),
        baseUrl: providers.cloudBaseUrl,
        model: providers.cloudModel
      }),
      OllamaProvider.make({ host: providers.ollamaUrl, model: providers.ollamaModel })
    ]
  })
  const context = yield* Layer.build(chain.pipe(Layer.provide(UndiciTransport.layer())))
  const model = Context.get(context, LanguageModel.LanguageModel)

  return {
    ask: ({ mode, onAttempt, onSkipped, onText, question }) => {
      let provider = ""
      const answer = mode === "whole"
        ? Effect.map(model.generateText({ prompt: question }), (response) => {
          onText(response.text)
          return response.text
        })
        : model.streamText({ prompt: question }).pipe(
          Stream.runFold(() => "", (text, part) => {
            if (part.type !== "text-delta") {
              return text
            }
            onText(part.delta)
            return text + part.delta
          })
        )
      return answer.pipe(
        ChainEvent.observe((event) => {
          provider = event.provider
          const attempt = toAttempt(event)
          if (attempt !== undefined) {
            onAttempt(attempt)
          } else if (event._tag === "ProviderSkipped") {
            onSkipped(event.provider)
          }
        }),
        Effect.map((text): Answer => ({ text, provider })),
        Effect.mapError((error) =>
          new AskFailed({ because: FailureWords.brief(error.reason), partial: partialOf(error) })
        )
      )
    }
  }
})
