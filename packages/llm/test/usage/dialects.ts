/** A streamed answer in the words of each protocol, piece by piece, with what of its usage each piece reports. */
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Provider from "@holdfast/llm/Provider"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { frame } from "../bedrock/BedrockServer.ts"

/** What the vendor counts: tokens of input, of these read from and written to a cache, and of output after each piece. */
export const Counted = Schema.Struct({
  plain: Schema.Literals([0, 1, 40, 100_000]),
  read: Schema.Literals([0, 7, 30_000]),
  written: Schema.Literals([0, 5, 20_000]),
  forHour: Schema.Literals([0, 5, 20_000]),
  pieces: Schema.Literals([1, 2, 3])
})
export type Counted = typeof Counted.Type

/** A piece of a body, and what the vendor has reported once it has come. */
export interface Piece {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly input?: number
  readonly read?: number
  readonly written?: number
  readonly forHour?: number
  readonly output?: number
}

export interface Dialect {
  readonly provider: Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>
  readonly pieces: (counted: Counted) => ReadonlyArray<Piece>
  /** A piece that says that the answer has failed, and that reports what it is given. */
  readonly failure: (counted: Counted) => Piece
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

const event = (data: { readonly type?: string; readonly [key: string]: unknown }): Uint8Array<ArrayBuffer> =>
  encode(`${data.type === undefined ? "" : `event: ${data.type}\n`}data: ${JSON.stringify(data)}\n\n`)

const line = (data: object): Uint8Array<ArrayBuffer> => encode(`${JSON.stringify(data)}\n`)

/** Tokens of output after so many pieces. */
const said = (pieces: number): number => 3 * pieces

const each = <A>({ pieces }: Counted, make: (output: number) => A): ReadonlyArray<A> =>
  Array.from({ length: pieces }, (_, i) => make(said(i + 1)))

const forHour = (counted: Counted): number => Math.min(counted.forHour, counted.written)

const anthropicReport = (counted: Counted) => ({
  input: counted.plain + counted.read + counted.written,
  read: counted.read,
  written: counted.written,
  ...(forHour(counted) > 0 && { forHour: forHour(counted) })
})

const anthropic: Dialect = {
  provider: AnthropicProvider.make({ baseUrl: "http://pieces", model: "m" }),
  pieces: (counted) => [
    {
      bytes: event({
        type: "message_start",
        message: {
          id: "m",
          model: "m",
          usage: {
            input_tokens: counted.plain,
            cache_read_input_tokens: counted.read,
            cache_creation_input_tokens: counted.written,
            cache_creation: {
              ephemeral_5m_input_tokens: counted.written - forHour(counted),
              ephemeral_1h_input_tokens: forHour(counted)
            },
            output_tokens: 1
          }
        }
      }),
      ...anthropicReport(counted),
      output: 1
    },
    { bytes: event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }) },
    ...each(counted, () => ({
      bytes: event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "word " } })
    })),
    { bytes: event({ type: "content_block_stop", index: 0 }) },
    {
      // Gateways end with zeros for what they have said at the start.
      bytes: event({
        type: "message_delta",
        delta: { stop_reason: "end_turn" },
        usage: { input_tokens: counted.pieces === 2 ? 0 : counted.plain, output_tokens: said(counted.pieces) }
      }),
      output: said(counted.pieces)
    },
    { bytes: event({ type: "message_stop" }) }
  ],
  failure: () => ({ bytes: event({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }) })
}

const completionUsage = ({ plain, read, written }: Counted, output: number) => ({
  prompt_tokens: plain + read + written,
  completion_tokens: output,
  prompt_tokens_details: { cached_tokens: read, cache_write_tokens: written }
})

const completionReport = ({ plain, read, written }: Counted) => ({ input: plain + read + written, read, written })

/** Chat completions: usage on a chunk of its own at the end, as OpenAI has it, or on every chunk (vLLM, xAI, Perplexity). */
const completions = (always: boolean): Dialect => ({
  provider: OpenAiProvider.make({ baseUrl: "http://pieces", model: "m" }),
  pieces: (counted) => [
    ...each(counted, (output) => ({
      bytes: event({
        id: "c",
        choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }],
        ...(always ? { usage: completionUsage(counted, output) } : { usage: null })
      }),
      ...(always && { ...completionReport(counted), output })
    })),
    { bytes: event({ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) },
    {
      bytes: event({ id: "c", choices: [], usage: completionUsage(counted, said(counted.pieces)) }),
      ...completionReport(counted),
      output: said(counted.pieces)
    },
    { bytes: encode("data: [DONE]\n\n") }
  ],
  // OpenRouter tells the usage with the error.
  failure: (counted) => ({
    bytes: event({
      id: "c",
      error: { code: 502, message: "Provider disconnected" },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
      usage: completionUsage(counted, 1)
    }),
    ...completionReport(counted),
    output: 1
  })
})

