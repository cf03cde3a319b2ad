import { assert, describe, it } from "@effect/vitest"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import { detail } from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LoopbackServer from "./LoopbackServer.ts"
import * as PiecesClient from "./PiecesClient.ts"
import { collect, generate, stream } from "./providerOptions.ts"

const over = (reply: LoopbackServer.Reply, options?: OllamaProvider.Options) =>
  Effect.gen(function*() {
    const server = yield* LoopbackServer.always(reply)
    const provider = yield* OllamaProvider.make({ host: server.url, model: "m", ...options })
    return { server, provider }
  }).pipe(Effect.provide(FetchHttpClient.layer))

const line = (value: object): string => `${JSON.stringify(value)}\n`
const say = (message: object): string =>
  line({ model: "m:latest", message: { role: "assistant", ...message }, done: false })
const end = (rest?: object): string =>
  line({
    model: "m:latest",
    message: { role: "assistant", content: "" },
    done: true,
    done_reason: "stop",
    prompt_eval_count: 11,
    eval_count: 3,
    ...rest
  })

const answer = say({ content: "", thinking: "Hm." }) + say({ content: "Grüße, " }) + say({ content: "Welt 🌍" }) + end()

const text = (parts: ReadonlyArray<Response.StreamPartEncoded>): string =>
  parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const Time = Tool.make("time", { description: "The time", success: Schema.String })

