import type { AttemptTimeout, PolicyError } from "@holdfast/core/PolicyError"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as ChainError from "@holdfast/llm/ChainError"
import * as Connectivity from "@holdfast/llm/Connectivity"
import type * as FallbackDecision from "@holdfast/llm/FallbackDecision"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Pool from "@holdfast/llm/Pool"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import type { AiError } from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type { ConfigError } from "effect/Config"
import type { Duration } from "effect/Duration"
import * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import type { Layer } from "effect/Layer"
import type { Path } from "effect/Path"
import type { SchemaError } from "effect/Schema"
import * as Stream from "effect/Stream"
import { describe, expect, test } from "tstyche"

const scripted = TestProvider.script("cloud", [])

describe("layer", () => {
  test("needs nothing for providers that need nothing", () => {
    expect(ProviderChain.layer({ providers: [scripted] })).type.toBe<Layer<LanguageModel.LanguageModel>>()
    expect(ProviderChain.layerNoop(scripted)).type.toBe<Layer<LanguageModel.LanguageModel>>()
  })

  test("has the errors and requirements of making its providers", () => {
    expect(ProviderChain.layer({ providers: [scripted, OllamaProvider.make()] })).type.toBe<
      Layer<LanguageModel.LanguageModel, never, HttpClient>
    >()
    expect(ProviderChain.layer({ providers: [OpenAiProvider.makeConfig(), OllamaProvider.make()] })).type.toBe<
      Layer<LanguageModel.LanguageModel, ConfigError, HttpClient>
    >()
    expect(ProviderChain.layer({ providers: [AnthropicProvider.make()] })).type.toBe<
      Layer<LanguageModel.LanguageModel, never, HttpClient>
    >()
    expect(ProviderChain.layerConfig()).type.toBe<Layer<LanguageModel.LanguageModel, ConfigError, HttpClient>>()
  })

  test("takes a pool for a provider, with the errors and requirements of its members", () => {
    const pool = Pool.make({ members: [{ provider: OpenAiProvider.makeConfig() }, { provider: scripted, weight: 2 }] })
    expect(pool).type.toBe<Effect.Effect<Pool.Pool, ConfigError, HttpClient>>()
    expect(ProviderChain.layer({ providers: [pool, OllamaProvider.make()] })).type.toBe<
      Layer<LanguageModel.LanguageModel, ConfigError, HttpClient>
    >()
    expect(Pool.make).type.not.toBeCallableWith({ members: [] })
    expect(Pool.make).type.not.toBeCallableWith({ members: [{ provider: scripted, wieght: 2 }] })
    expect(Pool.make).type.not.toBeCallableWith({ members: [{ provider: scripted }], strategy: "random" })
  })

  test("requires at least one provider", () => {
    expect(ProviderChain.layer).type.not.toBeCallableWith({ providers: [] })
  })
})

describe("a file", () => {
  test("is rejected with a SchemaError, and makes a layer without requirements", () => {
    expect(LlmConfig.decode({})).type.toBe<Effect.Effect<LlmConfig.LlmConfig, SchemaError>>()
    expect(LlmConfig.layer({})).type.toBe<Layer<never>>()
    expect(ProviderChain.layerConfig).type.toBeCallableWith({ transport: UndiciTransport.layer })
  })
})

describe("reloading", () => {
  test("has the errors and requirements of its changes and its providers", () => {
    const changes = (options: ProviderChain.Options) => ProviderChain.layerReloading(Stream.make(options))
    expect(changes({ providers: [scripted] })).type.toBe<Layer<LanguageModel.LanguageModel>>()
    const configured = Stream.make({ providers: [OpenAiProvider.makeConfig()] as const })
    expect(ProviderChain.layerReloading(configured)).type.toBe<
      Layer<LanguageModel.LanguageModel, ConfigError, HttpClient>
    >()
    expect(ProviderChain.layerReloadingConfig(LlmConfigFile.changes("llm.yaml"))).type.toBe<
      Layer<LanguageModel.LanguageModel, LlmConfigFile.FileError | ConfigError, HttpClient | FileSystem | Path>
    >()
  })
})

