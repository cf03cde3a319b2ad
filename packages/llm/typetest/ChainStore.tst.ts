import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import type { ConfigError } from "effect/Config"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Layer } from "effect/Layer"
import type { Redis } from "effect/persistence/Redis"
import { describe, expect, test } from "tstyche"

describe("ChainStore", () => {
  test("in memory needs nothing, in Redis a Redis, and neither fails to be made", () => {
    expect(ChainStore.layerMemory).type.toBe<Layer<ChainStore.ChainStore>>()
    expect(ChainStoreRedis.layer({ timeout: "100 millis" })).type.toBe<Layer<ChainStore.ChainStore, never, Redis>>()
    expect(ChainStoreRedis.layerConfig({ prefix: Config.String("PREFIX") })).type.toBe<
      Layer<ChainStore.ChainStore, ConfigError, Redis>
    >()
    expect(ChainStoreRedis.layer).type.not.toBeCallableWith({ url: "redis://localhost" })
  })

  test("is taken from the context by a chain, which does not ask for it", () => {
    const chain = ProviderChain.make({ providers: [TestProvider.script("cloud", [])], name: "llm" })
    expect<Effect.Services<typeof chain>>().type.toBe<never>()
  })

  test("fails a step with one error, and says which admission it is", () => {
    const enter = ChainStore.ChainStore.use((store) =>
      store.spent({ key: "tag:user:42", window: {} as Duration.Duration })
    )
    expect(enter).type.toBe<Effect.Effect<number, ChainStore.ChainStoreError, ChainStore.ChainStore>>()
    expect<ChainStore.Admission["_tag"]>().type.toBe<"Admitted" | "CoolingDown" | "Full">()
  })
})