describe("OllamaProvider", () => {
  describe("streamText", () => {
    it.live("gives thinking, text, usage and one finish", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [answer] }, {
          numCtx: 8192,
          keepAlive: "10 minutes",
          think: true
        })
        assert.deepStrictEqual(yield* collect(provider), [
          { type: "response-metadata", modelId: "m:latest" },
          { type: "reasoning-start", id: "reasoning-0" },
          { type: "reasoning-delta", id: "reasoning-0", delta: "Hm." },
          { type: "reasoning-end", id: "reasoning-0" },
          { type: "text-start", id: "text-1" },
          { type: "text-delta", id: "text-1", delta: "Grüße, " },
          { type: "text-delta", id: "text-1", delta: "Welt 🌍" },
          { type: "text-end", id: "text-1" },
          {
            type: "finish",
            reason: "stop",
            usage: {
              inputTokens: { total: 11, uncached: 11, cacheRead: undefined, cacheWrite: undefined },
              outputTokens: { total: 3, text: undefined, reasoning: undefined }
            }
          }
        ])
        assert.deepStrictEqual(server.received[0]?.body, {
          model: "m",
          truncate: false,
          messages: [{ role: "user", content: "hello" }],
          stream: true,
          options: { num_ctx: 8192 },
          keep_alive: 600,
          think: true
        })
      }).pipe(Effect.scoped))

    it.live("does not take a done_reason without done for the end", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ pieces: [say({ content: "a" }), end({ done: undefined })] })
        assert.include((yield* Effect.flip(collect(provider))).message, "without done: true")
      }).pipe(Effect.scoped))

    it.live("takes an error line as a failure, after the text that came before", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          pieces: [say({ content: "Half" }), line({ error: "model runner has unexpectedly stopped" })]
        })
        const seen: Array<Response.StreamPartEncoded> = []
        const error = yield* stream(provider).pipe(
          Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
          Effect.flip
        )
        assert.strictEqual(text(seen), "Half")
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.include(error.message, "model runner has unexpectedly stopped")
      }).pipe(Effect.scoped))

    it.live("gives tool calls with the finish, with ids of their own", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          pieces: [
            say({ content: "", tool_calls: [{ function: { name: "weather", arguments: { city: "Oslo" } } }] }),
            say({
              content: "",
              tool_calls: [{ id: "call_7", function: { name: "weather", arguments: { city: "Rome" } } }]
            }),
            end()
          ]
        })
        const parts = yield* collect(provider, { tools: [Weather, Time], toolChoice: { tool: "weather" } })
        const calls = parts.slice(-3)
        assert.deepInclude(calls[0], { type: "tool-call", name: "weather", params: { city: "Oslo" } })
        assert.deepInclude(calls[1], { type: "tool-call", id: "call_7", params: { city: "Rome" } })
        assert.deepInclude(calls[2], { type: "finish", reason: "tool-calls" })
        assert.match(
          JSON.stringify(LoopbackServer.lastBody(server)["tools"]),
          /^\[{"type":"function","function":{"name":"weather"[^]*}}\]$/
        )
        assert.notInclude(JSON.stringify(LoopbackServer.lastBody(server)["tools"]), "The time")
      }).pipe(Effect.scoped))

    it.live("lets go of the connection when the reader stops", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [say({ content: "a" })], after: "hang" })
        yield* stream(provider).pipe(Stream.take(2), Stream.runDrain)
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped))
  })

  describe("generateText", () => {
    it.live("gives text, thinking, tool calls and usage", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          body: {
            model: "m",
            message: { role: "assistant", content: "Hi", thinking: "Hm." },
            done: true,
            done_reason: "length",
            prompt_eval_count: 5,
            eval_count: 2
          }
        }, { parameters: { temperature: 0 } })
        assert.deepStrictEqual(yield* generate(provider, { tools: [Weather], toolChoice: "none" }), [
          { type: "response-metadata", modelId: "m" },
          { type: "reasoning", text: "Hm." },
          { type: "text", text: "Hi" },
          {
            type: "finish",
            reason: "length",
            usage: {
              inputTokens: { total: 5, uncached: 5, cacheRead: undefined, cacheWrite: undefined },
              outputTokens: { total: 2, text: undefined, reasoning: undefined }
            }
          }
        ])
        assert.deepStrictEqual(server.received[0]?.body, {
          model: "m",
          truncate: false,
          messages: [{ role: "user", content: "hello" }],
          stream: false,
          options: { temperature: 0 }
        })
      }).pipe(Effect.scoped))

    it.live("sends images as bytes, tool results by name and the schema as format", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ body: { message: { content: "{}" }, done: true } })
        const prompt = Prompt.make([
          {
            role: "user",
            content: [{ type: "text", text: "Look" }, {
              type: "file",
              mediaType: "image/png",
              data: "data:image/png;base64,AQID"
            }]
          },
          { role: "assistant", content: [{ type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" } }] },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c1", name: "weather", isFailure: false, result: "clear" }]
          }
        ])
        const schema = Schema.Struct({ city: Schema.String })
        yield* generate(provider, { prompt, responseFormat: { type: "json", objectName: "place", schema } })
        const body = LoopbackServer.lastBody(server)
        assert.deepStrictEqual(body["messages"], [
          { role: "user", content: "Look", images: ["AQID"] },
          {
            role: "assistant",
            content: "",
            tool_calls: [{ function: { name: "weather", arguments: { city: "Oslo" } } }]
          },
          { role: "tool", tool_name: "weather", content: "clear" }
        ])
        assert.deepInclude(body["format"] as object, { type: "object", required: ["city"] })
      }).pipe(Effect.scoped))

    const refusals: ReadonlyArray<[number, string, AiError.AiErrorReason["_tag"], string]> = [
      [404, "model \"m\" not found, try pulling it first", "InvalidRequestError", "ollama pull m"],
      [400, "registry.ollama.ai/library/m does not support tools", "InvalidRequestError", "ollama show m"],
      [
        503,
        "server busy, please try again. maximum pending requests exceeded",
        "InternalProviderError",
        "OLLAMA_MAX_QUEUE"
      ],
      [500, "model requires more system memory (9 GiB) than is available (4 GiB)", "InternalProviderError", "memory"]
    ]
    it.live.each(refusals)("says what to do about %s %s", ([status, message, tag, advice]) =>
      Effect.gen(function*() {
        const { provider } = yield* over({ status, body: { error: message } })
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(error.reason._tag, tag)
        assert.include(error.message, advice)
      }).pipe(Effect.scoped))

    it.live("takes a request that the server cancelled for one that may be tried again", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ status: 499, body: { error: "request canceled" } })
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(error.reason._tag, "InternalProviderError")
        assert.strictEqual(detail(error.reason).kind, "transient")
      }).pipe(Effect.scoped))

    it.live("says how to start Ollama where it does not run", () =>
      Effect.gen(function*() {
        const provider = yield* OllamaProvider.make({ host: yield* LoopbackServer.closedPort })
        for (const error of [yield* Effect.flip(generate(provider)), yield* Effect.flip(provider.preflight)]) {
          assert.strictEqual(error.reason._tag, "NetworkError")
          assert.include(error.message, "ollama serve")
        }
      }).pipe(Effect.provide(FetchHttpClient.layer)))
  })

  describe("inspect", () => {
    const serving = (names: ReadonlyArray<string>, running: LoopbackServer.Reply = { body: { models: [] } }) =>
      LoopbackServer.make(({ body, url }) => {
        switch (url) {
          case "/api/show": {
            const { model } = body as { readonly model: string }
            return names.some((name) => name === model || name === `${model}:latest`)
              ? {
                body: {
                  capabilities: ["completion", "tools", "thinking"],
                  model_info: { "llama.context_length": 131_072 }
                }
              }
              : { status: 404, body: { error: `model '${model}' not found` } }
          }
          case "/api/ps":
            return running
          case "/api/pull":
            names = [...names, "llama3.2:latest"]
            return { pieces: [line({ status: "pulling manifest" }), line({ status: "success" })] }
          case "/api/version":
            return { body: { version: "0.12.3" } }
          case "/api/tags":
            return { body: { models: names.map((name) => ({ name })) } }
          default:
            return { status: 404, body: "404 page not found" }
        }
      })

    it.live("finds the model and what it can do", () =>
      Effect.gen(function*() {
        const server = yield* serving(["llama3.2:latest", "qwen3:8b"])
        const provider = yield* OllamaProvider.make({ host: server.url })
        assert.deepStrictEqual(yield* provider.inspect, {
          version: "0.12.3",
          models: ["llama3.2:latest", "qwen3:8b"],
          thinking: true,
          loaded: false,
          contextLength: 131_072,
          capabilities: { tools: true, images: false, structuredOutput: true, contextWindow: 131_072 }
        })
        assert.deepStrictEqual(server.received.at(-2)?.body, { model: "llama3.2" })
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

    it.live("counts on the context that the model is loaded with, or that it will be", () =>
      Effect.gen(function*() {
        const server = yield* serving(["llama3.2:latest"], {
          body: { models: [{ name: "qwen3:8b" }, { name: "llama3.2:latest", context_length: 4096 }] }
        })
        const [found, asked] = yield* Effect.all([
          Effect.flatMap(OllamaProvider.make({ host: server.url }), ({ inspect }) => inspect),
          Effect.flatMap(OllamaProvider.make({ host: server.url, numCtx: 8192 }), ({ inspect }) => inspect)
        ])
        assert.deepInclude(found, { loaded: true, contextLength: 131_072 })
        assert.strictEqual(found.capabilities.contextWindow, 4096)
        assert.strictEqual(asked.capabilities.contextWindow, 8192)
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

    it.live("asks a server that cannot tell what it has loaded for the rest", () =>
      Effect.gen(function*() {
        const server = yield* serving(["llama3.2:latest"], { status: 404, body: "404 page not found" })
        const provider = yield* OllamaProvider.make({ host: server.url })
        assert.deepInclude(yield* provider.inspect, { loaded: false, version: "0.12.3" })
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

    it.live("fetches a missing model in preflight only where that is asked for", () =>
      Effect.gen(function*() {
        const told: Array<string> = []
        const server = yield* serving(["qwen3:8b"])
        const pulls = () => server.received.filter(({ url }) => url === "/api/pull").length
        const careful = yield* OllamaProvider.make({ host: server.url })
        assert.include((yield* Effect.flip(careful.preflight)).message, "ollama pull llama3.2")
        assert.strictEqual(pulls(), 0)
        const eager = yield* OllamaProvider.make({
          host: server.url,
          pull: ({ status }) => Effect.sync(() => told.push(status))
        })
        yield* eager.preflight
        yield* eager.preflight
        assert.strictEqual(pulls(), 1)
        assert.deepStrictEqual(told, ["pulling manifest", "success"])
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

    it.live("says which command gets a model that is missing", () =>
      Effect.gen(function*() {
        const server = yield* serving(["qwen3:8b"])
        const provider = yield* OllamaProvider.make({ host: server.url, model: "llama3.2:1b" })
        const error = yield* Effect.flip(provider.preflight)
        assert.include(error.message, "Run `ollama pull llama3.2:1b`. It has qwen3:8b")
        assert.strictEqual(detail(error.reason).kind, "unknownModel")
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
  })

  describe("pull", () => {
    const layer = (digest: string, total: number, completed?: number) =>
      line({ status: `pulling ${digest}`, digest: `sha256:${digest}`, total, completed })
    const manifest = line({ status: "pulling manifest" })
    const success = line({ status: "verifying sha256 digest" }) + line({ status: "success" })

    /** Each download plays the next of these; what follows the last is the end. */
    const pulling = (...downloads: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        let asked = 0
        const client = HttpClient.make((request) => {
          const text = downloads[Math.min(asked++, downloads.length - 1)] ?? ""
          const after = text === "" || /success|error/.test(text) ? "end" : "reset"
          return PiecesClient.make(() => [new TextEncoder().encode(text)], after).execute(request)
        })
        const { pull } = yield* Effect.provideService(
          OllamaProvider.make({ host: "http://pieces", model: "m" }),
          HttpClient.HttpClient,
          client
        )
        const seen: Array<OllamaProvider.PullProgress> = []
        const fiber = yield* Effect.forkChild(
          Effect.exit(Stream.runForEach(pull, (progress) => Effect.sync(() => seen.push(progress)))),
          { startImmediately: true }
        )
        while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
        return { asked, seen, exit: yield* Fiber.join(fiber) }
      })

    it.effect("tells how far it is, over all layers", () =>
      Effect.gen(function*() {
        const { asked, exit, seen } = yield* pulling(
          manifest + layer("a", 100) + layer("a", 100, 60) + layer("b", 10, 10) + layer("a", 100, 100) +
            success.trimEnd()
        )
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(asked, 1)
        assert.deepStrictEqual(seen, [
          { status: "pulling manifest", completed: 0, total: 0 },
          { status: "pulling a", completed: 0, total: 100 },
          { status: "pulling a", completed: 60, total: 100 },
          { status: "pulling b", completed: 70, total: 110 },
          { status: "pulling a", completed: 110, total: 110 },
          { status: "verifying sha256 digest", completed: 110, total: 110 },
          { status: "success", completed: 110, total: 110 }
        ])
      }))

    it.effect("goes on from where it broke off, however often, and tells nothing twice", () =>
      Effect.gen(function*() {
        const steps = Array.from({ length: 12 }, (_, i) =>
          manifest + layer("a", 120, i * 10) + layer("a", 120, i * 10 + 5))
        const { asked, exit, seen } = yield* pulling(...steps, manifest + layer("a", 120, 120) + success)
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(asked, 13)
        assert.strictEqual(
          seen.filter(({ status }) =>
            status === "pulling manifest"
          ).length,
          1
        )
        const completed = seen.map((progress) => progress.completed)
        assert.deepStrictEqual(completed, completed.toSorted((a, b) => a - b))
      }))

    it.effect("gives up when nothing new has come five times", () =>
      Effect.gen(function*() {
        const { asked, exit } = yield* pulling(manifest + layer("a", 100, 50))
        assert.strictEqual(asked, 6)
        assert.include(String(exit), "the connection broke off")
      }))

    it.effect("takes an end without success for a cut, and a registry that fails for one to ask again", () =>
      Effect.gen(function*() {
        const { asked, exit } = yield* pulling(
          "",
          manifest + line({ error: "max retries exceeded: unexpected EOF" }),
          manifest + layer("a", 100, 100) + success
        )
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(asked, 3)
      }))

    it.effect("says where to look for the name of a model that does not exist", () =>
      Effect.gen(function*() {
        const { asked, exit } = yield* pulling(manifest + line({ error: "pull model manifest: file does not exist" }))
        assert.strictEqual(asked, 1)
        assert.include(String(exit), "Look for its name in https://ollama.com/library")
      }))
  })

  describe("makeConfig", () => {
    const withEnv = (env: Record<string, string>) =>
      OllamaProvider.makeConfig().pipe(
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
      )

    it.effect("takes host and model, and has defaults for both", () =>
      Effect.gen(function*() {
        assert.deepInclude(yield* withEnv({}), { host: "http://127.0.0.1:11434", model: "llama3.2" })
        assert.deepInclude(yield* withEnv({ OLLAMA_HOST: "0.0.0.0", OLLAMA_MODEL: "qwen3" }), {
          host: "http://127.0.0.1:11434",
          model: "qwen3"
        })
        assert.include((yield* Effect.flip(withEnv({ OLLAMA_HOST: "ftp://x" }))).message, "host must be a URL")
      }))
  })
})
