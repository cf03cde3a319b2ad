/**
 * A request in the words of Ollama's `/api/chat` (`docs/api.md`, "Generate a chat completion").
 *
 * Guarded by `test/requests/requests.test.ts`, `test/OllamaProvider.test.ts` and `test/ollama.integration.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import { isMarked } from "../authorship/projection.ts"
import { chosen, declarable, jsonSchema } from "../openai/request.ts"
import { dataOf, textOf } from "../protocol/request/mediaType.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages as toolMessages } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Thinking from "./thinking.ts"

interface Message {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly content: string
  readonly thinking?: string
  readonly images?: ReadonlyArray<string>
  readonly tool_calls?: ReadonlyArray<{ readonly function: { readonly name: string; readonly arguments: object } }>
  readonly tool_name?: string
}

export interface Body {
  readonly messages: ReadonlyArray<Message>
  readonly format?: Json
  readonly tools?: ReadonlyArray<{
    readonly type: "function"
    readonly function: { readonly name: string; readonly description?: string; readonly parameters: Json }
  }>
}

const unusable = (description: string) => Effect.fail(unsupported("messages", description))

/** Ollama takes the bytes of images, in base64, and fetches nothing. */
const image = (part: Prompt.FilePart): Effect.Effect<string, AiError.AiErrorReason> => {
  if (!part.mediaType.startsWith("image/")) return unusable(`Ollama takes images, not ${part.mediaType}`)
  const data = dataOf(part)
  return data._tag === "Url"
    ? unusable("Ollama takes the bytes of an image, not its URL")
    : Effect.succeed(data.base64)
}

const userMessage = Effect.fnUntraced(function*(
  message: Prompt.UserMessage
): Effect.fn.Return<Message, AiError.AiErrorReason> {
  const texts = message.content.map((part) => part.type === "text" ? Option.some(part.text) : textOf(part))
  const content = texts.flatMap((text) => Option.toArray(text)).join("\n")
  const files = message.content.flatMap((part, i) =>
    part.type === "file" && Option.isNone(texts[i] ?? Option.none()) ? [part] : []
  )
  return files.length === 0
    ? { role: "user", content }
    : { role: "user", content, images: yield* Effect.forEach(files, image) }
})

/** The thoughts of the model itself go back, in the field or between the tags that they came in. */
const assistantMessage = (message: Prompt.AssistantMessage): Message => {
  let content = ""
  let thinking = ""
  for (const part of message.content) {
    if (part.type === "text") content += part.text
    if (part.type !== "reasoning") continue
    const tags = Thinking.tagsOf(part.options)
    if (tags !== undefined) content += tags.open + part.text + tags.close
    else if (isMarked(part)) thinking += part.text
  }
  const calls = message.content.flatMap((part) =>
    part.type === "tool-call" && !part.providerExecuted
      ? [{ function: { name: RequestTools.nameOf(part.name), arguments: toArguments(part.params) } }]
      : []
  )
  return {
    role: "assistant",
    content,
    ...(thinking === "" ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  }
}

const toMessages = (message: Prompt.Message): Effect.Effect<ReadonlyArray<Message>, AiError.AiErrorReason> => {
  switch (message.role) {
    case "system":
      return Effect.succeed([{ role: "system", content: message.content }])
    case "user":
      return Effect.map(userMessage(message), (message) => [message])
    case "assistant":
      return Effect.succeed([assistantMessage(message)])
    case "tool":
      return Effect.succeed(
        toolMessages(message, (part, content) => ({ role: "tool", tool_name: RequestTools.nameOf(part.name), content }))
      )
  }
}

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const messages = (yield* Effect.forEach(options.prompt.content, toMessages)).flat()
  // There is no `tool_choice`.
  const tools = yield* declarable(options.toolChoice === "none" ? [] : chosen(options))
  const format = options.responseFormat
  return {
    messages,
    ...(format.type === "text" ? {} : { format: yield* jsonSchema(format.schema, true) }),
    ...(tools.length === 0 ? {} : {
      tools: RequestTools.declare(tools).map(({ description, name, schema }) => ({
        type: "function",
        function: { name, ...(description === undefined ? {} : { description }), parameters: schema }
      }))
    })
  }
})
