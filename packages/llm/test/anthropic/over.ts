/** Anthropic's provider over a server that gives one answer to every request. */
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as LoopbackServer from "../LoopbackServer.ts"

export const secret = "sk-ant-0123456789"

export const over = (reply: LoopbackServer.Reply, options?: AnthropicProvider.Options) =>
  Effect.gen(function*() {
    const server = yield* LoopbackServer.always(reply)
    const provider = yield* AnthropicProvider.make({
      baseUrl: server.url,
      apiKey: Redacted.make(secret),
      model: "m",
      ...options
    })
    return { server, provider }
  }).pipe(Effect.provide(FetchHttpClient.layer))