const responsesUsage = ({ plain, read, written }: Counted, output: number) => ({
  input_tokens: plain + read + written,
  input_tokens_details: { cached_tokens: read, cache_write_tokens: written },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: 0 }
})

const responses: Dialect = {
  provider: OpenAiResponsesProvider.make({ baseUrl: "http://pieces/v1", model: "m" }),
  pieces: (counted) => [
    {
      bytes: event({ type: "response.created", response: { id: "r", model: "m", status: "in_progress", usage: null } })
    },
    ...each(counted, () => ({
      bytes: event({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "word " })
    })),
    {
      bytes: event({
        type: "response.completed",
        response: {
          id: "r",
          status: "completed",
          output: [{ type: "message", content: [] }],
          usage: responsesUsage(counted, said(counted.pieces))
        }
      }),
      ...completionReport(counted),
      output: said(counted.pieces)
    }
  ],
  failure: (counted) => ({
    bytes: event({
      type: "response.failed",
      response: {
        id: "r",
        status: "failed",
        error: { code: "server_error", message: "The model failed" },
        usage: responsesUsage(counted, 2)
      }
    }),
    ...completionReport(counted),
    output: 2
  })
}

const gemini: Dialect = {
  provider: GeminiProvider.make({ baseUrl: "http://pieces/v1", model: "m" }),
  pieces: (counted) => {
    const usage = (output: number) => ({
      promptTokenCount: counted.plain + counted.read,
      cachedContentTokenCount: counted.read,
      candidatesTokenCount: output
    })
    const all = each(counted, (output) => output)
    return all.map((output, i) => ({
      bytes: event({
        candidates: [{
          index: 0,
          content: { parts: [{ text: "word " }] },
          ...(i === all.length - 1 && { finishReason: "STOP" })
        }],
        usageMetadata: usage(output)
      }),
      input: counted.plain + counted.read,
      read: counted.read,
      output
    }))
  },
  failure: () => ({
    bytes: event({ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } })
  })
}

const bedrock: Dialect = {
  provider: BedrockProvider.make({
    baseUrl: "http://pieces",
    region: "us-east-1",
    model: "m",
    apiKey: Redacted.make("key")
  }),
  pieces: (counted) => {
    const bytes = (type: string, payload: object) => Uint8Array.from(frame(type, payload))
    return [
      { bytes: bytes("messageStart", { role: "assistant" }) },
      ...each(counted, () => ({
        bytes: bytes("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "word " } })
      })),
      { bytes: bytes("contentBlockStop", { contentBlockIndex: 0 }) },
      { bytes: bytes("messageStop", { stopReason: "end_turn" }) },
      {
        bytes: bytes("metadata", {
          usage: {
            inputTokens: counted.plain,
            outputTokens: said(counted.pieces),
            cacheReadInputTokens: counted.read,
            cacheWriteInputTokens: counted.written,
            cacheDetails: [
              { ttl: "5m", inputTokens: counted.written - forHour(counted) },
              { ttl: "1h", inputTokens: forHour(counted) }
            ]
          }
        }),
        ...anthropicReport(counted),
        output: said(counted.pieces)
      }
    ]
  },
  failure: () => ({
    bytes: Uint8Array.from(frame("modelStreamErrorException", { message: "The model failed." }, "exception"))
  })
}

const ollama: Dialect = {
  provider: OllamaProvider.make({ host: "http://pieces", model: "m" }),
  pieces: (counted) => [
    ...each(counted, () => ({ bytes: line({ message: { content: "word " }, done: false }) })),
    {
      bytes: line({
        message: { content: "" },
        done: true,
        done_reason: "stop",
        prompt_eval_count: counted.plain,
        eval_count: said(counted.pieces)
      }),
      input: counted.plain,
      output: said(counted.pieces)
    }
  ],
  failure: () => ({ bytes: line({ error: "an error was encountered while running the model" }) })
}

export const dialects = {
  anthropic,
  "completions, usage at the end": completions(false),
  "completions, usage on each chunk": completions(true),
  responses,
  gemini,
  bedrock,
  ollama
} satisfies Readonly<Record<string, Dialect>>
