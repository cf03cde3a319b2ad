/**
 * What an answer of chat completions cost, in every shape in which servers say it.
 *
 * Guarded by `test/OpenAiProvider.test.ts` and `test/openai/rows.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import { count, fields, isPresent } from "../protocol/field.ts"
import type { Counts } from "../usage/reported.ts"
import { positive, tierOf } from "../usage/reported.ts"

type Usage = typeof Response.Usage.Encoded

const first = (...values: ReadonlyArray<unknown>): number | undefined => {
  for (const value of values) {
    const found = count(value)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Input includes what was read from a cache: a server that counts it beside has more of it than of the input (xAI).
 */
const toInput = (usage: ReturnType<typeof fields>): Usage["inputTokens"] => {
  const details = fields(usage["prompt_tokens_details"] ?? usage["input_tokens_details"])
  const prompt = first(usage["prompt_tokens"], usage["input_tokens"])
  const cacheRead = first(
    details["cached_tokens"],
    usage["prompt_cache_hit_tokens"],
    usage["cached_tokens"],
    usage["cache_read_input_tokens"]
  )
  const cacheWrite = first(details["cache_write_tokens"], usage["cache_creation_input_tokens"])
  const isBeside = prompt !== undefined && cacheRead !== undefined && cacheRead > prompt
  const total = prompt === undefined ? undefined : isBeside ? prompt + cacheRead : prompt
  return {
    total,
    cacheRead,
    uncached: total === undefined ? undefined : total - (cacheRead ?? 0),
    cacheWrite
  }
}

/**
 * Output includes reasoning, as OpenAI counts. Servers that count it beside `completion_tokens` (xAI, Gemini) show it in
 * `total_tokens`, or by more reasoning than output.
 */
const toOutput = (usage: ReturnType<typeof fields>): Usage["outputTokens"] => {
  const details = fields(usage["completion_tokens_details"] ?? usage["output_tokens_details"])
  const prompt = first(usage["prompt_tokens"], usage["input_tokens"])
  const completion = first(usage["completion_tokens"], usage["output_tokens"])
  const said = first(details["reasoning_tokens"], usage["reasoning_tokens"])
  const all = count(usage["total_tokens"])
  if (completion === undefined) return { total: undefined, reasoning: said, text: undefined }
  const rest = prompt === undefined || all === undefined ? 0 : all - prompt - completion
  const isBeside = said === undefined ? rest > 0 : said > completion || (said > 0 && rest === said)
  if (isBeside) {
    const reasoning = said ?? rest
    return { total: completion + reasoning, reasoning, text: completion }
  }
  return { total: completion, reasoning: said, text: completion - (said ?? 0) }
}

const sum = (first: unknown, second: unknown): number | undefined => {
  const [a, b] = [count(first), count(second)]
  return a === undefined ? undefined : a + (b ?? 0)
}

/**
 * The usage of an answer; `timings` are llama.cpp's, where it was not asked for usage. They count what was read from the cache
 * beside the prompt.
 */
const toUsage = (usage: unknown, timings: unknown): Usage => {
  const said = fields(usage)
  const { cache_n, predicted_n, prompt_n } = fields(timings)
  const hasUsage = Object.keys(said).length > 0
  const read = hasUsage ? said : {
    prompt_tokens: sum(prompt_n, cache_n),
    prompt_tokens_details: { cached_tokens: cache_n },
    completion_tokens: predicted_n
  }
  return { inputTokens: toInput(read), outputTokens: toOutput(read) }
}

/** Where a piece of an answer has its usage: on the piece, with Groq's own fields, or on the choice (Moonshot). */
export const usageOf = (chunk: ReturnType<typeof fields>): unknown => {
  const choices = chunk["choices"]
  const choice = Array.isArray(choices) ? fields(choices[0]) : {}
  return chunk["usage"] ?? fields(chunk["x_groq"])["usage"] ?? choice["usage"]
}

/** The usage so far, and what of it has a price of its own. */
export const counted = (usage: unknown, timings: unknown, tier: unknown): Omit<Counts, "partial"> | undefined => {
  if (!isPresent(usage) && !isPresent(timings)) return undefined
  const said = fields(usage)
  const input = fields(said["prompt_tokens_details"] ?? said["input_tokens_details"])
  const output = fields(said["completion_tokens_details"] ?? said["output_tokens_details"])
  const cached = fields(input["cached_tokens_details"])
  return {
    usage: toUsage(usage, timings),
    details: {
      cacheWriteHour: positive(fields(input["cache_write_tokens_details"])["ttl_12h_tokens"]),
      inputAudio: positive(input["audio_tokens"]),
      cacheReadAudio: positive(cached["audio_tokens"]),
      inputImage: positive(input["image_tokens"]),
      outputAudio: positive(output["audio_tokens"]),
      outputImage: positive(output["image_tokens"]),
      tier: tierOf(tier)
    }
  }
}

/** The usage of a refusal, beside the error or in it. */
export const countedOf = (body: ReturnType<typeof fields>): Omit<Counts, "partial"> | undefined =>
  counted(body["usage"] ?? fields(body["error"])["usage"], undefined, body["service_tier"])
