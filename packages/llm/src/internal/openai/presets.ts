/**
 * Who speaks chat completions, and how each differs in what it is sent. What each differs in when it answers is read from
 * all of them alike, by `openAiResponse` and `ProviderFailure`; only what cannot be is a quirk here.
 *
 * Sources: the servers' own documentation, and where that is silent their issue trackers.
 */
import type { Location } from "../../Provider.ts"

/** A server of chat completions. */
export interface Preset {
  /** Names the provider. */
  readonly name: string
  /** Where its API is when nobody said otherwise. */
  readonly baseUrl: string
  /** Cloud servers want a key. */
  readonly location: Location
  /** `GROQ` reads `GROQ_API_KEY`, `GROQ_MODEL` and `GROQ_BASE_URL`. */
  readonly variables: string
  /** The model that is asked when none is named; `undefined` where only its owner knows. */
  readonly model: string | undefined
  /** The model that embeds when none is named. */
  readonly embeddingModel: string | undefined
  /**
   * How a choice of one tool is said: by its name, or, where the server takes nothing but words, by `required` with no other
   * tool at hand.
   */
  readonly toolChoice: "named" | "required"
  /** Whether `/models` lists every name that it answers to, so that `preflight` can tell a model that is not there. */
  readonly listsModels: boolean
  /** Whether an error in a stream may come as a line `error: {...}`, which is none of SSE's fields. */
  readonly errorField: boolean
  /** What helps when nobody answers there. */
  readonly start: string | undefined
}

const cloud = {
  location: "cloud",
  embeddingModel: undefined,
  toolChoice: "named",
  listsModels: false,
  errorField: false,
  start: undefined
} as const

const local = { ...cloud, location: "local", model: undefined } as const

export const presets = {
  /** OpenAI itself. A spent quota is a 429 with a code; a last chunk without choices has the usage. */
  openai: {
    ...cloud,
    name: "openai",
    baseUrl: "https://api.openai.com/v1",
    variables: "OPENAI",
    model: "gpt-5-mini",
    embeddingModel: "text-embedding-3-small"
  },
  /**
   * OpenRouter: comments while it looks for a host, errors in the body once the stream has begun, with the host's own words
   * in `metadata.raw`; 402 without credit. Its `HTTP-Referer` and `X-Title` are headers that options may add.
   */
  openrouter: {
    ...cloud,
    name: "openrouter",
    baseUrl: "https://openrouter.ai/api/v1",
    variables: "OPENROUTER",
    model: "openrouter/auto"
  },
  /**
   * Groq: usage and errors under `x_groq`, 498 when the flex tier is full, 400 `tool_use_failed` when the model wrote a call
   * that is none.
   */
  groq: {
    ...cloud,
    name: "groq",
    baseUrl: "https://api.groq.com/openai/v1",
    variables: "GROQ",
    model: "openai/gpt-oss-120b",
    listsModels: true
  },
  /** vLLM: `{ object: "error" }` or `{ error }` by its age, tools only where the server was started for them. */
  vllm: {
    ...local,
    name: "vllm",
    baseUrl: "http://127.0.0.1:8000/v1",
    variables: "VLLM",
    listsModels: true,
    start: "Start it with `vllm serve <model>`"
  },
  /** LM Studio: a failing stream is a 200 and `event: error`; `tool_choice` is a word. */
  lmstudio: {
    ...local,
    name: "lmstudio",
    baseUrl: "http://127.0.0.1:1234/v1",
    variables: "LMSTUDIO",
    listsModels: true,
    toolChoice: "required",
    start: "Start it with `lms server start`"
  },
  /**
   * llama.cpp's server: 503 while the model loads, `exceed_context_size_error` under 400 or 500, and up to 2025 a line
   * `error: {...}` in a stream. It serves one model, whatever its name.
   */
  llamacpp: {
    ...local,
    name: "llamacpp",
    baseUrl: "http://127.0.0.1:8080/v1",
    variables: "LLAMACPP",
    model: "default",
    embeddingModel: "default",
    errorField: true,
    start: "Start it with `llama-server -m <model.gguf> --jinja`"
  }
} as const satisfies Readonly<Record<string, Preset>>
