import { assert, describe, it } from "@effect/vitest"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Prices from "@holdfast/llm/Prices"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { servers } from "../../src/internal/config/registry.ts"
import { costOf } from "../../src/internal/usage/price.ts"
import { unpriced } from "../../src/internal/usage/prices/known.ts"

const find = (provider: string, model: string, at = 0, location: "cloud" | "local" = "cloud") =>
  Prices.known.find({ provider, model, location, at })

describe("Prices.known", () => {
  it("states for each row its page and the day on which it was read, and amounts that make sense", () => {
    assert.isAbove(Prices.rows.length, 100)
    for (const { model, price, provider, seen, source, sources } of Prices.rows) {
      const where = `${provider}/${model}`
      assert.match(source, /^https:\/\/[^ ]+$/u, where)
      assert.match(seen, /^2026-\d{2}-\d{2}$/u, where)
      assert.isNotEmpty(sources, where)
      for (const one of sources) assert.match(one, /2026|LiteLLM \d/u, where)
      for (const factor of Object.values(price.factors ?? {})) assert.isTrue(factor > 0 && factor <= 6, where)
      assert.isAtLeast(price.inputAudio ?? price.input, price.input, where)
      assert.isAtMost(price.cacheReadAudio ?? 0, price.inputAudio ?? 0, where)
      assert.isAbove(price.input, 0, where)
      // Vectors cost nothing.
      if (/embed/u.test(model)) assert.strictEqual(price.output, 0, where)
      else assert.isAtLeast(price.output, price.input, where)
      assert.isAtMost(price.cacheRead ?? 0, price.input, where)
      assert.isAtLeast(price.cacheWrite ?? price.input, price.input, where)
      assert.isAtLeast(price.cacheWriteHour ?? Infinity, price.cacheWrite ?? price.input, where)
      assert.isAbove(price.above?.input ?? Infinity, price.input, where)
      assert.isAtLeast(price.above?.output ?? Infinity, price.output, where)
    }
  })

  it("has rows for each cloud that settings can name, or says why it has none", () => {
    const priced = new Set(Prices.rows.map(({ provider }) => provider))
    for (const { location, model, name } of Object.values(servers)) {
      if (location === "local" || unpriced.includes(name)) continue
      const known = [...priced].some((vendor) => name === vendor || name.startsWith(`${vendor}-`))
      assert.isTrue(known, `${name} has neither prices nor a place among the unpriced`)
      assert.isDefined(model ?? "", name)
    }
  })

  it.each([
    ["openai", "gpt-5", 1.25],
    ["openai", "gpt-5-2025-08-07", 1.25],
    ["openai-responses", "gpt-5-mini-2025-08-07", 0.25],
    ["openai-eu-2", "gpt-5", 1.25],
    ["openai", "gpt-4o-2024-08-06", 2.5],
    ["openai", "gpt-4o-2024-05-13", 5],
    ["work", "claude-haiku-4-5-20251001", 1],
    ["anthropic", "claude-haiku-4-5@20251001", 1],
    ["gemini", "models/gemini-2.5-pro", 1.25],
    ["bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", 1],
    ["bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", 1.1],
    ["bedrock", "eu.anthropic.claude-opus-4-6-v1", 5.5],
    ["bedrock", "amazon.nova-pro-v1:0", 0.8],
    ["groq", "openai/gpt-oss-120b", 0.15],
    ["cerebras", "gpt-oss-120b", 0.35],
    ["openai", "text-embedding-3-small", 0.02],
    ["gemini-openai", "gemini-embedding-001", 0.15],
    ["mistral", "mistral-embed", 0.1],
    ["cohere", "embed-v4.0", 0.12]
  ])("finds %s/%s", (provider, model, input) => {
    assert.strictEqual(find(provider, model)?.input, input)
  })

  it.each([
    ["openai", "gpt-5-turbo"],
    ["openai", "ft:gpt-4.1-mini-2025-04-14:acme::1"],
    // The same name, but not the vendor's price.
    ["azure", "gpt-5"],
    ["azure-eu", "gpt-5"],
    ["openrouter", "openai/gpt-5"],
    ["ollama-cloud", "gpt-oss:120b"],
    // Served by several, each at its own price.
    ["work", "gpt-oss-120b"],
    ["work", "openai/gpt-oss-120b"],
    ["anthropic", "gpt-5"],
    ["openai", "toString"],
    ["constructor", "constructor"],
    ["mistral", "mistral-large-2407"],
    ["bedrock", "sa-east-1.amazon.nova-pro-v1:0"],
    ["openai", ""]
  ])("guesses no price for %s/%s", (provider, model) => {
    assert.isUndefined(find(provider, model))
  })

  it("has none for a local model, whatever its name", () => {
    assert.isUndefined(find("openai", "gpt-5", 0, "local"))
  })

  it("says of most rows that two lists or more agree, and which day that was", () => {
    const confirmed = Prices.rows.filter(({ sources }) => sources.length > 1)
    assert.isAbove(confirmed.length, Prices.rows.length * 0.75)
    assert.strictEqual(Prices.seen, "2026-11-27")
  })

  it("is half at DeepSeek outside of the hours that Beijing works", () => {
    const at = (time: string) => find("deepseek", "deepseek-v4-pro", Date.parse(time))?.output
    assert.strictEqual(at("2026-11-27T00:59:59.999Z"), 1.98)
    assert.strictEqual(at("2026-11-27T01:00:00Z"), 3.96)
    assert.strictEqual(at("2026-11-27T04:00:00Z"), 1.98)
    assert.strictEqual(at("2026-11-27T09:59:59Z"), 3.96)
    assert.strictEqual(at("2026-11-28T02:00:00Z"), 1.98)
  })

  it.each([
    ["openai", "gpt-5-mini", { tier: "priority" }, 1.8],
    ["openai", "gpt-5-mini", { tier: "fast" }, 1.8],
    ["openai", "gpt-5.5", { tier: "priority" }, 2.5],
    ["openai", "gpt-6-sol", { tier: "flex" }, 0.5],
    ["openai", "gpt-4.1", { tier: "flex" }, 1],
    ["anthropic", "claude-opus-5-5", { tier: "batch", region: "us" }, 0.55],
    ["anthropic", "claude-opus-5-5", { tier: "fast" }, 2],
    ["anthropic", "claude-haiku-4-5", { region: "us" }, 1],
    ["gemini", "gemini-2.5-pro", { tier: "priority" }, 1.8],
    ["gemini", "gemini-2.5-pro", { tier: "toString" }, 1]
  ])("bills %s/%s served as %o by its factor", (provider, model, details, factor) => {
    const price = find(provider, model)
    const tokens = usage({ total: 1000 }, { total: 1000 })
    assert.closeTo(costOf(price, tokens, details) ?? NaN, (costOf(price, tokens) ?? NaN) * factor, 1e-12)
  })

  it("changes on the day that the vendor has announced", () => {
    const day = Date.parse("2027-01-01T00:00:00Z")
    assert.strictEqual(find("gemini", "gemini-3.8-flash", day - 1)?.input, 0.75)
    assert.strictEqual(find("gemini", "gemini-3.8-flash", day)?.input, 1.5)
    const argon = Date.parse("2026-12-01T00:00:00Z")
    assert.strictEqual(find("gemini", "gemini-4-argon", argon - 1)?.output, 10)
    assert.strictEqual(find("gemini", "gemini-4-argon", argon)?.output, 20)
  })
})

