/**
 * Answers of Bedrock's Converse API, whole and as a stream: blocks by index, `messageStop` with the reason, and `metadata` with the
 * usage as the last event. Both prove that a stream is whole.
 *
 * Guarded by `test/bedrock/BedrockProvider.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Make, Step } from "../protocol/answer/answer.ts"
import { failed, more } from "../protocol/answer/answer.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { isWhole, toParams } from "../protocol/tools/toolParams.ts"
import { brokenKey } from "./frames.ts"
import * as Kept from "./kept.ts"
import { counted } from "./usage.ts"

const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool-calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter"
}

const string = (value: unknown): string => typeof value === "string" ? value : ""

/** Pieces of bytes in Base64, as one. */
const joined = (known: string | undefined, more: string): string => {
  const [a, b] = [Base64.decode(known ?? ""), Base64.decode(more)]
  if (Result.isFailure(a) || Result.isFailure(b)) return more
  const all = new Uint8Array(a.success.length + b.success.length)
  all.set(a.success)
  all.set(b.success, a.success.length)
  return Base64.encode(all)
}

interface OpenCall {
  readonly id: string
  readonly name: string
  params: string
}

/** Reads one answer. */
class ConverseReader extends Reader {
  readonly terminator = "messageStop and metadata"
  override readonly framing = "lines"
  private readonly open = new Map<number, OpenCall>()
  private signature: string | undefined
  private redacted: string | undefined
  private stopReason: string | undefined
  private metadata: Fields | undefined
  private last = -1

  constructor(reading: Reading, out: (part: Part) => void) {
    super(reading, out, (type) => this.keptOf(type))
  }

  protected counted() {
    return counted(this.metadata ?? {})
  }

  /** A thought goes back to its author, with its signature where it has one. */
  private keptOf(type: "text" | "reasoning"): Response.ProviderMetadata | undefined {
    if (type === "text") return undefined
    const { redacted, signature } = this
    this.signature = undefined
    this.redacted = undefined
    return Kept.metadata({ redacted, signature })
  }

  private startCall(index: number, call: Fields): void {
    this.onStop(index)
    // A tool that runs at the vendor's is not for the caller.
    if (call["type"] === "server_tool_use") return
    const id = this.callIds.take(call["toolUseId"])
    const name = string(call["name"])
    this.open.set(index, { id, name, params: "" })
    this.writer.part({ type: "tool-params-start", id, name })
  }

  private reason(content: Fields): void {
    const said = fields(content["reasoningText"])
    this.writer.reasoning(string(content["text"] ?? said["text"]))
    const signature = text(content["signature"] ?? said["signature"])
    if (signature !== undefined) this.signature = (this.signature ?? "") + signature
    const redacted = text(content["redactedContent"])
    if (redacted !== undefined) this.redacted = joined(this.redacted, redacted)
  }

  private onDelta(index: number, delta: Fields): void {
    if (typeof delta["text"] === "string") return this.writer.text(delta["text"])
    if (isFields(delta["reasoningContent"])) return this.reason(delta["reasoningContent"])
    const input = fields(delta["toolUse"])["input"]
    const call = this.open.get(index)
    if (call === undefined || typeof input !== "string" || input === "") return
    call.params += input
    this.writer.part({ type: "tool-params-delta", id: call.id, delta: input })
  }

  private onStop(index: number): void {
    const call = this.open.get(index)
    this.open.delete(index)
    if (call !== undefined) {
      this.writer.part({ type: "tool-params-end", id: call.id })
      this.calls.push({ id: call.id, name: call.name, params: toParams(call.params), written: call.params })
      return
    }
    const isSilent = this.redacted !== undefined
    this.writer.close()
    // An encrypted thought has no words.
    if (isSilent && this.redacted !== undefined) this.writer.silent()
  }

  /** The reason and the usage have come. */
  private complete(now: number): Step {
    this.isWhole = true
    const { errors, stopReason } = this
    if (stopReason === undefined) return failed(errors.cut(this.terminator))
    const reason = finishReasons[stopReason] ?? "other"
    for (const [index, { params }] of this.open) {
      if (params !== "" && !isWhole(params) && reason !== "length") return failed(errors.cut(this.terminator))
      this.onStop(index)
    }
    if (stopReason.startsWith("malformed_")) {
      const message = `the answer ended with stopReason ${stopReason}`
      return failed(errors.inBand({ error: { message, code: stopReason } }, now))
    }
    return this.end({
      reason,
      explanation: `the answer ended with stopReason ${stopReason}`
    })
  }

  private onWhole(answer: Fields, now: number): Step {
    const content = fields(fields(answer["output"])["message"])["content"]
    this.stopReason = text(answer["stopReason"])
    if (!Array.isArray(content)) return failed(this.errors.unreadable("it has no content"))
    if (this.stopReason === undefined) return failed(this.errors.unreadable("it has no stopReason"))
    for (const [index, value] of list(content).entries()) {
      const block = fields(value)
      const call = block["toolUse"]
      if (isFields(call)) {
        this.startCall(index, call)
        const input = fields(call["input"])
        // Without arguments it may be the beginning of a call with some.
        this.onDelta(index, { toolUse: { input: Object.keys(input).length === 0 ? "" : JSON.stringify(input) } })
      } else this.onDelta(index, block)
      this.onStop(index)
    }
    this.metadata = answer
    return this.complete(now)
  }

  onItem({ data }: Item, now: number): Step {
    if (data.trim() === "") return more
    const event = parse(data)?.json
    if (!isFields(event)) return failed(this.errors.unreadable("a piece of it is not the Converse API's"))
    if (isPresent(event[brokenKey])) {
      return failed(this.errors.unreadable(`a broken frame: ${string(event[brokenKey])}`))
    }
    if (isPresent(event["error"]) || isPresent(event["__type"])) return failed(this.errors.inBand(event, now))
    if (isPresent(event["output"])) return this.onWhole(event, now)
    const [[type, value] = ["", {}]] = Object.entries(event)
    const body = fields(value)
    // Without an index a piece belongs to the last block.
    const index = count(body["contentBlockIndex"]) ?? Math.max(0, this.last + (type === "contentBlockStart" ? 1 : 0))
    switch (type) {
      case "contentBlockStart": {
        this.last = index
        const call = fields(body["start"])["toolUse"]
        if (isFields(call)) this.startCall(index, call)
        return more
      }
      case "contentBlockDelta":
        this.onDelta(index, fields(body["delta"]))
        return more
      case "contentBlockStop":
        this.onStop(index)
        return more
      case "messageStop":
        this.stopReason = text(body["stopReason"])
        return this.metadata === undefined ? more : this.complete(now)
      case "metadata":
        this.metadata = body
        return this.stopReason === undefined ? more : this.complete(now)
      case "message":
        return failed(this.errors.inBand(event, now))
      default:
        return more
    }
  }
}

/** How the answer to a request is read. */
export const make = (reading: Reading): Make => (out) => new ConverseReader(reading, out)
