import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChatService from "@holdfast/llm/ChatService"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

/** What the design shows of a file, as YAML has it when it is parsed. */
const file = {
  llm: {
    http: {
      timeout: 30.0,
      max_retries: 3,
      initial_retry_delay: 1.0,
      max_retry_delay: 16.0,
      retry_multiplier: 2.0,
      retry_jitter: 0.1,
      max_keepalive_connections: 20,
      max_connections: 100,
      keepalive_expiry: 30.0
    },
    providers: { openai: { timeout: 60.0 } }
  }
}

interface Sent {
  readonly requests: Array<HttpClientRequest.HttpClientRequest>
  readonly hosts: Array<string>
  readonly layer: Layer.Layer<HttpClient.HttpClient>
}

/** A transport whose servers are all overloaded, or answer by OpenAI's protocol. */
const transport = (status = 503): Sent => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const hosts: Array<string> = []
  const body = { choices: [{ message: { content: "hi" }, finish_reason: "stop" }], usage: { prompt_tokens: 1_000_000 } }
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      requests.push(request)
      hosts.push(url.host)
      return HttpClientResponse.fromWeb(request, Response.json(status === 200 ? body : { error: "busy" }, { status }))
    })
  )
  return { requests, hosts, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const env = (settings: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(settings))

/** Asks a chain that a file and the environment describe, and gives what was sent and the pauses in between. */
const ask = (input: unknown, settings: Record<string, string>, options?: ProviderChain.ProgramOptions, status = 503) =>
  Effect.gen(function*() {
    const sent = transport(status)
    const pauses: Array<number> = []
    const config = yield* LlmConfig.decode(input)
    const fiber = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
      ChainEvent.observe((event) => {
        if (event._tag === "AttemptFailed" && event.delay !== undefined) pauses.push(Duration.toSeconds(event.delay))
      }),
      Effect.provide(
        ProviderChain.layerConfig(options).pipe(
          Layer.provide(sent.layer),
          Layer.provide(LlmConfig.layer(config)),
          Layer.provide(env(settings))
        )
      ),
      Effect.exit,
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust("1 hour")
    return { ...sent, pauses, exit: yield* Fiber.join(fiber) }
  })

describe("LlmConfig", () => {
  it.effect("takes the file of the design, and a provider over all", () =>
    Effect.gen(function*() {
      const config = yield* LlmConfig.decode(file)
      const { overrides, retry, timeouts } = yield* LlmConfig.toOptions(config)
      const clocks = (seconds: number) => {
        const clock = Duration.seconds(seconds)
        return { firstContent: clock, betweenChunks: clock, answer: clock }
      }
      assert.deepStrictEqual(timeouts, clocks(30))
      assert.deepStrictEqual(overrides?.["openai"]?.timeouts, clocks(60))
      assert.isTrue(retry !== false && retry?.times === 3)
      assert.deepStrictEqual(LlmConfig.transport(config), {
        connections: 100,
        idleConnections: 20,
        keepAlive: Duration.seconds(30)
      })
      assert.deepStrictEqual(yield* LlmConfig.toOptions(yield* LlmConfig.decode({})), {})
    }))

  it.effect("leaves a local provider time to load its model, unless the file says otherwise", () =>
    Effect.gen(function*() {
      const local = (own: object) =>
        Effect.map(
          Effect.flatMap(
            LlmConfig.decode({ llm: { http: { timeout: 30 }, providers: { ollama: own } } }),
            LlmConfig.toOptions
          ),
          ({ localTimeouts, overrides }) => [localTimeouts, overrides?.["ollama"]?.timeouts]
        )
      assert.deepStrictEqual(yield* local({ max_retries: 1 }), [undefined, undefined])
      const [, timeouts] = yield* local({ timeout: 90 })
      assert.isTrue(timeouts !== undefined && timeouts !== false)
    }))

  it.effect("repeats in the chain, by the pauses of the file, and nowhere below", () =>
    Effect.gen(function*() {
      const { hosts, pauses } = yield* ask(file, { OPENAI_BASE_URL: "http://openai.test", PROVIDER_PRIORITY: "openai" })
      assert.strictEqual(hosts.length, 4)
      assert.strictEqual(pauses.length, 3)
      for (const [i, pause] of pauses.entries()) assert.approximately(pause, 2 ** i, 2 ** i / 10)
    }))

  it.effect("counts after the environment, and before the program", () =>
    Effect.gen(function*() {
      const settings = { OPENAI_BASE_URL: "http://openai.test", PROVIDER_PRIORITY: "openai" }
      const both = { llm: { ...file.llm, models: { openai: "gpt-file" }, provider_priority: ["ollama"] } }
      const two = yield* ask(both, { ...settings, LLM_RETRY_ATTEMPTS: "2" })
      assert.deepStrictEqual(two.hosts, ["openai.test", "openai.test"])
      assert.include(JSON.stringify(two.requests[0]?.body), "gpt-file")
      const three = yield* ask({ llm: { retry: { attempts: 3 } } }, settings, { retry: { times: 7 } })
      assert.strictEqual(three.hosts.length, 3)
      const local = yield* ask({ llm: { provider_priority: ["ollama"], http: { max_retries: 0 } } }, {})
      assert.deepStrictEqual(local.hosts, ["127.0.0.1:11434"])
    }))

  it.effect("has headers and the like done by the client of the provider", () =>
    Effect.gen(function*() {
      const { requests } = yield* ask({
        llm: {
          http: { max_retries: 0 },
          providers: { openai: { headers: { "x-team": "search" }, userAgent: "shop/1" } }
        }
      }, { OPENAI_BASE_URL: "http://openai.test", OLLAMA_MODEL: "qwen3" })
      assert.deepStrictEqual(
        requests.map(({ headers }) => [headers["x-team"], headers["user-agent"]]),
        [["search", "shop/1"], [undefined, undefined]]
      )
    }))

  it.effect("gives a provider the pool that it describes, and closes that with the chain", () =>
    Effect.gen(function*() {
      const own = {
        llm: { http: { max_connections: 100, keepalive_expiry: 9 }, providers: { openai: { max_connections: 2 } } }
      }
      const settings = { OPENAI_BASE_URL: "http://openai.test", LLM_RETRY_ATTEMPTS: "1", PROVIDER_PRIORITY: "openai" }
      const pools: Array<unknown> = []
      const pool = transport()
      const { exit, hosts } = yield* ask(own, settings, {
        transport: (options) => {
          pools.push(options)
          const closing = Layer.effectDiscard(Effect.addFinalizer(() => Effect.sync(() => pools.push("closed"))))
          return Layer.merge(pool.layer, closing)
        }
      })
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(pools, [{ connections: 2, keepAlive: Duration.seconds(9) }, "closed"])
      assert.deepStrictEqual([hosts.length, pool.hosts.length], [0, 1])
      const refused = yield* ask(own, settings)
      assert.include(String(refused.exit), "llm.providers.openai describes a pool of its own")
    }))

  it.effect("says to other layers what the environment would", () =>
    Effect.gen(function*() {
      const config = yield* LlmConfig.decode({
        llm: { max_tool_iterations: 0.5 }
      }).pipe(Effect.flip)
      assert.include(config.message, "max_tool_iterations")
      const good = yield* LlmConfig.decode({
        llm: { prices: { "gpt-5-mini": { input: 3, output: 0 } }, provider_priority: ["openai"] }
      })
      const sent = transport(200)
      const totals = yield* Effect.gen(function*() {
        const chat = yield* ChatService.ChatService
        yield* chat.ask({ messages: "hello" })
        const ledger = yield* Usage.Ledger
        return yield* ledger.totals
      }).pipe(
        Effect.provide(
          ChatService.layerConfig().pipe(
            Layer.provide(ProviderChain.layerConfig()),
            Layer.provideMerge(Usage.layerConfig()),
            Layer.provide(sent.layer),
            Layer.provide(LlmConfig.layer(good)),
            Layer.provide(env({ OPENAI_BASE_URL: "http://openai.test" }))
          )
        )
      )
      assert.strictEqual(totals.all.cost, 3)
    }))

  const refusals: ReadonlyArray<readonly [string, unknown, string, string]> = [
    ["a key that nothing has", { llm: { htpp: {} } }, "htpp", "[\"llm\"][\"htpp\"]"],
    ["an unknown provider", { llm: { providers: { olama: {} } } }, "olama", "[\"providers\"][\"olama\"]"],
    ["a key of a provider", { llm: { providers: { openai: { api_key: "sk-secret" } } } }, "api_key", "[\"openai\"]"],
    [
      "a hedge",
      { llm: { http: { hedge: { after: 1 } } } },
      "hedge has no meaning here: a chain asks another provider beside one that is late",
      "[\"llm\"][\"http\"][\"hedge\"]"
    ],
    [
      "a retry around a retry",
      { llm: { retry: { attempts: 2 }, http: { max_retries: 2 } } },
      "retry around a retry",
      "[\"llm\"][\"retry\"]"
    ],
    [
      "a rule for timeouts that the chain decides",
      { llm: { http: { retry: { onTimeout: "stop" } } } },
      "retry.onTimeout has no meaning here",
      "[\"llm\"][\"http\"][\"retry\"][\"onTimeout\"]"
    ],
    [
      "a way to treat hints that the chain does not have",
      { llm: { providers: { groq: { retry: { retryAfter: { mode: "clamp", max: 5 } } } } } },
      "say giveUp, or leave it out",
      "[\"groq\"][\"retry\"][\"retryAfter\"][\"mode\"]"
    ],
    [
      "a deadline for one provider",
      { llm: { providers: { openai: { timeouts: { total: 30 } } } } },
      "one deadline is over all providers",
      "[\"providers\"][\"openai\"][\"timeouts\"][\"total\"]"
    ],
    [
      "what one provider makes impossible",
      { llm: { http: { timeouts: { total: 30 } }, providers: { openai: { timeout: 60 } } } },
      "must not be longer than timeouts.total",
      "[\"llm\"][\"providers\"][\"openai\"]"
    ],
    ["a URL", { llm: { http: { baseUrl: "https://api.example.com" } } }, "say it under base_urls", "[\"baseUrl\"]"],
    ["an empty order", { llm: { provider_priority: [] } }, "", "[\"provider_priority\"]"],
    [
      "a price below nothing",
      { llm: { prices: { m: { input: -1, output: 1 } } } },
      "",
      "[\"prices\"][\"m\"][\"input\"]"
    ]
  ]
  it.effect.each(refusals)("refuses %s, with path and reason", ([, input, reason, path]) =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(LlmConfig.decode(input))
      assert.include(message, reason)
      assert.include(message, path)
      assert.notInclude(message, "sk-secret")
    }))
})
