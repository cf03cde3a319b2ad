import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LoopbackServer from "./LoopbackServer.ts"

/** A network whose cable can be pulled, and which counts who was asked. */
const network = () => {
  const asked: Array<string> = []
  const state: { status: number | "unplugged" | "silent" } = { status: 204 }
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      asked.push(`${request.method} ${url.hostname}`)
      if (url.hostname === "127.0.0.1") {
        return Effect.succeed(
          HttpClientResponse.fromWeb(
            request,
            globalThis.Response.json({ message: { content: "from here" }, done: true })
          )
        )
      }
      if (state.status === "silent") return Effect.never
      if (state.status === "unplugged") {
        return Effect.fail(
          new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
        )
      }
      const response = url.hostname === "check.test"
        ? new globalThis.Response(null, { status: state.status })
        : globalThis.Response.json({
          choices: [{ message: { content: "from OpenAI" }, finish_reason: "stop" }],
          content: [{ type: "text", text: "from Anthropic" }],
          stop_reason: "end_turn"
        })
      return Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
  return { asked, state, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const probe = (options?: Partial<Connectivity.Options>) =>
  Connectivity.make({ url: "https://check.test/204", ...options })

const env = {
  OPENAI_API_KEY: "sk-x",
  ANTHROPIC_API_KEY: "sk-ant-x",
  OLLAMA_MODEL: "qwen3",
  CONNECTIVITY_CHECK_URL: "https://check.test/204"
}
const config = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(env))

const ask = Effect.map(LanguageModel.generateText({ prompt: "hello" }), (response) => response.text)
const streamed = LanguageModel.streamText({ prompt: "hello" }).pipe(
  Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)
)

const cloudHosts = /openai|anthropic/

describe("Connectivity", () => {
  it.effect("takes any answer for online, but not that of a network that wants a login, and no answer for offline", () =>
    Effect.gen(function*() {
      const cases = [[204, true], [200, true], [404, true], [503, true], [511, false], ["unplugged", false]] as const
      for (const [status, online] of cases) {
        const { asked, layer, state } = network()
        state.status = status
        const { isOnline } = yield* Effect.provide(probe(), layer)
        assert.strictEqual(yield* isOnline, online, `${status}`)
        assert.deepStrictEqual(asked, ["HEAD check.test"])
      }
    }))

  it.effect("waits no longer than the timeout", () =>
    Effect.gen(function*() {
      const { layer, state } = network()
      state.status = "silent"
      const { isOnline } = yield* Effect.provide(probe({ timeout: "2 seconds" }), layer)
      const fiber = yield* Effect.forkChild(isOnline, { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* Fiber.join(fiber))
    }))

  it.effect("probes once for all who ask at the same time, and again when what it found is old", () =>
    Effect.gen(function*() {
      const { asked, layer, state } = network()
      const { forget, isOnline } = yield* Effect.provide(
        probe({ onlineFor: "30 seconds", offlineFor: "5 seconds" }),
        layer
      )
      const all = Effect.all(Array.from({ length: 9 }, () => isOnline), { concurrency: "unbounded" })
      assert.isTrue((yield* all).every((online) => online))
      yield* TestClock.adjust("29999 millis")
      state.status = "unplugged"
      assert.isTrue(yield* isOnline)
      assert.strictEqual(asked.length, 1)
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* isOnline)
      state.status = 204
      yield* TestClock.adjust("4999 millis")
      assert.isFalse(yield* isOnline)
      assert.strictEqual(asked.length, 2)
      yield* TestClock.adjust("1 millis")
      assert.isTrue(yield* isOnline)
      yield* forget
      assert.isTrue(yield* isOnline)
      assert.strictEqual(asked.length, 4)
    }))

  it.effect("is not confused by who goes away while it probes", () =>
    Effect.gen(function*() {
      const { layer, state } = network()
      state.status = "silent"
      const { isOnline } = yield* Effect.provide(probe(), layer)
      const fiber = yield* Effect.forkChild(isOnline, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      state.status = 204
      assert.isTrue(yield* isOnline)
    }))

  it.live("lets go of the connection of its probe", () =>
    Effect.gen(function*() {
      const server = yield* LoopbackServer.always({ status: 204 })
      const { isOnline } = yield* Connectivity.make({ url: server.url })
      assert.isTrue(yield* isOnline)
      const { isOnline: closed } = yield* Connectivity.make({ url: yield* LoopbackServer.closedPort })
      assert.isFalse(yield* closed)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

  it("rejects invalid options", () => {
    assert.throws(() => Connectivity.make({ url: "check.test" }), RangeError, "url must be an http or https URL")
    assert.throws(() => probe({ timeout: 0 }), RangeError, "timeout must be longer than zero")
  })

  it.effect("says which setting is wrong", () =>
    Effect.gen(function*() {
      const { layer } = network()
      const fail = (env: Record<string, string>) =>
        Connectivity.makeConfig().pipe(Effect.flip, Effect.provide([layer, config(env)]))
      assert.include((yield* fail({ CONNECTIVITY_TIMEOUT_MS: "soon" })).message, "CONNECTIVITY_TIMEOUT_MS must be")
      assert.include((yield* fail({ CONNECTIVITY_CHECK_URL: "check.test" })).message, "url must be")
    }))
})

describe("M8: offline means no request to the cloud", () => {
  it.effect("asks the local provider alone, whole and streamed, and says why", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [])
      const other = TestProvider.script("other", [])
      const local = TestProvider.script("ollama", [TestProvider.text("from here"), TestProvider.text("from here")], {
        location: "local"
      })
      const events: Array<ChainEvent.ChainEvent> = []
      for (const program of [ask, streamed]) {
        const said = yield* program.pipe(
          ChainEvent.observe((event) => events.push(event)),
          Effect.provide(
            Layer.provide(ProviderChain.layer({ providers: [cloud, other, local] }), Connectivity.layerOffline)
          )
        )
        assert.strictEqual(said, "from here")
      }
      assert.strictEqual(cloud.requests.length + other.requests.length, 0)
      const skipped = events.flatMap((event) =>
        event._tag === "ProviderSkipped" ? [[event.provider, event.because]] : []
      )
      assert.deepStrictEqual(skipped.slice(0, 2), [
        ["cloud", "this machine is offline"],
        ["other", "this machine is offline"]
      ])
    }))

  it.effect("fails at once where there is no local provider", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [])
      const error = yield* ask.pipe(
        Effect.provide([ProviderChain.layer({ providers: [cloud] }), Connectivity.layerOffline]),
        Effect.flip
      )
      assert.isTrue(ChainError.isNoAnswer(error))
      assert.strictEqual(error.reason._tag, "NetworkError")
      assert.include(error.message, "this machine is offline")
      assert.strictEqual(cloud.requests.length, 0)
    }))

  it.effect("asks no provider when the deadline passes during the probe", () =>
    Effect.gen(function*() {
      const { layer, state } = network()
      state.status = "silent"
      const cloud = TestProvider.script("cloud", [])
      const events: Array<ChainEvent.ChainEvent> = []
      const fiber = yield* ask.pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [cloud], deadline: "1 second" })),
        Effect.provideServiceEffect(Connectivity.Connectivity, Effect.provide(probe(), layer)),
        Effect.flip,
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "the request passed its deadline")
      assert.deepStrictEqual(events, [])
      assert.strictEqual(cloud.requests.length, 0)
    }))

  it.effect("hands on from one local provider to the next, past the cloud", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [])
      const broken = TestProvider.failure(new AiError.QuotaExhaustedError({}))
      const local = TestProvider.script("ollama", [broken], { location: "local" })
      const spare = TestProvider.script("spare", [TestProvider.text("spare")], { location: "local" })
      const chain = ProviderChain.layer({ providers: [local, cloud, spare] })
      assert.strictEqual(yield* Effect.provide(ask, [chain, Connectivity.layerOffline]), "spare")
      assert.strictEqual(cloud.requests.length, 0)
    }))

  it.effect("takes what is in force where the request is made before what the chain was made with", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [TestProvider.text("from the cloud")])
      const local = TestProvider.script("ollama", [TestProvider.text("from here")], { location: "local" })
      const chain = Layer.provide(ProviderChain.layer({ providers: [cloud, local] }), Connectivity.layerOffline)
      const both = Effect.all([ask, Effect.provide(ask, Connectivity.layerOnline)])
      assert.deepStrictEqual(yield* Effect.provide(both, chain), ["from here", "from the cloud"])
    }))

  it.effect("sends nothing but the probe while the network of the environment is away, and comes back with it", () =>
    Effect.gen(function*() {
      const { asked, layer, state } = network()
      state.status = "unplugged"
      yield* Effect.gen(function*() {
        for (let i = 0; i < 5; i++) assert.strictEqual(yield* ask, "from here")
        assert.strictEqual(yield* ask, "from here")
        assert.deepStrictEqual(asked.filter((one) => cloudHosts.test(one)), [])
        assert.strictEqual(asked.filter((one) => one === "HEAD check.test").length, 1)
        state.status = 204
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* ask, "from OpenAI")
      }).pipe(Effect.provide(Layer.provide(ProviderChain.layerConfig(), [layer, config(env)])))
    }))

  it.effect("probes nothing without a URL, nor for local providers alone", () =>
    Effect.gen(function*() {
      const { asked, layer } = network()
      const { CONNECTIVITY_CHECK_URL: _url, ...withoutUrl } = env
      for (const settings of [withoutUrl, { OLLAMA_MODEL: "qwen3", CONNECTIVITY_CHECK_URL: "https://check.test" }]) {
        yield* Effect.provide(ask, Layer.provide(ProviderChain.layerConfig(), [layer, config(settings)]))
      }
      assert.deepStrictEqual(asked, ["POST api.openai.com", "POST 127.0.0.1"])
    }))
})
