/** A chain whose options change while it is used, and what it goes on with. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainError from "@holdfast/llm/ChainError"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const hello = LanguageModel.generateText({ prompt: "hello" })

/** Whose answer it is, or who was asked in vain. */
const by = Effect.match(hello, {
  onSuccess: ({ content }) => Option.getOrThrow(ProviderChain.answeredBy(content)).provider,
  onFailure: (error) =>
    ChainError.isNoAnswer(error)
      ? `failed: ${error.attempts.map(({ attempt, provider }) => `${provider} ${attempt}`).join(", ")}`
      : String(error)
})

const down = (name: string) =>
  TestProvider.make(name, () => Effect.succeed(TestProvider.failure(TestProvider.disconnected)))
const up = (name: string) => TestProvider.make(name, () => Effect.succeed(TestProvider.text("hi")))

/** Runs a program over a chain whose options are offered; `warnings` is what was logged of them. */
const over = <O, A, E, R>(
  layer: (changes: Stream.Stream<O>) => Layer.Layer<LanguageModel.LanguageModel, unknown, R>,
  first: O,
  program: (
    offer: (options: O) => Effect.Effect<void>,
    logs: ReadonlyArray<string>
  ) => Effect.Effect<A, E, LanguageModel.LanguageModel>
) =>
  Effect.gen(function*() {
    const logs: Array<string> = []
    const options = yield* Queue.make<O>()
    yield* Queue.offer(options, first)
    const offer = (next: O) => {
      const before = logs.length
      return Effect.andThen(
        Queue.offer(options, next),
        // A change is taken, or refused, and either is logged.
        Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs.length > before })
      )
    }
    return yield* program(offer, logs).pipe(
      Effect.provide(
        Layer.provideMerge(
          layer(Stream.fromQueue(options)),
          Logger.layer([Logger.make(({ message }) => logs.push(String(message)))])
        )
      )
    )
  })

const overOptions = <A, E>(
  first: ProviderChain.Options,
  program: (
    offer: (options: ProviderChain.Options) => Effect.Effect<void>,
    logs: ReadonlyArray<string>
  ) => Effect.Effect<A, E, LanguageModel.LanguageModel>
) => over((changes: Stream.Stream<ProviderChain.Options>) => ProviderChain.layerReloading(changes), first, program)

