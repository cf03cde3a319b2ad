/** A request in the words of OpenAI's chat completions (API reference, "Create chat completion"). */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as JsonSchema from "effect/JsonSchema"
import * as Provider from "../../Provider.ts"
import { unsupported } from "../../ProviderFailure.ts"
import { toMessages as toolMessages } from "../protocol/toolResult.ts"
import type { Preset } from "./presets.ts"

type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | { readonly type: "file"; readonly file: { readonly filename: string; readonly file_data: string } }

interface ToolCall {
  readonly id: string
  readonly type: "function"
  readonly function: { readonly name: string; readonly arguments: string }
}

type Message =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: string | ReadonlyArray<ContentPart> }
  | { readonly role: "assistant"; readonly content: string | null; readonly tool_calls?: ReadonlyArray<ToolCall> }
  | { readonly role: "tool"; readonly tool_call_id: string; readonly content: string }

interface FunctionTool {
  readonly type: "function"
  readonly function: {
    readonly name: string
    readonly description?: string
    readonly parameters: JsonSchema.JsonSchema
    readonly strict?: boolean
  }
}

export interface Body {
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<FunctionTool>
  readonly tool_choice?: "none" | "auto" | "required" | {
    readonly type: "function"
    readonly function: { readonly name: string }
  }
  readonly response_format?: {
    readonly type: "json_schema"
    readonly json_schema: { readonly name: string; readonly strict: true; readonly schema: JsonSchema.JsonSchema }
  }
}

const unsupportedFile = (mediaType: string): AiError.AiErrorReason =>
  unsupported("messages", `chat completions take images and PDF files, not ${mediaType}`)

const fileUrl = (part: Prompt.FilePart): string =>
  part.data instanceof URL
    ? part.data.href
    : part.data instanceof Uint8Array
    ? `data:${part.mediaType};base64,${Base64.encode(part.data)}`
    : /^(data|https?):/.test(part.data)
    ? part.data
    : `data:${part.mediaType};base64,${part.data}`

const userPart = (part: Prompt.UserMessagePart): Effect.Effect<ContentPart, AiError.AiErrorReason> => {
  if (part.type === "text") return Effect.succeed({ type: "text", text: part.text })
  if (part.mediaType.startsWith("image/")) {
    return Effect.succeed({ type: "image_url", image_url: { url: fileUrl(part) } })
  }
  if (part.mediaType === "application/pdf") {
    const filename = part.fileName ?? "document.pdf"
    return Effect.succeed({ type: "file", file: { filename, file_data: fileUrl(part) } })
  }
  return Effect.fail(unsupportedFile(part.mediaType))
}

const userMessage = Effect.fnUntraced(function*(
  message: Prompt.UserMessage
): Effect.fn.Return<Message, AiError.AiErrorReason> {
  const [first, ...rest] = message.content
  if (first?.type === "text" && rest.length === 0) return { role: "user", content: first.text }
  return { role: "user", content: yield* Effect.forEach(message.content, userPart) }
})

const assistantMessage = (message: Prompt.AssistantMessage): Message => {
  const text = message.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
  const calls = message.content.flatMap((part): ReadonlyArray<ToolCall> =>
    part.type === "tool-call" && !part.providerExecuted
      ? [{
        id: part.id,
        type: "function",
        function: { name: part.name, arguments: JSON.stringify(part.params ?? {}) }
      }]
      : []
  )
  return calls.length === 0
    ? { role: "assistant", content: text }
    : { role: "assistant", content: text === "" ? null : text, tool_calls: calls }
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
        toolMessages(message, (part, content) => ({ role: "tool", tool_call_id: part.id, content }))
      )
  }
}

/** Tools that a vendor runs itself mean nothing to another. */
export const declarable = (
  tools: ReadonlyArray<Tool.Any>
): Effect.Effect<ReadonlyArray<Tool.Any>, AiError.AiErrorReason> => {
  const foreign = tools.find(Tool.isProviderDefined)
  return foreign === undefined
    ? Effect.succeed(tools)
    : Effect.fail(unsupported("tools", `the tool "${foreign.name}" is one that its own vendor's API runs`))
}

const toTool = (tool: Tool.Any): FunctionTool => {
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  return {
    type: "function",
    function: {
      name: tool.name,
      ...(description === undefined ? {} : { description }),
      parameters: Tool.getJsonSchema(tool),
      ...(strict === undefined ? {} : { strict })
    }
  }
}

const toToolChoice = (choice: LanguageModel.ToolChoice<string>): NonNullable<Body["tool_choice"]> =>
  typeof choice === "string"
    ? choice
    : "tool" in choice
    ? { type: "function", function: { name: choice.tool } }
    : choice.mode ?? "auto"

/** The tools that a choice leaves: where a server cannot be told the name of one, it is offered no other. */
export const chosen = ({ toolChoice, tools }: LanguageModel.ProviderOptions): ReadonlyArray<Tool.Any> =>
  typeof toolChoice === "object" && "tool" in toolChoice ? tools.filter(({ name }) => name === toolChoice.tool) : tools

const wordOf = (choice: LanguageModel.ToolChoice<string>): "none" | "auto" | "required" =>
  typeof choice === "string" ? choice : "tool" in choice ? "required" : choice.mode ?? "auto"

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  preset: Preset
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const messages = (yield* Effect.forEach(options.prompt.content, toMessages)).flat()
  const isWord = preset.toolChoice === "required"
  const tools = yield* declarable(isWord ? chosen(options) : options.tools)
  const format = options.responseFormat
  return {
    messages,
    ...(tools.length === 0
      ? {}
      : {
        tools: tools.map(toTool),
        tool_choice: toToolChoice(isWord ? wordOf(options.toolChoice) : options.toolChoice)
      }),
    ...(format.type === "text" ? {} : {
      response_format: {
        type: "json_schema",
        json_schema: { name: format.objectName, strict: true, schema: yield* jsonSchema(format.schema) }
      }
    })
  }
})

/** The schema of a structured answer, or why a model cannot be given it. */
export const jsonSchema = (
  schema: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>["schema"]
): Effect.Effect<JsonSchema.JsonSchema, AiError.AiErrorReason> =>
  Effect.try({
    try: () => Provider.codecTransformer(schema).jsonSchema,
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })
