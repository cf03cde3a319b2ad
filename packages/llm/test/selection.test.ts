import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"

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
