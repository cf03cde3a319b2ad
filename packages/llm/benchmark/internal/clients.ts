/** The clients whose streams are compared: each reads one to its end and adds its words up, in the way that its documents show. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import { streamText } from "ai"
import * as IdGenerator from "effect/ai/IdGenerator"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import OpenAI from "openai"
import { Agent, request } from "undici"

/** Reads one stream to its end, says when the first token has come, and gives the length of the text. */
export type Read = (url: string, onFirst: () => void) => Promise<number>

const question = "Why is the sky blue?"

// -----------------------------------------------------------------------------
// Others
// -----------------------------------------------------------------------------

const agent = new Agent({ connections: 200 })

/** The least that a program can do: no checks, and an event is what stands between two blank lines. */
const byHand: Read = async (url, onFirst) => {
  const { body } = await request(`${url}/chat/completions`, {
    method: "POST",
    dispatcher: agent,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: question }] })
  })
  let text = ""
  let pending = ""
  const utf8 = new TextDecoder()
  for await (const bytes of body as AsyncIterable<Uint8Array>) {
    const events = (pending + utf8.decode(bytes, { stream: true })).split("\n\n")
    pending = events.pop()!
    for (const event of events) {
      const data = event.slice(6)
      if (data === "[DONE]") return text.length
      if (text === "") onFirst()
      text += (JSON.parse(data) as OpenAI.ChatCompletionChunk).choices[0]?.delta.content ?? ""
    }
  }
  throw new Error("the stream was cut")
}

/** What is made once for a URL, as a program does. */
const once = <A>(make: (url: string) => A): (url: string) => A => {
  const made = new Map<string, A>()
  return (url) => {
    const known = made.get(url) ?? make(url)
    made.set(url, known)
    return known
  }
}

const openAi = once((baseURL) => new OpenAI({ baseURL, apiKey: "k" }))

const withOpenAi: Read = async (url, onFirst) => {
  let text = ""
  const stream = await openAi(url).chat.completions.create({
    model: "m",
    stream: true,
    messages: [{ role: "user", content: question }]
  })
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta.content ?? ""
    if (text === "" && delta !== "") onFirst()
    text += delta
  }
  return text.length
}

const vercel = once((baseURL) => createOpenAICompatible({ name: "vercel", baseURL, apiKey: "k" })("m"))

const withAi: Read = async (url, onFirst) => {
  let text = ""
  for await (const delta of streamText({ model: vercel(url), prompt: question }).textStream) {
    if (text === "" && delta !== "") onFirst()
    text += delta
  }
  return text.length
}

// -----------------------------------------------------------------------------
// Ours
// -----------------------------------------------------------------------------

const fetching = ManagedRuntime.make(FetchHttpClient.layer)
const overUndici = ManagedRuntime.make(UndiciTransport.layer({ connections: 200, keepAlive: "5 minutes" }))

type Parts = Stream.Stream<
  { readonly type: string; readonly delta?: unknown },
  unknown,
  HttpClient.HttpClient | IdGenerator.IdGenerator
>

const read = (parts: Parts, onFirst: () => void, runtime = fetching): Promise<number> =>
  runtime.runPromise(
    Effect.suspend(() => {
      let text = ""
      return Effect.map(
        Stream.runForEachArray(parts, (parts) => {
          for (const { delta, type } of parts) {
            if (type !== "text-delta" || typeof delta !== "string") continue
            if (text === "") onFirst()
            text += delta
          }
          return Effect.void
        }),
        () => text.length
      )
    }).pipe(
      Effect.orDie,
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.provideService(IdGenerator.IdGenerator, IdGenerator.defaultIdGenerator)
    )
  )

const providerOf = (url: string, name = "openai") =>
  OpenAiProvider.make({ baseUrl: url, name, model: "m", apiKey: Redacted.make("k") })

/** A provider's own stream, without Effect's `LanguageModel` around it. */
const provider = once((url) => fetching.runPromise(providerOf(url)))
const withProvider: Read = async (url, onFirst) => {
  const { streamText } = await provider(url)
  const parts = Stream.unwrap(Effect.map(Effect.makeSpanScoped("benchmark"), (span) =>
    streamText({
      prompt: Prompt.make(question),
      tools: [],
      toolChoice: "none",
      responseFormat: { type: "text" },
      span,
      previousResponseId: undefined,
      incrementalPrompt: undefined
    })))
  return read(parts, onFirst)
}

const modelOf = (
  layerOf: (url: string) => Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>,
  runtime = fetching
): Read => {
  const model = once((url) =>
    runtime.runPromise(Effect.scoped(Effect.map(Layer.build(layerOf(url)), Context.get(LanguageModel.LanguageModel))))
  )
  return async (url, onFirst) => read((await model(url)).streamText({ prompt: question }), onFirst, runtime)
}

const pool = (url: string) =>
  Pool.make({
    members: [{ provider: providerOf(url, "first") }, { provider: providerOf(url, "second") }],
    strategy: "leastBusy"
  })

const limits = { requestsPerMinute: 1e9, tokensPerMinute: 1e12 }
const limited = (url: string) =>
  Pool.make({
    members: [{ provider: providerOf(url, "first"), limits }, { provider: providerOf(url, "second"), limits }]
  })

export const clients = {
  "by hand": byHand,
  "openai": withOpenAi,
  "ai": withAi,
  "a provider": withProvider,
  "a provider as LanguageModel": modelOf((url) =>
    Layer.effect(
      LanguageModel.LanguageModel,
      Effect.flatMap(
        providerOf(url),
        ({ generateText, streamText }) => LanguageModel.make({ generateText, streamText })
      )
    )
  ),
  "ProviderChain": modelOf((url) => ProviderChain.layer({ providers: [providerOf(url)] })),
  "..., a pool of two keys": modelOf((url) => ProviderChain.layer({ providers: [pool(url)] })),
  "..., limits in a store": modelOf((url) =>
    ProviderChain.layer({ providers: [limited(url)] }).pipe(Layer.provide(ChainStore.layerMemory))
  ),
  "..., hedged": modelOf((url) =>
    ProviderChain.layer({ providers: [providerOf(url), providerOf(url, "second")], hedge: { after: "1 minute" } })
  ),
  "..., over UndiciTransport": modelOf((url) => ProviderChain.layer({ providers: [providerOf(url)] }), overUndici)
} satisfies Readonly<Record<string, Read>>

export const dispose = async (): Promise<void> => {
  await Promise.all([fetching.dispose(), overUndici.dispose(), agent.destroy()])
}
