/**
 * A request in the words of Anthropic's Messages API (API reference, "Create a Message").
 *
 * A structured answer is asked for by `output_config.format`, not by a tool that the model is forced to call: the vendor's
 * current models refuse a forced tool ("What's new in Claude Sonnet 5.5", "Forced tool use is not supported"), older ones
 * refuse it while they think, and the format is what "Structured outputs" recommends for the shape of an answer.
 */
import * as AiError from "effect/ai/AiError"
import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as JsonSchema from "effect/JsonSchema"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { unsupported } from "../../ProviderFailure.ts"
import { declarable } from "../openai/request.ts"
import { toMessages } from "../protocol/toolResult.ts"
import * as Thinking from "./thinking.ts"

type Source =
  | { readonly type: "base64"; readonly media_type: string; readonly data: string }
  | { readonly type: "url"; readonly url: string }
  | { readonly type: "text"; readonly media_type: "text/plain"; readonly data: string }

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly source: Source }
  | { readonly type: "document"; readonly source: Source; readonly title?: string }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | { readonly type: "redacted_thinking"; readonly data: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown }
  | {
    readonly type: "tool_result"
    readonly tool_use_id: string
    readonly content: string
    readonly is_error?: true
  }

interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

export interface Body {
  readonly system?: string
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<{
    readonly name: string
    readonly description?: string
    readonly input_schema: JsonSchema.JsonSchema
    readonly strict?: boolean
  }>
  readonly tool_choice?:
    | { readonly type: "auto" | "any" | "none" }
    | { readonly type: "tool"; readonly name: string }
  readonly format?: { readonly type: "json_schema"; readonly schema: JsonSchema.JsonSchema }
}

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

/** The API fetches a URL itself; data URLs are unpacked. */
const sourceOf = (part: Prompt.FilePart): Source => {
  const base64 = (data: string): Source => ({ type: "base64", media_type: part.mediaType, data })
  if (part.data instanceof Uint8Array) return base64(Base64.encode(part.data))
  const text = part.data instanceof URL ? part.data.href : part.data
  return /^https?:/.test(text) ? { type: "url", url: text } : base64(text.replace(/^data:[^,]*,/, ""))
}

/** A text goes as text. The URL of one is refused: the API fetches nothing but images and PDF files. */
const textSource = (part: Prompt.FilePart): Option.Option<Source> => {
  const plain = (data: string): Source => ({ type: "text", media_type: "text/plain", data })
  if (part.data instanceof Uint8Array) return Option.some(plain(new TextDecoder().decode(part.data)))
  const encoded = (part.data instanceof URL ? part.data.href : part.data).replace(/^data:[^,]*;base64,/, "")
  return Option.map(Result.getSuccess(Base64.decodeString(encoded)), plain)
}

const userBlock = (part: Prompt.UserMessagePart): Effect.Effect<Block, AiError.AiErrorReason> => {
  if (part.type === "text") return Effect.succeed({ type: "text", text: part.text })
  if (part.mediaType.startsWith("image/")) return Effect.succeed({ type: "image", source: sourceOf(part) })
  const title = part.fileName === undefined ? {} : { title: part.fileName }
  if (part.mediaType === "application/pdf") {
    return Effect.succeed({ type: "document", source: sourceOf(part), ...title })
  }
  const source = part.mediaType === "text/plain" ? textSource(part) : Option.none()
  return Option.match(source, {
    onNone: () =>
      Effect.fail(unsupported("messages", `the Messages API takes images, PDF files and texts, not ${part.mediaType}`)),
    onSome: (source) => Effect.succeed({ type: "document", source, ...title })
  })
}

const assistantBlocks = (message: Prompt.AssistantMessage, model: string): ReadonlyArray<Block> =>
  message.content.flatMap((part): ReadonlyArray<Block> => {
    switch (part.type) {
      case "text":
        return [{ type: "text", text: part.text }]
      case "reasoning":
        return Option.match(Thinking.fromOptions(part.options, model), {
          // Not this model's own: it would refuse the signature.
          onNone: () => [],
          onSome: (info) => [
            info.type === "thinking"
              ? { type: "thinking", thinking: part.text, signature: info.signature }
              : { type: "redacted_thinking", data: info.redactedData }
          ]
        })
      case "tool-call":
        return part.providerExecuted
          ? []
          : [{ type: "tool_use", id: part.id, name: part.name, input: part.params ?? {} }]
      default:
        return []
    }
  })

const toolBlocks = (message: Prompt.ToolMessage): ReadonlyArray<Block> =>
  toMessages(message, (part, content) => ({
    type: "tool_result",
    tool_use_id: part.id,
    content,
    ...(part.isFailure ? { is_error: true } : {})
  }))

const toMessage = (
  message: Exclude<Prompt.Message, Prompt.SystemMessage>,
  model: string
): Effect.Effect<Message, AiError.AiErrorReason> => {
  switch (message.role) {
    case "user":
      return Effect.map(Effect.forEach(message.content, userBlock), (content) => ({ role: "user", content }))
    case "assistant":
      return Effect.succeed({ role: "assistant", content: assistantBlocks(message, model) })
    case "tool":
      return Effect.succeed({ role: "user", content: toolBlocks(message) })
  }
}

/**
 * The API refuses empty texts and empty messages, and wants the results of a turn's tools in the one message after it:
 * neighbours of one role become one message.
 */
const merge = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const merged: Array<Message> = []
  for (const { content, role } of messages) {
    const blocks = content.filter((block) => block.type !== "text" || block.text.trim() !== "")
    if (blocks.length === 0) continue
    const last = merged.at(-1)
    if (last?.role === role) merged[merged.length - 1] = { role, content: [...last.content, ...blocks] }
    else merged.push({ role, content: blocks })
  }
  return merged
}

// -----------------------------------------------------------------------------
// Tools and schemas
// -----------------------------------------------------------------------------

const toTool = (tool: Tool.Any): NonNullable<Body["tools"]>[number] => {
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  return {
    name: tool.name,
    ...(description === undefined ? {} : { description }),
    input_schema: Tool.getJsonSchema(tool),
    ...(strict === undefined ? {} : { strict })
  }
}

const toToolChoice = (choice: LanguageModel.ToolChoice<string>): NonNullable<Body["tool_choice"]> => {
  if (typeof choice === "object" && "tool" in choice) return { type: "tool", name: choice.tool }
  const mode = typeof choice === "object" ? choice.mode ?? "auto" : choice
  return { type: mode === "required" ? "any" : mode }
}

/** The answer is decoded by `Provider.codecTransformer`; only how its schema is written differs from vendor to vendor. */
const jsonSchema = (
  schema: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>["schema"]
): Effect.Effect<JsonSchema.JsonSchema, AiError.AiErrorReason> =>
  Effect.try({
    try: () => AnthropicStructuredOutput.toCodecAnthropic(schema).jsonSchema,
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  model: string
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const { content } = options.prompt
  const system = content.flatMap((message) => message.role === "system" ? [message.content] : []).join("\n\n")
  const messages = yield* Effect.forEach(
    content.flatMap((message) => message.role === "system" ? [] : [message]),
    (message) => toMessage(message, model)
  )
  const tools = yield* declarable(options.tools)
  const format = options.responseFormat
  return {
    ...(system === "" ? {} : { system }),
    messages: merge(messages),
    ...(tools.length === 0 ? {} : { tools: tools.map(toTool), tool_choice: toToolChoice(options.toolChoice) }),
    ...(format.type === "text" ? {} : { format: { type: "json_schema", schema: yield* jsonSchema(format.schema) } })
  }
})
