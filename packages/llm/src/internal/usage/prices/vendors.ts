/**
 * Prices of well-known models: US dollars per million tokens of the standard tier, and by what a tier or region multiplies them. `source` is
 * where to check a price, `seen` the day on which it was compared with the lists in `sources.ts`. A model whose price differs by
 * region has no row.
 *
 * Where the lists disagreed, this was found:
 * - Of models that changed their price, lists of last summer have the former one: GPT-5.6 Sol (4 and 20 since August 21, which OpenAI promised
 *   until November 21 at least), Terra and Luna (July 30), Claude Sonnet 5.5 (cache reads at 0.10 since October 7), DeepSeek (August 17),
 *   Mistral's `-latest` names, which moved to newer models. The newer price is here.
 * - Claude Sonnet 5 was announced to cost 3 and 15 from September on. Anthropic called that off, and its page says 2 and 10.
 * - Some lists have the profiles of one part of the world at Bedrock's global price. AWS says that the global ones cost a tenth less.
 * - `grok-code-fast-1` and the `magistral` names have two prices, and no copy of the vendor's page that says which: they have no row.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type { VendorPrices } from "./row.ts"
import { claude, embedding, longer, price, tiers } from "./row.ts"

const seen = "2026-11-27"

/** Prompts above 272,000 tokens cost twice as much, their answers half as much again. */
const long = (base: ReturnType<typeof price>) => longer(base, 272_000, 2, 1.5)

const openAi: VendorPrices = {
  providers: ["openai", "openai-responses"],
  source: "https://developers.openai.com/api/docs/pricing",
  seen,
  models: {
    "gpt-6.1-sol": tiers(long({ ...price(2, 10, 0.1), cacheWrite: 2.5 }), { priority: 2, flex: 0.5 }),
    "gpt-6-astra": tiers(long({ ...price(10, 50, 1), cacheWrite: 12.5 }), { priority: 2, flex: 0.5 }),
    "gpt-6-sol": tiers(long({ ...price(2, 10, 0.2), cacheWrite: 2.5 }), { priority: 2, flex: 0.5 }),
    "gpt-6-luna": tiers(long({ ...price(0.1, 0.5, 0.01), cacheWrite: 0.125 }), { priority: 2, flex: 0.5 }),
    "gpt-5.6": tiers(long({ ...price(4, 20, 0.4), cacheWrite: 5 }), { priority: 2, flex: 0.5 }),
    "gpt-5.6-sol": tiers(long({ ...price(4, 20, 0.4), cacheWrite: 5 }), { priority: 2, flex: 0.5 }),
    "gpt-5.6-terra": tiers(long({ ...price(2, 12, 0.2), cacheWrite: 2.5 }), { priority: 2, flex: 0.5 }),
    "gpt-5.6-luna": tiers(long({ ...price(0.2, 1.2, 0.02), cacheWrite: 0.25 }), { priority: 2, flex: 0.5 }),
    "text-embedding-3-large": embedding(0.13),
    "text-embedding-3-small": embedding(0.02),
    "text-embedding-ada-002": embedding(0.1),
    "gpt-5.5": tiers(long(price(5, 30, 0.5)), { priority: 2.5, flex: 0.5 }),
    "gpt-5.5-pro": tiers(long(price(30, 180)), { flex: 0.5 }),
    "gpt-5.4": tiers(long(price(2.5, 15, 0.25)), { priority: 2, flex: 0.5 }),
    "gpt-5.4-pro": tiers(long(price(30, 180)), { flex: 0.5 }),
    "gpt-5.4-mini": tiers(price(0.75, 4.5, 0.075), { priority: 2, flex: 0.5 }),
    "gpt-5.4-nano": tiers(price(0.2, 1.25, 0.02), { flex: 0.5 }),
    "gpt-5.3-codex": tiers(price(1.75, 14, 0.175), { priority: 2 }),
    "gpt-5.2": tiers(price(1.75, 14, 0.175), { priority: 2, flex: 0.5 }),
    "gpt-5.2-pro": tiers(price(21, 168)),
    "gpt-5.1": tiers(price(1.25, 10, 0.125), { priority: 2, flex: 0.5 }),
    "gpt-5": tiers(price(1.25, 10, 0.125), { priority: 2, flex: 0.5 }),
    "gpt-5-mini": tiers(price(0.25, 2, 0.025), { priority: 1.8, flex: 0.5 }),
    "gpt-5-nano": tiers(price(0.05, 0.4, 0.005), { flex: 0.5 }),
    "gpt-5-pro": tiers(price(15, 120)),
    "gpt-4.1": tiers(price(2, 8, 0.5), { priority: 1.75 }),
    "gpt-4.1-mini": tiers(price(0.4, 1.6, 0.1), { priority: 1.75 }),
    "gpt-4.1-nano": tiers(price(0.1, 0.4, 0.025), { priority: 2 }),
    "gpt-4o": tiers(price(2.5, 10, 1.25), { priority: 1.7 }),
    "gpt-4o-2024-05-13": tiers(price(5, 15)),
    "gpt-4o-mini": tiers(price(0.15, 0.6, 0.075), { priority: 5 / 3 }),
    "o1": tiers(price(15, 60, 7.5)),
    "o3": tiers(price(2, 8, 0.5), { priority: 1.75, flex: 0.5 }),
    "o3-pro": tiers(price(20, 80)),
    "o3-mini": tiers(price(1.1, 4.4, 0.55)),
    "o4-mini": tiers(price(1.1, 4.4, 0.275), { priority: 20 / 11, flex: 0.5 })
  }
}

