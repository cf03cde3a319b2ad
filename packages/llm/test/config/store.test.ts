/** The store of a fleet in a file: decoded, checked, read with the environment, and followed while it is used. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import type { OpenStore } from "../../src/internal/store/configured.ts"
import { makeConfigured } from "../../src/internal/store/configured.ts"
import { makeMemory } from "../../src/internal/store/memory.ts"
import { withUrl } from "../../src/internal/store/settings.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const file = (llm: object) => LlmConfig.decode({ llm })

const env = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

const settings = (llm: object, variables: Record<string, string>) =>
  Effect.flatMap(
    file(llm),
    (config) => Effect.provide(ChainStore.settings, LlmConfig.layer(config).pipe(Layer.provideMerge(env(variables))))
  )

describe("the store of a file", () => {
  it.effect("has every fault told by path, and a URL in place of its variable is never shown", () =>
    Effect.gen(function*() {
      const faultsOf = (store: unknown) =>
        Effect.map(Effect.flip(file({ store })), (error) => {
          assert.notInclude(error.message, "hunter2")
          return new Map(
            format(error.issue).issues.map(({ message, path = [] }) => [path.map(String).join("."), message])
          )
        })
      const faults = yield* faultsOf({
        name: "",
        prefix: "shop:",
        redis: {
          url: "redis://:hunter2@host",
          password: "hunter2!",
          cluster: "yes",
          tls: 1,
          ca: "-----BEGIN CERTIFICATE-----hunter2",
          prefx: "a",
          prefix: "",
          timeout: 0
        }
      })
      const expected: ReadonlyArray<readonly [path: string, says: RegExp]> = [
        ["llm.store.name", /not empty/u],
        ["llm.store.prefix", /is not an option/u],
        ["llm.store.redis.url", /must be the name of an environment variable that has the URL, such as LLM_STORE_URL/u],
        ["llm.store.redis.password", /must be the name of an environment variable that has the password/u],
        ["llm.store.redis.cluster", /true or false/u],
        ["llm.store.redis.tls", /true or false/u],
        ["llm.store.redis.ca", /must be the name of an environment variable that has the certificate/u],
        ["llm.store.redis.prefx", /did you mean `prefix`/u],
        ["llm.store.redis.prefix", /not empty/u],
        ["llm.store.redis.timeout", /longer than zero/u]
      ]
      for (const [path, says] of expected) assert.match(faults.get(path) ?? `no fault at ${path}`, says)
      for (const redis of [undefined, null, "redis://:hunter2@host", ["redis://:hunter2@host"]]) {
        assert.match(
          (yield* faultsOf({ redis })).get("llm.store.redis") ?? "",
          /must be an object, such as \{ url: LLM/u
        )
      }
      assert.match((yield* faultsOf("redis://:hunter2@host")).get("llm.store") ?? "", /must be an object/u)
      assert.match((yield* faultsOf(null)).get("llm.store") ?? "", /must be an object/u)
    }))

  it.effect("is read with the environment, where a blank variable is one that is not set", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* settings({}, {}))
      assert.isUndefined(yield* settings({}, { LLM_STORE_URL: " \n" }))
      const own = yield* settings({}, { LLM_STORE_URL: "rediss://u:hunter2@redis.test\n", LLM_STORE_PASSWORD: "" })
      assert.deepInclude(own, {
        variable: "LLM_STORE_URL",
        shown: "rediss://redis.test:6379",
        tls: true,
        cluster: false,
        prefix: "holdfast:",
        timeout: Duration.millis(250),
        password: undefined
      })
      const store = { redis: { url: "SHOP_URL", password: "SHOP_PASSWORD", prefix: "shop:", timeout: "1 second" } }
      const named = yield* settings({ store }, {
        LLM_STORE_URL: "redis://other",
        SHOP_URL: "redis://a,redis://b",
        SHOP_PASSWORD: " hunter2\n"
      })
      assert.deepInclude(named, {
        variable: "SHOP_URL",
        shown: "redis://a:6379,redis://b:6379",
        cluster: true,
        prefix: "shop:",
        timeout: Duration.seconds(1)
      })
      assert.strictEqual(named?.password && Redacted.value(named.password), "hunter2")
      assert.notInclude(JSON.stringify(named), "hunter2")
      const unset = yield* settings({ store }, { LLM_STORE_URL: "redis://other" })
      assert.deepInclude(unset, { variable: "SHOP_URL", shown: undefined, url: undefined })
      const wrong = yield* Effect.flip(
        settings({ store: { redis: { tls: false } } }, { LLM_STORE_URL: "rediss://:hunter2@a" })
      )
      assert.match(wrong.message, /LLM_STORE_URL: asks for TLS|LLM_STORE_URL asks for TLS/u)
      assert.notInclude(String(wrong), "hunter2")
    }))

  it.effect("trusts the authority whose certificate a variable has", () =>
    Effect.gen(function*() {
      const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
      const store = { redis: { ca: "SHOP_CA" } }
      const url = { LLM_STORE_URL: "rediss://redis.test" }
      assert.strictEqual((yield* settings({}, { ...url, LLM_STORE_CA: `${pem}\n` }))?.ca, pem)
      assert.strictEqual((yield* settings({ store }, { ...url, SHOP_CA: pem, LLM_STORE_CA: "" }))?.ca, pem)
      assert.isUndefined((yield* settings({}, url))?.ca)
      const unset = yield* settings({ store }, url)
      assert.deepInclude(unset, { caVariable: "SHOP_CA", ca: undefined })
      assert.include(
        (yield* Effect.flip(withUrl(unset!))).message,
        "llm.store.redis.ca needs a certificate: set SHOP_CA to it, in PEM, or leave ca out"
      )
      const refused: ReadonlyArray<readonly [llm: object, variables: Record<string, string>, says: string]> = [
        [{ store }, { ...url, SHOP_CA: "hunter2" }, "must be a certificate in PEM (the value is not shown)"],
        [{}, { LLM_STORE_URL: "redis://redis.test", LLM_STORE_CA: pem }, "LLM_STORE_CA has no meaning without TLS"]
      ]
      for (const [llm, variables, says] of refused) {
        const { message } = yield* Effect.flip(settings(llm, variables))
        assert.include(message, says)
        assert.notInclude(message, "hunter2")
      }
    }))

  it.effect("is refused where the program provides none, and names the chain", () =>
    Effect.gen(function*() {
      const config = yield* file({ store: { name: "shop", redis: {} }, models: { ollama: "qwen3" } })
      const server = Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.succeed(
            HttpClientResponse.fromWeb(
              request,
              Response.json({ message: { content: "Hi" }, done: true, done_reason: "stop" })
            )
          )
        )
      )
      const over = (more: Layer.Layer<never> | Layer.Layer<ChainStore.ChainStore>) =>
        Effect.provide(
          LanguageModel.generateText({ prompt: "hello" }),
          ProviderChain.layerConfig().pipe(
            Layer.provide(more),
            Layer.provide([server, LlmConfig.layer(config)]),
            Layer.provide(env({}))
          )
        )
      const error = yield* Effect.flip(over(Layer.empty))
      assert.include(error.message, "provide ChainStoreConfig.layerConfig")
      const looked: Array<string> = []
      const memory = makeMemory()
      yield* over(Layer.succeed(ChainStore.ChainStore, {
        ...memory,
        look: (chain, members) => {
          looked.push(chain)
          return memory.look(chain, members)
        }
      }))
      assert.deepStrictEqual(looked, ["shop"])
    }))
})

describe("a store that follows its file", () => {
  it.effect("stays with its state while its settings are the same, and is opened and closed when they change", () =>
    Effect.gen(function*() {
      const opened: Array<string> = []
      const closed: Array<string> = []
      const open: OpenStore = ({ prefix, url }) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            opened.push(`${Redacted.value(url)} ${prefix}`)
            return makeMemory()
          }),
          () => Effect.sync(() => closed.push(prefix))
        )
      const logs: Array<string> = []
      const files = yield* Queue.make<LlmConfig.LlmConfig>()
      const take = (llm: object) =>
        Effect.gen(function*() {
          const before = logs.length
          yield* Queue.offer(files, yield* file({ models: { ollama: "qwen3" }, ...llm }))
          yield* Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs.length > before })
        })
      const server = Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never))
      const budget = { key: "tag", window: Duration.hours(1), limit: Infinity, amount: 1 }
      yield* Queue.offer(files, yield* file({ models: { ollama: "qwen3" } }))
      yield* Effect.gen(function*() {
        const store = yield* ChainStore.ChainStore
        yield* LanguageModel.LanguageModel
        assert.deepStrictEqual(opened, [])
        yield* store.reserve(budget)
        yield* take({ store: { redis: { url: "URL_1" } } })
        assert.deepStrictEqual(opened, ["redis://one holdfast:"])
        assert.strictEqual((yield* store.reserve(budget)).sum, 1)
        yield* take({ store: { redis: { url: "URL_1" } }, cooldown: 1 })
        yield* take({ store: { name: "shop", redis: { url: "URL_1", timeout: 0.25 } } })
        assert.deepStrictEqual([opened.length, closed], [1, []])
        assert.strictEqual((yield* store.reserve(budget)).sum, 2)
        // Refused as a whole.
        yield* take({ store: { redis: { url: "UNSET_URL" } }, cooldown: 2 })
        assert.match(logs.at(-1) ?? "", /stays as it is: llm\.store needs a server: set UNSET_URL to its URL/u)
        yield* take({ store: { redis: { url: "BAD_URL" } } })
        assert.match(logs.at(-1) ?? "", /stays as it is: BAD_URL/u)
        assert.notInclude(logs.join(), "hunter2")
        yield* take({ store: { redis: { url: "URL_1", prefix: "shop:" } } })
        yield* Effect.yieldNow
        assert.deepStrictEqual([opened.at(-1), closed], ["redis://one shop:", ["holdfast:"]])
        assert.strictEqual((yield* store.reserve(budget)).sum, 1)
      }).pipe(Effect.provide(
        ProviderChain.layerReloadingConfig(Stream.fromQueue(files)).pipe(
          Layer.provideMerge(Layer.effect(ChainStore.ChainStore, makeConfigured(open))),
          Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))])),
          Layer.provide([server, env({ URL_1: "redis://one", BAD_URL: "http://hunter2@a" })])
        )
      ))
      assert.deepStrictEqual(closed, ["holdfast:", "shop:"])
    }))
})
