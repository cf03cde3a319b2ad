/** OpenAI's own client, by the shapes of its types. */
import OpenAI from "openai"
import type { AssistantPart, Case, Message, UserPart } from "../cases.ts"
import type { Sdk } from "./sdk.ts"
import { NoWords } from "./sdk.ts"

type Params = OpenAI.Chat.ChatCompletionCreateParams

const filePart = (part: Extract<UserPart, { type: "file" }>): OpenAI.Chat.ChatCompletionContentPart => {
  const isUrl = part.data.startsWith("https:")
  const url = isUrl ? part.data : `data:${part.mediaType};base64,${part.data}`
  if (part.mediaType === "image/*") throw new NoWords("an image needs its type")
  if (part.mediaType.startsWith("image/")) return { type: "image_url", image_url: { url } }
  if (part.mediaType === "audio/wav") return { type: "input_audio", input_audio: { data: part.data, format: "wav" } }
  if (isUrl || part.mediaType !== "application/pdf") throw new NoWords("chat completions take the bytes of a PDF alone")
  return { type: "file", file: { filename: part.name ?? "document.pdf", file_data: url } }
}

const userContent = (content: ReadonlyArray<UserPart>): OpenAI.Chat.ChatCompletionUserMessageParam["content"] => {
  const [first, ...rest] = content
  if (first?.type === "text" && rest.length === 0) return first.text
  return content.map((part) => part.type === "text" ? { type: "text", text: part.text } : filePart(part))
}

const assistantMessage = (content: ReadonlyArray<AssistantPart>): OpenAI.Chat.ChatCompletionAssistantMessageParam => {
  const text = content.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
  const calls = content.flatMap((part) =>
    part.type === "call"
      ? [{
        id: part.id,
        type: "function" as const,
        function: {
          name: part.name,
          arguments: typeof part.input === "string" ? part.input : JSON.stringify(part.input)
        }
      }]
      : []
  )
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  }
}

const messages = (message: Message): Params["messages"] => {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.text }]
    case "user":
      return [{ role: "user", content: userContent(message.content) }]
    case "assistant":
      return [assistantMessage(message.content)]
    case "tool":
      return message.results.map(({ id, result }) => ({
        role: "tool",
        tool_call_id: id,
        content: typeof result === "string" ? result : JSON.stringify(result)
      }))
  }
}

const params = (
  { choice, messages: asked, schema, tools }: Case
): OpenAI.Chat.ChatCompletionCreateParamsNonStreaming => ({
  model: "m",
  messages: asked.flatMap(messages),
  ...(tools === undefined ? {} : {
    tools: tools.map(({ description, name, parameters, strict }) => ({
      type: "function",
      function: {
        name,
        ...(description === undefined ? {} : { description }),
        parameters,
        ...(strict === undefined ? {} : { strict })
      }
    })),
    tool_choice: typeof choice === "object" ? { type: "function", function: { name: choice.tool } } : choice ?? "auto"
  }),
  ...(schema === undefined ? {} : {
    response_format: { type: "json_schema", json_schema: { name: schema.name, strict: true, schema: schema.schema } }
  })
})

export const openai = (url: string): Sdk => {
  const client = new OpenAI({ apiKey: "key", baseURL: `${url}/v1`, maxRetries: 0 })
  return {
    name: "openai",
    package: "openai",
    ask: async (asked) => {
      if (asked.stream !== true) return void await client.chat.completions.create(params(asked))
      const stream = await client.chat.completions.create({
        ...params(asked),
        stream: true,
        stream_options: { include_usage: true }
      })
      for await (const _ of stream);
    }
  }
}