const usage = (input: object, output: object) =>
  ({ inputTokens: input, outputTokens: output }) as unknown as Response.Usage

describe("The cost of an attempt", () => {
  const sonnet = find("anthropic", "claude-sonnet-4-5")

  it("bills what a cache had, what was written to it, and for how long", () => {
    const million = usage({ total: 1_000_000, cacheRead: 400_000, cacheWrite: 300_000 }, {
      total: 100_000,
      reasoning: 60_000
    })
    // 300,000 plain at 3, 400,000 read at 0.30, 300,000 written at 3.75, of those 100,000 for an hour at 6; 100,000 at 15.
    assert.closeTo(costOf(sonnet, million) ?? 0, 0.9 + 0.12 + 1.125 + 1.5, 1e-9)
    assert.closeTo(costOf(sonnet, million, { cacheWriteHour: 100_000 }) ?? 0, 0.9 + 0.12 + 0.75 + 0.6 + 1.5, 1e-9)
  })

  it("bills no token twice and none below zero, whatever a vendor reports of its kinds", () => {
    const tokens = usage({ total: 100, cacheRead: 60 }, { total: 10 })
    const price = { input: 1, output: 1, cacheRead: 1, inputAudio: 10, cacheReadAudio: 1 }
    const plain = costOf(price, tokens) ?? NaN
    // Sound that a cache had, and less sound in all than that.
    assert.strictEqual(costOf(price, tokens, { cacheReadAudio: 50, inputAudio: 20 }), plain)
    assert.isAtLeast(costOf(price, tokens, { cacheReadAudio: 500, inputAudio: 500, outputAudio: 50 }) ?? -1, plain)
  })

  it("bills all tokens of a long prompt at the higher price, from the first token beyond", () => {
    const pro = find("gemini", "gemini-2.5-pro")
    const at = (total: number) => costOf(pro, usage({ total }, { total: 1000 })) ?? 0
    assert.closeTo(at(200_000), 0.25 + 0.01, 1e-9)
    assert.closeTo(at(200_001), 200_001 * 2.5 / 1e6 + 0.015, 1e-9)
    // xAI: "200k and above".
    const grok = find("xai", "grok-4.7")
    assert.closeTo(costOf(grok, usage({ total: 200_000 }, { total: 0 })) ?? 0, 0.8, 1e-9)
  })

  it("bills thoughts apart where the vendor does", () => {
    const cost = costOf(find("perplexity", "sonar-deep-research"), usage({ total: 0 }, { total: 1000, reasoning: 400 }))
    assert.closeTo(cost ?? 0, (600 * 8 + 400 * 3) / 1e6, 1e-12)
  })

  const layerOf = (env: Record<string, string>) =>
    Usage.layerConfig().pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env))))

  const total = (ledger: Layer.Layer<Usage.Ledger, unknown>, name = "openai", model = "gpt-5") =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "hello" })
      return (yield* (yield* Usage.Ledger).totals).all
    }).pipe(
      Effect.provide(
        Layer.merge(
          ProviderChain.layer({ providers: [TestProvider.script(name, [TestProvider.text("Hi")], { model })] }),
          ledger
        )
      )
    )

  it.effect("is unknown unless prices were asked for, never zero", () =>
    Effect.gen(function*() {
      const none = yield* total(Usage.layer())
      assert.deepInclude(none, { cost: 0, unpriced: 1 })
      const known = yield* total(Usage.layer({ prices: Prices.known }))
      assert.strictEqual(known.unpriced, 0)
      assert.isAbove(known.cost, 0)
      const other = yield* total(Usage.layer({ prices: Prices.known }), "azure")
      assert.deepInclude(other, { cost: 0, unpriced: 1 })
    }))

  it.effect("is read from the environment and from a file: known prices, one's own, and both", () =>
    Effect.gen(function*() {
      const known = yield* total(layerOf({ LLM_PRICES: "known" }))
      assert.isAbove(known.cost, 0)
      const own = yield* total(layerOf({ LLM_PRICES: JSON.stringify({ "gpt-5": { input: 1000, output: 0 } }) }))
      assert.closeTo(own.cost, 0.01, 1e-12)
      const mixed = JSON.stringify({ known: true, "azure/gpt-5": { input: 1000, output: 0 } })
      assert.closeTo((yield* total(layerOf({ LLM_PRICES: mixed }), "azure")).cost, 0.01, 1e-12)
      assert.strictEqual((yield* total(layerOf({ LLM_PRICES: mixed }))).cost, known.cost)
      for (const prices of ["known", { known: true, "work/m": { input: 1, output: 2 } }]) {
        const config = yield* LlmConfig.decode({ llm: { prices } })
        const file = Usage.layerConfig().pipe(Layer.provide(LlmConfig.layer(config)))
        assert.strictEqual((yield* total(file)).cost, known.cost)
      }
    }))

  it.effect("is refused where a file's prices are invalid, by path", () =>
    Effect.gen(function*() {
      const wrong = { known: false, m: true, n: { input: -1, output: 1, above: { tokens: 0, input: 1, output: 1 } } }
      const { message } = yield* Effect.flip(LlmConfig.decode({ llm: { prices: wrong } }))
      for (const path of ["prices\"][\"known", "prices\"][\"m", "[\"n\"][\"input\"]", "[\"above\"][\"tokens\"]"]) {
        assert.include(message, path)
      }
      const error = yield* Effect.flip(LlmConfig.decode({ llm: { prices: "all" } }))
      assert.include(error.message, "must be `known`, or prices by model")
    }))
})

