/**
 * The servers that settings can describe, one row each, in the order in which they are asked. Configuration, selection, the
 * keys of a file, the doctor and the tables of the documentation read it. A server of chat completions is a row of
 * `presets/clouds.ts` or `presets/locals.ts` and needs nothing here; the rows here are of those that speak a protocol of their own.
 *
 * Guarded by `test/config/faults.test.ts` and `test/config/selection.test.ts`.
 */
import * as Rec from "effect/Record"
import type { Location } from "../../Provider.ts"
import { clouds as cloudPresets } from "../presets/clouds.ts"
import { locals as localPresets } from "../presets/locals.ts"
import type { Preset } from "../presets/preset.ts"
import type { PresetName } from "../presets/presets.ts"

export type Name = PresetName | "openai-responses" | "anthropic" | "bedrock" | "gemini" | "ollama-cloud" | "ollama"

/** How a server is spoken to, which says who makes its provider. */
type Protocol =
  | { readonly _tag: "ChatCompletions"; readonly preset: PresetName }
  | { readonly _tag: "Responses" }
  | { readonly _tag: "Messages" }
  | { readonly _tag: "Converse" }
  | { readonly _tag: "GenerateContent" }
  | { readonly _tag: "OllamaChat"; readonly isCloud: boolean }

export interface Server {
  readonly name: Name
  readonly protocol: Protocol
  readonly location: Location
  /** Where it is by default; `undefined` where each account has a URL of its own. */
  readonly baseUrl: string | undefined
  /** The model that is asked by default; `undefined` where it must be named. */
  readonly model: string | undefined
  /** The variables that name the model, the address, and the key where it has one. */
  readonly variables: {
    readonly model: string
    readonly address: string
    readonly key: string | undefined
    /** Names the model for embeddings; `undefined` where the server gives none by this protocol. */
    readonly embedding: string | undefined
    /** Other names of the key's and the address's, which the vendor's own client reads. */
    readonly others: { readonly key?: string; readonly address?: string }
  }
  /** Any of these variables describes the provider. */
  readonly settings: readonly [string, ...ReadonlyArray<string>]
  /**
   * Whether its name in `PROVIDER_PRIORITY` is enough: it needs no key, and has a model by default. A text is the variable that must
   * be set besides.
   */
  readonly isReady: boolean | string
  /** What to set to have it chosen. */
  readonly advice: string
  /** The page that the row is from. */
  readonly source: string
}

/** A server in the cloud: a key describes it, or another address that speaks its API. */
const cloud = (prefix: string, owner: string) => ({
  location: "cloud" as const,
  variables: {
    model: `${prefix}_MODEL`,
    address: `${prefix}_BASE_URL`,
    key: `${prefix}_API_KEY`,
    embedding: undefined,
    others: {}
  },
  settings: [`${prefix}_API_KEY`, `${prefix}_BASE_URL`] as const,
  isReady: false,
  advice: `Set ${prefix}_API_KEY to a key of ${owner}'s, or ${prefix}_BASE_URL to a server that speaks its API`
})

const isDefined = (name: string | undefined): name is string => name !== undefined

const chatCompletions = (preset: Preset, name: PresetName): Server => {
  const { baseUrl, exampleUrl, location, model, otherVariables = {}, source, variables } = preset
  const common = cloud(variables, name === "openai" ? "OpenAI" : name)
  const row = {
    ...common,
    name,
    protocol: { _tag: "ChatCompletions", preset: name },
    location,
    baseUrl,
    model,
    source,
    variables: { ...common.variables, embedding: `${variables}_EMBEDDING_MODEL`, others: otherVariables }
  } as const
  const { address, key } = common.variables
  if (location === "local") {
    return {
      ...row,
      settings: [common.variables.model, address],
      isReady: model !== undefined,
      advice:
        `Set ${variables}_MODEL to the model that it serves, and ${variables}_BASE_URL, if it is not on this machine`
    }
  }
  const others = [otherVariables.key, otherVariables.address].filter(isDefined)
  // A key alone does not tell where the account is.
  return baseUrl === undefined
    ? {
      ...row,
      settings: [address, ...others],
      advice: `Set ${address} to the URL of the account, as ${exampleUrl ?? ""}, and ${key} to a key of it`
    }
    : { ...row, settings: [key, address, ...others] }
}

const { openai, ...clouds } = Rec.map(cloudPresets, chatCompletions)
const locals = Rec.map(localPresets, chatCompletions)

