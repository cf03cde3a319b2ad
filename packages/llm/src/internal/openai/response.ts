/**
 * Answers in the words of OpenAI's chat completions, whole and as a stream, with the oddities of the servers that speak
 * it: comments and `retry:` lines between events, tool-call deltas whose id or name comes late, empty or again, reasoning
 * under two names, usage on a chunk of its own or on the last one, and errors in the middle of a stream.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Machine, Step, Writer } from "../protocol/answer.ts"
import { done, failed, isTerminator, machine, more, reader } from "../protocol/answer.ts"
import type { Event } from "../protocol/decoder.ts"
import * as Decoder from "../protocol/decoder.ts"
import { isPresent, opt } from "../protocol/field.ts"
import type { Errors } from "../protocol/providerRequest.ts"
import { toParams } from "../protocol/toolParams.ts"

// -----------------------------------------------------------------------------
// Models: every field that some server leaves out or sends as null is optional
// -----------------------------------------------------------------------------

const Text = opt(Schema.String)
const Count = opt(Schema.Finite)

const Usage = Schema.Struct({
  prompt_tokens: Count,
  completion_tokens: Count,
  prompt_tokens_details: opt(Schema.Struct({ cached_tokens: Count })),
  completion_tokens_details: opt(Schema.Struct({ reasoning_tokens: Count }))
})
type Usage = typeof Usage.Type

const ToolCall = Schema.Struct({
  index: Count,
  id: Text,
  function: opt(Schema.Struct({ name: Text, arguments: opt(Schema.Unknown) }))
})
type ToolCall = typeof ToolCall.Type

const Content = {
  content: Text,
  reasoning_content: Text,
  reasoning: Text,
  refusal: Text,
  tool_calls: opt(Schema.Array(ToolCall))
}

const Envelope = {
  id: Text,
  model: Text,
  created: Count,
  usage: opt(Usage),
  x_groq: opt(Schema.Struct({ usage: opt(Usage), error: opt(Schema.Unknown) })),
  error: opt(Schema.Unknown)
}

const Chunk = Schema.Struct({
  ...Envelope,
  object: Text,
  message: Text,
  choices: opt(Schema.Array(Schema.Struct({
    index: Count,
    delta: opt(Schema.Struct(Content)),
    finish_reason: Text,
    error: opt(Schema.Unknown)
  })))
})

export const Completion = Schema.Struct({
  ...Envelope,
  object: Text,
  message: Text,
  choices: opt(Schema.Array(Schema.Struct({
    message: opt(Schema.Struct(Content)),
    finish_reason: Text,
    error: opt(Schema.Unknown)
  })))
})
export type Completion = typeof Completion.Type

const decodeChunk = reader(Chunk)
// -----------------------------------------------------------------------------
// What both forms share
// -----------------------------------------------------------------------------

const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  eos: "stop",
  length: "length",
  max_tokens: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter"
}

const toFinishReason = (reason: string, calls: number): Response.FinishReason => {
  const known = finishReasons[reason] ?? "other"
  return known === "stop" && calls > 0 ? "tool-calls" : known
}

const count = (value: number | null | undefined): number | undefined =>
  isPresent(value) && Number.isInteger(value) ? value : undefined

const toUsage = (usage: Usage | undefined): typeof Response.Usage.Encoded => {
  const input = count(usage?.prompt_tokens)
  const cached = count(usage?.prompt_tokens_details?.cached_tokens)
  const output = count(usage?.completion_tokens)
  const reasoning = count(usage?.completion_tokens_details?.reasoning_tokens)
  return {
    inputTokens: {
      total: input,
      cacheRead: cached,
      uncached: input === undefined ? undefined : input - (cached ?? 0),
      cacheWrite: undefined
    },
    outputTokens: {
      total: output,
      reasoning,
      text: output === undefined ? undefined : output - (reasoning ?? 0)
    }
  }
}

const toMetadata = (
  envelope: {
    readonly id?: string | null | undefined
    readonly model?: string | null | undefined
    readonly created?: number | null | undefined
  }
): Response.ResponseMetadataPartEncoded => {
  const timestamp = isPresent(envelope.created)
    ? Option.map(DateTime.make(envelope.created * 1000), DateTime.formatIso)
    : Option.none()
  return {
    type: "response-metadata",
    ...(isPresent(envelope.id) && envelope.id !== "" ? { id: envelope.id } : {}),
    ...(isPresent(envelope.model) ? { modelId: envelope.model } : {}),
    ...(Option.isSome(timestamp) ? { timestamp: timestamp.value } : {})
  }
}

const argumentsText = (value: unknown): string =>
  isPresent(value) ? typeof value === "string" ? value : JSON.stringify(value) : ""

// -----------------------------------------------------------------------------
// Whole answers
// -----------------------------------------------------------------------------

/** The parts of a whole answer, or why it is none. */
export const fromCompletion = (
  completion: Completion,
  errors: Errors,
  newId: () => string,
  now: number
): Result.Result<Array<Response.PartEncoded>, AiError.AiError> => {
  if (isPresent(completion.error)) return Result.fail(errors.inBand({ error: completion.error }, now))
  if (completion.object === "error") return Result.fail(errors.inBand(completion, now))
  const choice = completion.choices?.[0]
  if (choice === undefined) return Result.fail(errors.unreadable("it has no choices"))
  if (isPresent(choice.error)) return Result.fail(errors.inBand({ error: choice.error }, now))
  const finish = choice.finish_reason
  if (!isPresent(finish) || finish === "") return Result.fail(errors.unreadable("it has no finish_reason"))
  if (finish === "error") return Result.fail(errors.inBand("the answer ended with finish_reason error", now))

  const parts: Array<Response.PartEncoded> = [toMetadata(completion)]
  const message = choice.message ?? {}
  const reasoning = message.reasoning_content ?? message.reasoning ?? ""
  if (reasoning !== "") parts.push({ type: "reasoning", text: reasoning })
  const text = message.content ?? message.refusal ?? ""
  if (text !== "") parts.push({ type: "text", text })
  const calls = message.tool_calls ?? []
  for (const call of calls) {
    parts.push({
      type: "tool-call",
      id: isPresent(call.id) && call.id !== "" ? call.id : newId(),
      name: call.function?.name ?? "",
      params: toParams(argumentsText(call.function?.arguments))
    })
  }
  parts.push({
    type: "finish",
    reason: toFinishReason(finish, calls.length),
    usage: toUsage(completion.usage ?? undefined)
  })
  return Result.succeed(parts)
}

