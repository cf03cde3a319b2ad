/** Pools, hedges, repairs and parameters in a file: decoded, checked, chosen by the environment, and changed while they are used. */
import { assert, describe, it } from "@effect/vitest"
import * as Hedge from "@holdfast/core/Hedge"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** Two keys of OpenAI's and one of a server that speaks as it does, as members of one pool. */
const keys = (more: object = {}) => ({
  strategy: "inOrder",
  members: [
    { provider: "openai", key: "KEY_1", model: "m1" },
    { provider: "openai", key: "KEY_2", model: "m2", base_url: "https://other.test/v1" },
    { provider: "vllm", name: "own", model: "m3" }
  ],
  ...more
})

const file = (llm: object) => LlmConfig.decode({ llm })

const env = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

const choices = (llm: object, variables: Record<string, string>) =>
  Effect.flatMap(
    file(llm),
    (config) =>
      Effect.provide(ProviderChain.selection, LlmConfig.layer(config).pipe(Layer.provideMerge(env(variables))))
  )

const chosen = (llm: object, variables: Record<string, string>) =>
  Effect.map(choices(llm, variables), (all) => all.filter((one) => one.chosen).map(({ provider }) => provider))

describe("the pools of a file", () => {
  it.effect("are faults by path where they cannot be, and a key in place of its name is never shown", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(file({
        provider_priority: ["kees"],
        pools: {
          keys: {
            strategy: "leastbusy",
            warmup: 1,
            warm_up: "soon",
            members: [
              { provider: "opnai", key: "sk-very-secret", requests_per_minute: 0.5 },
              { provider: "openai", name: "openai", weight: 0, tokens: 3, price: { input: -1 } },
              { provider: "openai", name: "twice" }
            ]
          },
          other: { members: [{ provider: "groq", name: "twice" }] },
          dear: { strategy: "cheapest", members: [{ provider: "groq" }] },
          openai: { members: [{ provider: "openai" }] },
          Big: { members: [] },
          nothing: 3
        },
        hedge: { max: 0, after: { quantile: 2, windw: 1 }, budget: { ratio: -1 } },
        repair: { round: 1 },
        parameters: { temperatur: 0, top_p: 3, effort: "hi", metadata: { a: 1 } }
      }))
      const faults = new Map(
        format(error.issue).issues.map(({ message, path = [] }) => [path.map(String).join("."), message])
      )
      const expected: ReadonlyArray<readonly [path: string, says: RegExp]> = [
        ["llm.provider_priority.0", /did you mean "keys"/u],
        ["llm.pools.keys.strategy", /did you mean "leastBusy"/u],
        ["llm.pools.keys.warmup", /did you mean `warm_up`/u],
        ["llm.pools.keys.warm_up", /duration/iu],
        ["llm.pools.keys.members.0.provider", /did you mean "openai"/u],
        ["llm.pools.keys.members.0.key", /must be the name of an environment variable/u],
        ["llm.pools.keys.members.0.requests_per_minute", /1 or more/u],
        ["llm.pools.keys.members.1.name", /must be unique among providers, pools and members/u],
        ["llm.pools.keys.members.1.weight", /above 0/u],
        ["llm.pools.keys.members.1.tokens", /did you mean `tokens_per_minute`/u],
        ["llm.pools.keys.members.1.price.input", /0 or more/u],
        ["llm.pools.other.members.0.name", /must be unique/u],
        ["llm.pools.dear.strategy", /needs the `price` of a member/u],
        ["llm.pools.openai", /must not have the name of a provider/u],
        ["llm.pools.Big", /lower case/u],
        ["llm.pools.Big.members", /must have a member/u],
        ["llm.pools.nothing", /must be/u],
        ["llm.hedge.max", /1 or more/u],
        ["llm.hedge.after.quantile", /above 0 and below 1/u],
        ["llm.hedge.after.windw", /did you mean `window`/u],
        ["llm.hedge.budget.ratio", /0 or more/u],
        ["llm.repair.round", /did you mean `rounds`/u],
        ["llm.parameters.temperatur", /did you mean `temperature`/u],
        ["llm.parameters.top_p", /at most 1/u],
        ["llm.parameters.effort", /"high"/u],
        ["llm.parameters.metadata.a", /string/u]
      ]
      for (const [path, says] of expected) assert.match(faults.get(path) ?? `no fault at ${path}`, says)
      assert.notInclude(error.message, "very-secret")
    }))

  it.effect("are asked where a key is set, in the place that the priority gives them", () =>
    Effect.gen(function*() {
      const llm = { pools: { keys: keys() } }
      const all = { KEY_1: "a", KEY_2: "b", OPENAI_API_KEY: "c" }
      assert.deepStrictEqual(yield* chosen(llm, all), ["keys-1", "keys-2", "own", "openai", "ollama"])
      assert.deepStrictEqual(yield* chosen(llm, { ...all, PROVIDER_PRIORITY: "ollama,keys" }), [
        "ollama",
        "keys-1",
        "keys-2",
        "own"
      ])
      assert.deepStrictEqual(yield* chosen({ ...llm, provider_priority: ["keys"] }, { KEY_2: "b", KEY_1: " " }), [
        "keys-2",
        "own"
      ])
      const left = (yield* choices(llm, { KEY_2: "b", KEY_1: " " })).find(({ provider }) => provider === "keys-1")
      assert.deepInclude(left, {
        server: "openai",
        pool: "keys",
        because: "KEY_1 is blank",
        advice: "Set KEY_1 to the key of this member"
      })
      const unknown = yield* Effect.flip(choices(llm, { PROVIDER_PRIORITY: "kees" }))
      assert.include(unknown.message, "\"kees\", which is neither a provider nor a pool: did you mean \"keys\"?")
    }))
})

