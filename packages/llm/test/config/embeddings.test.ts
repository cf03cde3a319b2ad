/** The chain of embeddings of a file: decoded, checked, made with the environment, and followed while it is used. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import { elapse } from "../chain/asking.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const file = (llm: object) => LlmConfig.decode({ llm })

const env = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

interface Sent {
  readonly url: string
  readonly key: string | undefined
  readonly model: string
  readonly dimensions: unknown
  readonly texts: number
}

/** Servers of every protocol, by the status that each host answers with. */
const servers = (statuses: Record<string, number> = {}, lengths: Record<string, number> = {}) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      const { host } = new URL(request.url)
      const body = request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : {}
      sent.push({
        url: request.url,
        key: request.headers["authorization"],
        model: body.model,
        dimensions: body.dimensions ?? body.output_dimension,
        texts: body.input.length
      })
      const status = statuses[host] ?? 200
      const length = lengths[host] ?? 2
      const vectors = body.input.map((text: string) => [text.length, 1, 0].slice(0, length))
      return HttpClientResponse.fromWeb(
        request,
        status !== 200
          ? Response.json({ error: { message: "no" } }, { status })
          : request.url.endsWith("/api/embed")
          ? Response.json({ embeddings: vectors, prompt_eval_count: 3 })
          : Response.json({
            data: vectors.map((embedding: ReadonlyArray<number>, index: number) => ({ index, embedding })),
            usage: { prompt_tokens: 3 }
          })
      )
    })
  )
  return { sent, layer: Layer.succeed(HttpClient.HttpClient, client), statuses }
}

const embed = (...texts: ReadonlyArray<string>) =>
  Effect.map(
    EmbeddingModel.EmbeddingModel.use((model) => model.embedMany(texts)),
    ({ embeddings }) => embeddings.map(({ vector }) => vector[0])
  )

