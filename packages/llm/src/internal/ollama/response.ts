/**
 * Answers in the words of Ollama's `/api/chat`: one JSON object a line. Every line may be an error instead, under status
 * 200, and only `done: true` says that the answer is whole.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Machine, Step, Writer } from "../protocol/answer.ts"
import { done, failed, machine, more, reader } from "../protocol/answer.ts"
import * as Decoder from "../protocol/decoder.ts"
import { isPresent, opt } from "../protocol/field.ts"
import type { Errors } from "../protocol/providerRequest.ts"

const Text = opt(Schema.String)
const Count = opt(Schema.Finite)

const ToolCall = Schema.Struct({
  id: Text,
  function: Schema.Struct({ name: Schema.String, arguments: opt(Schema.Unknown) })
})
type ToolCall = typeof ToolCall.Type

export const Line = Schema.Struct({
  error: opt(Schema.Unknown),
  model: Text,
  created_at: Text,
  message: opt(Schema.Struct({ content: Text, thinking: Text, tool_calls: opt(Schema.Array(ToolCall)) })),
  done: opt(Schema.Boolean),
  done_reason: Text,
  prompt_eval_count: Count,
  eval_count: Count
})
export type Line = typeof Line.Type

const decodeLine = reader(Line)
const toFinishReason = (reason: string | null | undefined, calls: number): Response.FinishReason => {
  switch (reason) {
    case "length":
      return "length"
    case "stop":
    case null:
    case undefined:
      return calls > 0 ? "tool-calls" : "stop"
    default:
      return "other"
  }
}

const count = (value: number | null | undefined): number | undefined =>
  isPresent(value) && Number.isInteger(value) ? value : undefined

const toFinish = (line: Line, calls: number): Response.FinishPartEncoded => {
  const input = count(line.prompt_eval_count)
  const output = count(line.eval_count)
  return {
    type: "finish",
    reason: toFinishReason(line.done_reason, calls),
    usage: {
      inputTokens: { total: input, uncached: input, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: output, text: undefined, reasoning: undefined }
    }
  }
}

const toMetadata = (line: Line): Response.ResponseMetadataPartEncoded => ({
  type: "response-metadata",
  ...(isPresent(line.model) ? { modelId: line.model } : {})
})

const toCall = (call: ToolCall, newId: () => string): Response.ToolCallPartEncoded => ({
  type: "tool-call",
  id: isPresent(call.id) && call.id !== "" ? call.id : newId(),
  name: call.function.name,
  params: call.function.arguments ?? {}
})

const terminator = "done: true"

/** The parts of a whole answer, or why it is none. */
export const fromLine = (
  line: Line,
  errors: Errors,
  newId: () => string,
  now: number
): Result.Result<Array<Response.PartEncoded>, AiError.AiError> => {
  if (isPresent(line.error)) return Result.fail(errors.inBand({ error: line.error }, now))
  if (line.done !== true) return Result.fail(errors.cut(terminator))
  const parts: Array<Response.PartEncoded> = [toMetadata(line)]
  const message = line.message ?? {}
  if (isPresent(message.thinking) && message.thinking !== "") parts.push({ type: "reasoning", text: message.thinking })
  if (isPresent(message.content) && message.content !== "") parts.push({ type: "text", text: message.content })
  const calls = (message.tool_calls ?? []).map((call) => toCall(call, newId))
  parts.push(...calls, toFinish(line, calls.length))
  return Result.succeed(parts)
}

/**
 * The machine of one stream. It is done at `done: true`; only then come the tool calls, all at once with
 * the `finish`, so that none can run whose stream broke off.
 */
export const stream = (errors: Errors, newId: () => string): Machine => {
  const calls: Array<Response.ToolCallPartEncoded> = []
  let metadata = false

  const onCall = (call: Response.ToolCallPartEncoded, writer: Writer) => {
    calls.push(call)
    writer.part({ type: "tool-params-start", id: call.id, name: call.name })
    writer.part({ type: "tool-params-delta", id: call.id, delta: JSON.stringify(call.params) })
    writer.part({ type: "tool-params-end", id: call.id })
  }

  const onLine = (text: string, writer: Writer, now: number): Step => {
    if (text.trim() === "") return more
    const decoded = decodeLine(text)
    if (Result.isFailure(decoded)) return failed(errors.unreadable("a line of the stream is not a chat response"))
    const line = decoded.success
    if (isPresent(line.error)) return failed(errors.inBand({ error: line.error }, now))
    if (!metadata) {
      metadata = true
      writer.part(toMetadata(line))
    }
    writer.reasoning(line.message?.thinking ?? "")
    writer.text(line.message?.content ?? "")
    for (const call of line.message?.tool_calls ?? []) onCall(toCall(call, newId), writer)
    if (line.done !== true) return more
    writer.close()
    for (const call of calls) writer.part(call)
    writer.part(toFinish(line, calls.length))
    return done
  }

  return machine({ decoder: Decoder.lines(), onItem: onLine, textOf: (line) => line, terminator, errors })
}
