import { assert, describe, it } from "@effect/vitest"
import { ApiError, GoogleGenAI } from "@google/genai"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as LoopbackServer from "../LoopbackServer.ts"
import { collect, generate, textOf } from "../providerOptions.ts"
import { tools, Weather } from "../weatherTool.ts"
import * as GeminiServer from "./GeminiServer.ts"

const model = "gemini-3.5-flash"
const city = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false
}
const declaration = { name: "weather", description: "The weather in a city", parametersJsonSchema: city }

describe("Google's own client, on the simulated server", () => {
  const withClient = <A>(use: (client: GoogleGenAI, server: LoopbackServer.LoopbackServer) => Promise<A>) =>
    Effect.gen(function*() {
      const server = yield* GeminiServer.make
      const client = new GoogleGenAI({ apiKey: GeminiServer.key, httpOptions: { baseUrl: server.url } })
      return yield* Effect.promise(() => use(client, server))
    }).pipe(Effect.scoped)

  it.live("reads its answers, whole and as a stream", () =>
    withClient(async (client) => {
      const whole = await client.models.generateContent({ model, contents: "hello" })
      assert.strictEqual(whole.text, "Grüße, Welt 🌍")
      assert.strictEqual(whole.usageMetadata?.thoughtsTokenCount, 7)
      let text = ""
      for await (const piece of await client.models.generateContentStream({ model, contents: "hello" })) {
        text += piece.text ?? ""
      }
      assert.strictEqual(text, "Grüße, Welt 🌍")
    }))

  it.live("calls tools, and gives their signatures back", () =>
    withClient(async (client) => {
      const chat = client.chats.create({ model, config: { tools: [{ functionDeclarations: [declaration] }] } })
      const first = await chat.sendMessage({ message: "hello" })
      assert.deepStrictEqual(first.functionCalls?.map(({ args }) => args), [{ city: "Oslo" }, { city: "Rome" }])
      const second = await chat.sendMessage({
        message: (first.functionCalls ?? []).map(({ id, name }) => ({
          functionResponse: {
            ...(id === undefined ? {} : { id }),
            ...(name === undefined ? {} : { name }),
            response: { output: { degrees: 3 } }
          }
        }))
      })
      assert.include(second.text, "weather: {\"output\":{\"degrees\":3}}")
    }))

  it.live("is refused as by the API", () =>
    withClient(async (client) => {
      const refused = (run: Promise<unknown>) =>
        run.then(
          () => assert.fail("it was taken"),
          (error: unknown) => error instanceof ApiError ? error.status : error
        )
      assert.strictEqual(await refused(client.models.generateContent({ model: "palm-1", contents: "hello" })), 404)
      assert.strictEqual(
        await refused(client.models.generateContent({
          model,
          contents: [
            { role: "user", parts: [{ text: "hello" }] },
            { role: "model", parts: [{ functionCall: { name: "weather", args: {} } }] },
            { role: "user", parts: [{ functionResponse: { name: "weather", response: {} } }] }
          ]
        })),
        400
      )
      const blocked = await client.models.generateContent({ model, contents: "forbidden" })
      assert.strictEqual(blocked.promptFeedback?.blockReason, "PROHIBITED_CONTENT")
    }))
})

