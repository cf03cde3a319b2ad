/** Requests of OpenAI's chat completions, as what a `LanguageModel` takes. */
import type { Parameters } from "@holdfast/llm"
import { Effect, Option, Schema } from "effect"
import { LanguageModel, Prompt, Tool, Toolkit } from "effect/ai"

const optional = Schema.optionalKey

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const Image = Schema.Struct({ type: Schema.Literal("image_url"), image_url: Schema.Struct({ url: Schema.String }) })
const Content = Schema.Union([Schema.String, Schema.Array(Schema.Union([Text, Image]))])

const Call = Schema.Struct({
  id: Schema.String,
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})

const Message = Schema.Union([
  Schema.Struct({ role: Schema.Literals(["system", "developer"]), content: Content }),
  Schema.Struct({ role: Schema.Literal("user"), content: Content }),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: optional(Schema.NullOr(Content)),
    tool_calls: optional(Schema.Array(Call))
  }),
  Schema.Struct({ role: Schema.Literal("tool"), tool_call_id: Schema.String, content: Content })
])
type Message = typeof Message.Type

/** What the gateway takes. Other keys are ignored, as servers of this API do; those below that it cannot honour are rejected. */
export const Request = Schema.Struct({
  model: optional(Schema.String),
  messages: Schema.NonEmptyArray(Message),
  stream: optional(Schema.NullOr(Schema.Boolean)),
  stream_options: optional(Schema.NullOr(Schema.Struct({ include_usage: optional(Schema.Boolean) }))),
  n: optional(Schema.NullOr(Schema.Literal(1))),
  response_format: optional(Schema.NullOr(Schema.Struct({ type: Schema.Literal("text") }))),
  temperature: optional(Schema.NullOr(Schema.Finite)),
  top_p: optional(Schema.NullOr(Schema.Finite)),
  max_tokens: optional(Schema.NullOr(Schema.Int)),
  max_completion_tokens: optional(Schema.NullOr(Schema.Int)),
  stop: optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Schema.String)]))),
  seed: optional(Schema.NullOr(Schema.Int)),
  reasoning_effort: optional(Schema.NullOr(Schema.Literals(["minimal", "low", "medium", "high"]))),
  tools: optional(Schema.Array(Schema.Struct({
    type: Schema.Literal("function"),
    function: Schema.Struct({
      name: Schema.String,
      description: optional(Schema.String),
      parameters: optional(Schema.Record(Schema.String, Schema.Unknown))
    })
  }))),
  tool_choice: optional(Schema.Union([
    Schema.Literals(["none", "auto", "required"]),
    Schema.Struct({ type: Schema.Literal("function"), function: Schema.Struct({ name: Schema.String }) })
  ]))
})
export type Request = typeof Request.Type

const textOf = (content: typeof Content.Type): string =>
  typeof content === "string" ? content : content.map((part) => part.type === "text" ? part.text : "").join("")

const partOf = (part: typeof Text.Type | typeof Image.Type): Prompt.UserMessagePartEncoded => {
  if (part.type === "text") return part
  const { url } = part.image_url
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/su.exec(url) ?? []
  return data === undefined || mediaType === undefined
    ? { type: "file", mediaType: "image/*", data: new URL(url) }
    : { type: "file", mediaType, data }
}

const parsed = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const encoded = (message: Message, nameOf: ReadonlyMap<string, string>): Prompt.MessageEncoded => {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: textOf(message.content) }
    case "user": {
      const { content } = message
      return { role: "user", content: typeof content === "string" ? content : content.map(partOf) }
    }
    case "assistant": {
      const text = textOf(message.content ?? "")
      return {
        role: "assistant",
        content: [
          ...(text === "" ? [] : [{ type: "text" as const, text }]),
          ...(message.tool_calls ?? []).map(({ function: { arguments: given, name }, id }) => ({
            type: "tool-call" as const,
            id,
            name,
            params: Option.getOrElse(parsed(given), () => ({}))
          }))
        ]
      }
    }
    case "tool":
      return {
        role: "tool",
        content: [{
          type: "tool-result",
          id: message.tool_call_id,
          name: nameOf.get(message.tool_call_id) ?? "unknown",
          isFailure: false,
          result: textOf(message.content)
        }]
      }
  }
}

const promptOf = (messages: ReadonlyArray<Message>): Prompt.RawInput => {
  // A result names its call, and a prompt its tool too.
  const nameOf = new Map(
    messages.flatMap((message) => message.role === "assistant" ? message.tool_calls ?? [] : [])
      .map(({ function: { name }, id }) => [id, name])
  )
  return messages.map((message) => encoded(message, nameOf))
}

const toolkitOf = ({ tools = [] }: Request) =>
  Toolkit.make(
    ...tools.map(({ function: { description, name, parameters } }) =>
      Tool.dynamic(name, { description, parameters: parameters ?? { type: "object", properties: {} } })
    )
  )

const choiceOf = ({ tool_choice: choice = "auto" }: Request) =>
  typeof choice === "string" ? choice : { tool: choice.function.name }

/** What a request asks for beside its prompt. */
export const parametersOf = (request: Request): Parameters.Parameters => ({
  temperature: request.temperature ?? undefined,
  topP: request.top_p ?? undefined,
  maxOutputTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
  stop: typeof request.stop === "string" ? [request.stop] : request.stop ?? undefined,
  seed: request.seed ?? undefined,
  effort: request.reasoning_effort ?? undefined
})

/** The answer as a stream. The tools run at the caller, so their calls are passed on. */
export const stream = (request: Request) =>
  LanguageModel.streamText({
    prompt: promptOf(request.messages),
    toolkit: toolkitOf(request),
    toolChoice: choiceOf(request),
    disableToolCallResolution: true,
    toolCallValidation: "deferred"
  })

/** The answer as a whole. */
export const whole = (request: Request) =>
  Effect.map(
    LanguageModel.generateText({
      prompt: promptOf(request.messages),
      toolkit: toolkitOf(request),
      toolChoice: choiceOf(request),
      disableToolCallResolution: true,
      toolCallValidation: "deferred"
    }),
    ({ content }) => content
  )
