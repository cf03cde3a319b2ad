import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Rec from "effect/Record"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"

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
      "+ ollama: the priority names it",
      "+ openai: OPENAI_BASE_URL is set",
      "- anthropic: the priority does not name it"
    ]],
    ["an order names who has no key", { PROVIDER_PRIORITY: "openai,anthropic", ANTHROPIC_API_KEY: "sk-ant-secret" }, [
      "+ anthropic: ANTHROPIC_API_KEY is set",
      "- openai: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set",
      "- ollama: the priority does not name it"
    ]]
  ]
  const others = new Set<string>(
    Object.keys(ProviderChain.servers).filter((name) => !["openai", "anthropic", "ollama"].includes(name))
  )
  it.effect.each(cases)("says who is asked and why when %s", ([, env, expected]) =>
    Effect.gen(function*() {
      const choices = yield* select(env)
      assert.deepStrictEqual(told(choices.filter(({ provider }) => !others.has(provider))), expected)
      assert.isFalse(choices.some(({ chosen, provider }) => chosen && others.has(provider)))
      assert.notInclude(JSON.stringify(choices), "secret")
      for (const { advice, chosen } of choices) assert.strictEqual(advice === undefined, chosen)
    }))

  it.effect("knows the servers of chat completions by variables of their own, after the first two and before Ollama", () =>
    Effect.gen(function*() {
      const choices = yield* select({
        LLAMACPP_BASE_URL: "http://gpu.local:8080/v1",
        VLLM_API_KEY: "secret",
        GROQ_API_KEY: "secret",
        LMSTUDIO_MODEL: " ",
        ANTHROPIC_API_KEY: "sk-ant-secret"
      })
      const named = new Set(["openai", "anthropic", "openrouter", "groq", "vllm", "lmstudio", "llamacpp", "ollama"])
      assert.deepStrictEqual(told(choices.filter(({ provider }) => named.has(provider))), [
        "+ anthropic: ANTHROPIC_API_KEY is set",
        "+ groq: GROQ_API_KEY is set",
        "+ llamacpp: LLAMACPP_BASE_URL is set",
        "+ ollama: another provider may fail, and it needs no key",
        "- openai: neither OPENAI_API_KEY nor OPENAI_BASE_URL is set",
        "- openrouter: neither OPENROUTER_API_KEY nor OPENROUTER_BASE_URL is set",
        "- vllm: neither VLLM_MODEL nor VLLM_BASE_URL is set",
        "- lmstudio: LMSTUDIO_MODEL is blank"
      ])
      assert.deepStrictEqual(told(yield* select({ PROVIDER_PRIORITY: "vllm,llamacpp" })).slice(0, 2), [
        "+ llamacpp: the priority names it",
        "- vllm: neither VLLM_MODEL nor VLLM_BASE_URL is set"
      ])
    }))

  it.effect("asks for the model of a server that has none by default, by its variable", () =>
    Effect.gen(function*() {
      const error = yield* Layer.build(ProviderChain.layerConfig()).pipe(
        Effect.scoped,
        Effect.provide([
          FetchHttpClient.layer,
          ConfigProvider.layer(ConfigProvider.fromUnknown({ VLLM_BASE_URL: "http://gpu.local:8000/v1" }))
        ]),
        Effect.flip
      )
      assert.include(error.message, "Set VLLM_MODEL to a model that vllm serves")
    }))

  it.effect("rejects an order that is empty or names an unknown provider", () =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(select({ PROVIDER_PRIORITY: "olama" }))).message, "\"olama\"")
      assert.include((yield* Effect.flip(select({ PROVIDER_PRIORITY: " , " }))).message, "names no provider")
    }))
})

const Presence = Schema.Literals(["missing", "", " ", "set"])

