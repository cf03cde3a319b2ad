/**
 * Prices of well-known models: US dollars per million tokens of the standard tier. On the day of `seen` each was compared with the list
 * that LiteLLM 1.108.7 brings along. Those of Anthropic, without Opus 5.5 and Haiku 5.5, and a part of those of Gemini and DeepSeek were
 * also read in copies of the vendor's page; the other pages were not opened. `source` is where to check a price. A model whose price
 * differs by region has no row.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type { VendorPrices } from "./row.ts"
import { claude, longer, price } from "./row.ts"

const seen = "2026-11-27"

/** Prompts above 272,000 tokens cost twice as much, their answers half as much again. */
const long = (base: ReturnType<typeof price>) => longer(base, 272_000, 2, 1.5)

const openAi: VendorPrices = {
  providers: ["openai", "openai-responses"],
  source: "https://developers.openai.com/api/docs/pricing",
  seen,
  models: {
    "gpt-6.1-sol": long({ ...price(2, 10, 0.1), cacheWrite: 2.5 }),
    "gpt-6-astra": long({ ...price(10, 50, 1), cacheWrite: 12.5 }),
    "gpt-6-sol": long({ ...price(2, 10, 0.2), cacheWrite: 2.5 }),
    "gpt-6-luna": long({ ...price(0.1, 0.5, 0.01), cacheWrite: 0.125 }),
    "gpt-5.6": long({ ...price(4, 20, 0.4), cacheWrite: 5 }),
    "gpt-5.6-sol": long({ ...price(4, 20, 0.4), cacheWrite: 5 }),
    "gpt-5.6-terra": long({ ...price(2, 12, 0.2), cacheWrite: 2.5 }),
    "gpt-5.6-luna": long({ ...price(0.2, 1.2, 0.02), cacheWrite: 0.25 }),
    "gpt-5.5": long(price(5, 30, 0.5)),
    "gpt-5.5-pro": long(price(30, 180)),
    "gpt-5.4": long(price(2.5, 15, 0.25)),
    "gpt-5.4-pro": long(price(30, 180)),
    "gpt-5.4-mini": price(0.75, 4.5, 0.075),
    "gpt-5.4-nano": price(0.2, 1.25, 0.02),
    "gpt-5.3-codex": price(1.75, 14, 0.175),
    "gpt-5.2": price(1.75, 14, 0.175),
    "gpt-5.2-pro": price(21, 168),
    "gpt-5.1": price(1.25, 10, 0.125),
    "gpt-5": price(1.25, 10, 0.125),
    "gpt-5-mini": price(0.25, 2, 0.025),
    "gpt-5-nano": price(0.05, 0.4, 0.005),
    "gpt-5-pro": price(15, 120),
    "gpt-4.1": price(2, 8, 0.5),
    "gpt-4.1-mini": price(0.4, 1.6, 0.1),
    "gpt-4.1-nano": price(0.1, 0.4, 0.025),
    "gpt-4o": price(2.5, 10, 1.25),
    "gpt-4o-2024-05-13": price(5, 15),
    "gpt-4o-mini": price(0.15, 0.6, 0.075),
    "o1": price(15, 60, 7.5),
    "o3": price(2, 8, 0.5),
    "o3-pro": price(20, 80),
    "o3-mini": price(1.1, 4.4, 0.55),
    "o4-mini": price(1.1, 4.4, 0.275)
  }
}

const anthropic: VendorPrices = {
  providers: ["anthropic"],
  source: "https://platform.claude.com/docs/en/about-claude/pricing",
  seen,
  models: {
    "claude-fable-5-1": claude(10, 50, 0.25),
    "claude-fable-5": claude(10, 50),
    "claude-mythos-5-1": claude(10, 50, 0.25),
    "claude-mythos-5": claude(10, 50),
    "claude-opus-5-5": claude(4, 20, 0.2),
    "claude-opus-5": claude(5, 25),
    "claude-opus-4-8": claude(5, 25),
    "claude-opus-4-7": claude(5, 25),
    "claude-opus-4-6": claude(5, 25),
    "claude-opus-4-5": claude(5, 25),
    "claude-sonnet-5-5": claude(2, 10, 0.1),
    "claude-sonnet-5": claude(2, 10),
    "claude-sonnet-4-6": claude(3, 15),
    "claude-sonnet-4-5": claude(3, 15),
    "claude-haiku-5-5": { ...claude(0.1, 0.5), above: { tokens: 100_000, ...claude(0.5, 2.5) } },
    "claude-haiku-4-5": claude(1, 5)
  }
}

/** Prompts above 200,000 tokens cost twice as much, their answers half as much again. */
const longGemini = (base: ReturnType<typeof price>) => longer(base, 200_000, 2, 1.5)

