/**
 * What a row of `presets.ts` says of a server, and the values that most rows share.
 *
 * Guarded by `test/OpenAiProvider.test.ts` and `test/config/faults.test.ts`.
 */
import type { Capabilities, Location } from "../../Provider.ts"

/** A server of chat completions. */
export interface Preset {
  /** Names the provider. */
  readonly name: string
  /** Where its API is by default; `undefined` where each account has a URL of its own. */
  readonly baseUrl: string | undefined
  /** An example of a URL, for the advice where there is no default. */
  readonly exampleUrl?: string
  /** What follows the host in a URL that names only the host. Default: nothing. */
  readonly path?: string
  /** Cloud servers want a key. */
  readonly location: Location
  /** `GROQ` reads `GROQ_API_KEY`, `GROQ_MODEL` and `GROQ_BASE_URL`. */
  readonly variables: string
  /** Other names of the variables of the key and of the URL, which the vendor's own client reads. */
  readonly otherVariables?: { readonly key?: string; readonly address?: string }
  /** The header that carries the key. */
  readonly keyHeader: "authorization" | "api-key"
  /** The model that is asked by default; `undefined` where the server has none of its own. */
  readonly model: string | undefined
  /** The model that embeds by default. */
  readonly embeddingModel: string | undefined
  /** The most texts that a request of embeddings takes, if fewer than most servers do. */
  readonly embeddingBatch: number
  /** The field of how long a vector is. */
  readonly embeddingLength: "dimensions" | "output_dimension"
  /** What its models lack, whichever is asked. */
  readonly capabilities: Partial<Capabilities>
  /**
   * How to force one tool: by its name, or, if the server accepts only keywords, by `required` with no other tool declared.
   */
  readonly toolChoice: "named" | "required"
  /** The word that makes a model call a tool, whichever. */
  readonly callWord: "required" | "any"
  /** How a PDF is sent, if its models read it, and whether they hear sound. */
  readonly reads: { readonly pdf: "file" | "document_url" | undefined; readonly audio: boolean }
  /** Whether messages of users and assistants must alternate, so that two in a row become one. */
  readonly alternates: boolean
  /** Whether the result of a tool has the tool's name. */
  readonly namesResults: boolean
  /** Whether each message of an assistant must have `reasoning_content`, if only an empty one. */
  readonly wantsThoughts: boolean
  /** Whether the first call of a turn must be signed: a call of another model gets a value that stands for a signature. */
  readonly wantsSignatures: boolean
  /** Whether it holds a model to the schema of a strict tool. */
  readonly strictTools: boolean
  /** Whether a structured answer may be asked for where tools are offered. */
  readonly structuredBesideTools: boolean
  /** Which URLs the server fetches itself, rather than taking bytes alone. */
  readonly fetches: { readonly images: boolean; readonly files: boolean }
  /** Whether it hands marks of what is worth caching (`cache_control`) on to a vendor that reads them. */
  readonly cacheMarks: boolean
  /** Whether the server holds a model to a schema's `pattern`, `minLength` and `maxLength`. */
  readonly enforcesPatterns: boolean
  /** What ids of tool calls the server takes: what all take, or nine letters and digits. */
  readonly callIds: "portable" | "nine"
  /** Tags around the thoughts that begin a content, where the server does not take them out itself. */
  readonly thinkTags: ReadonlyArray<string>
  /** Whether its models write calls of tools and structured answers as text: a JSON object, in tags or in a fence. */
  readonly writesAsText: boolean
  /**
   * How a structured answer is asked for: by its schema, or, where the server knows JSON but no schema, as JSON with the schema in
   * a system message.
   */
  readonly structuredBy: "schema" | "instruction"
  /** Whether usage is asked for by `stream_options`, or comes unasked, where some servers reject the field. */
  readonly usage: "asked" | "unasked"
  /**
   * What `/models` lists: every name that it answers to, so that `preflight` can tell a model that is not there; some names; or
   * there is no list, and `preflight` sends a conversation without messages, which every server refuses at no cost.
   */
  readonly models: "all" | "some" | "unlisted"
  /** How to start the server, as advice when there is no connection. */
  readonly start: string | undefined
  /** The page that the row is from. */
  readonly source: string
}

export const cloud = {
  location: "cloud",
  embeddingModel: undefined,
  embeddingBatch: 256,
  embeddingLength: "dimensions",
  keyHeader: "authorization",
  capabilities: {},
  toolChoice: "named",
  callWord: "required",
  reads: { pdf: "file", audio: true },
  alternates: false,
  namesResults: false,
  wantsThoughts: false,
  wantsSignatures: false,
  strictTools: true,
  structuredBesideTools: true,
  fetches: { images: true, files: false },
  cacheMarks: false,
  enforcesPatterns: false,
  callIds: "portable",
  thinkTags: [],
  writesAsText: false,
  structuredBy: "schema",
  usage: "asked",
  models: "some",
  start: undefined
} as const satisfies Partial<Preset>

export const thinkTags = ["think", "thinking", "thought", "reasoning"] as const

/** What models write into the content where no parser takes it out. */
export const localHabits = { thinkTags, writesAsText: true } as const

export const local = {
  ...cloud,
  location: "local",
  model: undefined,
  reads: { pdf: undefined, audio: true },
  ...localHabits
} as const satisfies Partial<Preset>
