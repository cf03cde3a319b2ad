/**
 * Servers of chat completions, one row each: the URL, and the parts of a request that the server supports. Differences in answers
 * are handled for all servers alike, by `response.ts` and `ProviderFailure`; a row has only what no answer shows.
 *
 * Sources: the servers' own documentation, and where that is silent their issue trackers.
 */
import type { Location } from "../../Provider.ts"

/** A server of chat completions. */
export interface Preset {
  /** Names the provider. */
  readonly name: string
  /** Where its API is by default. */
  readonly baseUrl: string
  /** Cloud servers want a key. */
  readonly location: Location
  /** `GROQ` reads `GROQ_API_KEY`, `GROQ_MODEL` and `GROQ_BASE_URL`. */
  readonly variables: string
  /** The model that is asked by default; `undefined` where the server has none of its own. */
  readonly model: string | undefined
  /** The model that embeds by default. */
  readonly embeddingModel: string | undefined
  /**
   * How to force one tool: by its name, or, if the server accepts only keywords, by `required` with no other tool declared.
   */
  readonly toolChoice: "named" | "required"
  /** Which URLs the server fetches itself, rather than taking bytes alone. */
  readonly fetches: { readonly images: boolean; readonly files: boolean }
  /** Whether the server holds a model to a schema's `pattern`, `minLength` and `maxLength`. */
  readonly enforcesPatterns: boolean
  /** What ids of tool calls the server takes: what all take, or nine letters and digits. */
  readonly callIds: "portable" | "nine"
  /** Tags around the thoughts that begin a content, where the server does not take them out itself. */
  readonly thinkTags: ReadonlyArray<string>
  /** Whether its models write calls of tools and structured answers as text: a JSON object, in tags or in a fence. */
  readonly writesAsText: boolean
  /** Whether `/models` lists every name that it answers to, so that `preflight` can tell a model that is not there. */
  readonly listsModels: boolean
  /** How to start the server, as advice when there is no connection. */
  readonly start: string | undefined
}

const cloud = {
  location: "cloud",
  embeddingModel: undefined,
  toolChoice: "named",
  fetches: { images: true, files: false },
  enforcesPatterns: false,
  callIds: "portable",
  thinkTags: [],
  writesAsText: false,
  listsModels: false,
  start: undefined
} as const

const thinkTags = ["think", "thinking", "thought", "reasoning"] as const

/** What models write into the content where no parser takes it out. */
export const localHabits = { thinkTags, writesAsText: true } as const

const local = { ...cloud, location: "local", model: undefined, ...localHabits } as const

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
    model: "openrouter/auto",
    // "PDF inputs": a URL goes where the data of a file does.
    fetches: { images: true, files: true }
  },
  /**
   * Groq: usage and errors under `x_groq`, 498 when the flex tier is full, 400 `tool_use_failed` when the model wrote an
   * invalid tool call.
   */
  groq: {
    ...cloud,
    name: "groq",
    baseUrl: "https://api.groq.com/openai/v1",
    variables: "GROQ",
    model: "openai/gpt-oss-120b",
    // "Reasoning": with `reasoning_format: "raw"`, the default of some models, thoughts are in the content.
    thinkTags,
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
    // "Image input": base64 alone.
    fetches: { images: false, files: false },
    start: "Start it with `lms server start`"
  },
  /**
   * llama.cpp's server: 503 while the model loads, `exceed_context_size_error` under 400 or 500. It serves one model, whatever
   * its name, and reads words alone as `tool_choice` (common/chat.cpp).
   */
  llamacpp: {
    ...local,
    name: "llamacpp",
    baseUrl: "http://127.0.0.1:8080/v1",
    variables: "LLAMACPP",
    model: "default",
    embeddingModel: "default",
    toolChoice: "required",
    enforcesPatterns: true,
    start: "Start it with `llama-server -m <model.gguf> --jinja`"
  }
} as const satisfies Readonly<Record<string, Preset>>
