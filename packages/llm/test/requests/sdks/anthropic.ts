/** Anthropic's own client, by the shapes of its types. */
import Anthropic from "@anthropic-ai/sdk"
import type { AssistantPart, Case, Message, UserPart } from "../cases.ts"
import type { Sdk } from "./sdk.ts"
import { NoWords, parsed } from "./sdk.ts"

type Block = Anthropic.ContentBlockParam

const imageTypes = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const

const userBlock = (part: UserPart): Block => {
  if (part.type === "text") return { type: "text", text: part.text }
  const { data, mediaType, name } = part
  const title = name === undefined ? {} : { title: name }
  const isUrl = data.startsWith("https:")
  if (mediaType.startsWith("image/")) {
    if (isUrl) return { type: "image", source: { type: "url", url: data } }
    const media_type = imageTypes.find((type) => type === mediaType)
    if (media_type === undefined) throw new NoWords("an image needs its type")
    return { type: "image", source: { type: "base64", media_type, data } }
  }
  if (mediaType === "application/pdf") {
    return {
      type: "document",
      source: isUrl ? { type: "url", url: data } : { type: "base64", media_type: mediaType, data },
      ...title
    }
  }
  if (mediaType !== "text/plain") throw new NoWords("the Messages API takes images, PDF files and texts")
  const text = Buffer.from(data, "base64").toString("utf8")
  return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title }
}

const assistantBlock = (part: AssistantPart): Block => {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text }
    case "reasoning":
      return { type: "thinking", thinking: part.text, signature: part.signature ?? "" }
    case "call":
      return {
        type: "tool_use",
        id: part.id,
        name: part.name,
        // "Fine-grained tool streaming", "Handling invalid JSON".
        input: typeof part.input === "string" ? { INVALID_JSON: part.input } : parsed(part.input)
      }
  }
}

const toMessage = (message: Exclude<Message, { role: "system" }>): Anthropic.MessageParam => {
  switch (message.role) {
    case "user":
      return { role: "user", content: message.content.map(userBlock) }
    case "assistant":
      return { role: "assistant", content: message.content.map(assistantBlock) }
    case "tool":
      return {
        role: "user",
        content: message.results.map(({ id, isFailure, result }) => ({
          type: "tool_result",
          tool_use_id: id,
          content: typeof result === "string" ? result : JSON.stringify(result),
          ...(isFailure === true ? { is_error: true } : {})
        }))
      }
  }
}

const params = ({ choice, messages, schema, tools }: Case): Anthropic.MessageCreateParamsNonStreaming => {
  const system = messages.flatMap((message) => message.role === "system" ? [message.text] : []).join("\n\n")
  return {
    model: "m",
    max_tokens: 1000,
    ...(system === "" ? {} : { system }),
    messages: messages.flatMap((message) => message.role === "system" ? [] : [toMessage(message)]),
    ...(tools === undefined ? {} : {
      tools: tools.map(({ description, name, parameters, strict }) => ({
        name,
        ...(description === undefined ? {} : { description }),
        input_schema: { ...parameters, type: "object" as const },
        ...(strict === undefined ? {} : { strict })
      })),
      tool_choice: typeof choice === "object"
        ? { type: "tool", name: choice.tool }
        : { type: choice === "required" ? "any" : choice ?? "auto" }
    }),
    ...(schema === undefined ? {} : { output_config: { format: { type: "json_schema", schema: schema.schema } } })
  }
}

export const anthropic = (url: string): Sdk => {
  const client = new Anthropic({ apiKey: "key", baseURL: url, maxRetries: 0 })
  return {
    name: "anthropic",
    package: "@anthropic-ai/sdk",
    ask: async (asked) => {
      if (asked.stream !== true) return void await client.messages.create(params(asked))
      const stream = await client.messages.create({ ...params(asked), stream: true })
      for await (const _ of stream);
    }
  }
}
