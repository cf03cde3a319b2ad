/**
 * The demo's program on Holdfast: a `ProviderChain` of the simulated OpenAI, Anthropic and Ollama over `UndiciTransport`,
 * with a policy whose times are short enough to watch, and one tool.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as FailureWords from "../terminal/FailureWords.ts"
import { firstKey } from "./CloudServer.ts"
import type { Answer, Asker, Providers, Told } from "./Demo.ts"
import { AskFailed } from "./Demo.ts"
import * as Question from "./Question.ts"

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
  `A request to a cloud fails after ${options.timeouts.firstContent} without its first words.`,
  `A failed request is retried up to ${plural(options.retry.times, "time")}, after a short delay or as told.`,
  "A spent quota or a refused key goes to the next provider at once.",
  `A provider that failed for good is skipped for ${options.cooldown}; acts start afresh.`,
  `No answer takes longer than ${options.deadline}, whatever happens.`,
  "A tool runs once, when its call is whole, whichever provider answers.",
  "An answer that the reader has begun to see is never replaced silently."
]

const Reserve = Tool.make("reserve", {
  description: "Reserves goods for the person who asks, and gives the number of the reservation",
  parameters: Schema.Struct({ item: Schema.String, count: Schema.Int }),
  success: Schema.Struct({ reservation: Schema.String })
})
const Tools = Toolkit.make(Reserve)

const nextOf = { Retry: "retry", Fallback: "fallback", Fail: "fail" } as const

const told = (event: ChainEvent.ChainEvent): Told | undefined => {
  switch (event._tag) {
    case "AttemptSucceeded":
      return {
        _tag: "AttemptEnded",
        provider: event.provider,
        model: event.model,
        outcome: "answered",
        millis: Duration.toMillis(event.duration)
      }
    case "AttemptFailed":
      return {
        _tag: "AttemptEnded",
        provider: event.provider,
        model: event.model,
        outcome: "failed",
        because: FailureWords.brief(event.reason),
        next: nextOf[event.decision._tag],
        millis: Duration.toMillis(event.duration)
      }
    case "ProviderSkipped":
      return { _tag: "ProviderSkipped", provider: event.provider }
    default:
      return undefined
  }
}

/** OpenAI by its key, or a pool of two keys: the first that has room is asked. */
const openAiOf = ({ model, url }: Providers["openai"], keys: number) => {
  const byKey = (apiKey: string, name?: string) =>
    OpenAiProvider.make({ name, apiKey: Redacted.make(apiKey), baseUrl: url, model })
  return keys === 1 ? byKey(firstKey) : Pool.make({
    strategy: "inOrder",
    members: [{ provider: byKey(firstKey, "openai-1") }, { provider: byKey("demo-2", "openai-2") }]
  })
}

const providersOf = (
  providers: Providers,
  keys: number
): ProviderChain.Options<never, HttpClient.HttpClient>["providers"] => [
  openAiOf(providers.openai, keys),
  AnthropicProvider.make({
    apiKey: Redacted.make("demo"),
    baseUrl: providers.anthropic.url,
    model: providers.anthropic.model
  }),
  OllamaProvider.make({ host: providers.ollama.url, model: providers.ollama.model })
]

type Parts = ReadonlyArray<Response.AnyPart>

const textOf = (parts: Parts): string =>
  parts.map((part) => part.type === "text-delta" ? part.delta : part.type === "text" ? part.text : "").join("")

/** Starts the program: connections, providers and what the chain learns live as long as the scope. */
export const connect = Effect.fnUntraced(function*(
  providers: Providers,
  keys: number
): Effect.fn.Return<Asker, never, Scope.Scope> {
  const chain = ProviderChain.layer({ ...options, providers: providersOf(providers, keys) })
  const context = yield* Layer.build(chain.pipe(Layer.provide(UndiciTransport.layer())))
  const model = Context.get(context, LanguageModel.LanguageModel)

  return {
    ask: ({ mode, onText, question, reserve, tell }) => {
      let provider = ""
      const handlers = Tools.toLayer(Tools.of({
        reserve: (params) =>
          Effect.sync(() => {
            const reservation = reserve(params)
            tell({ _tag: "ToolRan", tool: "reserve", provider, result: reservation })
            return { reservation }
          })
      }))

      /** One answer of a model's: words, or the call of a tool with what the tool gave. */
      const turn = (
        prompt: Prompt.Prompt
      ): Effect.Effect<Parts, AiError.AiError, Tool.HandlersFor<typeof Tools.tools>> =>
        mode === "whole"
          ? Effect.map(model.generateText({ prompt, toolkit: Tools }), (response) => {
            onText(response.text)
            return response.content
          })
          : model.streamText({ prompt, toolkit: Tools }).pipe(
            Stream.tap((part) => Effect.sync(() => part.type === "text-delta" && onText(part.delta))),
            Stream.runCollect
          )

      /**
       * The chain does not replace a stream that broke off in front of a reader. This program wants the whole answer, so it
       * asks again. The results of the tools are in the prompt, so they do not run again.
       */
      const wholeTurn = (prompt: Prompt.Prompt) =>
        Effect.catchIf(turn(prompt), ChainError.isStreamInterrupted, (error) => {
          const words = Question.pieces(error.partial.text).length
          tell({ _tag: "AskedAgain", because: FailureWords.brief(error.reason), words })
          return turn(prompt)
        })

      const converse = Effect.gen(function*() {
        let prompt = Prompt.make(question)
        let parts = yield* wholeTurn(prompt)
        while (parts.some((part) => part.type === "tool-result")) {
          prompt = Prompt.concat(prompt, Prompt.fromResponseParts(parts))
          parts = yield* wholeTurn(prompt)
        }
        return textOf(parts)
      })

      return converse.pipe(
        ChainEvent.observe((event) => {
          provider = event.provider
          const step = told(event)
          if (step !== undefined) {
            tell(step)
          }
        }),
        Effect.provide(handlers),
        Effect.map((text): Answer => ({ text, provider })),
        Effect.mapError((error) => new AskFailed({ because: FailureWords.brief(error.reason) }))
      )
    }
  }
})
