import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import * as LoopbackServer from "../LoopbackServer.ts"
import { collect, generate, textOf } from "../providerOptions.ts"
import { handlers, tools, Weather } from "../weatherTool.ts"
import * as BedrockServer from "./BedrockServer.ts"

const { model, region } = BedrockServer

interface Asked {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly hostname: string
  readonly method: string
  readonly path: string
  readonly port?: number
}

/** The client speaks HTTP/2 by default, and the server HTTP/1.1. */
const overHttp1 = {
  handle: async ({ body, headers, hostname, method, path, port }: Asked) => {
    const { ["content-length"]: _, host: __, ...rest } = headers
    const response = await fetch(`http://${hostname}:${port ?? 80}${path}`, {
      method,
      headers: rest,
      body
    })
    return {
      response: {
        statusCode: response.status,
        headers: Object.fromEntries(response.headers),
        body: Readable.fromWeb(response.body as ReadableStream)
      }
    }
  }
}

describe("AWS's own client, on the simulated server", () => {
  it.live("is let in by its signature, and reads answers, whole and as a stream", () =>
    Effect.gen(function*() {
      const server = yield* BedrockServer.make
      const client = new BedrockRuntimeClient({
        region,
        endpoint: server.url,
        credentials: BedrockServer.credentials,
        maxAttempts: 1,
        requestHandler: overHttp1
      })
      const messages = [{ role: "user" as const, content: [{ text: "hello" }] }]
      const whole = yield* Effect.promise(() => client.send(new ConverseCommand({ modelId: model, messages })))
      assert.deepInclude(whole.output?.message?.content?.[1], { text: "Grüße, Welt 🌍" })
      const text = yield* Effect.promise(async () => {
        let text = ""
        const { stream } = await client.send(new ConverseStreamCommand({ modelId: model, messages }))
        for await (const event of stream ?? []) text += event.contentBlockDelta?.delta?.text ?? ""
        return text
      })
      assert.strictEqual(text, "Grüße, Welt 🌍")
      const failing = yield* Effect.promise(async () => {
        const { stream } = await client.send(
          new ConverseStreamCommand({ modelId: model, messages: [{ role: "user", content: [{ text: "breaking" }] }] })
        )
        try {
          for await (const event of stream ?? []) assert.isDefined(event)
          return undefined
        } catch (error) {
          return error instanceof Error ? error.name : undefined
        }
      })
      assert.strictEqual(failing, "ModelStreamErrorException")
    }).pipe(Effect.scoped))
})

const credentials: BedrockProvider.Credentials = {
  accessKeyId: Redacted.make(BedrockServer.credentials.accessKeyId),
  secretAccessKey: Redacted.make(BedrockServer.credentials.secretAccessKey),
  sessionToken: Redacted.make(BedrockServer.credentials.sessionToken)
}

