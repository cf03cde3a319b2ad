/** Both embedding models by one contract, each on a server that speaks its protocol. */
import { assert, describe, it } from "@effect/vitest"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import { detail } from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as LoopbackServer from "../../LoopbackServer.ts"

const secret = "sk-test-0123456789"

/** A vector that tells which text it is of. */
const vectorOf = (text: string): ReadonlyArray<number> => [text.length, text.codePointAt(0) ?? 0]

const inputsOf = (body: unknown): ReadonlyArray<string> => (body as { readonly input: ReadonlyArray<string> }).input

interface Protocol {
  readonly name: string
  readonly layer: (url: string, options?: { readonly batchSize?: number; readonly dimensions?: number }) => ReturnType<
    typeof OpenAiEmbedding.layer
  >
  readonly layerConfig: (url: string) => ReturnType<typeof OpenAiEmbedding.layerConfig>
  readonly path: string
  readonly body: object
  readonly answer: (inputs: ReadonlyArray<string>) => object
  readonly failures: ReadonlyArray<readonly [string, LoopbackServer.Reply, AiError.AiErrorReason["_tag"], string]>
}

const protocols: ReadonlyArray<Protocol> = [
  {
    name: "OpenAiEmbedding",
    layer: (url, options) => OpenAiEmbedding.layer({ baseUrl: `${url}/v1`, apiKey: Redacted.make(secret), ...options }),
    layerConfig: (url) =>
      Layer.provide(
        OpenAiEmbedding.layerConfig(),
        ConfigProvider.layer(ConfigProvider.fromUnknown({
          OPENAI_BASE_URL: `${url}/v1`,
          OPENAI_MODEL: "gpt-5",
          OPENAI_EMBEDDING_MODEL: "text-embedding-3-large"
        }))
      ),
    path: "/v1/embeddings",
    body: { model: "text-embedding-3-small", dimensions: 2 },
    // In another order, each with its index.
    answer: (inputs) => ({
      data: inputs.map((text, index) => ({ index, embedding: vectorOf(text) })).toReversed(),
      usage: { prompt_tokens: inputs.length, total_tokens: inputs.length }
    }),
    failures: [
      [
        "an index twice",
        { body: { data: [{ index: 0, embedding: [1] }, { index: 0, embedding: [2] }] } },
        "InvalidResponseError",
        "1 embedding of 2 texts"
      ],
      [
        "an index too far",
        { body: { data: [{ index: 0, embedding: [1] }, { index: 2, embedding: [2] }] } },
        "InvalidResponseError",
        ""
      ],
      ["an error under 200", { body: { error: { message: "slow down", code: 429 } } }, "RateLimitError", ""],
      [
        "an invalid key",
        { status: 401, body: { error: { message: `Incorrect API key provided: ${secret}`, code: "invalid_api_key" } } },
        "AuthenticationError",
        "Set OPENAI_API_KEY"
      ]
    ]
  },
  {
    name: "OllamaEmbedding",
    layer: (url, options) => OllamaEmbedding.layer({ host: url, keepAlive: "1 minute", numCtx: 512, ...options }),
    layerConfig: (url) =>
      Layer.provide(
        OllamaEmbedding.layerConfig(),
        ConfigProvider.layer(ConfigProvider.fromUnknown({
          OLLAMA_HOST: url,
          OLLAMA_MODEL: "llama3.2",
          OLLAMA_EMBEDDING_MODEL: "text-embedding-3-large"
        }))
      ),
    path: "/api/embed",
    body: { model: "nomic-embed-text", dimensions: 2, truncate: false, keep_alive: 60, options: { num_ctx: 512 } },
    answer: (inputs) => ({ model: "m", embeddings: inputs.map(vectorOf), prompt_eval_count: inputs.length }),
    failures: [
      [
        "a text that does not fit",
        { status: 400, body: { error: "the input length exceeds the context length" } },
        "InvalidRequestError",
        "context length"
      ],
      [
        "a missing model",
        { status: 404, body: { error: "model \"nomic-embed-text\" not found, try pulling it first" } },
        "InvalidRequestError",
        "ollama pull nomic-embed-text"
      ],
      [
        "an error under 200",
        { body: { error: "llama runner process has terminated" } },
        "InternalProviderError",
        "terminated"
      ]
    ]
  }
]

