/** What Holdfast's providers send for a case. */
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Provider from "@holdfast/llm/Provider"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { collect, generate } from "../providerOptions.ts"
import type { AssistantPart, Case, Json, JsonObject, Message, UserPart } from "./cases.ts"
import type { Request } from "./recorder.ts"
import { meaningful } from "./recorder.ts"

const sonnet = "claude-sonnet-5-5"

const apiKey = Redacted.make("key")

export const providers = {
  openai: OpenAiProvider.make({ apiKey, baseUrl: "http://ours/v1", model: "m" }),
  deepseek: OpenAiProvider.make({ preset: "deepseek", apiKey, baseUrl: "http://ours/v1", model: "deepseek-v4-pro" }),
  groq: OpenAiProvider.make({ preset: "groq", apiKey, baseUrl: "http://ours/v1", model: "m" }),
  mistral: OpenAiProvider.make({ preset: "mistral", apiKey, baseUrl: "http://ours/v1", model: "m" }),
  anthropic: AnthropicProvider.make({ apiKey, baseUrl: "http://ours", model: "m", maxTokens: 1000 }),
  // The same model as Vercel's: it takes no forced choice. Thoughts are bound to the model that signed them.
  anthropicSonnet: AnthropicProvider.make({
    apiKey,
    baseUrl: "http://ours",
    model: sonnet,
    maxTokens: 1000,
    parameters: { thinking: null }
  }),
  responses: OpenAiResponsesProvider.make({ apiKey, baseUrl: "http://ours/v1", model: "m" }),
  gemini: GeminiProvider.make({ apiKey, baseUrl: "http://ours/v1", model: "m" }),
  // The same model as Vercel's: it wants a signature on the calls of other models.
  gemini35: GeminiProvider.make({
    apiKey,
    baseUrl: "http://ours/v1beta",
    parameters: { generationConfig: { thinkingConfig: null } }
  }),
  ollama: OllamaProvider.make({ host: "http://ours", model: "m" })
}

// -----------------------------------------------------------------------------
// Schemas
// -----------------------------------------------------------------------------

const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

const at = (json: JsonObject, key: string): JsonObject => {
  const found = json[key]
  return isObject(found) ? found : {}
}

const schemaOf = (json: JsonObject): Schema.Codec<unknown> => {
  const literals = json["enum"]
  if (Array.isArray(literals)) return Schema.Literals(literals.map(String))
  switch (json["type"]) {
    case "object":
      return structOf(json)
    case "array":
      return Schema.Array(schemaOf(at(json, "items")))
    case "number":
      return Schema.Finite
    default:
      return Schema.String
  }
}

const structOf = (json: JsonObject) => {
  const required = json["required"]
  return Schema.Struct(Object.fromEntries(
    Object.keys(at(json, "properties")).map((name) => {
      const schema = schemaOf(at(at(json, "properties"), name))
      return [name, Array.isArray(required) && required.includes(name) ? schema : Schema.optionalKey(schema)]
    })
  ))
}

const toolOf = ({ description, name, parameters, strict }: NonNullable<Case["tools"]>[number]): Tool.Any => {
  const tool = Tool.make(name, {
    ...(description === undefined ? {} : { description }),
    parameters: structOf(parameters),
    success: Schema.Unknown
  })
  return strict === undefined ? tool : tool.annotate(Tool.Strict, strict)
}

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

const userPart = (part: UserPart): Prompt.UserMessagePartEncoded =>
  part.type === "text"
    ? part
    : {
      type: "file",
      mediaType: part.mediaType,
      data: part.data.startsWith("https:") ? new URL(part.data) : part.data,
      ...(part.name === undefined ? {} : { fileName: part.name })
    }

/** Where a server of chat completions has its thoughts. */
const places: Readonly<Record<string, Prompt.ProviderOptions[string]>> = {
  groq: { fields: ["reasoning"] },
  mistral: { list: true }
}

/** What each protocol keeps with a thought or a call, so that its author gets it back. */
const kept = (
  part: Exclude<AssistantPart, { type: "text" }>,
  { model, name }: Provider.Provider
): Prompt.ProviderOptions => {
  const { signature, type } = part
  const signed = signature === undefined ? {} : { google: { thought_signature: signature } }
  return {
    holdfast: { provider: "ours", model },
    chatCompletions: type === "reasoning"
      ? { place: places[name] ?? { fields: ["reasoning_content"] } }
      : signature === undefined
      ? {}
      : { call: { extra_content: signed } },
    gemini: {
      ...(signature === undefined ? {} : { signature }),
      ...(type === "call" ? { id: part.id } : {})
    },
    anthropic: { info: { type: "thinking", ...(signature === undefined ? {} : { signature }) }, model }
  }
}

const assistantPart = (part: AssistantPart, author: Provider.Provider): Prompt.AssistantMessagePartEncoded => {
  switch (part.type) {
    case "text":
      return part
    case "reasoning":
      return { type: "reasoning", text: part.text, options: kept(part, author) }
    case "call":
      return { type: "tool-call", id: part.id, name: part.name, params: part.input, options: kept(part, author) }
  }
}

const toMessage = (message: Message, author: Provider.Provider): Prompt.MessageEncoded => {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.text }
    case "user":
      return { role: "user", content: message.content.map(userPart) }
    case "assistant":
      return { role: "assistant", content: message.content.map((part) => assistantPart(part, author)) }
    case "tool":
      return {
        role: "tool",
        content: message.results.map(({ id, isFailure = false, name, result }) => ({
          type: "tool-result",
          id,
          name,
          isFailure,
          result
        }))
      }
  }
}

const responseFormat = ({ schema }: Case): LanguageModel.ProviderOptions["responseFormat"] =>
  schema === undefined
    ? { type: "text" }
    : { type: "json", objectName: schema.name, schema: structOf(schema.schema) }

/** The request that a provider sends for a case, or why it sends none. */
export const requestOf = Effect.fnUntraced(function*(
  make: Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>,
  asked: Case
): Effect.fn.Return<Request | { readonly refused: string }> {
  let sent: Request | undefined
  const client = HttpClient.make((request, { pathname, search }) =>
    Effect.sync(() => {
      const { body } = request
      sent ??= {
        method: request.method,
        path: pathname + search,
        headers: Object.fromEntries(
          meaningful.flatMap((name) => {
            const value = name === "content-type" && body._tag !== "Empty" ? body.contentType : request.headers[name]
            return value === undefined ? [] : [[name, value]]
          })
        ),
        body: body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) as Json : null
      }
      return HttpClientResponse.fromWeb(request, new Response("", { status: 418 }))
    })
  )
  const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
  const options = {
    prompt: Prompt.make(asked.messages.map((message) => toMessage(message, provider))),
    tools: (asked.tools ?? []).map(toolOf),
    toolChoice: asked.choice ?? "auto",
    responseFormat: responseFormat(asked)
  } as const
  const refused = yield* Effect.flip(
    asked.stream === true ? Effect.asVoid(collect(provider, options)) : Effect.asVoid(generate(provider, options))
  ).pipe(Effect.orDie)
  return sent ?? { refused: refused.message }
})
