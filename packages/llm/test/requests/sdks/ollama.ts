/** Ollama's own client, by the shapes of its types. */
import type { ChatRequest, Message as OllamaMessage, Tool } from "ollama"
import { Ollama } from "ollama"
import type { Case, JsonObject, Message } from "../cases.ts"
import type { Sdk } from "./sdk.ts"
import { NoWords } from "./sdk.ts"

const messages = (message: Message): ReadonlyArray<OllamaMessage> => {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.text }]
    case "user": {
      const content = message.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n")
      const files = message.content.flatMap((part) => part.type === "file" ? [part] : [])
      if (files.some(({ data, mediaType }) => !mediaType.startsWith("image/") || data.startsWith("https:"))) {
        throw new NoWords("Ollama takes the bytes of images alone")
      }
      return [{ role: "user", content, ...(files.length === 0 ? {} : { images: files.map(({ data }) => data) }) }]
    }
    case "assistant": {
      const content = message.content.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
      const thinking = message.content.flatMap((part) => part.type === "reasoning" ? [part.text] : []).join("")
      const calls = message.content.flatMap((part) => {
        if (part.type !== "call") return []
        if (typeof part.input === "string") throw new NoWords("Ollama takes arguments as an object alone")
        return [{ function: { name: part.name, arguments: part.input } }]
      })
      return [{
        role: "assistant",
        content,
        ...(thinking === "" ? {} : { thinking }),
        ...(calls.length === 0 ? {} : { tool_calls: calls })
      }]
    }
    case "tool":
      return message.results.map(({ name, result }) => ({
        role: "tool",
        tool_name: name,
        content: typeof result === "string" ? result : JSON.stringify(result)
      }))
  }
}

const toTool = (name: string, description: string | undefined, parameters: JsonObject): Tool => ({
  type: "function",
  function: { name, ...(description === undefined ? {} : { description }), parameters }
})

const params = ({ choice, messages: asked, schema, tools = [] }: Case): ChatRequest => {
  if (choice === "required" || typeof choice === "object") throw new NoWords("Ollama knows no choice of tools")
  return {
    model: "m",
    messages: asked.flatMap(messages),
    ...(choice === "none" || tools.length === 0
      ? {}
      : { tools: tools.map(({ description, name, parameters }) => toTool(name, description, parameters)) }),
    ...(schema === undefined ? {} : { format: schema.schema })
  }
}

export const ollama = (url: string): Sdk => {
  const client = new Ollama({ host: url })
  return {
    name: "ollama",
    package: "ollama",
    ask: async (asked) => {
      if (asked.stream !== true) return void await client.chat({ ...params(asked), stream: false })
      for await (const _ of await client.chat({ ...params(asked), stream: true }));
    }
  }
}