describe("the embeddings of a file", () => {
  it.effect("have every fault told by path, and a key in place of its variable is never shown", () =>
    Effect.gen(function*() {
      const faultsOf = (llm: object) =>
        Effect.map(Effect.flip(file(llm)), (error) => {
          assert.notInclude(error.message, "sk-hunter2")
          return new Map(
            format(error.issue).issues.map(({ message, path = [] }) => [path.map(String).join("."), message])
          )
        })
      const faults = yield* faultsOf({
        embeddings: {
          members: [
            { provider: "anthropic", model: "m" },
            { provider: "openai", key: "sk-hunter2", model: "" },
            { provider: "ollama", modl: "m" },
            { provider: "vllm", base_url: "ftp://sk-hunter2" },
            { provider: "groq", model: "m" },
            { provider: "groq", model: "m" },
            { provider: "mistral", name: "groq" },
            "sk-hunter2"
          ],
          same_model: "yes",
          dimensions: 0,
          batch_size: 1.5,
          strategy: "fastest"
        },
        by_provider: { "groq-2": { cooldown: 1 }, "groq-3": { cooldown: 1 } }
      })
      const expected: ReadonlyArray<readonly [path: string, says: RegExp]> = [
        ["llm.embeddings.members.0.provider", /must be one of "openai"/u],
        ["llm.embeddings.members.1.key", /the name of an environment variable/u],
        ["llm.embeddings.members.1.model", /not empty/u],
        ["llm.embeddings.members.2.modl", /did you mean `model`/u],
        ["llm.embeddings.members.3.base_url", /http or https URL/u],
        ["llm.embeddings.members.5", /asks the same as member 4/u],
        ["llm.embeddings.members.6.name", /must be unique/u],
        ["llm.embeddings.members.7", /must be an object/u],
        ["llm.embeddings.same_model", /true or false/u],
        ["llm.embeddings.dimensions", /whole number of 1/u],
        ["llm.embeddings.batch_size", /whole number of 1/u],
        ["llm.embeddings.strategy", /is not an option/u],
        ["llm.by_provider.groq-3", /groq-2/u]
      ]
      for (const [path, says] of expected) assert.match(faults.get(path) ?? `no fault at ${path}`, says)
      assert.strictEqual(faults.size, expected.length, [...faults.keys()].join())
      assert.match((yield* faultsOf({ embeddings: { members: [] } })).get("llm.embeddings.members") ?? "", /a member/u)
      assert.match((yield* faultsOf({ embeddings: "bge-m3" })).get("llm.embeddings") ?? "", /must be an object/u)
    }))

  it.effect("are asked by the keys, models and addresses of the members, over those of the environment", () =>
    Effect.gen(function*() {
      const { layer, sent } = servers({ "api.mistral.ai": 401, "gpu.local": 401 })
      const config = yield* file({
        base_urls: { vllm: "http://gpu.local/v1" },
        http: { headers: { "x-shop": "1" } },
        embeddings: {
          members: [
            { provider: "openai", key: "ABSENT_KEY", model: "BAAI/bge-m3" },
            { provider: "mistral", key: "SECOND_KEY", model: "bge-m3" },
            { provider: "vllm" },
            { provider: "ollama", model: "bge-m3:latest", base_url: "http://rack.local:1" }
          ],
          dimensions: 2,
          batch_size: 2
        }
      })
      const logs: Array<string> = []
      const vectors = yield* embed("a", "bb", "ccc").pipe(
        Effect.provide(
          EmbeddingChain.layerConfig().pipe(
            Layer.provide([layer, LlmConfig.layer(config)]),
            Layer.provide(
              env({ SECOND_KEY: "sk-second", MISTRAL_API_KEY: "sk-first", VLLM_EMBEDDING_MODEL: "bge-m3" })
            ),
            Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))]))
          )
        ),
        elapse
      )
      assert.deepStrictEqual(vectors, [1, 2, 3])
      const ours = { dimensions: 2 }
      assert.deepStrictEqual(
        sent,
        [
          { ...ours, url: "https://api.mistral.ai/v1/embeddings", key: "Bearer sk-second", model: "bge-m3", texts: 2 },
          { ...ours, url: "http://gpu.local/v1/embeddings", key: undefined, model: "bge-m3", texts: 2 },
          { ...ours, url: "http://rack.local:1/api/embed", key: undefined, model: "bge-m3:latest", texts: 2 },
          { ...ours, url: "http://rack.local:1/api/embed", key: undefined, model: "bge-m3:latest", texts: 1 }
        ]
      )
      assert.match(logs[0] ?? "", /"openai" of llm.embeddings is left out: ABSENT_KEY is not set/u)
    }))

  it.effect("are retried, timed and rested as the file says of all, of a server and of a member", () =>
    Effect.gen(function*() {
      const { layer, sent, statuses } = servers({ "one.local": 503, "two.local": 503 })
      const config = yield* file({
        http: { max_retries: 1 },
        providers: { vllm: { max_retries: 2 } },
        cooldown: 60,
        by_provider: { "llamacpp": { cooldown: 1 } },
        embeddings: {
          members: [
            { provider: "vllm", model: "m", base_url: "http://one.local/v1" },
            { provider: "llamacpp", model: "m", base_url: "http://two.local/v1" },
            { provider: "ollama", model: "m" }
          ]
        }
      })
      yield* Effect.gen(function*() {
        const hosts = () => sent.splice(0).map(({ url }) => new URL(url).hostname.split(".")[0])
        yield* elapse(embed("a"))
        assert.deepStrictEqual(hosts(), ["one", "one", "one", "two", "two", "127"])
        yield* elapse(Effect.sleep("2 seconds"))
        statuses["two.local"] = 200
        yield* elapse(embed("a"))
        assert.deepStrictEqual(hosts(), ["two"])
      }).pipe(Effect.provide(
        EmbeddingChain.layerConfig().pipe(
          Layer.provide([layer, LlmConfig.layer(config)]),
          Layer.provide(env({}))
        )
      ))
    }))

  it.effect("fail if no member has its key, and for members of two models, with what to do", () =>
    Effect.gen(function*() {
      const refused = (llm: object) =>
        Effect.gen(function*() {
          const config = yield* file(llm)
          const layer = EmbeddingChain.layerConfig().pipe(
            Layer.provide([servers().layer, LlmConfig.layer(config)]),
            Layer.provide(env({}))
          )
          return (yield* Effect.flip(Effect.scoped(Layer.build(layer)))).message
        })
      assert.match(yield* refused({}), /under llm.embeddings.members/u)
      assert.match(
        yield* refused({ embeddings: { members: [{ provider: "openai" }] } }),
        /No member of llm.embeddings can be asked. openai: .*Set OPENAI_API_KEY/u
      )
      const two = [{ provider: "ollama", model: "a" }, { provider: "ollama", model: "b" }]
      assert.match(yield* refused({ embeddings: { members: two } }), /members.1 must serve the model of the first/u)
    }))

  it.effect("follow a file that changes: members that stay keep what is known of them, and a bad file changes nothing", () =>
    Effect.gen(function*() {
      const lengths: Record<string, number> = {}
      const { layer, sent } = servers({ "one.local": 401 }, lengths)
      const chains = new Set<string>()
      const memory = Context.get(yield* Layer.build(ChainStore.layerMemory), ChainStore.ChainStore)
      const store = Layer.succeed(ChainStore.ChainStore, {
        ...memory,
        enter: (entry) => {
          chains.add(entry.chain)
          return memory.enter(entry)
        }
      })
      const logs: Array<string> = []
      const files = yield* Queue.make<LlmConfig.LlmConfig>()
      const one = { provider: "vllm", model: "m", base_url: "http://one.local/v1" }
      const two = { provider: "ollama", model: "m", base_url: "http://two.local" }
      const three = { provider: "ollama", model: "m", base_url: "http://three.local" }
      yield* Queue.offer(files, yield* file({ embeddings: { members: [one, two] } }))
      const take = (llm: object) =>
        Effect.gen(function*() {
          const before = logs.length
          yield* Queue.offer(files, yield* file(llm))
          yield* Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs.length > before })
          return logs.at(-1)
        })
      yield* Effect.gen(function*() {
        const skipped: Array<string> = []
        const hosts = Effect.map(
          ChainEvent.observe(embed("a"), (event) => {
            if (event._tag === "ProviderSkipped") skipped.push(event.provider)
          }),
          () => sent.splice(0).map(({ url }) => new URL(url).hostname.split(".")[0])
        )
        assert.deepStrictEqual(yield* hosts, ["one", "two"])
        assert.match((yield* take({ embeddings: { members: [one, three, two] } })) ?? "", /embeddings has changed/u)
        // The first is cooling down still.
        assert.deepStrictEqual(yield* hosts, ["three"])
        assert.deepStrictEqual(skipped, ["vllm"])
        assert.match((yield* take({})) ?? "", /embeddings stays as it is: No model for embeddings/u)
        assert.match(
          (yield* take({ embeddings: { members: [two, { ...three, model: "other" }] } })) ?? "",
          /stays as it is: .*members.1 must serve/u
        )
        assert.deepStrictEqual(yield* hosts, ["three"])
        assert.match((yield* take({ embeddings: { members: [two] } })) ?? "", /has changed/u)
        assert.deepStrictEqual(yield* hosts, ["two"])
        // The vectors so far have two numbers, and those of another member must have as many.
        lengths["four.local"] = 3
        const four = { provider: "vllm", name: "four", model: "m", base_url: "http://four.local/v1" }
        yield* take({ embeddings: { members: [four, two] } })
        assert.deepStrictEqual(yield* hosts, ["four", "two"])
        yield* take({ embeddings: { members: [two], dimensions: 2 } })
        yield* embed("a")
        assert.deepStrictEqual(sent.splice(0).map(({ dimensions }) => dimensions), [2])
        assert.deepStrictEqual([...chains], ["llm-embeddings"])
      }).pipe(Effect.provide(
        EmbeddingChain.layerReloadingConfig(Stream.fromQueue(files)).pipe(
          Layer.provide([layer, store, env({})]),
          Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))]))
        )
      ))
    }))
})
