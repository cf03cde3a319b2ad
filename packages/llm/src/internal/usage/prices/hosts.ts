/**
 * Prices of those that serve models of others, each at its own price. As in `vendors.ts`, dollars per million tokens.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type { Price } from "../price.ts"
import type { VendorPrices } from "./row.ts"
import { claude, price, times } from "./row.ts"

const seen = "2026-11-27"

const groq: VendorPrices = {
  providers: ["groq"],
  source: "https://groq.com/pricing",
  seen,
  shared: true,
  models: {
    "openai/gpt-oss-120b": price(0.15, 0.6, 0.075),
    "openai/gpt-oss-20b": price(0.075, 0.3, 0.0375),
    "qwen/qwen3.8-27b": price(0.8, 4)
  }
}

const cerebras: VendorPrices = {
  providers: ["cerebras"],
  source: "https://www.cerebras.ai/pricing",
  seen,
  shared: true,
  models: {
    "gpt-oss-120b": price(0.35, 0.75),
    "qwen-3.8-27b": price(0.99, 1.49)
  }
}

const together: VendorPrices = {
  providers: ["together"],
  source: "https://www.together.ai/pricing",
  seen,
  shared: true,
  models: {
    "openai/gpt-oss-120b": price(0.15, 0.6),
    "deepseek-ai/DeepSeek-V4-Pro-0813": price(1.32, 3.96, 0.13),
    "deepseek-ai/DeepSeek-V4.1-Flash": price(0.3, 1.2, 0.006),
    "moonshotai/Kimi-K3": price(3, 15, 0.3),
    "MiniMaxAI/MiniMax-M3": price(0.3, 1.2, 0.06),
    "Qwen/Qwen3.7-Max": price(1.5, 4.5, 0.3),
    "zai-org/GLM-5.3": price(1.4, 4.4, 0.26),
    "zai-org/GLM-5.3-Flash": price(0.15, 0.5, 0.03)
  }
}

const ofFireworks = "accounts/fireworks/models"

const fireworks: VendorPrices = {
  providers: ["fireworks"],
  source: "https://docs.fireworks.ai/serverless/pricing",
  seen,
  shared: true,
  models: {
    [`${ofFireworks}/gpt-oss-120b`]: price(0.15, 0.6, 0.015),
    [`${ofFireworks}/gpt-oss-20b`]: price(0.07, 0.3, 0.035),
    [`${ofFireworks}/deepseek-v4p1-flash`]: price(0.3, 1.2, 0.006),
    [`${ofFireworks}/glm-5p3`]: price(1.4, 4.4, 0.26),
    [`${ofFireworks}/glm-5p3-flash`]: price(0.15, 0.5, 0.03)
  }
}

/** Profiles that keep a request in one part of the world cost a tenth more than those that send it anywhere. */
const onBedrock = (model: string, base: Price): ReadonlyArray<readonly [string, Price]> => [
  [`global.anthropic.${model}`, base],
  ...["us", "eu", "apac", "jp", "au"].map((region) => [`${region}.anthropic.${model}`, times(base, 1.1)] as const)
]

const bedrock: VendorPrices = {
  providers: ["bedrock"],
  source: "https://aws.amazon.com/bedrock/pricing/",
  seen,
  dated: /(?:-\d{8})?(?:-v\d+(?::\d+)?)?$/u,
  shared: true,
  models: Object.fromEntries([
    ...onBedrock("claude-opus-5-5", claude(4, 20, 0.2)),
    ...onBedrock("claude-opus-5", claude(5, 25)),
    ...onBedrock("claude-opus-4-8", claude(5, 25)),
    ...onBedrock("claude-opus-4-7", claude(5, 25)),
    ...onBedrock("claude-opus-4-6", claude(5, 25)),
    ...onBedrock("claude-opus-4-5", claude(5, 25)),
    ...onBedrock("claude-sonnet-5-5", claude(2, 10, 0.1)),
    ...onBedrock("claude-sonnet-5", claude(2, 10)),
    ...onBedrock("claude-sonnet-4-6", claude(3, 15)),
    ...onBedrock("claude-haiku-4-5", claude(1, 5)),
    // Amazon's own models by the price list of us-east-1.
    ...["", "us."].flatMap((region): ReadonlyArray<readonly [string, Price]> => [
      [`${region}amazon.nova-micro`, price(0.035, 0.14, 0.00875)],
      [`${region}amazon.nova-lite`, price(0.06, 0.24, 0.015)],
      [`${region}amazon.nova-pro`, price(0.8, 3.2, 0.2)]
    ])
  ])
}

export const hosts: ReadonlyArray<VendorPrices> = [groq, cerebras, together, fireworks, bedrock]