const withProvider = <A, E>(
  use: (
    provider: Effect.Success<ReturnType<typeof BedrockProvider.make>>,
    server: LoopbackServer.LoopbackServer
  ) => Effect.Effect<A, E>,
  options?: Partial<BedrockProvider.Options>
) =>
  Effect.gen(function*() {
    const server = yield* BedrockServer.make
    const provider = yield* BedrockProvider.make({ model, region, credentials, baseUrl: server.url, ...options })
    return yield* use(provider, server)
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

describe("BedrockProvider", () => {
  it.live("gives thoughts, text and usage of an answer, whole and as a stream", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        const parts = yield* collect(provider)
        assert.strictEqual(textOf(parts, "reasoning-delta"), "Let me think.")
        assert.strictEqual(textOf(parts, "text-delta"), "Grüße, Welt 🌍")
        assert.deepInclude(parts.at(-1), {
          type: "finish",
          reason: "stop",
          usage: {
            inputTokens: { total: 20, uncached: 12, cacheRead: 5, cacheWrite: 3 },
            outputTokens: { total: 12, reasoning: undefined, text: 12 }
          }
        })
        const whole = yield* generate(provider)
        assert.deepStrictEqual(whole.map(({ type }) => type), ["reasoning", "text", "finish"])
        assert.deepStrictEqual(whole[0]?.metadata, { bedrock: { signature: "sig" } })
      })
    ))

  it.live("runs tools in a chat, and gives thoughts and calls back as they were", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        for (const streams of [true, false]) {
          const chat = yield* Chat.empty
          if (streams) yield* Stream.runDrain(chat.streamText({ prompt: "hello", toolkit: tools }))
          else yield* chat.generateText({ prompt: "hello", toolkit: tools })
          // A conversation with calls that goes on without tools.
          yield* chat.generateText({ prompt: [] })
          const { messages, toolConfig } = LoopbackServer.lastBody(server)
          assert.deepStrictEqual(messages, [
            { role: "user", content: [{ text: "hello" }] },
            {
              role: "assistant",
              content: [
                { reasoningContent: { reasoningText: { text: "Let me think.", signature: "sig" } } },
                ...["Oslo", "Rome"].map((city, i) => ({
                  toolUse: { toolUseId: `tooluse_${i}`, name: "weather", input: { city } }
                }))
              ]
            },
            {
              role: "user",
              content: [0, 1].map((i) => ({
                toolResult: { toolUseId: `tooluse_${i}`, content: [{ text: "{\"degrees\":3}" }] }
              }))
            }
          ])
          assert.deepStrictEqual(toolConfig, {
            tools: [{ toolSpec: { name: "weather", inputSchema: { json: { type: "object", properties: {} } } } }]
          })
        }
      }).pipe(Effect.provide([ProviderChain.layer({ providers: [provider] }), handlers]))
    ))

  it.live("goes on with the calls of another model", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        const other = TestProvider.script("other", [
          TestProvider.toolCall("weather", { city: "Oslo" }, { id: "call.with/odd:id" })
        ])
        yield* Effect.provide(
          chat.generateText({ prompt: "hello", toolkit: tools }),
          ProviderChain.layer({ providers: [other] })
        )
        const answer = yield* Effect.provide(
          chat.generateText({ prompt: [], toolkit: tools }),
          ProviderChain.layer({ providers: [provider] })
        )
        assert.strictEqual(answer.text, "{\"degrees\":3}")
      }).pipe(Effect.provide(handlers))
    ))

  it.live("asks for a structured answer by its schema, for tools by the choice, and sends files", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ city: Schema.String, degrees: Schema.Finite })
        const { value } = yield* LanguageModel.generateObject({ prompt: "hello", schema, objectName: "weather" })
        assert.deepStrictEqual(value, { city: "Oslo", degrees: 3 })
        const choices = [["auto", { auto: {} }], ["required", { any: {} }], [{ tool: "weather" }, {
          tool: { name: "weather" }
        }]] as const
        for (const [toolChoice, expected] of choices) {
          yield* Effect.exit(generate(provider, { tools: [Weather], toolChoice }))
          assert.deepInclude(LoopbackServer.lastBody(server)["toolConfig"], { toolChoice: expected })
        }
        yield* generate(provider, { tools: [Weather], toolChoice: "none" })
        assert.notProperty(LoopbackServer.lastBody(server), "toolConfig")
        const file = (mediaType: string, data: string, fileName?: string) =>
          Prompt.filePart({ mediaType, data, ...(fileName === undefined ? {} : { fileName }) })
        yield* generate(provider, {
          prompt: [{
            role: "user",
            content: [file("image/png", "iVBORw0KGgo="), file("application/pdf", "JVBERg==", "Q3_report.pdf")]
          }]
        })
        assert.deepStrictEqual(LoopbackServer.lastBody(server)["messages"], [{
          role: "user",
          content: [
            { image: { format: "png", source: { bytes: "iVBORw0KGgo=" } } },
            { document: { format: "pdf", name: "Q3 report 2", source: { bytes: "JVBERg==" } } }
          ]
        }])
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [provider] })))
    ))

  const failures: ReadonlyArray<readonly [string, string, string | undefined, Partial<BedrockProvider.Options>?]> = [
    ["a wrong key", "hello", "keyRejected", {
      credentials: { ...credentials, secretAccessKey: Redacted.make("wrong-secret-key") }
    }],
    ["another region", "hello", "keyRejected", { region: "us-west-2" }],
    ["an unknown model", "hello", "unknownModel", { model: "amazon.none" }],
    ["a limit", "throttled", "rateLimited"],
    ["a malformed call", "malformed", "failedGeneration"]
  ]
  it.live.each(failures)("knows %s", ([, prompt, kind, options]) =>
    withProvider((provider) =>
      Effect.gen(function*() {
        for (
          const ask of [Effect.asVoid(generate(provider, { prompt })), Effect.asVoid(collect(provider, { prompt }))]
        ) {
          const error = yield* Effect.flip(ask)
          assert.strictEqual(ProviderFailure.detail(error.reason).kind, kind)
          assert.notInclude(JSON.stringify(error), "wrong-secret-key")
        }
      }), options))

  it.live("knows an exception in the stream, a broken frame, and a guardrail", () =>
    Effect.gen(function*() {
      const broken = yield* Effect.flip(withProvider((provider) => collect(provider, { prompt: "breaking" })))
      assert.strictEqual(ProviderFailure.detail(broken.reason).kind, "transient")
      const guarded = yield* Effect.flip(withProvider((provider) => collect(provider, { prompt: "guarded" })))
      assert.strictEqual(guarded.reason._tag, "ContentPolicyError")
      const bytes = BedrockServer.frame("messageStart", { role: "assistant" })
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
      const server = yield* LoopbackServer.always({ pieces: [bytes] })
      const provider = yield* BedrockProvider.make({ model, baseUrl: server.url })
      const error = yield* Effect.flip(collect(provider))
      assert.include(error.message, "a broken frame")
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it.live("checks credentials and model in preflight, and takes an API key", () =>
    Effect.gen(function*() {
      yield* withProvider((provider) => provider.preflight)
      yield* withProvider((provider) => provider.preflight, { apiKey: Redacted.make("api-key") })
      yield* Effect.flip(withProvider((provider) => provider.preflight, { apiKey: Redacted.make("other") }))
      yield* Effect.flip(withProvider((provider) => provider.preflight, { model: "amazon.none" }))
    }))

  it.live("is configured by the variables of AWS's own clients", () =>
    Effect.gen(function*() {
      const server = yield* BedrockServer.make
      const configured = (env: Readonly<Record<string, string>>) =>
        Effect.provide(
          BedrockProvider.makeConfig(),
          ConfigProvider.layer(ConfigProvider.fromUnknown({ BEDROCK_BASE_URL: server.url, ...env }))
        )
      const provider = yield* configured({
        BEDROCK_MODEL: model,
        AWS_DEFAULT_REGION: region,
        AWS_ACCESS_KEY_ID: BedrockServer.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: BedrockServer.credentials.secretAccessKey,
        AWS_SESSION_TOKEN: BedrockServer.credentials.sessionToken
      })
      assert.strictEqual((yield* generate(provider)).at(-1)?.type, "finish")
      assert.include((yield* Effect.flip(configured({}))).message, "Set BEDROCK_MODEL")
      const bare = yield* Effect.flip(configured({ BEDROCK_MODEL: model, BEDROCK_BASE_URL: " " }))
      assert.include(bare.message, "AWS_BEARER_TOKEN_BEDROCK")
      assert.throws(
        () => BedrockProvider.make({ model, region: "eu central" }),
        /region must be the name of an AWS region/
      )
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})
