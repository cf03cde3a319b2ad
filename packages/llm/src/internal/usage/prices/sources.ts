/**
 * Who else states the price of each row, as of the day of `seen`: the letters of the lists below, and the models. Only a list that has the same
 * input, output and cache prices counts. It is for `Prices.rows` alone; a program that only looks prices up does not carry it.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */

/** The lists, and their days. */
const lists: Readonly<Record<string, string>> = {
  v: "a copy of the vendor's page, 2026-11",
  l: "LiteLLM 1.108.7",
  g: "pydantic/genai-prices, 2026-08-21",
  p: "Portkey-AI/models, 2026-08-21",
  d: "anomalyco/models.dev, 2026-07-02",
  s: "simonw/llm-prices, 2026-08-05",
  r: "the model's page at OpenRouter, 2026-11",
  c: "opencode.ai/data, 2026-11",
  b: "the model library of getmaxim.ai/bifrost, 2026-11",
  w: "vercel.com/ai-gateway/models, 2026-11",
  n: "release notes of tools and resellers that name the vendor's page, 2026-09 to 2026-11"
}

type Agreed = Readonly<Record<string, string>>

const agreed: Readonly<Record<string, Agreed>> = {
  openai: {
    lgds: "gpt-5.5-pro gpt-5-pro gpt-4.1-nano",
    lgpd: "gpt-5.3-codex o1 o3",
    lgpds: "gpt-5.5 gpt-5.4 gpt-5.4-pro gpt-5.4-mini gpt-5.4-nano gpt-5.2 gpt-5.2-pro gpt-5.1 gpt-5 gpt-5-mini " +
      "gpt-5-nano gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini o3-pro o3-mini o4-mini",
    ln: "gpt-6.1-sol gpt-6-astra gpt-6-sol gpt-6-luna gpt-5.6 gpt-5.6-sol",
    lpd: "gpt-4o-2024-05-13",
    lpn: "gpt-5.6-terra gpt-5.6-luna",
    vlr: "text-embedding-3-large text-embedding-3-small",
    lrw: "text-embedding-ada-002"
  },
  anthropic: {
    n: "claude-fable-5-2",
    vl: "claude-fable-5-1 claude-mythos-5-1",
    vlgp: "claude-opus-5",
    vlgpd: "claude-sonnet-4-6 claude-sonnet-4-5 claude-haiku-4-5",
    vlgpds: "claude-fable-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5",
    vln: "claude-opus-5-5 claude-sonnet-5-5 claude-haiku-5-5",
    vlpds: "claude-sonnet-5",
    vls: "claude-mythos-5"
  },
  gemini: {
    lgd: "gemini-3.1-pro-preview gemini-3.1-flash-lite",
    lgds: "gemini-3.5-flash gemini-3-flash-preview gemini-2.5-pro gemini-2.5-flash",
    lgpds: "gemini-2.5-flash-lite",
    lgs: "gemini-3.5-flash-lite",
    ln: "gemini-3.8-flash",
    vln: "gemini-4-argon",
    cw: "gemini-embedding-001"
  },
  mistral: {
    l: "mistral-medium-latest",
    ld: "mistral-medium-2604 mistral-small-latest",
    lgd: "mistral-small-2603",
    lgp: "codestral-2508",
    lgpd: "mistral-large-2512",
    lgpds: "codestral-latest",
    ln: "mistral-large-4",
    lp: "ministral-14b-latest ministral-8b-latest ministral-3b-latest",
    lpd: "mistral-large-latest devstral-latest",
    lc: "mistral-embed"
  },
  deepseek: {
    vl: "deepseek-flash deepseek-v4-flash deepseek-v4-pro"
  },
  xai: {
    lds: "grok-4.20-0309-reasoning grok-4.20-0309-non-reasoning",
    lgds: "grok-build-0.1",
    lgpds: "grok-4.3",
    lp: "grok-4.6",
    vl: "grok-4.7"
  },
  cohere: {
    lgd: "command-a-03-2025 command-r-plus-08-2024 command-r-08-2024 command-r7b-12-2024",
    lb: "embed-v4.0"
  },
  perplexity: {
    lgpd: "sonar sonar-pro sonar-reasoning-pro sonar-deep-research"
  },
  groq: {
    l: "qwen/qwen3.8-27b",
    lgpd: "openai/gpt-oss-120b openai/gpt-oss-20b"
  },
  cerebras: {
    l: "qwen-3.8-27b",
    lgpd: "gpt-oss-120b"
  },
  together: {
    l: "deepseek-ai/DeepSeek-V4-Pro-0813 deepseek-ai/DeepSeek-V4.1-Flash moonshotai/Kimi-K3 Qwen/Qwen3.7-Max " +
      "zai-org/GLM-5.3 zai-org/GLM-5.3-Flash",
    ld: "MiniMaxAI/MiniMax-M3",
    lpd: "openai/gpt-oss-120b"
  },
  fireworks: {
    l: "accounts/fireworks/models/deepseek-v4p1-flash accounts/fireworks/models/glm-5p3 " +
      "accounts/fireworks/models/glm-5p3-flash",
    ld: "accounts/fireworks/models/gpt-oss-120b accounts/fireworks/models/gpt-oss-20b"
  },
  bedrock: {
    g: "apac.anthropic.claude-opus-4-6 jp.anthropic.claude-opus-4-6 apac.anthropic.claude-opus-4-5 " +
      "jp.anthropic.claude-opus-4-5 au.anthropic.claude-opus-4-5",
    l: "global.anthropic.claude-opus-5-5 us.anthropic.claude-opus-5-5 eu.anthropic.claude-opus-5-5 " +
      "apac.anthropic.claude-opus-5-5 jp.anthropic.claude-opus-5-5 au.anthropic.claude-opus-5-5 " +
      "apac.anthropic.claude-opus-5 apac.anthropic.claude-opus-4-8 global.anthropic.claude-sonnet-5-5 " +
      "us.anthropic.claude-sonnet-5-5 eu.anthropic.claude-sonnet-5-5 apac.anthropic.claude-sonnet-5-5 " +
      "jp.anthropic.claude-sonnet-5-5 au.anthropic.claude-sonnet-5-5 us.anthropic.claude-sonnet-5 " +
      "apac.anthropic.claude-sonnet-5 jp.anthropic.claude-sonnet-5 au.anthropic.claude-sonnet-5 " +
      "us.anthropic.claude-haiku-4-5 apac.anthropic.claude-haiku-4-5 jp.anthropic.claude-haiku-4-5 " +
      "au.anthropic.claude-haiku-4-5",
    ld: "eu.anthropic.claude-sonnet-5 global.anthropic.claude-haiku-4-5 eu.anthropic.claude-haiku-4-5",
    lg: "us.anthropic.claude-opus-5 eu.anthropic.claude-opus-5 jp.anthropic.claude-opus-5 " +
      "au.anthropic.claude-opus-5 us.anthropic.claude-opus-4-8 jp.anthropic.claude-opus-4-8 " +
      "au.anthropic.claude-opus-4-8 us.anthropic.claude-opus-4-7 apac.anthropic.claude-opus-4-7 " +
      "jp.anthropic.claude-opus-4-7 au.anthropic.claude-opus-4-7 us.anthropic.claude-opus-4-6 " +
      "au.anthropic.claude-opus-4-6 us.anthropic.claude-opus-4-5 us.anthropic.claude-sonnet-4-6 " +
      "apac.anthropic.claude-sonnet-4-6 jp.anthropic.claude-sonnet-4-6 us.amazon.nova-micro us.amazon.nova-lite",
    lgd: "eu.anthropic.claude-opus-4-8 eu.anthropic.claude-opus-4-7 eu.anthropic.claude-opus-4-6 " +
      "global.anthropic.claude-opus-4-5 eu.anthropic.claude-opus-4-5 eu.anthropic.claude-sonnet-4-6 " +
      "au.anthropic.claude-sonnet-4-6",
    lgds: "amazon.nova-micro amazon.nova-lite amazon.nova-pro",
    lgp: "global.anthropic.claude-opus-5 us.amazon.nova-pro",
    lgpd: "global.anthropic.claude-opus-4-8 global.anthropic.claude-opus-4-7 global.anthropic.claude-opus-4-6 " +
      "global.anthropic.claude-sonnet-4-6",
    lpd: "global.anthropic.claude-sonnet-5"
  }
}

/** The lists that state the price of a row. */
export const sourcesOf = (provider: string, model: string): ReadonlyArray<string> => {
  for (const [letters, models] of Object.entries(agreed[provider] ?? {})) {
    if (models.split(" ").includes(model)) return [...letters].map((letter) => lists[letter] ?? letter)
  }
  return []
}