describe("layerReloading", () => {
  it.effect("leaves a provider alone that was given up, as long as it is the same", () => {
    const cloud = down("cloud")
    const local = up("local")
    const base = { providers: [cloud, local], retry: false, cooldown: "1 hour" } as const
    return overOptions(base, (offer) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* by, "local")
        yield* offer({ ...base, providers: [cloud, local, up("third")], deadline: "1 minute", retry: { times: 1 } })
        assert.strictEqual(yield* by, "local")
        assert.strictEqual(cloud.requests.length, 1)
        const other = down("cloud")
        yield* offer({ ...base, providers: [other, local] })
        assert.strictEqual(yield* by, "local")
        assert.deepStrictEqual([cloud.requests.length, other.requests.length], [1, 1])
      }))
  })

  it.effect("makes a provider once of one effect", () => {
    const made: Array<ReturnType<typeof down>> = []
    const source = Effect.sync(() => {
      const provider = down("cloud")
      made.push(provider)
      return provider
    })
    const base: ProviderChain.Options = { providers: [source, up("local")], retry: false }
    return overOptions(base, (offer) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* by, "local")
        yield* offer({ ...base, deadline: "1 minute" })
        assert.strictEqual(yield* by, "local")
        assert.deepStrictEqual(made.map(({ requests }) => requests.length), [1])
      }))
  })

  it.effect("keeps who is in a bulkhead, until that is another", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const cloud = TestProvider.make(
        "cloud",
        () => Effect.as(Deferred.await(gate), TestProvider.text("hi"))
      )
      const base = { providers: [cloud, up("local")], bulkhead: { limit: 1, queue: 0 } } as const
      yield* overOptions(base, (offer) =>
        Effect.gen(function*() {
          const held = yield* Effect.forkChild(by, { startImmediately: true })
          yield* offer({ ...base, bulkhead: { limit: 1, queue: 0 }, cooldown: "1 second" })
          assert.strictEqual(yield* by, "local")
          yield* offer({ ...base, bulkhead: { limit: 2, queue: 0 } })
          const second = yield* Effect.forkChild(by, { startImmediately: true })
          yield* Deferred.succeed(gate, undefined)
          assert.deepStrictEqual([yield* Fiber.join(held), yield* Fiber.join(second)], ["cloud", "cloud"])
        }))
    }))

  it.effect("keeps what is spent of a budget", () => {
    const cloud = down("cloud")
    const base: ProviderChain.Options = {
      providers: [cloud],
      retry: { times: 1, backoff: Backoff.constant({ delay: "1 milli" }) },
      cooldown: 0,
      retryBudget: { ratio: 0, minPerSecond: 1, window: "1 second" }
    }
    return overOptions(base, (offer) =>
      Effect.gen(function*() {
        const ask = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(by, { startImmediately: true })
          yield* TestClock.adjust("1 milli")
          return yield* Fiber.join(fiber)
        })
        assert.strictEqual(yield* ask, "failed: cloud 1, cloud 2")
        yield* offer({ ...base, deadline: "1 minute" })
        assert.strictEqual(yield* ask, "failed: cloud 1")
        // What was withdrawn counts in the next one as well.
        yield* offer({ ...base, retryBudget: { ratio: 0, minPerSecond: 2, window: "1 second" } })
        assert.strictEqual(yield* ask, "failed: cloud 1, cloud 2")
        assert.strictEqual(yield* ask, "failed: cloud 1")
      }))
  })

  it.effect("stays unchanged on invalid options, and says why", () => {
    const base: ProviderChain.Options = { providers: [up("cloud")] }
    return overOptions(base, (offer, logs) =>
      Effect.gen(function*() {
        yield* offer({ ...base, deadline: 0 })
        yield* offer({ providers: [up("one"), up("one")] })
        yield* offer({ ...base, overrides: { cluod: {} } })
        assert.strictEqual(yield* by, "cloud")
        assert.match(logs[0] ?? "", /stays as it is: ProviderChain\.make: deadline must be longer than zero, got 0/)
        assert.match(logs[1] ?? "", /providers\.1\.name must be unique, got "one", as providers\.0 has/)
        assert.match(logs[2] ?? "", /overrides\.cluod is not a provider of the chain/)
      }))
  })

  it.effect("ends an answer by the options with which it began", () => {
    const cloud = TestProvider.script("cloud", [TestProvider.text("a long answer"), TestProvider.text("next")])
    const other = up("other")
    return overOptions({ providers: [cloud] }, (offer) =>
      Effect.gen(function*() {
        const text: Array<string> = []
        yield* Stream.runForEach(LanguageModel.streamText({ prompt: "hello" }), (part) =>
          Effect.suspend(() => {
            if (part.type !== "text-delta") return Effect.void
            text.push(part.delta)
            return text.length === 1 ? offer({ providers: [other] }) : Effect.void
          }))
        assert.strictEqual(text.join(""), "a long answer")
        assert.strictEqual(yield* by, "other")
      }))
  })

  it.effect("fails with its first options, and with a stream that fails before them", () =>
    Effect.gen(function*() {
      const wrong = yield* Layer.build(ProviderChain.layerReloading(Stream.make({ providers: [up("a"), up("a")] })))
        .pipe(
          Effect.scoped,
          Effect.exit
        )
      assert.include(String(wrong), "providers.1.name must be unique, got \"a\", as providers.0 has")
      const failing = ProviderChain.layerReloading(Stream.fail("no options"))
      assert.strictEqual(yield* Effect.flip(Effect.scoped(Layer.build(failing))), "no options")
      const empty = yield* Effect.exit(Effect.scoped(Layer.build(ProviderChain.layerReloading(Stream.empty))))
      assert.include(String(empty), "must give options before they end")
    }))
})

// -----------------------------------------------------------------------------
// Files
// -----------------------------------------------------------------------------

const env = (settings: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(settings))

