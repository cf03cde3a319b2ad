/**
 * One row of vendor knowledge.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Kind } from "../kinds.ts"

/** The servers whose signals are known; `any` is for what HTTP and several vendors agree on. */
type Server =
  | "any"
  | "OpenAI"
  | "Azure"
  | "GitHub Models"
  | "Anthropic"
  | "Bedrock"
  | "Gemini"
  | "Vertex AI"
  | "Groq"
  | "Mistral"
  | "Cohere"
  | "DeepSeek"
  | "xAI"
  | "Perplexity"
  | "OpenRouter"
  | "Together"
  | "Fireworks"
  | "Cerebras"
  | "SambaNova"
  | "MiniMax"
  | "Moonshot"
  | "Zhipu"
  | "Alibaba"
  | "NVIDIA"
  | "Hugging Face"
  | "vLLM"
  | "SGLang"
  | "TGI"
  | "LM Studio"
  | "llama.cpp"
  | "Ollama"
  | "LiteLLM"
  | "one-api"
  | "Cloudflare"
  | "nginx"

/**
 * What to look for in an answer, and what it means. All conditions of a row must hold. Exactly one of `code`, `field`,
 * `header`, `phrase`, `category` and `status` decides how much the row weighs, in this order: an exact code outweighs
 * words, and words outweigh the mere class of an error (`vendorSignals.ts`).
 */
export interface Signal {
  readonly server: Server
  readonly kind: Kind
  /** A code, type, status or reason in the body, or the error type in a header, that says what happened. */
  readonly code?: string | RegExp
  /** A key that only such a refusal has. */
  readonly field?: string
  /** The name of a response header, and its value in lower case. */
  readonly header?: readonly [name: string, value: RegExp]
  /** Words in the message. */
  readonly phrase?: RegExp
  /** A code or type that names a class of errors, which words may narrow. */
  readonly category?: string | RegExp
  /** Statuses under which the row holds. Alone it is the weakest signal. */
  readonly status?: number | ReadonlyArray<number>
  /** Where it is shown: a public thread that quotes the answer, or a page of the vendor's. */
  readonly source: string
  /** Whether the page was read and shows it (2026-11-27). A thread always was. Default: the page was not compared. */
  readonly compared?: true
}
