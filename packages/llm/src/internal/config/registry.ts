/**
 * The servers that settings can describe, one row each, in the order in which they are asked. Configuration, selection, the
 * keys of a file and the doctor read it. A server of chat completions is a row of `openai/presets.ts` and needs nothing here;
 * the rows here are of those that speak a protocol of their own.
 */
import * as Rec from "effect/Record"
import type { Location } from "../../Provider.ts"
import type { Preset } from "../openai/presets.ts"
import { presets } from "../openai/presets.ts"

type PresetName = keyof typeof presets
export type Name = PresetName | "anthropic" | "ollama"

/** How a server is spoken to, which says who makes its provider. */
type Protocol =
  | { readonly _tag: "ChatCompletions"; readonly preset: PresetName }
  | { readonly _tag: "Messages" }
  | { readonly _tag: "OllamaChat" }

export interface Server {
  readonly name: Name
  readonly protocol: Protocol
  readonly location: Location
  /** Where it is by default. */
  readonly baseUrl: string
  /** The variables that name the model, the address, and the key where it has one. */
  readonly variables: { readonly model: string; readonly address: string; readonly key: string | undefined }
  /** Any of these variables describes the provider. */
  readonly settings: readonly [string, string]
  /** Whether its name in `PROVIDER_PRIORITY` is enough: it needs no key, and has a model by default. */
  readonly isReady: boolean
  /** What to set to have it chosen. */
  readonly advice: string
}

/** A server in the cloud: a key describes it, or another address that speaks its API. */
const cloud = (prefix: string, owner: string) => ({
  location: "cloud" as const,
  variables: { model: `${prefix}_MODEL`, address: `${prefix}_BASE_URL`, key: `${prefix}_API_KEY` },
  settings: [`${prefix}_API_KEY`, `${prefix}_BASE_URL`] as const,
  isReady: false,
  advice: `Set ${prefix}_API_KEY to a key of ${owner}'s, or ${prefix}_BASE_URL to a server that speaks its API`
})

const chatCompletions = (preset: Preset, name: PresetName): Server => {
  const { baseUrl, location, model, variables } = preset
  const row = cloud(variables, name === "openai" ? "OpenAI" : name)
  const protocol = { _tag: "ChatCompletions", preset: name } as const
  return location === "cloud" ? { ...row, name, protocol, baseUrl } : {
    ...row,
    name,
    protocol,
    baseUrl,
    location,
    settings: [row.variables.model, row.variables.address],
    isReady: model !== undefined,
    advice:
      `Set ${variables}_MODEL to the model that it serves, and ${variables}_BASE_URL, if it is not on this machine`
  }
}

const { openai, ...others }: Readonly<Record<PresetName, Server>> = Rec.map(presets, chatCompletions)

/** In the order in which they are asked: the clouds, then the servers on one's own machines, Ollama last. */
export const servers: Readonly<Record<Name, Server>> = {
  openai,
  anthropic: {
    ...cloud("ANTHROPIC", "Anthropic"),
    name: "anthropic",
    protocol: { _tag: "Messages" },
    baseUrl: "https://api.anthropic.com"
  },
  ...others,
  ollama: {
    name: "ollama",
    protocol: { _tag: "OllamaChat" },
    location: "local",
    baseUrl: "http://127.0.0.1:11434",
    variables: { model: "OLLAMA_MODEL", address: "OLLAMA_HOST", key: undefined },
    settings: ["OLLAMA_MODEL", "OLLAMA_HOST"],
    isReady: true,
    advice:
      "Set OLLAMA_MODEL to a model that `ollama pull` has fetched, and OLLAMA_HOST, if Ollama is not on this machine"
  }
}

export const names: ReadonlyArray<Name> = Object.values(servers).map(({ name }) => name)
