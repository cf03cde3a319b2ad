/**
 * How an answer of Gemini's ended, and what it cost.
 *
 * Guarded by `test/gemini/GeminiProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type { Fields } from "../protocol/field.ts"
import { count, fields, list } from "../protocol/field.ts"
import type { Counts } from "../usage/reported.ts"
import { positive, tierOf } from "../usage/reported.ts"

/** "FinishReason" of the API reference. An end of unknown kind is `other`. */
const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  STOP: "stop",
  MAX_TOKENS: "length",
  SAFETY: "content-filter",
  RECITATION: "content-filter",
  BLOCKLIST: "content-filter",
  PROHIBITED_CONTENT: "content-filter",
  SPII: "content-filter",
  LANGUAGE: "content-filter",
  MODEL_ARMOR: "content-filter",
  IMAGE_SAFETY: "content-filter",
  IMAGE_PROHIBITED_CONTENT: "content-filter",
  IMAGE_RECITATION: "content-filter"
}

export const toFinishReason = (reason: string): Response.FinishReason => finishReasons[reason] ?? "other"

/** Ends of an answer that was given up, because the model wrote what is not an answer. */
const abandoned: ReadonlySet<string> = new Set([
  "MALFORMED_FUNCTION_CALL",
  "MALFORMED_RESPONSE",
  "UNEXPECTED_TOOL_CALL",
  "TOO_MANY_TOOL_CALLS",
  "MISSING_THOUGHT_SIGNATURE",
  "NO_IMAGE",
  "IMAGE_OTHER"
])

export const isGivenUp = (reason: string): boolean => abandoned.has(reason)

/** Thoughts, and what tools of the vendor's gave the model to read, are counted beside; what a cache had is part of the prompt. */
const toUsage = (usage: Fields): typeof Response.Usage.Encoded => {
  const prompt = count(usage["promptTokenCount"])
  const cacheRead = count(usage["cachedContentTokenCount"])
  const input = prompt === undefined ? undefined : prompt + (count(usage["toolUsePromptTokenCount"]) ?? 0)
  const text = count(usage["candidatesTokenCount"])
  const reasoning = count(usage["thoughtsTokenCount"])
  return {
    inputTokens: {
      total: input,
      uncached: input === undefined ? undefined : Math.max(0, input - (cacheRead ?? 0)),
      cacheRead,
      cacheWrite: undefined
    },
    outputTokens: {
      // Zeros are left out: an answer of thoughts alone has no candidates' tokens.
      total: text === undefined && reasoning === undefined ? undefined : (text ?? 0) + (reasoning ?? 0),
      reasoning,
      text
    }
  }
}

/** Tokens of one kind, of lists by modality. */
const ofKind = (kind: string, ...details: ReadonlyArray<unknown>): number | undefined => {
  let sum = 0
  for (const detail of details.flatMap(list).map(fields)) {
    if (detail["modality"] === kind) sum += count(detail["tokenCount"]) ?? 0
  }
  return positive(sum)
}

/** The usage so far, and what of it has a price of its own. Vertex tells the tier as a kind of traffic. */
export const counted = (usage: Fields): Omit<Counts, "partial"> | undefined => {
  if (Object.keys(usage).length === 0) return undefined
  const { cacheTokensDetails, candidatesTokensDetails, promptTokensDetails, toolUsePromptTokensDetails } = usage
  const traffic = tierOf(usage["trafficType"])?.match(/^on_demand_(.+)$/)?.[1]
  return {
    usage: toUsage(usage),
    details: {
      inputAudio: ofKind("AUDIO", promptTokensDetails, toolUsePromptTokensDetails),
      cacheReadAudio: ofKind("AUDIO", cacheTokensDetails),
      inputImage: ofKind("IMAGE", promptTokensDetails, toolUsePromptTokensDetails),
      outputAudio: ofKind("AUDIO", candidatesTokensDetails),
      outputImage: ofKind("IMAGE", candidatesTokensDetails),
      tier: tierOf(usage["serviceTier"]) ?? traffic
    }
  }
}