const withProvider = <A, E>(
  use: (
    provider: Effect.Success<ReturnType<typeof GeminiProvider.make>>,
    server: LoopbackServer.LoopbackServer
  ) => Effect.Effect<A, E>,
  options?: GeminiProvider.Options
) =>
  Effect.gen(function*() {
    const server = yield* GeminiServer.make
    const provider = yield* GeminiProvider.make({
      apiKey: Redacted.make(GeminiServer.key),
      baseUrl: server.url,
      ...options
    })
    return yield* use(provider, server)
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

describe("GeminiProvider", () => {
  it.live("gives thoughts, text, signatures and usage of an answer, whole and as a stream", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const parts = yield* collect(provider, {
          prompt: [{ role: "system", content: "Be brief." }, { role: "user", content: "hello" }]
        })
        assert.strictEqual(textOf(parts, "reasoning-delta"), "Let me think.")
        assert.strictEqual(textOf(parts, "text-delta"), "Grüße, Welt 🌍")
        assert.deepInclude(parts[0], { type: "response-metadata", id: "resp_1", modelId: model })
        assert.deepInclude(parts.at(-1), {
          type: "finish",
          reason: "stop",
          usage: {
            inputTokens: { total: 20, uncached: 12, cacheRead: 8, cacheWrite: undefined },
            outputTokens: { total: 12, reasoning: 7, text: 5 }
          }
        })
        assert.deepStrictEqual(LoopbackServer.lastBody(server), {
          systemInstruction: { role: "user", parts: [{ text: "Be brief." }] },
          contents: [{ role: "user", parts: [{ text: "hello" }] }],
          generationConfig: { thinkingConfig: { includeThoughts: true } }
        })
        const whole = yield* generate(provider)
        assert.deepStrictEqual(whole.map(({ type }) => type), ["response-metadata", "reasoning", "text", "finish"])
        assert.deepStrictEqual(whole.find((part) => part.type === "text")?.metadata, {
          gemini: { signature: Buffer.from("text").toString("base64") }
        })
      })
    ))

  it.live("runs tools in a chat, whole and as a stream, and gives signatures and ids back", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        for (const streams of [true, false]) {
          const chat = yield* Chat.empty
          const ask = (prompt: Prompt.RawInput) =>
            streams
              ? Stream.runDrain(chat.streamText({ prompt, toolkit: tools }))
              : Effect.asVoid(chat.generateText({ prompt, toolkit: tools }))
          yield* ask("hello")
          yield* ask([])
          const { contents } = LoopbackServer.lastBody(server)
          assert.deepStrictEqual(contents, [
            { role: "user", parts: [{ text: "hello" }] },
            {
              role: "model",
              parts: [
                { text: "Two cities.", thought: true },
                {
                  functionCall: { id: "fc_0", name: "weather", args: { city: "Oslo" } },
                  thoughtSignature: Buffer.from(streams ? "signature 0" : "signature 1").toString("base64")
                },
                { functionCall: { id: "fc_1", name: "weather", args: { city: "Rome" } } }
              ]
            },
            {
              role: "user",
              parts: ["fc_0", "fc_1"].map((id) => ({
                functionResponse: { id, name: "weather", response: { output: { degrees: 3 } } }
              }))
            }
          ])
        }
      }).pipe(
        Effect.provide([
          ProviderChain.layer({ providers: [provider] }),
          tools.toLayer({ weather: () => Effect.succeed({ degrees: 3 }) })
        ])
      )
    ))

  it.live("goes on with the calls of another model, and of its own older ones", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        const other = TestProvider.script("other", [
          TestProvider.toolCall("weather", { city: "Oslo" }, { id: "call.with/odd:id" })
        ])
        const first = ProviderChain.layer({ providers: [other] })
        const second = ProviderChain.layer({ providers: [provider] })
        yield* Effect.provide(chat.generateText({ prompt: "hello", toolkit: tools }), first)
        const answer = yield* Effect.provide(chat.generateText({ prompt: [], toolkit: tools }), second)
        assert.include(answer.text, "weather: {\"output\":{\"degrees\":3}}")
      }).pipe(Effect.provide(tools.toLayer({ weather: () => Effect.succeed({ degrees: 3 }) })))
    ))

  it.live("asks for a structured answer by its schema, and for tools by the choice", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ city: Schema.String, degrees: Schema.Finite })
        const { value } = yield* LanguageModel.generateObject({ prompt: "hello", schema, objectName: "weather" })
        assert.deepStrictEqual(value, { city: "Oslo", degrees: 3 })
        assert.deepInclude(LoopbackServer.lastBody(server)["generationConfig"], {
          responseMimeType: "application/json"
        })
        const choices = [
          ["auto", { mode: "AUTO" }],
          ["none", { mode: "NONE" }],
          ["required", { mode: "ANY" }],
          [{ tool: "weather" }, { mode: "ANY", allowedFunctionNames: ["weather"] }],
          [{ mode: "required", oneOf: ["weather"] }, { mode: "ANY", allowedFunctionNames: ["weather"] }],
          [{ oneOf: ["weather"] }, { mode: "AUTO" }]
        ] as const
        for (const [toolChoice, functionCallingConfig] of choices) {
          yield* Effect.exit(generate(provider, { tools: [Weather], toolChoice }))
          assert.deepStrictEqual(LoopbackServer.lastBody(server)["toolConfig"], { functionCallingConfig })
          assert.deepStrictEqual(LoopbackServer.lastBody(server)["tools"], [{ functionDeclarations: [declaration] }])
        }
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [provider] })))
    ))

  it.live("sends images, PDF files, sounds, texts and URLs, and no other file", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const file = (mediaType: string, data: string | Uint8Array | URL) => Prompt.filePart({ mediaType, data })
        yield* generate(provider, {
          prompt: [{
            role: "user",
            content: [
              file("application/pdf", new Uint8Array([37, 80, 68, 70])),
              file("audio/mpeg", "SUQz"),
              file("text/csv", new TextEncoder().encode("a,b")),
              file("image/png", new URL("https://example.com/a.png"))
            ]
          }]
        })
        assert.deepStrictEqual(LoopbackServer.lastBody(server)["contents"], [{
          role: "user",
          parts: [
            { inlineData: { mimeType: "application/pdf", data: "JVBERg==" } },
            { inlineData: { mimeType: "audio/mp3", data: "SUQz" } },
            { inlineData: { mimeType: "text/csv", data: "YSxi" } },
            { fileData: { mimeType: "image/png", fileUri: "https://example.com/a.png" } }
          ]
        }])
        const error = yield* Effect.flip(generate(provider, {
          prompt: [{ role: "user", content: [file("application/zip", "UEsDBA==")] }]
        }))
        assert.strictEqual(ProviderFailure.detail(error.reason).kind, "unsupported")
      })
    ))

  const failures: ReadonlyArray<readonly [string, string, string | undefined, GeminiProvider.Options?]> = [
    ["an invalid key", "hello", "keyRejected", { apiKey: Redacted.make("AIza-wrong") }],
    ["an unknown model", "hello", "unknownModel", { model: "palm-1" }],
    ["an overloaded model", "overloaded", "overloaded"],
    ["a malformed call", "malform", "failedGeneration"]
  ]
  it.live.each(failures)("knows %s", ([, prompt, kind, options]) =>
    withProvider((provider) =>
      Effect.gen(function*() {
        for (const ask of [generate(provider, { prompt }), collect(provider, { prompt })]) {
          const error = yield* Effect.flip<
            unknown,
            { readonly reason: Parameters<typeof ProviderFailure.detail>[0] },
            never
          >(ask)
          assert.strictEqual(ProviderFailure.detail(error.reason).kind, kind)
        }
      }), options))

  it.live("takes a blocked prompt, and an answer that a filter left nothing of, for the content policy", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        for (const prompt of ["forbidden", "recite"]) {
          assert.strictEqual((yield* Effect.flip(generate(provider, { prompt }))).reason._tag, "ContentPolicyError")
          assert.strictEqual((yield* Effect.flip(collect(provider, { prompt }))).reason._tag, "ContentPolicyError")
        }
      })
    ))

  it.live("checks key and model in preflight", () =>
    Effect.gen(function*() {
      yield* withProvider((provider) => provider.preflight)
      const error = yield* Effect.flip(withProvider((provider) => provider.preflight, { model: "palm-1" }))
      assert.include(error.message, "serves the model \"palm-1\"")
    }))

  it("takes a URL with and without its version, and that of Vertex AI", () =>
    Effect.gen(function*() {
      const urls: Array<string> = []
      for (
        const baseUrl of [
          "https://x.example",
          "https://x.example/v1",
          "https://x.example/v1beta/",
          "https://l-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google"
        ]
      ) {
        const server = yield* LoopbackServer.always({ body: {} })
        const provider = yield* GeminiProvider.make({
          baseUrl: baseUrl.replace(/^https:\/\/[^/]+/, server.url),
          model: "m"
        })
        yield* Effect.exit(provider.preflight)
        urls.push(server.received[0]?.url ?? "")
      }
      assert.deepStrictEqual(urls, [
        "/v1/models/m",
        "/v1/models/m",
        "/v1beta/models/m",
        "/v1/projects/p/locations/l/publishers/google/models/m"
      ])
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), Effect.runPromise))
})
