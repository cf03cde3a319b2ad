/**
 * The stream of Anthropic's Messages API ("Streaming Messages"): blocks by index, `ping` anywhere, events of unknown type to
 * be passed over, usage that is cumulative, an `error` that can follow a 200, and `message_stop` as the proof that the
 * answer is whole. A second `message_start` has been seen in the middle of a stream: whatever follows it is another answer,
 * so it is a failure.
 */
import type * as Response from "effect/ai/Response"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Machine, Step, Writer } from "../protocol/answer.ts"
import { done, failed, machine, more, reader } from "../protocol/answer.ts"
import * as Decoder from "../protocol/decoder.ts"
import { isPresent, opt } from "../protocol/field.ts"
import { toParams } from "../protocol/toolParams.ts"
import type { Errors, Origin } from "./response.ts"
import { Block, Count, Message, refusal, StopDetails, Text, toFinish, toMetadata, Usage } from "./response.ts"
import * as Thinking from "./thinking.ts"

const Event = Schema.Struct({
  type: Schema.String,
  index: Count,
  message: opt(Message),
  content_block: opt(Block),
  delta: opt(Schema.Struct({
    type: Text,
    text: Text,
    thinking: Text,
    signature: Text,
    partial_json: Text,
    stop_reason: Text,
    stop_details: StopDetails
  })),
  usage: opt(Usage)
})
type Event = typeof Event.Type

const decodeEvent = reader(Event)
const terminator = "a stop_reason and message_stop"

type Open =
  | { readonly type: "text"; readonly id: string }
  | { readonly type: "thinking"; readonly id: string; signature: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; params: string; readonly input: unknown }

/** What is not null replaces what was said before: the counts are cumulative. */
const latest = (before: Usage, update: Usage | null | undefined): Usage =>
  isPresent(update)
    ? { ...before, ...Object.fromEntries(Object.entries(update).filter(([, value]) => isPresent(value))) }
    : before

/**
 * The machine of one stream. It is done at `message_stop` after a `stop_reason`: only then come the tool
 * calls, all at once with the `finish`, so that none can run whose stream broke off.
 */
export const stream = (origin: Origin, errors: Errors, newId: () => string): Machine => {
  const open = new Map<number, Open>()
  const calls: Array<Response.ToolCallPartEncoded> = []
  let started = false
  let spoke = false
  let stopReason: string | undefined
  let stopDetails: typeof StopDetails.Type
  let usage: Usage = {}

  const startBlock = (index: number, block: Block, writer: Writer) => {
    switch (block.type) {
      case "text": {
        const id = `text-${index}`
        open.set(index, { type: "text", id })
        writer.part({ type: "text-start", id })
        return say(index, block.text, writer)
      }
      case "thinking": {
        const id = `reasoning-${index}`
        open.set(index, { type: "thinking", id, signature: block.signature ?? "" })
        writer.part({ type: "reasoning-start", id })
        return say(index, block.thinking, writer)
      }
      case "redacted_thinking": {
        const id = `reasoning-${index}`
        const metadata = Thinking.toMetadata(
          { type: "redacted_thinking", redactedData: block.data ?? "" },
          origin.model
        )
        writer.part({ type: "reasoning-start", id })
        return writer.part({ type: "reasoning-end", id, metadata })
      }
      case "tool_use": {
        const id = isPresent(block.id) && block.id !== "" ? block.id : newId()
        const name = block.name ?? ""
        open.set(index, { type: "tool_use", id, name, params: "", input: block.input })
        return writer.part({ type: "tool-params-start", id, name })
      }
      // Blocks of tools that run at the vendor's are not for the caller.
      default:
    }
  }

  const say = (index: number, delta: string | null | undefined, writer: Writer) => {
    const block = open.get(index)
    if (block === undefined || !isPresent(delta) || delta === "") return
    switch (block.type) {
      case "text":
        spoke = true
        return writer.part({ type: "text-delta", id: block.id, delta })
      case "thinking":
        return writer.part({ type: "reasoning-delta", id: block.id, delta })
      case "tool_use":
        block.params += delta
        return writer.part({ type: "tool-params-delta", id: block.id, delta })
    }
  }

  const onDelta = (index: number, delta: NonNullable<Event["delta"]>, writer: Writer) => {
    const block = open.get(index)
    if (block?.type === "thinking" && isPresent(delta.signature)) block.signature += delta.signature
    say(index, delta.text ?? delta.thinking ?? delta.partial_json, writer)
  }

  const stopBlock = (index: number, writer: Writer) => {
    const block = open.get(index)
    open.delete(index)
    switch (block?.type) {
      case "text":
        return writer.part({ type: "text-end", id: block.id })
      case "thinking":
        return writer.part({
          type: "reasoning-end",
          id: block.id,
          ...(block.signature === ""
            ? {}
            : { metadata: Thinking.toMetadata({ type: "thinking", signature: block.signature }, origin.model) })
        })
      case "tool_use": {
        const { id, name } = block
        // Parameters that came with the start of the block, as compatible servers send them.
        const whole = block.params === "" && isPresent(block.input) ? JSON.stringify(block.input) : block.params
        if (block.params === "" && whole !== "") writer.part({ type: "tool-params-delta", id, delta: whole })
        writer.part({ type: "tool-params-end", id })
        calls.push({ type: "tool-call", id, name, params: toParams(whole) })
      }
    }
  }

  const complete = (writer: Writer): Step => {
    if (!started || stopReason === undefined || open.size > 0) return failed(errors.cut(terminator))
    if (stopReason === "refusal" && !spoke) return failed(errors.refused(refusal(stopDetails)))
    for (const call of calls) writer.part(call)
    writer.part(toFinish(stopReason, usage))
    return done
  }

  const onEvent = ({ data, event: name }: Decoder.Event, writer: Writer, now: number): Step => {
    if (data.trim() === "") return more
    const decoded = decodeEvent(data)
    if (name === "error") return failed(errors.inBand(data, now))
    if (Result.isFailure(decoded)) return failed(errors.unreadable("an event of the stream is not the Messages API's"))
    const event = decoded.success
    switch (event.type) {
      case "error":
        return failed(errors.inBand(data, now))
      case "message_start":
        if (started) return failed(errors.inBand("the stream began a second message", now))
        started = true
        usage = latest(usage, event.message?.usage)
        writer.part(toMetadata(event.message ?? undefined, origin))
        return more
      case "content_block_start":
        if (isPresent(event.content_block)) startBlock(event.index ?? 0, event.content_block, writer)
        return more
      case "content_block_delta":
        if (isPresent(event.delta)) onDelta(event.index ?? 0, event.delta, writer)
        return more
      case "content_block_stop":
        stopBlock(event.index ?? 0, writer)
        return more
      case "message_delta":
        usage = latest(usage, event.usage)
        stopReason = event.delta?.stop_reason ?? stopReason
        stopDetails = event.delta?.stop_details ?? stopDetails
        return more
      case "message_stop":
        return complete(writer)
      default:
        return more
    }
  }

  return machine({ decoder: Decoder.events(), onItem: onEvent, textOf: (event) => event.data, terminator, errors })
}
