/** Google's own client, by the shapes of its types. */
import type { Content, GenerateContentParameters, Part } from "@google/genai"
import { FunctionCallingConfigMode, GoogleGenAI } from "@google/genai"
import type { AssistantPart, Case, Message, UserPart } from "../cases.ts"
import type { Sdk } from "./sdk.ts"
import { NoWords } from "./sdk.ts"

const userPart = (part: UserPart): Part => {
  if (part.type === "text") return { text: part.text }
  const { data, mediaType } = part
  if (mediaType.endsWith("/*")) throw new NoWords("a file needs its type")
  return data.startsWith("https:")
    ? { fileData: { mimeType: mediaType, fileUri: data } }
    : { inlineData: { mimeType: mediaType, data } }
}

const assistantPart = (part: AssistantPart): Part => {
  const signed = "signature" in part && part.signature !== undefined ? { thoughtSignature: part.signature } : {}
  switch (part.type) {
    case "text":
      return { text: part.text }
    case "reasoning":
      return { text: part.text, thought: true, ...signed }
    case "call":
      if (typeof part.input === "string") throw new NoWords("Gemini takes arguments as an object alone")
      return { functionCall: { id: part.id, name: part.name, args: part.input }, ...signed }
  }
}

const toContent = (message: Exclude<Message, { role: "system" }>): Content => {
  switch (message.role) {
    case "user":
      return { role: "user", parts: message.content.map(userPart) }
    case "assistant":
      return { role: "model", parts: message.content.map(assistantPart) }
    case "tool":
      return {
        role: "user",
        parts: message.results.map(({ id, isFailure, name, result }) => ({
          functionResponse: { id, name, response: { [isFailure === true ? "error" : "output"]: result } }
        }))
      }
  }
}

const modes = {
  auto: FunctionCallingConfigMode.AUTO,
  none: FunctionCallingConfigMode.NONE,
  required: FunctionCallingConfigMode.ANY
}

const params = ({ choice = "auto", messages, schema, tools }: Case): GenerateContentParameters => {
  const system = messages.flatMap((message) => message.role === "system" ? [message.text] : []).join("\n\n")
  return {
    model: "m",
    contents: messages.flatMap((message) => message.role === "system" ? [] : [toContent(message)]),
    config: {
      ...(system === "" ? {} : { systemInstruction: system }),
      ...(tools === undefined ? {} : {
        tools: [{
          functionDeclarations: tools.map(({ description, name, parameters }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            parametersJsonSchema: parameters
          }))
        }],
        toolConfig: {
          functionCallingConfig: typeof choice === "object"
            ? { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: [choice.tool] }
            : { mode: modes[choice] }
        }
      }),
      ...(schema === undefined
        ? {}
        : { responseMimeType: "application/json", responseJsonSchema: schema.schema })
    }
  }
}

export const google = (url: string): Sdk => {
  const client = new GoogleGenAI({ apiKey: "key", httpOptions: { baseUrl: url } })
  return {
    name: "google",
    package: "@google/genai",
    ask: async (asked) => {
      if (asked.stream !== true) return void await client.models.generateContent(params(asked))
      for await (const _ of await client.models.generateContentStream(params(asked)));
    }
  }
}
