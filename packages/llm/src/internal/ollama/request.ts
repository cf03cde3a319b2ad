/** A request in the words of Ollama's `/api/chat` (`docs/api.md`, "Generate a chat completion"). */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as JsonSchema from "effect/JsonSchema"
import { unsupported } from "../../ProviderFailure.ts"
import { chosen, declarable, jsonSchema } from "../openai/request.ts"
import { toMessages as toolMessages } from "../protocol/toolResult.ts"

interface Message {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly content: string
  readonly images?: ReadonlyArray<string>
  readonly tool_calls?: ReadonlyArray<{ readonly function: { readonly name: string; readonly arguments: unknown } }>
  readonly tool_name?: string
}

export interface Body {
  readonly messages: ReadonlyArray<Message>
  readonly format?: JsonSchema.JsonSchema
  readonly tools?: ReadonlyArray<{
    readonly type: "function"
    readonly function: {
      readonly name: string
      readonly description: string
      readonly parameters: JsonSchema.JsonSchema
    }
  }>
}

const unusable = (description: string) => Effect.fail(unsupported("messages", description))

/** Ollama takes the bytes of images, in base 64, and fetches nothing. */
const image = (part: Prompt.FilePart): Effect.Effect<string, AiError.AiErrorReason> => {
  if (!part.mediaType.startsWith("image/")) return unusable(`Ollama takes images, not ${part.mediaType}`)
  if (part.data instanceof Uint8Array) return Effect.succeed(Base64.encode(part.data))
  const text = part.data instanceof URL ? part.data.href : part.data
  if (/^https?:/.test(text)) return unusable("Ollama takes the bytes of an image, not its URL")
  return Effect.succeed(text.replace(/^data:[^,]*,/, ""))
}

const userMessage = Effect.fnUntraced(function*(
  message: Prompt.UserMessage
): Effect.fn.Return<Message, AiError.AiErrorReason> {
  const content = message.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n")
  const files = message.content.flatMap((part) => part.type === "file" ? [part] : [])
  return files.length === 0
    ? { role: "user", content }
    : { role: "user", content, images: yield* Effect.forEach(files, image) }
})

const assistantMessage = (message: Prompt.AssistantMessage): Message => {
  const content = message.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
  const calls = message.content.flatMap((part) =>
    part.type === "tool-call" && !part.providerExecuted
      ? [{ function: { name: part.name, arguments: part.params ?? {} } }]
      : []
  )
  return calls.length === 0 ? { role: "assistant", content } : { role: "assistant", content, tool_calls: calls }
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
        toolMessages(message, (part, content) => ({ role: "tool", tool_name: part.name, content }))
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
  return {
    messages,
    ...(options.responseFormat.type === "text" ? {} : { format: yield* jsonSchema(options.responseFormat.schema) }),
    ...(tools.length === 0 ? {} : {
      tools: tools.map((tool) => ({
        type: "function",
        function: {
          name: tool.name,
          description: Tool.getDescription(tool) ?? "",
          parameters: Tool.getJsonSchema(tool)
        }
      }))
    })
  }
})
