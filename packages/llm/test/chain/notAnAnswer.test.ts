/** M12 on a chain: an end that is not an answer goes to the next provider, in every protocol, whole and as a stream. */
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const Weather = Toolkit.make(
  Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
)

const providers = {
  openai: OpenAiProvider.make(),
  anthropic: AnthropicProvider.make(),
  ollama: OllamaProvider.make()
}
type Protocol = keyof typeof providers

const sse = (...events: ReadonlyArray<object>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")
const lines = (...items: ReadonlyArray<object>): string => items.map((item) => `${JSON.stringify(item)}\n`).join("")

const chat = (finish: string, content: string | null) => ({
  whole: JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: finish }] }),
  stream:
    `${
      sse({ choices: [{ delta: { role: "assistant", content } }] }, { choices: [{ delta: {}, finish_reason: finish }] })
    }` +
    "data: [DONE]\n\n"
})
const message = (stop: string, text: string | undefined) => {
  const content = text === undefined ? [] : [{ type: "text", text }]
  const usage = { input_tokens: 1, output_tokens: 1 }
  return {
    whole: JSON.stringify({
      id: "m",
      type: "message",
      role: "assistant",
      model: "m",
      content,
      stop_reason: stop,
      usage
    }),
    stream: sse(
      {
        type: "message_start",
        message: { id: "m", type: "message", role: "assistant", model: "m", content: [], usage }
      },
      ...(text === undefined ? [] : [
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
        { type: "content_block_stop", index: 0 }
      ]),
      { type: "message_delta", delta: { stop_reason: stop }, usage: { output_tokens: 1 } },
      { type: "message_stop" }
    )
  }
}
const local = (rest: object, content = "") => {
  const body = { model: "m", message: { role: "assistant", content }, ...rest }
  return { whole: JSON.stringify(body), stream: lines(body) }
}

interface Case {
  readonly what: string
  readonly protocol: Protocol
  readonly body: { readonly whole: string; readonly stream: string }
  /** Requests before the next provider is asked. */
  readonly asks: number
  /** A tool must be called. */
  readonly required?: boolean
}

const cases: ReadonlyArray<Case> = [
  { what: "no word at all", protocol: "openai", body: chat("stop", null), asks: 1 },
  { what: "no word at all", protocol: "anthropic", body: message("end_turn", undefined), asks: 1 },
  { what: "no word at all", protocol: "ollama", body: local({ done: true, done_reason: "stop" }), asks: 1 },
  { what: "an answer that was aborted", protocol: "openai", body: chat("abort", null), asks: 3 },
  { what: "a server out of resources", protocol: "openai", body: chat("insufficient_system_resource", null), asks: 3 },
  {
    what: "a model that was loaded and not asked",
    protocol: "ollama",
    body: local({ done: true, done_reason: "load" }),
    asks: 1
  },
  {
    what: "a model that was unloaded",
    protocol: "ollama",
    body: local({ done: true, done_reason: "unload" }),
    asks: 1
  },
  {
    what: "a required tool that was not called",
    protocol: "openai",
    body: chat("stop", "No."),
    asks: 1,
    required: true
  },
  {
    what: "a required tool that was not called",
    protocol: "anthropic",
    body: message("end_turn", "No."),
    asks: 1,
    required: true
  },
  {
    what: "a required tool that was not called",
    protocol: "ollama",
    body: local({ done: true, done_reason: "stop" }, "No."),
    asks: 1,
    required: true
  }
]

const answered = Effect.fnUntraced(function*({ body, protocol, required }: Case, way: "whole" | "stream") {
  let requests = 0
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      requests++
      const type = way === "whole"
        ? "application/json"
        : protocol === "ollama"
        ? "application/x-ndjson"
        : "text/event-stream"
      return HttpClientResponse.fromWeb(request, new Response(body[way], { headers: { "content-type": type } }))
    })
  )
  const spare = TestProvider.script("spare", [TestProvider.toolCall("weather", { city: "Oslo" })])
  const options = {
    prompt: "Coat?",
    toolkit: yield* Weather,
    toolChoice: required === true ? "required" as const : "auto" as const,
    disableToolCallResolution: true as const
  }
  const ask = way === "whole"
    ? Effect.map(LanguageModel.generateText(options), ({ toolCalls }) => toolCalls.length)
    : Effect.map(
      Stream.runCollect(LanguageModel.streamText(options)),
      (parts) => Array.from(parts).filter(({ type }) => type === "tool-call").length
    )
  const fiber = yield* ask.pipe(
    Effect.provide(ProviderChain.layer({ providers: [providers[protocol], spare] })),
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(Logger.layer([])),
    Effect.forkChild
  )
  for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
  return { requests, calls: yield* Fiber.join(fiber) }
}, Effect.provide(Weather.toLayer({ weather: () => Effect.succeed("clear") })))

describe.each(["whole", "stream"] as const)("%s", (way) => {
  it.effect.each(cases)("$protocol, $what: the next provider answers after $asks", (one) =>
    Effect.gen(function*() {
      // Words of a stream are seen before it is known that no tool follows them.
      if (one.required === true && way === "stream") {
        const error = yield* Effect.flip(answered(one, way))
        return assert.strictEqual(error._tag, "AiError")
      }
      assert.deepStrictEqual(yield* answered(one, way), { requests: one.asks, calls: 1 })
    }))
})