const Tokens = Schema.Literals([0, 1, 999, 100_000, 100_001, 272_000, 272_001, 1_000_000])

law(
  "An attempt costs the sum of its parts, each token once, by the price of its length",
  {
    row: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Prices.rows.length - 1 })),
    plain: Tokens,
    read: Tokens,
    written: Tokens,
    forHour: Tokens,
    text: Tokens,
    thoughts: Tokens,
    heard: Tokens,
    seen: Tokens,
    spoken: Tokens,
    drawn: Tokens
  },
  ({ drawn, forHour, heard, plain, read, row, seen, spoken, text, thoughts, written }) =>
    Effect.sync(() => {
      const price = Prices.rows[row]?.price
      assert.isDefined(price)
      const prompt = plain + heard + seen + read + written
      const rate = price.above !== undefined && prompt > price.above.tokens ? price.above : price
      const hour = Math.min(forHour, written)
      const write = rate.cacheWrite ?? rate.input
      const parts: ReadonlyArray<readonly [tokens: number, dollars: number]> = [
        [plain, rate.input],
        [read, rate.cacheRead ?? rate.input],
        [written - hour, write],
        [hour, rate.cacheWriteHour ?? write],
        [text, rate.output],
        [thoughts, rate.reasoning ?? rate.output],
        [heard, rate.inputAudio ?? rate.input],
        [seen, rate.inputImage ?? rate.input],
        [spoken, rate.outputAudio ?? rate.output],
        [drawn, rate.outputImage ?? rate.output]
      ]
      const cost = costOf(
        price,
        usage(
          { total: prompt, cacheRead: read, cacheWrite: written },
          { total: text + thoughts + spoken + drawn, reasoning: thoughts }
        ),
        { cacheWriteHour: forHour, inputAudio: heard, inputImage: seen, outputAudio: spoken, outputImage: drawn }
      )
      // In whole billionths of a dollar: no float in the oracle.
      const exact = parts.reduce(
        (sum, [tokens, dollars]) => sum + BigInt(tokens) * BigInt(Math.round(dollars * 1e9)),
        0n
      )
      assert.closeTo(cost ?? -1, Number(exact / 1_000_000n) / 1e9, 2e-9)
    }),
  { cases: 500 }
)