/** An OpenAI that is overloaded until it shall answer, and an Ollama that answers. */
const transport = () => {
  const sent: Array<string> = []
  let status = 503
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      sent.push(`${url.host} ${request.headers["x-team"] ?? "-"}`)
      const response = url.port === "11434"
        ? Response.json({ message: { content: "hi" }, done: true })
        : Response.json({ choices: [{ message: { content: "hi" }, finish_reason: "stop" }] }, { status })
      return HttpClientResponse.fromWeb(request, response)
    })
  )
  return {
    sent,
    answer: () => {
      status = 200
    },
    layer: Layer.succeed(HttpClient.HttpClient, client)
  }
}

const settings = { OPENAI_BASE_URL: "http://openai.test", OLLAMA_MODEL: "", PROVIDER_PRIORITY: "openai,ollama" }

const decode = (llm: object) => LlmConfig.decode({ llm })

/** Pools that answer when they may; `pools` is what was opened and closed. */
const pooled = (mayAnswer: (pool: number) => Effect.Effect<void>) => {
  const pools: Array<string> = []
  const body = { choices: [{ message: { content: "hi" }, finish_reason: "stop" }] }
  let count = 0
  const options: ProviderChain.ProgramOptions = {
    transport: () => {
      const pool = ++count
      return Layer.merge(
        Layer.succeed(
          HttpClient.HttpClient,
          HttpClient.make((request) =>
            Effect.as(mayAnswer(pool), HttpClientResponse.fromWeb(request, Response.json(body)))
          )
        ),
        Layer.effectDiscard(Effect.acquireRelease(
          Effect.sync(() => pools.push(`${pool} open`)),
          () => Effect.sync(() => pools.push(`${pool} closed`))
        ))
      )
    }
  }
  return { options, pools }
}