describe("options", () => {
  const provider = {} as Provider.Provider
  const providers = [provider] as const

  test("take a duration in every form", () => {
    expect(ProviderChain.make).type.toBeCallableWith({
      providers,
      deadline: "30s",
      timeouts: { answer: "1m 30s", head: 500 }
    })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, deadline: "soon" })
  })

  test("hedge, repair and set parameters, of all providers or of one", () => {
    const treatment = { hedge: { after: "1s", max: 2 }, repair: true, parameters: { temperature: 0 } } as const
    expect(ProviderChain.make).type.toBeCallableWith({
      providers,
      ...treatment,
      hedgeBudget: { ratio: 0.1 },
      overrides: { a: treatment, b: { hedge: false, repair: { rounds: 2 } } }
    })
  })

  test("reject a typo at every depth", () => {
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers: [] })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, timeout: "30s" })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, retry: { time: 1 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, timeouts: { firstcontent: "30s" } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, bulkhead: { limit: 1, que: 3 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, retryBudget: { windw: "10s" } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, overrides: { a: { retry: { time: 1 } } } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, hedge: { max: 1 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, hedge: { after: "1s", budget: {} } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, hedgeBudget: { rate: 1 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, repair: { round: 1 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, parameters: { top_p: 1 } })
    expect(ProviderChain.make).type.not.toBeCallableWith({ providers, overrides: { a: { hedgeBudget: false } } })
  })
})

describe("selection", () => {
  test("needs no HttpClient, and fails with a ConfigError", () => {
    expect(ProviderChain.selection).type.toBe<Effect.Effect<ReadonlyArray<ProviderChain.Choice>, ConfigError>>()
    expect(ProviderChain.providersConfig).type.toBe<
      Effect.Effect<NonEmptyReadonlyArray<Provider.Provider>, ConfigError, HttpClient>
    >()
  })
})

describe("optional services of a chain", () => {
  test("have layers of their own, and the chain does not require them", () => {
    expect(Connectivity.layer({ url: "https://example.com" })).type.toBe<
      Layer<Connectivity.Connectivity, never, HttpClient>
    >()
    expect(Connectivity.layerConfig()).type.toBe<Layer<Connectivity.Connectivity, ConfigError, HttpClient>>()
    expect(Connectivity.layerOffline).type.toBe<Layer<Connectivity.Connectivity>>()
    expect(Usage.layer()).type.toBe<Layer<Usage.Ledger>>()
    expect(Usage.layerConfig()).type.toBe<Layer<Usage.Ledger, ConfigError>>()
  })
})

describe("fromLanguageModel", () => {
  test("takes the model first or last", () => {
    const model = {} as LanguageModel.LanguageModel
    expect(Provider.fromLanguageModel(model, { name: "other", model: "m" })).type.toBe<Provider.Provider>()
    expect(Provider.fromLanguageModel({ name: "other", model: "m" })(model)).type.toBe<Provider.Provider>()
    expect(Provider.fromLanguageModel).type.not.toBeCallableWith(model, { name: "other" })
  })
})

describe("errors", () => {
  test("are LanguageModel's AiError, with guards that narrow them", () => {
    const asked = LanguageModel.generateText({ prompt: "hello" })
    expect<Effect.Error<typeof asked>>().type.toBe<AiError>()
    expect<ChainError.NoAnswer>().type.toBeAssignableTo<AiError>()
    expect<ChainError.StreamInterrupted>().type.toBeAssignableTo<AiError>()
    const error = {} as AiError
    if (ChainError.isStreamInterrupted(error)) {
      expect(error.partial.text).type.toBe<string>()
    }
    if (ChainError.isNoAnswer(error)) {
      expect(error.attempts[0].decision).type.toBe<FallbackDecision.Decision>()
      expect(error.attempts[0].duration).type.toBe<Duration>()
    }
  })

  test("hold no reason of the policy below", () => {
    expect<AiError>().type.not.toBeAssignableFrom<PolicyError<AttemptTimeout>>()
  })
})