/** The variable that selects each provider, and its default host. */
const providers = {
  openai: ["OPENAI_API_KEY", "api.openai.com"],
  "openai-responses": ["OPENAI_RESPONSES_BASE_URL", "responses.example"],
  anthropic: ["ANTHROPIC_API_KEY", "api.anthropic.com"],
  bedrock: ["BEDROCK_MODEL", "bedrock-runtime.us-east-1.amazonaws.com"],
  gemini: ["GOOGLE_API_KEY", "generativelanguage.googleapis.com"],
  openrouter: ["OPENROUTER_API_KEY", "openrouter.ai"],
  groq: ["GROQ_API_KEY", "api.groq.com"],
  azure: ["AZURE_OPENAI_ENDPOINT", "team.openai.azure.com"],
  vertex: ["VERTEX_BASE_URL", "europe-west1-aiplatform.googleapis.com"],
  "gemini-openai": ["GEMINI_OPENAI_API_KEY", "generativelanguage.googleapis.com"],
  mistral: ["MISTRAL_API_KEY", "api.mistral.ai"],
  deepseek: ["DEEPSEEK_API_KEY", "api.deepseek.com"],
  xai: ["XAI_API_KEY", "api.x.ai"],
  together: ["TOGETHER_API_KEY", "api.together.xyz"],
  fireworks: ["FIREWORKS_API_KEY", "api.fireworks.ai"],
  cerebras: ["CEREBRAS_API_KEY", "api.cerebras.ai"],
  perplexity: ["PERPLEXITY_API_KEY", "api.perplexity.ai"],
  cohere: ["CO_API_KEY", "api.cohere.ai"],
  "github-models": ["GITHUB_MODELS_API_KEY", "models.github.ai"],
  "ollama-cloud": ["OLLAMA_API_KEY", "ollama.com"],
  litellm: ["LITELLM_MODEL", "127.0.0.1:4000"],
  vllm: ["VLLM_MODEL", "127.0.0.1:8000"],
  sglang: ["SGLANG_MODEL", "127.0.0.1:30000"],
  lmstudio: ["LMSTUDIO_MODEL", "127.0.0.1:1234"],
  llamacpp: ["LLAMACPP_MODEL", "127.0.0.1:8080"],
  ollama: ["OLLAMA_MODEL", "127.0.0.1:11434"]
} as const
type Name = keyof typeof providers
const names = Object.keys(providers) as ReadonlyArray<Name>

/** What a variable that is not a key is set to, where "set" would be no URL. */
const urls: Partial<Record<Name, string>> = {
  "openai-responses": "https://responses.example/v1",
  azure: "https://team.openai.azure.com",
  vertex: "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/endpoints/openapi"
}

law(
  "M8: nothing is sent to a provider without its key, and those that have theirs are asked in their order",
  {
    settings: Schema.Array(Schema.Struct({ name: Schema.Literals(names), presence: Presence })).check(
      Schema.isMaxLength(6)
    ),
    priority: Schema.Array(Schema.Literals(names)).check(Schema.isMaxLength(4))
  },
  ({ priority, settings }) =>
    Effect.gen(function*() {
      const said = new Map(settings.map(({ name, presence }) => [name, presence]))
      const keys = Rec.map(providers, (_, name) => said.get(name) ?? "missing")
      const asked: Array<string> = []
      const refusing = HttpClient.make((request, url) =>
        Effect.sync(() => {
          asked.push(url.host)
          return HttpClientResponse.fromWeb(request, new Response("{}", { status: 401 }))
        })
      )
      const env = Object.fromEntries([
        ...names.flatMap((name) =>
          keys[name] === "missing"
            ? []
            : [[providers[name][0], keys[name] === "set" ? urls[name] ?? "set" : keys[name]]]
        ),
        ["AZURE_OPENAI_MODEL", "deployment"],
        ["AWS_BEARER_TOKEN_BEDROCK", "key"],
        ...(priority.length > 0 ? [["PROVIDER_PRIORITY", priority.join(",")]] : [])
      ])
      yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.provide(Layer.provide(ProviderChain.layerConfig(), [
          Layer.succeed(HttpClient.HttpClient, refusing),
          ConfigProvider.layer(ConfigProvider.fromUnknown(env))
        ])),
        Effect.exit
      )
      // With the key of OpenAI its name in the priority is enough. Without a URL of its own it is where OpenAI is.
      const hostOf = (name: Name) =>
        name === "openai-responses" && keys[name] !== "set" ? "api.openai.com" : providers[name][1]
      const ordered = priority.length > 0 ? [...new Set(priority)] : names
      const isThereFor = ordered.some((name) => !providers[name][1].startsWith("127.") && keys[name] === "set")
      // Ollama needs no key: it is asked where it is named, set up, or there for when the cloud is not. So is llama.cpp named.
      const isAsked = (name: Name) =>
        keys[name] === "set" || (name === "openai-responses" && keys.openai === "set" && priority.length > 0) ||
        (name === "ollama" && isThereFor) ||
        ((name === "ollama" || name === "llamacpp") && priority.length > 0)
      assert.deepStrictEqual(asked, ordered.filter(isAsked).map(hostOf))
    })
)