// -----------------------------------------------------------------------------
// Streams
// -----------------------------------------------------------------------------

interface PendingCall {
  readonly index: number | undefined
  id: string
  name: string
  params: string
  /** How much of `params` has been emitted; `undefined` until the call has been announced. */
  emitted: number | undefined
}

const terminator = "a finish_reason and [DONE]"

/**
 * The machine of one stream. It is done at `[DONE]` after a `finish_reason`: only then come the tool
 * calls, all at once with the `finish`, so that none can run whose stream broke off.
 */
export const stream = (
  errors: Errors,
  newId: () => string,
  options?: Parameters<typeof Decoder.events>[0]
): Machine => {
  const calls: Array<PendingCall> = []
  let metadata = false
  let finish: string | undefined
  let usage: Usage | undefined

  const announce = (call: PendingCall, writer: Writer) => {
    if (call.emitted === undefined) {
      writer.part({ type: "tool-params-start", id: call.id, name: call.name })
      call.emitted = 0
    }
    if (call.params.length > call.emitted) {
      writer.part({ type: "tool-params-delta", id: call.id, delta: call.params.slice(call.emitted) })
      call.emitted = call.params.length
    }
  }

  /** An index names a call; a server that leaves it out starts a call with each new id. */
  const pendingCall = (delta: ToolCall): PendingCall => {
    const index = delta.index ?? undefined
    const id = delta.id ?? ""
    const known = index === undefined
      ? id === "" ? calls.at(-1) : calls.findLast((call) => call.id === id)
      : calls.findLast((call) => call.index === index)
    if (known !== undefined && (id === "" || known.id === "" || known.id === id)) return known
    const call: PendingCall = { index, id: "", name: "", params: "", emitted: undefined }
    calls.push(call)
    return call
  }

  const toolDelta = (delta: ToolCall, writer: Writer) => {
    const call = pendingCall(delta)
    if (call.id === "") call.id = delta.id ?? ""
    if (call.name === "") call.name = delta.function?.name ?? ""
    call.params += argumentsText(delta.function?.arguments)
    if (call.id !== "" && call.name !== "") announce(call, writer)
  }

  const complete = (writer: Writer, now: number): Step => {
    if (finish === undefined) return failed(errors.cut(terminator))
    if (finish === "error") return failed(errors.inBand("the answer ended with finish_reason error", now))
    for (const call of calls) {
      if (call.id === "") call.id = newId()
      announce(call, writer)
      writer.part({ type: "tool-params-end", id: call.id })
    }
    for (const call of calls) {
      writer.part({ type: "tool-call", id: call.id, name: call.name, params: toParams(call.params) })
    }
    writer.part({ type: "finish", reason: toFinishReason(finish, calls.length), usage: toUsage(usage) })
    return done
  }

  const onEvent = (event: Event, writer: Writer, now: number): Step => {
    const data = event.data.trim()
    if (data === "") return more
    if (isTerminator(data)) return complete(writer, now)
    if (event.event === "error") return failed(errors.inBand(event.data, now))
    const decoded = decodeChunk(data)
    if (Result.isFailure(decoded)) return failed(errors.unreadable("an event of the stream is not a chunk"))
    const chunk = decoded.success
    if (isPresent(chunk.error)) return failed(errors.inBand({ error: chunk.error }, now))
    const groqs = chunk.x_groq?.error
    if (isPresent(groqs)) return failed(errors.inBand({ error: groqs }, now))
    if (chunk.object === "error") return failed(errors.inBand(data, now))
    if (!metadata && isPresent(chunk.id)) {
      metadata = true
      writer.part(toMetadata(chunk))
    }
    usage = chunk.usage ?? chunk.x_groq?.usage ?? usage
    for (const choice of chunk.choices ?? []) {
      if ((choice.index ?? 0) !== 0) continue
      if (isPresent(choice.error)) return failed(errors.inBand({ error: choice.error }, now))
      const delta = choice.delta ?? {}
      writer.reasoning(delta.reasoning_content ?? delta.reasoning ?? "")
      writer.text(delta.content ?? delta.refusal ?? "")
      for (const call of delta.tool_calls ?? []) toolDelta(call, writer)
      if (isPresent(choice.finish_reason) && choice.finish_reason !== "") finish = choice.finish_reason
    }
    return more
  }

  return machine({
    decoder: Decoder.events(options),
    onItem: onEvent,
    textOf: (event) => event.data,
    terminator,
    errors
  })
}
