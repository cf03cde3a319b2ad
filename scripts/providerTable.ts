/**
 * The providers that settings can describe, as the tables of docs/providers.md: made of the rows that configuration reads.
 * `npm run docs` writes them.
 */
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import { readFileSync, writeFileSync } from "node:fs"
import { filling, table } from "./tables.ts"

/** Where the tables go. */
export const file = new URL("../docs/providers.md", import.meta.url)

const servers = Object.values<ProviderChain.Server>(ProviderChain.servers)

const code = (text: string): string => `\`${text}\``

const speaks = ({ protocol }: ProviderChain.Server): ReadonlyArray<string> => {
  switch (protocol._tag) {
    case "ChatCompletions":
      return [`OpenAiProvider.make({ preset: "${protocol.preset}" })`, "chat completions"]
    case "Responses":
      return ["OpenAiResponsesProvider", "OpenAI's Responses API"]
    case "Messages":
      return ["AnthropicProvider", "the Messages API"]
    case "Converse":
      return ["BedrockProvider", "Bedrock's Converse API"]
    case "GenerateContent":
      return ["GeminiProvider", "Gemini's own `generateContent`"]
    case "OllamaChat":
      return ["OllamaProvider", "Ollama's own `/api/chat`"]
  }
}

const isAsked = ({ isReady, name, settings }: ProviderChain.Server): string =>
  [
    ...settings.map(code),
    ...(isReady === false ? [] : ["its name in `PROVIDER_PRIORITY`"]),
    ...(name === "ollama" ? ["any of the clouds"] : [])
  ].join(" or ")

const isDefined = (name: string | undefined): name is string => name !== undefined

/** What the models of a server lack, or the server does in its own way. */
const limits = ({ capabilities, models, structuredBy, toolChoice }: OpenAiProvider.Preset): ReadonlyArray<string> => [
  ...(capabilities.tools === false ? ["no tools"] : []),
  ...(capabilities.images === false ? ["no images"] : []),
  ...(toolChoice === "required" ? ["one tool is forced by offering no other"] : []),
  ...(structuredBy === "instruction" ? ["a schema goes as an instruction"] : []),
  ...(models === "unlisted" ? ["no list of models"] : [])
]

/** All tables, by the name of their place in the file. */
export const tables: Readonly<Record<string, string>> = {
  providers: table(
    ["name", "provider", "speaks", "where", "is asked where there is", "source"],
    servers.map((server) => {
      const [provider = "", protocol = ""] = speaks(server)
      return [
        code(server.name),
        code(provider),
        protocol,
        server.location,
        isAsked(server),
        `[source](${server.source})`
      ]
    })
  ),
  variables: table(
    ["key", "model", "default", "URL", "default"],
    servers.map(({ baseUrl, model, variables: { address, key, model: modelVariable, others } }) => [
      [key, others.key].filter(isDefined).map(code).join(", "),
      code(modelVariable),
      model === undefined ? "must be set" : code(model),
      [address, others.address].filter(isDefined).map(code).join(", "),
      baseUrl === undefined ? "must be set" : code(baseUrl)
    ])
  ),
  limits: table(
    ["preset", "limits"],
    Object.values<OpenAiProvider.Preset>(OpenAiProvider.presets).flatMap((preset) => {
      const found = limits(preset)
      return found.length === 0 ? [] : [[code(preset.name), found.join(", ")]]
    })
  ),
  embeddings: table(
    ["variable", "default"],
    Object.values<OpenAiProvider.Preset>(OpenAiProvider.presets).map(({ embeddingModel, variables }) => [
      code(`${variables}_EMBEDDING_MODEL`),
      embeddingModel === undefined ? "must be set" : code(embeddingModel)
    ])
  )
}

/** The text with the tables in their places. */
export const filled = filling(file, tables)

if (import.meta.main) writeFileSync(file, filled(readFileSync(file, "utf8")))
