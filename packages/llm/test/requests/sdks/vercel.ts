/** Vercel's `ai`, which writes one prompt in the words of each vendor. */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createDeepSeek } from "@ai-sdk/deepseek"
import { createGoogle } from "@ai-sdk/google"
import { createGroq } from "@ai-sdk/groq"
import { createMistral } from "@ai-sdk/mistral"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import type { LanguageModel, ModelMessage, ToolSet } from "ai"
import { generateText, jsonSchema, Output, streamText, tool } from "ai"
import type { AssistantPart, Case, Message, Tool, UserPart } from "../cases.ts"
import type { Sdk } from "./sdk.ts"
import { NoWords } from "./sdk.ts"

type Signing = (signature: string | undefined) => Record<string, Record<string, string>>

const userPart = (part: UserPart) => {
  if (part.type === "text") return { type: "text" as const, text: part.text }
  const { data, mediaType, name } = part
  return {
    type: "file" as const,
    mediaType,
    data: data.startsWith("https:") ? new URL(data) : data,
    ...(name === undefined ? {} : { filename: name })
  }
}

const assistantPart = (part: AssistantPart, signing: Signing) => {
  switch (part.type) {
    case "text":
      return { type: "text" as const, text: part.text }
    case "reasoning":
      return { type: "reasoning" as const, text: part.text, providerOptions: signing(part.signature) }
    case "call":
      return {
        type: "tool-call" as const,
        toolCallId: part.id,
        toolName: part.name,
        input: part.input,
        providerOptions: signing(part.signature)
      }
  }
}

const toMessage = (message: Message, signing: Signing): ModelMessage => {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.text }
    case "user":
      return { role: "user", content: message.content.map(userPart) }
    case "assistant":
      return { role: "assistant", content: message.content.map((part) => assistantPart(part, signing)) }
    case "tool":
      return {
        role: "tool",
        content: message.results.map(({ id, isFailure, name, result }) => {
          const value = JSON.parse(JSON.stringify(result))
          return {
            type: "tool-result" as const,
            toolCallId: id,
            toolName: name,
            output: typeof result === "string"
              ? { type: isFailure === true ? "error-text" as const : "text" as const, value: result }
              : { type: isFailure === true ? "error-json" as const : "json" as const, value }
          }
        })
      }
  }
}

const toTools = (tools: ReadonlyArray<Tool>): ToolSet =>
  Object.fromEntries(tools.map(({ description, name, parameters, strict }) => [
    name,
    tool({
      ...(description === undefined ? {} : { description }),
      inputSchema: jsonSchema(parameters),
      ...(strict === undefined ? {} : { strict })
    })
  ]))

const asker = (model: LanguageModel, signing: Signing) => async ({ choice, messages, schema, stream, tools }: Case) => {
  const options = {
    model,
    allowSystemInMessages: true,
    messages: messages.map((message) => toMessage(message, signing)),
    maxRetries: 0,
    // What the vendor does not fetch itself, Vercel's library fetches.
    experimental_download: async (files: ReadonlyArray<{ readonly isUrlSupportedByModel: boolean }>) =>
      files.map(({ isUrlSupportedByModel }) => {
        if (!isUrlSupportedByModel) throw new NoWords("the SDK fetches the file and sends its bytes")
        return null
      }),
    ...(tools === undefined ? {} : {
      tools: toTools(tools),
      toolChoice: typeof choice === "object" ? { type: "tool" as const, toolName: choice.tool } : choice ?? "auto"
    }),
    ...(schema === undefined
      ? {}
      : { output: Output.object({ name: schema.name, schema: jsonSchema<unknown>(schema.schema) }) })
  }
  if (stream === true) {
    let failure: unknown
    const result = streamText({ ...options, onError: ({ error }) => void (failure = error) })
    await result.consumeStream()
    if (failure !== undefined) throw failure
  } else await generateText(options)
}

const unsigned: Signing = () => ({})

export const vercel = (url: string): ReadonlyArray<Sdk> => {
  const settings = { apiKey: "key", baseURL: `${url}/v1` }
  const openai = createOpenAI(settings)
  return [
    { name: "vercel-openai-chat", package: "@ai-sdk/openai", ask: asker(openai.chat("m"), unsigned) },
    { name: "vercel-openai-responses", package: "@ai-sdk/openai", ask: asker(openai.responses("m"), unsigned) },
    {
      name: "vercel-openai-compatible",
      package: "@ai-sdk/openai-compatible",
      ask: asker(
        createOpenAICompatible({
          name: "server",
          apiKey: "key",
          baseURL: `${url}/v1`,
          includeUsage: true,
          supportsStructuredOutputs: true
        })("m"),
        (thoughtSignature) => thoughtSignature === undefined ? {} : { google: { thoughtSignature } }
      )
    },
    {
      name: "vercel-deepseek",
      package: "@ai-sdk/deepseek",
      ask: asker(createDeepSeek(settings)("deepseek-v4-pro"), unsigned)
    },
    { name: "vercel-groq", package: "@ai-sdk/groq", ask: asker(createGroq(settings)("m"), unsigned) },
    { name: "vercel-mistral", package: "@ai-sdk/mistral", ask: asker(createMistral(settings)("m"), unsigned) },
    {
      name: "vercel-anthropic",
      package: "@ai-sdk/anthropic",
      ask: asker(
        createAnthropic(settings)("claude-sonnet-5-5"),
        (signature) => signature === undefined ? {} : { anthropic: { signature } }
      )
    },
    {
      name: "vercel-google",
      package: "@ai-sdk/google",
      ask: asker(
        createGoogle({ apiKey: "key", baseURL: `${url}/v1beta` })("gemini-3.5-flash"),
        (thoughtSignature) => thoughtSignature === undefined ? {} : { google: { thoughtSignature } }
      )
    }
  ]
}
