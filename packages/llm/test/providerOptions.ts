/** Requests as `LanguageModel` hands them to a provider. */
import type { Provider } from "@holdfast/llm/Provider"
import * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const request = (
  options?: Partial<Omit<LanguageModel.ProviderOptions, "prompt">> & { readonly prompt?: Prompt.RawInput }
): Effect.Effect<LanguageModel.ProviderOptions> =>
  Effect.scoped(Effect.map(Effect.makeSpanScoped("test"), (span) => ({
    tools: [],
    toolChoice: "auto",
    responseFormat: { type: "text" },
    span,
    previousResponseId: undefined,
    incrementalPrompt: undefined,
    ...options,
    prompt: Prompt.make(options?.prompt ?? "hello")
  })))

type Options = Parameters<typeof request>[0]

export const generate = (provider: Provider, options?: Options) =>
  Effect.flatMap(request(options), provider.generateText).pipe(
    Effect.provideService(IdGenerator.IdGenerator, IdGenerator.defaultIdGenerator)
  )

export const stream = (provider: Provider, options?: Options) =>
  Stream.unwrap(Effect.map(request(options), provider.streamText)).pipe(
    Stream.provideService(IdGenerator.IdGenerator, IdGenerator.defaultIdGenerator)
  )

export const collect = (provider: Provider, options?: Options) => Stream.runCollect(stream(provider, options))

/** What a stream says, or thinks, from its first piece to its last. */
export const textOf = (parts: ReadonlyArray<Response.StreamPartEncoded>, type: "text-delta" | "reasoning-delta") =>
  parts.flatMap((part) => part.type === type ? [part.delta] : []).join("")
