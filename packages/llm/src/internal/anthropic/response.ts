/**
 * Answers in the words of Anthropic's Messages API, and what a stream of one has in common with them (`anthropicStream`).
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isPresent, opt } from "../protocol/field.ts"
import type { Errors as ProtocolErrors } from "../protocol/providerRequest.ts"
import * as Thinking from "./thinking.ts"

// -----------------------------------------------------------------------------
// Models: compatible servers leave fields out, so every one is optional that can be missed
// -----------------------------------------------------------------------------

export const Text = opt(Schema.String)
export const Count = opt(Schema.Finite)

export const Usage = Schema.Struct({
  input_tokens: Count,
  output_tokens: Count,
  cache_creation_input_tokens: Count,
  cache_read_input_tokens: Count,
  output_tokens_details: opt(Schema.Struct({ thinking_tokens: Count }))
})
export type Usage = typeof Usage.Type

export const Block = Schema.Struct({
  type: Schema.String,
  text: Text,
  thinking: Text,
  signature: Text,
  data: Text,
  id: Text,
  name: Text,
  input: opt(Schema.Unknown)
})
export type Block = typeof Block.Type

export const StopDetails = opt(Schema.Struct({ category: Text, explanation: Text }))

export const Message = Schema.Struct({
  type: Text,
  error: opt(Schema.Unknown),
  id: Text,
  model: Text,
  content: opt(Schema.Array(Block)),
  stop_reason: Text,
  stop_details: StopDetails,
  usage: opt(Usage)
})
export type Message = typeof Message.Type

// -----------------------------------------------------------------------------
// What both forms share
// -----------------------------------------------------------------------------

/** How the machine makes its errors. */
export interface Errors extends ProtocolErrors {
  /** The model declined to answer at all. */
  readonly refused: (explanation: string) => AiError.AiError
}

/** Whose answer it is, for what only the model itself may read again, and under which id the provider knows the request. */
export interface Origin {
  readonly model: string
  readonly requestId: string | undefined
}

const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "content-filter"
}

const count = (value: number | null | undefined): number | undefined =>
  isPresent(value) && Number.isInteger(value) ? value : undefined

/** All input is `input_tokens` and what was read from and written to the cache; thoughts are part of the output. */
const toUsage = (usage: Usage): typeof Response.Usage.Encoded => {
  const uncached = count(usage.input_tokens)
  const cacheRead = count(usage.cache_read_input_tokens)
  const cacheWrite = count(usage.cache_creation_input_tokens)
  const output = count(usage.output_tokens)
  const reasoning = count(usage.output_tokens_details?.thinking_tokens)
  return {
    inputTokens: {
      total: uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0),
      uncached,
      cacheRead,
      cacheWrite
    },
    outputTokens: {
      total: output,
      reasoning,
      text: output === undefined ? undefined : output - (reasoning ?? 0)
    }
  }
}

export const toFinish = (stopReason: string, usage: Usage): Response.FinishPartEncoded => ({
  type: "finish",
  reason: finishReasons[stopReason] ?? "other",
  usage: toUsage(usage)
})

export const toMetadata = (message: Message | undefined, origin: Origin): Response.ResponseMetadataPartEncoded => ({
  type: "response-metadata",
  ...(isPresent(message?.id) ? { id: message.id } : {}),
  ...(isPresent(message?.model) ? { modelId: message.model } : {}),
  ...(origin.requestId === undefined ? {} : { metadata: { anthropic: { requestId: origin.requestId } } })
})

export const refusal = (details: typeof StopDetails.Type): string =>
  [details?.explanation ?? "the model declined to answer", isPresent(details?.category) ? `[${details.category}]` : ""]
    .join(" ").trim()

// -----------------------------------------------------------------------------
// Whole answers
// -----------------------------------------------------------------------------

const toPart = (block: Block, model: string, newId: () => string): ReadonlyArray<Response.PartEncoded> => {
  switch (block.type) {
    case "text":
      return isPresent(block.text) && block.text !== "" ? [{ type: "text", text: block.text }] : []
    case "thinking":
      return [{
        type: "reasoning",
        text: block.thinking ?? "",
        ...(isPresent(block.signature)
          ? { metadata: Thinking.toMetadata({ type: "thinking", signature: block.signature }, model) }
          : {})
      }]
    case "redacted_thinking":
      return [{
        type: "reasoning",
        text: "",
        metadata: Thinking.toMetadata({ type: "redacted_thinking", redactedData: block.data ?? "" }, model)
      }]
    case "tool_use":
      return [{
        type: "tool-call",
        id: isPresent(block.id) && block.id !== "" ? block.id : newId(),
        name: block.name ?? "",
        params: block.input ?? {}
      }]
    default:
      return []
  }
}

/** The parts of a whole answer, or why it is none. */
export const fromMessage = (
  message: Message,
  origin: Origin,
  errors: Errors,
  newId: () => string,
  now: number
): Result.Result<Array<Response.PartEncoded>, AiError.AiError> => {
  if (isPresent(message.error)) return Result.fail(errors.inBand(message, now))
  if (!isPresent(message.content)) return Result.fail(errors.unreadable("it has no content"))
  if (!isPresent(message.stop_reason)) return Result.fail(errors.unreadable("it has no stop_reason"))
  const parts = message.content.flatMap((block) => toPart(block, origin.model, newId))
  if (message.stop_reason === "refusal" && !parts.some((part) => part.type === "text")) {
    return Result.fail(errors.refused(refusal(message.stop_details)))
  }
  return Result.succeed([toMetadata(message, origin), ...parts, toFinish(message.stop_reason, message.usage ?? {})])
}
