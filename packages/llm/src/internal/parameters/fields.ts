/**
 * What a request asks of a model besides its prompt, in the words of each protocol.
 *
 * Guarded by `test/parameters/Parameters.test.ts` and `test/protocol/answer/decoder.test.ts`.
 */
import type * as Schema from "effect/Schema"
import type { Parameters } from "../../Parameters.ts"

/** Who writes: the protocols, and the servers of chat completions that take more than all do. */
export type Dialect = "chat" | "mistral" | "openai" | "responses" | "messages" | "gemini" | "converse" | "ollama"

type Name = keyof Parameters
type Json = Schema.Json
type Fields = Readonly<Record<string, Json>>

/** How a parameter is written. */
type Writers = { readonly [K in Name]?: (value: NonNullable<Parameters[K]>) => Fields }

const list = (values: ReadonlyArray<string>): Json => [...values]

const chat: Writers = {
  temperature: (temperature) => ({ temperature }),
  topP: (top_p) => ({ top_p }),
  maxOutputTokens: (max_tokens) => ({ max_tokens }),
  stop: (stop) => ({ stop: list(stop) }),
  seed: (seed) => ({ seed })
}

const config = (fields: Fields): Fields => ({ generationConfig: fields })
const inference = (fields: Fields): Fields => ({ inferenceConfig: fields })

const writers: Readonly<Record<Dialect, Writers>> = {
  chat,
  // "Chat Completion Endpoints".
  mistral: { ...chat, seed: (random_seed) => ({ random_seed }) },
  // "Create chat completion": `max_tokens` is deprecated, metadata is for stored completions alone.
  openai: {
    ...chat,
    maxOutputTokens: (max_completion_tokens) => ({ max_completion_tokens }),
    effort: (reasoning_effort) => ({ reasoning_effort }),
    serviceTier: (tier) => ({ service_tier: tier === "standard" ? "default" : tier }),
    promptCacheKey: (prompt_cache_key) => ({ prompt_cache_key }),
    user: (user) => ({ safety_identifier: user })
  },
  // "Create a model response".
  responses: {
    temperature: (temperature) => ({ temperature }),
    topP: (top_p) => ({ top_p }),
    maxOutputTokens: (max_output_tokens) => ({ max_output_tokens }),
    effort: (effort) => ({ reasoning: { effort } }),
    serviceTier: (tier) => ({ service_tier: tier === "standard" ? "default" : tier }),
    promptCacheKey: (prompt_cache_key) => ({ prompt_cache_key }),
    user: (user) => ({ safety_identifier: user }),
    metadata: (metadata) => ({ metadata: { ...metadata } })
  },
  // "Create a Message".
  messages: {
    temperature: (temperature) => ({ temperature }),
    topP: (top_p) => ({ top_p }),
    maxOutputTokens: (max_tokens) => ({ max_tokens }),
    stop: (stop) => ({ stop_sequences: list(stop) }),
    effort: (effort) => ({ output_config: { effort: effort === "minimal" ? "low" : effort } }),
    thinkingBudget: (budget_tokens) => ({ thinking: { type: "enabled", budget_tokens } }),
    serviceTier: (tier) => ({ service_tier: tier === "priority" ? "auto" : "standard_only" }),
    user: (user_id) => ({ metadata: { user_id } })
  },
  // "GenerationConfig" and "ThinkingConfig".
  gemini: {
    temperature: (temperature) => config({ temperature }),
    topP: (topP) => config({ topP }),
    maxOutputTokens: (maxOutputTokens) => config({ maxOutputTokens }),
    stop: (stop) => config({ stopSequences: list(stop) }),
    seed: (seed) => config({ seed }),
    effort: (effort) => config({ thinkingConfig: { thinkingLevel: effort.toUpperCase() } }),
    thinkingBudget: (thinkingBudget) => config({ thinkingConfig: { thinkingBudget } }),
    serviceTier: (serviceTier) => ({ serviceTier })
  },
  // "InferenceConfiguration".
  converse: {
    temperature: (temperature) => inference({ temperature }),
    topP: (topP) => inference({ topP }),
    maxOutputTokens: (maxTokens) => inference({ maxTokens }),
    stop: (stop) => inference({ stopSequences: list(stop) }),
    serviceTier: (tier) => ({ serviceTier: { type: tier === "standard" ? "default" : tier } }),
    metadata: (metadata) => ({ requestMetadata: { ...metadata } })
  },
  // "Modelfile", "Valid Parameters and Values".
  ollama: {
    temperature: (temperature) => ({ temperature }),
    topP: (top_p) => ({ top_p }),
    maxOutputTokens: (num_predict) => ({ num_predict }),
    stop: (stop) => ({ stop: list(stop) }),
    seed: (seed) => ({ seed })
  }
}

/** Models that reason choose their own sampling: OpenAI refuses to be told, and Anthropic's newest do. */
const samples = (dialect: Dialect, model: string): boolean =>
  dialect === "openai" || dialect === "responses" ? !/^(o\d|gpt-5(?!.*-chat)|gpt-[6-9])/.test(model) : true

const isObject = (json: Json | undefined): json is { readonly [key: string]: Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Lays fields over others, and objects in objects. */
const over = (below: Fields, above: Fields): Fields => {
  const out: Record<string, Json> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const before = out[key]
    out[key] = isObject(before) && isObject(value) ? over(before, value) : value
  }
  return out
}

const entries = (parameters: Parameters): ReadonlyArray<Name> =>
  (Object.keys(parameters) as ReadonlyArray<Name>).filter((name) => parameters[name] !== undefined)

/** The fields of one parameter; `undefined` where the protocol or the model has none. */
const write = <K extends Name>(
  name: K,
  parameters: Parameters,
  dialect: Dialect,
  model: string
): Fields | undefined => {
  const value = parameters[name]
  const writer = writers[dialect][name]
  if (value === undefined || writer === undefined) return undefined
  if ((name === "temperature" || name === "topP") && !samples(dialect, model)) return undefined
  return (writer as (value: NonNullable<Parameters[K]>) => Fields)(value as NonNullable<Parameters[K]>)
}

/** The fields of a request, over those that the provider was made with. */
export const fields = (
  parameters: Parameters,
  dialect: Dialect,
  model: string,
  below: Fields | undefined
): Fields =>
  entries(parameters).reduce(
    (fields, name) => over(fields, write(name, parameters, dialect, model) ?? {}),
    below ?? {}
  )

/** The parameters that a provider does not take. */
export const dropped = (parameters: Parameters, dialect: Dialect, model: string): ReadonlyArray<Name> =>
  entries(parameters).filter((name) => write(name, parameters, dialect, model) === undefined)

/** What a server of chat completions takes, by the name of its row. */
export const dialectOf = (preset: string): Dialect =>
  preset === "openai" || preset === "azure" ? "openai" : preset === "mistral" ? "mistral" : "chat"