const gemini: VendorPrices = {
  providers: ["gemini", "gemini-openai"],
  source: "https://ai.google.dev/gemini-api/docs/pricing",
  seen,
  models: {
    "gemini-4-argon": price(2, 10, 0.1),
    // The page states both: half of it "through December 31, 2026".
    "gemini-3.8-flash": {
      now: price(0.75, 3.75, 0.075),
      from: "2027-01-01T00:00:00Z",
      later: price(1.5, 7.5, 0.15)
    },
    "gemini-3.5-flash": price(1.5, 9, 0.15),
    "gemini-3.5-flash-lite": price(0.3, 2.5, 0.03),
    "gemini-3.1-pro-preview": longGemini(price(2, 12, 0.2)),
    "gemini-3.1-flash-lite": price(0.25, 1.5, 0.025),
    "gemini-3-flash-preview": price(0.5, 3, 0.05),
    "gemini-2.5-pro": longGemini(price(1.25, 10, 0.125)),
    "gemini-2.5-flash": price(0.3, 2.5, 0.03),
    "gemini-2.5-flash-lite": price(0.1, 0.4, 0.01)
  }
}

const mistral: VendorPrices = {
  providers: ["mistral"],
  source: "https://docs.mistral.ai/getting-started/models",
  seen,
  models: {
    "mistral-large-4": price(0.68, 2.09, 0.068),
    "mistral-large-2512": price(0.5, 1.5, 0.05),
    "mistral-large-latest": price(0.5, 1.5, 0.05),
    "mistral-medium-2604": price(1.5, 7.5, 0.15),
    "mistral-medium-latest": price(1.5, 7.5, 0.15),
    "mistral-small-2603": price(0.15, 0.6, 0.015),
    "mistral-small-latest": price(0.15, 0.6, 0.015),
    "magistral-medium-latest": price(1.5, 7.5, 0.15),
    "magistral-small-latest": price(0.15, 0.6, 0.015),
    "ministral-14b-latest": price(0.2, 0.2, 0.02),
    "ministral-8b-latest": price(0.15, 0.15, 0.015),
    "ministral-3b-latest": price(0.1, 0.1, 0.01),
    "devstral-latest": price(0.4, 2, 0.04),
    "codestral-2508": price(0.3, 0.9, 0.03),
    "codestral-latest": price(0.3, 0.9, 0.03)
  }
}

const deepseek: VendorPrices = {
  providers: ["deepseek"],
  source: "https://api-docs.deepseek.com/quick_start/pricing",
  seen,
  // At peak, by Beijing's working hours; half of it at other times.
  models: {
    "deepseek-flash": price(0.3, 1.2, 0.006),
    "deepseek-v4-flash": price(0.3, 1.2, 0.006),
    "deepseek-v4-pro": price(1.32, 3.96, 0.044)
  }
}

/** From 200,000 tokens on, everything costs twice as much. */
const longGrok = (base: ReturnType<typeof price>) => longer(base, 199_999, 2, 2)

const xai: VendorPrices = {
  providers: ["xai"],
  source: "https://docs.x.ai/docs/models",
  seen,
  models: {
    "grok-4.7": longGrok(price(2, 6, 0.5)),
    "grok-4.6": longGrok(price(2, 6, 0.5)),
    "grok-4.3": longGrok(price(1.25, 2.5, 0.2)),
    "grok-4.20-0309-reasoning": longGrok(price(1.25, 2.5, 0.2)),
    "grok-4.20-0309-non-reasoning": longGrok(price(1.25, 2.5, 0.2)),
    "grok-build-0.1": longGrok(price(1, 2, 0.2)),
    "grok-code-fast-1": longGrok(price(1, 2, 0.2))
  }
}

const cohere: VendorPrices = {
  providers: ["cohere"],
  source: "https://docs.cohere.com/docs/how-does-cohere-pricing-work",
  seen,
  models: {
    "command-a-03-2025": price(2.5, 10),
    "command-r-plus-08-2024": price(2.5, 10),
    "command-r-08-2024": price(0.15, 0.6),
    "command-r7b-12-2024": price(0.0375, 0.15)
  }
}

const perplexity: VendorPrices = {
  providers: ["perplexity"],
  source: "https://docs.perplexity.ai/getting-started/pricing",
  seen,
  // Tokens alone: searches are billed by the request beside them.
  models: {
    "sonar": price(1, 1),
    "sonar-pro": price(3, 15),
    "sonar-reasoning-pro": price(2, 8),
    "sonar-deep-research": { ...price(2, 8), reasoning: 3 }
  }
}

export const vendors: ReadonlyArray<VendorPrices> = [
  openAi,
  anthropic,
  gemini,
  mistral,
  deepseek,
  xai,
  cohere,
  perplexity
]
