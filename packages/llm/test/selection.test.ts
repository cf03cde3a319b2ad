import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { law } from "./Outage.ts"

const select = (env: Record<string, string>) =>
  Effect.provide(ProviderChain.selection, ConfigProvider.layer(ConfigProvider.fromUnknown(env)))

const told = (choices: ReadonlyArray<ProviderChain.Choice>): ReadonlyArray<string> =>
  choices.map(({ because, chosen, provider }) => `${chosen ? "+" : "-"} ${provider}: ${because}`)

describe("ProviderChain.selection", () => {
  const cases: ReadonlyArray<readonly [string, Record<string, string>, ReadonlyArray<string>]> = [
    ["nothing is set", {}, [
      "- openai: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set",
      "- anthropic: neither ANTHROPIC_API_KEY nor ANTHROPIC_BASE_URL is set",
      "- ollama: neither OLLAMA_MODEL nor OLLAMA_HOST is set"
    ]],
    ["there is one key", { ANTHROPIC_API_KEY: "sk-ant-secret" }, [
      "+ anthropic: ANTHROPIC_API_KEY is set",
      "+ ollama: another provider may fail, and it needs no key",
      "- openai: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
    ]],
    ["a key is blank", { OPENAI_API_KEY: "  ", OLLAMA_HOST: "gpu.local" }, [
      "+ ollama: OLLAMA_HOST is set",
      "- openai: OPENAI_API_KEY is blank",
      "- anthropic: neither ANTHROPIC_API_KEY nor ANTHROPIC_BASE_URL is set"
    ]],
    ["there is an order", { PROVIDER_PRIORITY: " Ollama,openai, ollama", OPENAI_BASE_URL: "http://127.0.0.1:1" }, [
      "+ ollama: PROVIDER_PRIORITY names it",
      "+ openai: OPENAI_BASE_URL is set",
      "- anthropic: PROVIDER_PRIORITY does not name it"
    ]],
    ["an order names who has no key", { PROVIDER_PRIORITY: "openai,anthropic", ANTHROPIC_API_KEY: "sk-ant-secret" }, [
      "+ anthropic: ANTHROPIC_API_KEY is set",
      "- openai: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set",
      "- ollama: PROVIDER_PRIORITY does not name it"
    ]]
  ]
  it.effect.each(cases)("says who is asked and why when %s", ([, env, expected]) =>
    Effect.gen(function*() {
      const choices = yield* select(env)
      assert.deepStrictEqual(told(choices), expected)
      assert.notInclude(JSON.stringify(choices), "secret")
      for (const { advice, chosen } of choices) assert.strictEqual(advice === undefined, chosen)
    }))

  it.effect("refuses an order that names nobody, or somebody unknown", () =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(select({ PROVIDER_PRIORITY: "olama" }))).message, "\"olama\"")
      assert.include((yield* Effect.flip(select({ PROVIDER_PRIORITY: " , " }))).message, "names no provider")
    }))
})

const Presence = Schema.Literals(["missing", "", " ", "set"])
const providers = ["openai", "anthropic", "ollama"] as const

law(
  "M8: nothing is sent to a provider without its key, and those that have theirs are asked in their order",
  {
    openai: Presence,
    anthropic: Presence,
    ollama: Presence,
    priority: Schema.Array(Schema.Literals(providers)).check(Schema.isMaxLength(4))
  },
  ({ priority, ...keys }) =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const refusing = HttpClient.make((request, url) =>
        Effect.sync(() => {
          asked.push(url.pathname === "/api/chat" ? "ollama" : url.pathname === "/v1/messages" ? "anthropic" : "openai")
          return HttpClientResponse.fromWeb(request, new Response("{}", { status: 401 }))
        })
      )
      const env = {
        ...(keys.openai !== "missing" && { OPENAI_API_KEY: keys.openai }),
        ...(keys.anthropic !== "missing" && { ANTHROPIC_API_KEY: keys.anthropic }),
        ...(keys.ollama !== "missing" && { OLLAMA_MODEL: keys.ollama }),
        ...(priority.length > 0 && { PROVIDER_PRIORITY: priority.join(",") })
      }
      yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.provide(Layer.provide(ProviderChain.layerConfig(), [
          Layer.succeed(HttpClient.HttpClient, refusing),
          ConfigProvider.layer(ConfigProvider.fromUnknown(env))
        ])),
        Effect.exit
      )
      const ordered = priority.length > 0 ? [...new Set(priority)] : providers
      const cloud = ordered.filter((name) => name !== "ollama" && keys[name] === "set")
      // Ollama needs no key: it is asked where it is named, set up, or there for when the cloud is not.
      const local = priority.includes("ollama") ||
        (priority.length === 0 && (keys.ollama === "set" || cloud.length > 0))
      assert.deepStrictEqual(asked, ordered.filter((name) => name === "ollama" ? local : keys[name] === "set"))
    })
)
