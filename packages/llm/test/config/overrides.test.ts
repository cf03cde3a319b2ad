/** Parameters, hedges, repairs and cool-downs of some providers of a file: by provider, pool, member and model. */
import { assert, describe, it } from "@effect/vitest"
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
import * as Schedule from "effect/Schedule"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const file = (llm: object) => LlmConfig.decode({ llm })

const env = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

const pools = {
  keys: {
    members: [
      { provider: "openai", key: "KEY_1", model: "gpt-5-mini" },
      { provider: "openai", name: "second", key: "KEY_2", model: "gpt-5" }
    ]
  }
}

const treated = (llm: object, variables: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const config = yield* file(llm)
    const layer = LlmConfig.layer(config).pipe(Layer.provideMerge(env(variables)))
    const all = yield* Effect.provide(ProviderChain.treatments, layer)
    return (name: string) => all.find(({ provider }) => provider === name) ?? assert.fail(`no ${name}`)
  })

describe("what a file says of one provider or model", () => {
  it.effect("wins over what it says of all, the closer over the wider, and parameters one by one", () =>
    Effect.gen(function*() {
      const of = yield* treated({
        pools,
        parameters: { temperature: 0.5, seed: 7 },
        hedge: { after: 3, budget: { ratio: 0.5 } },
        cooldown: 60,
        by_provider: {
          openai: { parameters: { effort: "low", top_p: 0.5 }, cooldown: 10 },
          keys: { parameters: { top_p: 0.25 }, repair: true, hedge: { after: { quantile: 0.9 }, max: 2 } },
          second: { hedge: false, parameters: { temperature: 0 } },
          ollama: { repair: { rounds: 2 } }
        },
        by_model: {
          "*": { parameters: { max_output_tokens: 100 } },
          "gpt-5*": { parameters: { effort: "high", max_output_tokens: 200 } },
          "gpt-5-mini": { parameters: { max_output_tokens: 300 } },
          "claude*": { parameters: { thinking_budget: 4000 } }
        }
      }, { ANTHROPIC_MODEL: "claude-opus-5" })
      const all = { temperature: 0.5, seed: 7 }
      const first = of("keys-1")
      assert.deepStrictEqual(first.parameters, { ...all, effort: "high", topP: 0.25, maxOutputTokens: 300 })
      assert.deepStrictEqual([first.repairs, first.hedge?.max, Duration.toSeconds(first.cooldown)], [1, 2, 10])
      const second = of("second")
      assert.deepStrictEqual(second.parameters, {
        ...all,
        temperature: 0,
        effort: "high",
        topP: 0.25,
        maxOutputTokens: 200
      })
      assert.isUndefined(second.hedge)
      const openai = of("openai")
      assert.deepStrictEqual([openai.parameters.effort, openai.parameters.topP, openai.repairs], ["high", 0.5, 0])
      assert.deepStrictEqual([openai.hedge?.after, openai.hedge?.max], [Duration.seconds(3), 1])
      assert.deepStrictEqual(of("anthropic").parameters, { ...all, maxOutputTokens: 100, thinkingBudget: 4000 })
      assert.deepStrictEqual([of("ollama").repairs, Duration.toSeconds(of("ollama").cooldown)], [2, 60])
    }))

  it.effect("has its faults told by path, near misses named", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(file({
        pools,
        by_provider: {
          opnai: {},
          secnd: { repair: 1 },
          openai: { parameter: {}, hedge: { after: 1, budget: { ratio: 1 } }, cooldown: "soon" },
          keys: { hedge: true, parameters: { efort: "low" } },
          ollama: 3
        },
        by_model: { "gpt*5": {}, "": {}, "gpt-5": { temperature: 0 } },
        providers: { openai: { parameters: {}, cooldown: 3, repair: true, hedge: { after: 1 } } }
      }))
      const faults = new Map(
        format(error.issue).issues.map(({ message, path = [] }) => [path.map(String).join("."), message])
      )
      const expected: ReadonlyArray<readonly [path: string, says: RegExp]> = [
        ["llm.by_provider.opnai", /did you mean "openai"/u],
        ["llm.by_provider.secnd", /did you mean "second"/u],
        ["llm.by_provider.secnd.repair", /must be an object/u],
        ["llm.by_provider.openai.parameter", /did you mean `parameters`/u],
        ["llm.by_provider.openai.hedge.budget", /say it under llm\.hedge/u],
        ["llm.by_provider.openai.cooldown", /duration/iu],
        ["llm.by_provider.keys.hedge", /must be an object/u],
        ["llm.by_provider.keys.parameters.efort", /did you mean `effort`/u],
        ["llm.by_provider.ollama", /must be an object/u],
        ["llm.by_model.gpt*5", /the beginning of one and a `\*`/u],
        ["llm.by_model.", /the name of a model/u],
        ["llm.by_model.gpt-5.temperature", /is not an option/u],
        ["llm.providers.openai.parameters", /say it under llm\.by_provider/u],
        ["llm.providers.openai.cooldown", /say it under llm\.by_provider/u],
        ["llm.providers.openai.repair", /say it under llm\.by_provider/u],
        ["llm.providers.openai.hedge", /or llm\.by_provider/u]
      ]
      for (const [path, says] of expected) assert.match(faults.get(path) ?? `no fault at ${path}`, says)
      for (const wrong of [null, [], "openai", 3]) {
        assert.match((yield* Effect.flip(file({ by_model: wrong }))).message, /must be an object/u)
        assert.match((yield* Effect.flip(file({ by_provider: wrong }))).message, /must be an object/u)
      }
    }))

  it.effect("reaches the request, and follows the file", () =>
    Effect.gen(function*() {
      const bodies: Array<unknown> = []
      const logs: Array<string> = []
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          if (request.body._tag === "Uint8Array") bodies.push(JSON.parse(new TextDecoder().decode(request.body.body)))
          return HttpClientResponse.fromWeb(
            request,
            Response.json({ message: { content: "Hi" }, done: true, done_reason: "stop" })
          )
        })
      )
      const files = yield* Queue.make<LlmConfig.LlmConfig>()
      yield* Queue.offer(files, yield* file({ by_model: { "qwen*": { parameters: { seed: 1 } } } }))
      yield* Effect.gen(function*() {
        yield* LanguageModel.generateText({ prompt: "hello" })
        const before = logs.length
        yield* Queue.offer(files, yield* file({ by_provider: { ollama: { parameters: { seed: 2 } } } }))
        yield* Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs.length > before })
        yield* LanguageModel.generateText({ prompt: "hello" })
      }).pipe(Effect.provide(
        ProviderChain.layerReloadingConfig(Stream.fromQueue(files)).pipe(
          Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))])),
          Layer.provide([Layer.succeed(HttpClient.HttpClient, client), env({ OLLAMA_MODEL: "qwen3" })])
        )
      ))
      assert.deepStrictEqual(bodies.map((body) => (body as { readonly options: unknown }).options), [
        { seed: 1 },
        { seed: 2 }
      ])
    }))
})
