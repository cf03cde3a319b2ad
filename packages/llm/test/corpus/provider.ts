/** The provider that one would use for a vendor. */
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type * as Provider from "@holdfast/llm/Provider"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type { Outcome, Protocol } from "./refusal.ts"

export const contextWindow = 32_768

export const providerOf = (protocol: Protocol): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> => {
  const capabilities = { contextWindow }
  switch (protocol) {
    case "anthropic":
      return AnthropicProvider.make({ model: "m", capabilities })
    case "bedrock":
      return BedrockProvider.make({ model: "m", capabilities })
    case "gemini":
      return GeminiProvider.make({ model: "m", capabilities })
    case "ollama":
      return OllamaProvider.make({ model: "m", capabilities })
    default:
      return OpenAiProvider.make({ preset: protocol, model: "m", capabilities })
  }
}

/** What is seen of an outcome: who answers two requests, after how many requests to the first provider. */
export const expected: { readonly [O in Exclude<Outcome, "larger" | "policy" | "fails">]: string } = {
  retries: "spare after 3, spare after 3",
  waits: "spare after 5, spare after 5",
  again: "spare after 3, spare after 6",
  next: "spare after 1, spare after 2",
  rests: "spare after 1, spare after 1"
}