/** A server that keeps what it was sent, and refuses some keys for a spent quota. */
const server = (refused: ReadonlyArray<string> = []) => {
  const sent: Array<{ readonly url: string; readonly key: string; readonly model: string; readonly body: object }> = []
  const client = HttpClient.make((request: HttpClientRequest.HttpClientRequest) =>
    Effect.sync(() => {
      const { body } = request
      const read = body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : {}
      const key = (request.headers["authorization"] ?? "none").replace("Bearer ", "")
      sent.push({ url: request.url, key, model: read.model, body: read })
      const response = refused.includes(key)
        ? Response.json({ error: { code: "insufficient_quota", message: "spent" } }, { status: 429 })
        : Response.json({
          choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 10, completion_tokens: 3 }
        })
      return HttpClientResponse.fromWeb(request, response)
    })
  )
  return { sent, client: Layer.succeed(HttpClient.HttpClient, client) }
}

const by = Effect.map(
  LanguageModel.generateText({ prompt: "hello" }),
  ({ content }) => Option.getOrThrow(ProviderChain.answeredBy(content)).provider
)

/** Runs a program over files that are offered one after the other. */
const over = <A, E>(
  first: object,
  variables: Record<string, string>,
  { client }: ReturnType<typeof server>,
  program: (offer: (llm: object) => Effect.Effect<void>) => Effect.Effect<A, E, LanguageModel.LanguageModel>
) =>
  Effect.gen(function*() {
    let logs = 0
    const files = yield* Queue.make<LlmConfig.LlmConfig>()
    const give = (llm: object) => Effect.flatMap(Effect.orDie(file(llm)), (config) => Queue.offer(files, config))
    yield* give(first)
    const offer = (llm: object) => {
      const before = logs
      return Effect.andThen(
        give(llm),
        Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs > before })
      )
    }
    return yield* program(offer).pipe(Effect.provide(
      ProviderChain.layerReloadingConfig(Stream.fromQueue(files)).pipe(
        Layer.provideMerge(Layer.mergeAll(client, env(variables), Logger.layer([Logger.make(() => void logs++)])))
      )
    ))
  })