describe("layerReloadingConfig", () => {
  const overConfig = <A, E>(
    http: Layer.Layer<HttpClient.HttpClient>,
    first: LlmConfig.LlmConfig,
    program: (
      offer: (file: LlmConfig.LlmConfig) => Effect.Effect<void>,
      logs: ReadonlyArray<string>
    ) => Effect.Effect<A, E, LanguageModel.LanguageModel>,
    options?: ProviderChain.ProgramOptions,
    variables: Record<string, string> = settings
  ) =>
    over(
      (changes: Stream.Stream<LlmConfig.LlmConfig>) =>
        Layer.provide(ProviderChain.layerReloadingConfig(changes, options), [http, env(variables)]),
      first,
      program
    )

  it.effect("keeps a provider whose settings are the same, and begins anew with one whose settings changed", () =>
    Effect.gen(function*() {
      const http = transport()
      const base = { retry: { attempts: 1 }, cooldown: "1 hour" }
      yield* overConfig(http.layer, yield* decode(base), (offer) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* by, "ollama")
          yield* offer(yield* decode({ ...base, models: { ollama: "qwen3" } }))
          assert.strictEqual(yield* by, "ollama")
          yield* offer(yield* decode({ ...base, retry: { attempts: 2 }, http: { timeout: 30 } }))
          assert.strictEqual(yield* by, "ollama")
          yield* offer(yield* decode({ ...base, providers: { openai: { headers: { "x-team": "search" } } } }))
          assert.strictEqual(yield* by, "ollama")
          assert.deepStrictEqual(http.sent.filter((line) => line.startsWith("openai")), [
            "openai.test -",
            "openai.test search"
          ])
        }))
    }))

  it.effect("keeps the breaker of a provider's own client", () =>
    Effect.gen(function*() {
      const http = transport()
      const circuitBreaker = { trip: { type: "consecutive", failures: 1 }, openFor: 3600 }
      const base = { retry: { attempts: 1 }, cooldown: 0, providers: { openai: { circuitBreaker } } }
      yield* overConfig(http.layer, yield* decode(base), (offer) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* by, "ollama")
          http.answer()
          yield* offer(yield* decode({ ...base, http: { timeout: 30 } }))
          assert.strictEqual(yield* by, "ollama")
          yield* offer(yield* decode({ ...base, providers: {} }))
          assert.strictEqual(yield* by, "openai")
        }))
    }))

  it.effect("closes the pool of a provider that is another when the last answer from it has ended", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { options, pools } = pooled((pool) => pool === 1 ? Deferred.await(gate) : Effect.void)
      const file = (connections: number) => decode({ providers: { openai: { max_connections: connections } } })
      yield* overConfig(transport().layer, yield* file(1), (offer, logs) =>
        Effect.gen(function*() {
          const held = yield* Effect.forkChild(by, { startImmediately: true })
          yield* Effect.yieldNow
          yield* offer(yield* file(2))
          assert.strictEqual(yield* by, "openai")
          assert.deepStrictEqual(pools, ["1 open", "2 open"])
          yield* Deferred.succeed(gate, undefined)
          assert.strictEqual(yield* Fiber.join(held), "openai")
          assert.deepStrictEqual(pools, ["1 open", "2 open", "1 closed"])
          // A pool that was opened for an invalid chain is closed.
          yield* offer(
            yield* decode({ providers: { openai: { max_connections: 3 } }, connectivity: { check_url: "ftp://x" } })
          )
          yield* offer(
            yield* decode({
              providers: { openai: { max_connections: 4 }, ollama: { bulkhead: { limit: 1 } } },
              retry: { min_wait: 9, max_wait: 1 }
            })
          )
          assert.include(logs.at(-1) ?? "", "LLM_RETRY_MIN_WAIT must not be longer")
          assert.deepStrictEqual(pools.slice(3), ["3 open", "3 closed"])
          assert.strictEqual(yield* by, "openai")
        }), options)
      assert.strictEqual(pools.at(-1), "2 closed")
    }))

  it.effect("closes what it has opened when a later provider cannot be made, and nothing that is in use", () =>
    Effect.gen(function*() {
      const { options, pools } = pooled(() => Effect.void)
      const file = (connections: number, models: Record<string, string>) =>
        decode({ providers: { openai: { max_connections: connections } }, models })
      yield* overConfig(
        transport().layer,
        yield* file(1, { vllm: "qwen3" }),
        (offer, logs) =>
          Effect.gen(function*() {
            yield* offer(yield* file(2, {}))
            assert.match(logs.at(-1) ?? "", /stays as it is: .*Set VLLM_MODEL/)
            assert.deepStrictEqual(pools, ["1 open", "2 open", "2 closed"])
            yield* offer(yield* file(1, {}))
            assert.strictEqual(yield* by, "openai")
            assert.deepStrictEqual(pools.slice(3), [])
            yield* offer(yield* file(3, { vllm: "qwen3" }))
            assert.deepStrictEqual(pools.slice(3), ["3 open", "1 closed"])
          }),
        options,
        { OPENAI_BASE_URL: "http://openai.test", VLLM_BASE_URL: "http://vllm.test", PROVIDER_PRIORITY: "openai,vllm" }
      )
      assert.deepStrictEqual(pools.slice(5), ["3 closed"])
    }))

  it.effect("lets a variable that is blank hide nothing that the file says", () =>
    Effect.gen(function*() {
      const file = yield* decode({ models: { ollama: "qwen3" } })
      const found = yield* ProviderChain.providersConfig.pipe(
        Effect.provide(LlmConfig.layer(file)),
        Effect.provide([transport().layer, env({ OLLAMA_MODEL: "  ", OLLAMA_HOST: "" })])
      )
      assert.deepStrictEqual(found.map(({ model }) => model), ["qwen3"])
    }))
})

describe("LlmConfigFile", () => {
  const reading = (text: string) =>
    Effect.provide(
      LlmConfigFile.read("llm.yaml"),
      FileSystem.layerNoop({ readFileString: () => Effect.succeed(text) })
    )

  it.effect("reads YAML and JSON alike", () =>
    Effect.gen(function*() {
      const yaml = yield* reading("llm:\n  http: { timeout: 30.0 }\n  models:\n    vllm: qwen3\n")
      assert.deepStrictEqual(
        yaml,
        yield* reading("{\"llm\":{\"http\":{\"timeout\":30},\"models\":{\"vllm\":\"qwen3\"}}}")
      )
      assert.deepStrictEqual(yield* reading("# nothing yet"), {})
    }))

  it.effect("rejects a text that is not one, and invalid settings, with path and reason", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(reading("llm: [")))._tag, "ConfigTextError")
      const error = yield* Effect.flip(reading("llm:\n  http: { timeuot: 30 }"))
      assert.include(error.message, "[\"llm\"][\"http\"][\"timeuot\"]")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(reading("http: { timeout: 30 }"))))
    }))
})