const anthropic: VendorPrices = {
  providers: ["anthropic"],
  source: "https://platform.claude.com/docs/en/about-claude/pricing",
  seen,
  models: {
    "claude-fable-5-2": tiers(claude(8, 40, 0.2), { us: 1.1 }),
    "claude-fable-5-1": tiers(claude(10, 50, 0.25), { us: 1.1 }),
    "claude-fable-5": tiers(claude(10, 50), { us: 1.1 }),
    "claude-mythos-5-1": tiers(claude(10, 50, 0.25), { us: 1.1 }),
    "claude-mythos-5": tiers(claude(10, 50), { us: 1.1 }),
    "claude-opus-5-5": tiers(claude(4, 20, 0.2), { us: 1.1, fast: 2 }),
    "claude-opus-5": tiers(claude(5, 25), { us: 1.1, fast: 2 }),
    "claude-opus-4-8": tiers(claude(5, 25), { us: 1.1, fast: 2 }),
    "claude-opus-4-7": tiers(claude(5, 25), { us: 1.1 }),
    "claude-opus-4-6": tiers(claude(5, 25), { us: 1.1 }),
    "claude-opus-4-5": tiers(claude(5, 25)),
    "claude-sonnet-5-5": tiers(claude(2, 10, 0.1), { us: 1.1 }),
    "claude-sonnet-5": tiers(claude(2, 10), { us: 1.1 }),
    "claude-sonnet-4-6": tiers(claude(3, 15), { us: 1.1 }),
    "claude-sonnet-4-5": tiers(claude(3, 15)),
    "claude-haiku-5-5": tiers({ ...claude(0.1, 0.5), above: { tokens: 100_000, ...claude(0.5, 2.5) } }, { us: 1.1 }),
    "claude-haiku-4-5": tiers(claude(1, 5))
  }
}

/** Prompts above 200,000 tokens cost twice as much, their answers half as much again. */
const longGemini = (base: ReturnType<typeof price>) => onGemini(longer(base, 200_000, 2, 1.5))

/** What the tiers of Gemini cost. Of some models they leave the price of cache reads as it is. */
const onGemini = (base: ReturnType<typeof price>) => tiers(base, { priority: 1.8, flex: 0.5 })

/** A model that hears at a price of its own. */
const hearing = (base: ReturnType<typeof price>, inputAudio: number) =>
  onGemini({ ...base, inputAudio, cacheReadAudio: inputAudio / 10 })

const gemini: VendorPrices = {
  providers: ["gemini", "gemini-openai"],
  source: "https://ai.google.dev/gemini-api/docs/pricing",
  seen,
  models: {
    // The pages state both prices: half of the later one "through November 30" and "through December 31, 2026".
    "gemini-4-argon": {
      now: onGemini(price(2, 10, 0.1)),
      from: "2026-12-01T00:00:00Z",
      later: onGemini(price(4, 20, 0.2))
    },
    "gemini-3.8-flash": {
      now: onGemini(price(0.75, 3.75, 0.075)),
      from: "2027-01-01T00:00:00Z",
      later: onGemini(price(1.5, 7.5, 0.15))
    },
    "gemini-3.5-flash": onGemini(price(1.5, 9, 0.15)),
    "gemini-3.5-flash-lite": onGemini(price(0.3, 2.5, 0.03)),
    "gemini-3.1-pro-preview": longGemini(price(2, 12, 0.2)),
    "gemini-3.1-flash-lite": hearing(price(0.25, 1.5, 0.025), 0.5),
    "gemini-3-flash-preview": hearing(price(0.5, 3, 0.05), 1),
    "gemini-2.5-pro": longGemini(price(1.25, 10, 0.125)),
    "gemini-2.5-flash": hearing(price(0.3, 2.5, 0.03), 1),
    "gemini-embedding-001": embedding(0.15),
    "gemini-2.5-flash-lite": hearing(price(0.1, 0.4, 0.01), 0.3)
  }
}

const mistral: VendorPrices = {
  providers: ["mistral"],
  source: "https://docs.mistral.ai/getting-started/models",
  seen,
  models: {
    "mistral-large-4": price(0.68, 2.09, 0.068),
    "mistral-large-2512": price(0.5, 1.5, 0.05),
    "mistral-embed": embedding(0.1),
    "mistral-large-latest": price(0.5, 1.5, 0.05),
    "mistral-medium-2604": price(1.5, 7.5, 0.15),
    "mistral-medium-latest": price(1.5, 7.5, 0.15),
    "mistral-small-2603": price(0.15, 0.6, 0.015),
    "mistral-small-latest": price(0.15, 0.6, 0.015),
    "ministral-14b-latest": price(0.2, 0.2, 0.02),
    "ministral-8b-latest": price(0.15, 0.15, 0.015),
    "ministral-3b-latest": price(0.1, 0.1, 0.01),
    "devstral-latest": price(0.4, 2, 0.04),
    "codestral-2508": price(0.3, 0.9, 0.03),
    "codestral-latest": price(0.3, 0.9, 0.03)
  }
}

/** Beijing's working hours, Monday to Friday 9 to 12 and 14 to 18 o'clock. Its public holidays, which are off-peak too, are not known here. */
const isPeakInBeijing = (at: number): boolean => {
  const there = new Date(at + 8 * 3_600_000)
  const [day, hour] = [there.getUTCDay(), there.getUTCHours()]
  return day >= 1 && day <= 5 && ((hour >= 9 && hour < 12) || (hour >= 14 && hour < 18))
}

const deepseek: VendorPrices = {
  providers: ["deepseek"],
  source: "https://api-docs.deepseek.com/quick_start/pricing",
  seen,
  offPeak: { factor: 0.5, isPeak: isPeakInBeijing },
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
    "grok-build-0.1": longGrok(price(1, 2, 0.2))
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
    "embed-v4.0": embedding(0.12),
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