const gemini = cloud("GEMINI", "Google AI Studio")
const ollamaCloud = cloud("OLLAMA_CLOUD", "ollama.com")

/** In the order in which they are asked: the clouds, then the servers on one's own machines, Ollama last. */
export const servers: Readonly<Record<Name, Server>> = {
  openai,
  "openai-responses": {
    ...cloud("OPENAI_RESPONSES", "OpenAI"),
    name: "openai-responses",
    protocol: { _tag: "Responses" },
    baseUrl: "https://api.openai.com/v1",
    model: "gpt-5-mini",
    variables: {
      model: "OPENAI_RESPONSES_MODEL",
      address: "OPENAI_RESPONSES_BASE_URL",
      key: "OPENAI_API_KEY",
      embedding: undefined,
      others: {}
    },
    // The key alone says chat completions.
    settings: ["OPENAI_RESPONSES_MODEL", "OPENAI_RESPONSES_BASE_URL"],
    isReady: "OPENAI_API_KEY",
    advice: "Set OPENAI_RESPONSES_MODEL to a model of OpenAI's, or add openai-responses to PROVIDER_PRIORITY",
    source: "https://platform.openai.com/docs/api-reference/responses"
  },
  anthropic: {
    ...cloud("ANTHROPIC", "Anthropic"),
    name: "anthropic",
    protocol: { _tag: "Messages" },
    baseUrl: "https://api.anthropic.com",
    model: "claude-sonnet-5-5",
    source: "https://platform.claude.com/docs/en/api/overview"
  },
  bedrock: {
    ...cloud("BEDROCK", "Bedrock"),
    name: "bedrock",
    protocol: { _tag: "Converse" },
    baseUrl: undefined,
    model: undefined,
    variables: {
      model: "BEDROCK_MODEL",
      address: "BEDROCK_BASE_URL",
      key: "AWS_BEARER_TOKEN_BEDROCK",
      embedding: undefined,
      others: {}
    },
    // The keys of an account are there for much else.
    settings: ["BEDROCK_MODEL"],
    advice: "Set BEDROCK_MODEL to the id of a model or an inference profile, and the keys of an AWS account",
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
  },
  gemini: {
    ...gemini,
    name: "gemini",
    protocol: { _tag: "GenerateContent" },
    baseUrl: "https://generativelanguage.googleapis.com/v1",
    model: "gemini-3.5-flash",
    variables: { ...gemini.variables, others: { key: "GOOGLE_API_KEY", address: "GOOGLE_GEMINI_BASE_URL" } },
    settings: [...gemini.settings, "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"],
    source: "https://ai.google.dev/api/generate-content"
  },
  ...clouds,
  "ollama-cloud": {
    ...ollamaCloud,
    name: "ollama-cloud",
    protocol: { _tag: "OllamaChat", isCloud: true },
    baseUrl: "https://ollama.com",
    model: "gpt-oss:120b",
    variables: {
      model: "OLLAMA_CLOUD_MODEL",
      address: "OLLAMA_CLOUD_HOST",
      key: "OLLAMA_API_KEY",
      embedding: undefined,
      others: {}
    },
    settings: ["OLLAMA_API_KEY", "OLLAMA_CLOUD_HOST"],
    advice: "Set OLLAMA_API_KEY to a key of ollama.com",
    source: "https://docs.ollama.com/cloud"
  },
  ...locals,
  ollama: {
    name: "ollama",
    protocol: { _tag: "OllamaChat", isCloud: false },
    location: "local",
    baseUrl: "http://127.0.0.1:11434",
    model: "llama3.2",
    variables: {
      model: "OLLAMA_MODEL",
      address: "OLLAMA_HOST",
      key: undefined,
      embedding: "OLLAMA_EMBEDDING_MODEL",
      others: {}
    },
    settings: ["OLLAMA_MODEL", "OLLAMA_HOST"],
    isReady: true,
    advice:
      "Set OLLAMA_MODEL to a model that `ollama pull` has fetched, and OLLAMA_HOST, if Ollama is not on this machine",
    source: "https://docs.ollama.com/api"
  }
}

export const names: ReadonlyArray<Name> = Object.values(servers).map(({ name }) => name)

/** Those that give embeddings. */
export const embeddingNames: ReadonlyArray<Name> = names.filter((name) =>
  servers[name].variables.embedding !== undefined
)