describe("a chain with a pool in its file", () => {
  const two = { KEY_1: "one", KEY_2: "two" }

  it.effect("asks each member with its own key, model and address, by its own name", () =>
    Effect.gen(function*() {
      const here = server(["one", "two"])
      const name = yield* over({ provider_priority: ["keys"], pools: { keys: keys() } }, two, here, () => by)
      assert.strictEqual(name, "own")
      assert.deepStrictEqual(here.sent.map(({ key, model, url }) => [key, model, new URL(url).host]), [
        ["one", "m1", "api.openai.com"],
        ["two", "m2", "other.test"],
        ["none", "m3", "127.0.0.1:8000"]
      ])
    }))

  it.effect("keeps a member's cool-down and the window of its limits when the file changes elsewhere", () =>
    Effect.gen(function*() {
      const here = server(["one"])
      const limited = (weight: number, model = "m2") => ({
        provider_priority: ["keys"],
        pools: {
          keys: {
            strategy: "inOrder",
            members: [
              { provider: "openai", key: "KEY_1", model: "m1" },
              { provider: "openai", key: "KEY_2", model, requests_per_minute: 2, weight },
              { provider: "vllm", name: "own", model: "m3" }
            ]
          }
        }
      })
      const names = yield* over(limited(1), two, here, (offer) =>
        Effect.gen(function*() {
          const seen = [yield* by, yield* by]
          yield* offer({ ...limited(5), repair: true })
          // The first cools down still, and the second has no room left.
          seen.push(yield* by)
          yield* offer({ ...limited(5, "m4"), repair: true })
          // Another model is another provider, of which nothing is known.
          seen.push(yield* by)
          return seen
        }))
      assert.deepStrictEqual(names, ["keys-2", "keys-2", "own", "keys-2"])
      assert.strictEqual(here.sent.filter(({ key }) => key === "one").length, 1)
    }))

  it.effect("treats the members as their server is treated", () =>
    Effect.gen(function*() {
      const config = yield* file({
        pools: { keys: keys() },
        providers: { openai: { timeout: 7, headers: { "x-team": "a" } } }
      })
      const { overrides } = yield* LlmConfig.toOptions(config)
      const seven = {
        firstContent: Duration.seconds(7),
        betweenChunks: Duration.seconds(7),
        answer: Duration.seconds(7)
      }
      assert.deepStrictEqual(overrides?.["keys-1"]?.timeouts, seven)
      assert.deepStrictEqual(overrides?.["keys-2"]?.timeouts, seven)
      assert.isUndefined(overrides?.["own"])
    }))
})

describe("answers in a file", () => {
  it.effect("are hedged, repaired and asked for as the options of a chain would have it", () =>
    Effect.gen(function*() {
      const options = yield* Effect.flatMap(
        file({
          hedge: { after: { quantile: 0.9, minimum_calls: 5 }, max: 2, budget: { ratio: 0.2, min_per_second: 3 } },
          repair: { rounds: 2 },
          parameters: { temperature: 0, top_p: 0.5, max_output_tokens: 10, stop: ["x"], service_tier: "flex" }
        }),
        LlmConfig.toOptions
      )
      assert.deepInclude(options, {
        hedge: { after: Hedge.quantile({ quantile: 0.9, minimumCalls: 5 }), max: 2 },
        repair: { rounds: 2 },
        parameters: { temperature: 0, topP: 0.5, maxOutputTokens: 10, stop: ["x"], serviceTier: "flex" }
      })
      assert.deepInclude(options.hedgeBudget, { ratio: 0.2, minPerSecond: 3 })
      const plain = yield* Effect.flatMap(file({ hedge: { after: 2 }, repair: true }), LlmConfig.toOptions)
      assert.deepStrictEqual(plain.hedge, { after: Duration.seconds(2), max: undefined })
      assert.isTrue(plain.repair)
    }))

  it.effect("are sent with the file's parameters, over which a request's own win", () =>
    Effect.gen(function*() {
      const here = server()
      const llm = { provider_priority: ["vllm"], parameters: { temperature: 0.5, seed: 7 }, models: { vllm: "m" } }
      yield* over(llm, {}, here, () => by)
      assert.deepInclude(here.sent[0]?.body, { temperature: 0.5, seed: 7 })
    }))

  it.effect("are listed by `treatments`, for each member of a pool as for a provider", () =>
    Effect.gen(function*() {
      const config = yield* file({
        pools: { keys: keys() },
        hedge: { after: 2 },
        repair: true,
        parameters: { seed: 1 }
      })
      const treated = yield* Effect.provide(
        ProviderChain.treatments,
        LlmConfig.layer(config).pipe(Layer.provideMerge(env({ KEY_1: "a" })))
      )
      assert.deepInclude(treated[0], {
        provider: "keys-1",
        hedge: { after: Duration.seconds(2), max: 1 },
        repairs: 1,
        parameters: { seed: 1 }
      })
    }))
})