describe.each(protocols.map((protocol) => [protocol.name, protocol] as const))("%s", (_, protocol) => {
  const answering = LoopbackServer.make(({ body }) => ({ body: protocol.answer(inputsOf(body)) }))
  const embedMany = (texts: ReadonlyArray<string>) =>
    EmbeddingModel.EmbeddingModel.use((model) => model.embedMany(texts))
  const texts = ["Oslo", "Rome", "a", "世界", "🌍 it turns"]

  it.live("gives the vector of each text, and how many tokens they were", () =>
    Effect.gen(function*() {
      const server = yield* answering
      const response = yield* embedMany(texts).pipe(Effect.provide(protocol.layer(server.url, { dimensions: 2 })))
      assert.deepStrictEqual(response.embeddings.map(({ vector }) => vector), texts.map(vectorOf))
      assert.strictEqual(response.usage.inputTokens, texts.length)
      assert.strictEqual(server.received[0]?.url, protocol.path)
      assert.deepStrictEqual(server.received[0]?.body, { ...protocol.body, input: texts })
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("asks for many texts in requests of the size that is given, in order", () =>
    Effect.gen(function*() {
      const server = yield* answering
      const response = yield* embedMany(texts).pipe(Effect.provide(protocol.layer(server.url, { batchSize: 2 })))
      assert.deepStrictEqual(response.embeddings.map(({ vector }) => vector), texts.map(vectorOf))
      assert.strictEqual(response.usage.inputTokens, texts.length)
      assert.deepStrictEqual(server.received.map(({ body }) => inputsOf(body).length), [2, 2, 1])
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("asks once for texts that are embedded one by one at the same time", () =>
    Effect.gen(function*() {
      const server = yield* answering
      const model = yield* Effect.provide(EmbeddingModel.EmbeddingModel, protocol.layer(server.url))
      const responses = yield* Effect.forEach(texts, (text) => model.embed(text), { concurrency: "unbounded" })
      assert.deepStrictEqual(responses.map(({ vector }) => vector), texts.map(vectorOf))
      assert.strictEqual(server.received.length, 1)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("is configured by a model of its own, not by that of chats", () =>
    Effect.gen(function*() {
      const server = yield* answering
      yield* embedMany(["a"]).pipe(Effect.provide(protocol.layerConfig(server.url)))
      assert.strictEqual(LoopbackServer.lastBody(server)["model"], "text-embedding-3-large")
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("rejects an answer with a vector missing, and one without vectors", () =>
    Effect.gen(function*() {
      for (const body of [protocol.answer(["one"]), {}, "<html>"]) {
        const server = yield* LoopbackServer.always({ body })
        const error = yield* embedMany(["one", "two"]).pipe(Effect.provide(protocol.layer(server.url)), Effect.flip)
        assert.strictEqual(error.reason._tag, "InvalidResponseError")
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live.each(protocol.failures)("knows %s", ([, reply, tag, says]) =>
    Effect.gen(function*() {
      const server = yield* LoopbackServer.always(reply)
      const error = yield* embedMany(["one", "two"]).pipe(Effect.provide(protocol.layer(server.url)), Effect.flip)
      assert.strictEqual(error.reason._tag, tag)
      assert.include(error.message, says)
      assert.notInclude(JSON.stringify(error) + String(error), secret)
      if (says === "context length") assert.strictEqual(detail(error.reason).kind, "contextOverflow")
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})

/** What each preset's server takes in one request, and what it is asked for. */
const presets = [
  ["openai", 256, { model: "text-embedding-3-small", dimensions: 2 }],
  ["gemini-openai", 100, { model: "gemini-embedding-001", dimensions: 2 }],
  ["mistral", 256, { model: "mistral-embed", output_dimension: 2 }],
  ["cohere", 96, { model: "embed-v4.0", dimensions: 2 }],
  ["fireworks", 256, { model: "nomic-ai/nomic-embed-text-v1.5", dimensions: 2 }],
  ["openrouter", 256, { model: "openai/text-embedding-3-small", dimensions: 2 }]
] as const

it.live.each(presets)(
  "asks %s for no more texts at once than it takes",
  ([preset, batch, asked]) =>
    Effect.gen(function*() {
      const server = yield* LoopbackServer.make(({ body }) => ({
        body: { data: inputsOf(body).map((text, index) => ({ index, embedding: vectorOf(text) })) }
      }))
      const texts = Array.from({ length: 257 }, (_, i) => `text ${i}`)
      const model = yield* OpenAiEmbedding.make({ preset, baseUrl: `${server.url}/v1`, dimensions: 2 })
      const { embeddings } = yield* model.embedMany(texts)
      assert.deepStrictEqual(embeddings.map(({ vector }) => vector), texts.map(vectorOf))
      assert.deepStrictEqual(server.received.map(({ body }) => inputsOf(body).length)[0], batch)
      const { input: _, ...rest } = LoopbackServer.lastBody(server)
      assert.deepStrictEqual<object>(rest, asked)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
)

it("throws for invalid options", () => {
  assert.throws(() => OpenAiEmbedding.make({ batchSize: 0 }), /OpenAiEmbedding.make: batchSize must be a whole number/)
  assert.throws(() => OpenAiEmbedding.make({ preset: "groq" }), /model must be named for the preset "groq"/)
  assert.throws(() => OllamaEmbedding.make({ dimensions: 1.5 }), /OllamaEmbedding.make: dimensions must be a whole/)
  assert.throws(() => OllamaEmbedding.make({ host: "ftp://x" }), /OllamaEmbedding.make: host must be a URL/)
})
