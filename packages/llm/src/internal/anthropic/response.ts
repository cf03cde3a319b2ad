/**
 * Answers of Anthropic's Messages API, whole and as a stream ("Streaming Messages"): blocks by index, `ping` anywhere, events of
 * unknown type to be passed over, usage that is cumulative, an `error` that can follow a 200, and `message_stop` as the proof
 * that the answer is whole.
 *
 * A second `message_start` has been seen in the middle of a stream: what follows it is another answer, so it is a failure. The
 * same one twice before any content is a gateway's, which began its upstream's answer anew, and is ignored.
 *
 * Guarded by `test/AnthropicProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type { Make, Step } from "../protocol/answer/answer.ts"
import { failed, isTerminator, more } from "../protocol/answer/answer.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { isWhole, toParams } from "../protocol/tools/toolParams.ts"
import * as Thinking from "./thinking.ts"
import { counted, latest, toFinishReason } from "./usage.ts"

/** The model whose answer it is, which alone may read some of it again, and the provider's id of the request. */
export interface Origin {
  readonly model: string
  readonly requestId: string | undefined
}

type Open =
  | { readonly type: "text"; readonly id: string }
  | { readonly type: "thinking"; readonly id: string; signature: string | undefined }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; params: string; readonly input: unknown }

const refusal = (details: Fields): string =>
  [
    text(details["explanation"]) ?? "the model declined to answer",
    isPresent(details["category"]) ? `[${String(details["category"])}]` : ""
  ].join(" ").trim()

const string = (value: unknown): string => typeof value === "string" ? value : ""

/** What a delta says, and into a block of which type. */
const saidOf = (delta: Fields): { readonly type: Open["type"]; readonly text: string } | undefined => {
  if (typeof delta["text"] === "string") return { type: "text", text: delta["text"] }
  if (typeof delta["thinking"] === "string") return { type: "thinking", text: delta["thinking"] }
  return typeof delta["partial_json"] === "string" ? { type: "tool_use", text: delta["partial_json"] } : undefined
}

/** Reads one answer. It is done at `message_stop` after a `stop_reason`, or after a whole message. */
class MessageReader extends Reader {
  readonly terminator = "a stop_reason and message_stop"
  private readonly origin: Origin
  private readonly open = new Map<number, Open>()
  private readonly sources = new Map<string, string>()
  /** How many blocks have begun, and the index of the last one. */
  private blocks = 0
  private last = -1
  private messageId: string | undefined
  private started = false
  private hasContent = false
  private stopReason: string | undefined
  private stopDetails: Fields = {}
  private usage: Fields = {}

  constructor(reading: Reading, origin: Origin, out: (part: Part) => void) {
    super(reading, out)
    this.origin = origin
  }

  protected counted() {
    return counted(this.usage)
  }

  private startBlock(index: number, block: Fields): void {
    this.hasContent = true
    // Gateways leave out where a block ends, and give all blocks one index.
    this.stopBlock(index)
    this.last = index
    const number = this.blocks++
    switch (block["type"]) {
      case "text": {
        const id = `text-${number}`
        this.open.set(index, { type: "text", id })
        this.writer.part({ type: "text-start", id })
        for (const citation of list(block["citations"])) this.cite(fields(citation))
        return this.say(index, string(block["text"]))
      }
      case "thinking": {
        const id = `reasoning-${number}`
        this.open.set(index, { type: "thinking", id, signature: text(block["signature"]) })
        this.writer.part({ type: "reasoning-start", id })
        return this.say(index, string(block["thinking"]))
      }
      case "redacted_thinking": {
        const id = `reasoning-${number}`
        const info: Thinking.Info = { type: "redacted_thinking", redactedData: string(block["data"]) }
        this.writer.part({ type: "reasoning-start", id })
        return this.writer.part({
          type: "reasoning-end",
          id,
          metadata: Thinking.toMetadata(info, this.origin.model)
        })
      }
      case "tool_use": {
        const id = this.callIds.take(block["id"])
        const name = string(block["name"])
        this.open.set(index, { type: "tool_use", id, name, params: "", input: block["input"] })
        return this.writer.part({ type: "tool-params-start", id, name })
      }
      // Blocks of tools that run at the vendor's are not for the caller.
      default:
    }
  }

  private say(index: number, delta: string): void {
    const block = this.open.get(index)
    if (block === undefined || delta === "") return
    switch (block.type) {
      case "text":
        return this.writer.part({ type: "text-delta", id: block.id, delta })
      case "thinking":
        return this.writer.part({ type: "reasoning-delta", id: block.id, delta })
      case "tool_use":
        block.params += delta
        return this.writer.part({ type: "tool-params-delta", id: block.id, delta })
    }
  }

  private onDelta(index: number, delta: Fields): void {
    const said = saidOf(delta)
    // Gateways leave out where a block begins.
    if (said !== undefined && said.type !== "tool_use" && this.open.get(index)?.type !== said.type) {
      this.startBlock(index, { type: said.type })
    }
    if (delta["type"] === "citations_delta") this.cite(fields(delta["citation"]))
    const block = this.open.get(index)
    const signature = text(delta["signature"])
    if (block?.type === "thinking" && signature !== undefined) {
      // One piece has it all, which some say where the block begins too.
      const known = block.signature ?? ""
      block.signature = signature.startsWith(known) ? signature : known + signature
    }
    if (block?.type === said?.type) this.say(index, said?.text ?? "")
  }

  /** A page that a search of the API's found. Places in the caller's own documents have no address. */
  private cite(citation: Fields): void {
    const url = text(citation["url"])
    if (url !== undefined) this.sources.set(url, text(citation["title"]) ?? url)
  }

  private stopBlock(index: number): void {
    const block = this.open.get(index)
    this.open.delete(index)
    switch (block?.type) {
      case "text":
        return this.writer.part({ type: "text-end", id: block.id })
      case "thinking":
        return this.writer.part({
          type: "reasoning-end",
          id: block.id,
          metadata: Thinking.signed(block.signature, this.origin.model)
        })
      case "tool_use": {
        const { id, input, name, params } = block
        const isEmpty = params === ""
        const whole = isEmpty ? JSON.stringify(input ?? {}) : params
        if (isEmpty) this.writer.part({ type: "tool-params-delta", id, delta: whole })
        this.writer.part({ type: "tool-params-end", id })
        this.calls.push({
          id,
          name,
          params: isEmpty && isPresent(input) ? input : toParams(whole),
          ...(isEmpty && Object.keys(fields(input)).length > 0 ? {} : { written: params })
        })
      }
    }
  }

  private start(message: Fields): Step {
    const id = text(message["id"])
    this.usage = latest(this.usage, message["usage"])
    if (this.started) {
      return id === this.messageId && id !== undefined && !this.hasContent
        ? more
        : failed(this.errors.inBand("the stream began a second message", 0))
    }
    this.started = true
    this.messageId = id
    const modelId = text(message["model"])
    const { requestId } = this.origin
    this.writer.part({
      type: "response-metadata",
      ...(id === undefined ? {} : { id }),
      ...(modelId === undefined ? {} : { modelId }),
      ...(requestId === undefined ? {} : { metadata: { anthropic: { requestId } } })
    })
    return more
  }

  private complete(): Step {
    const { stopDetails, stopReason } = this
    if (!this.started || stopReason === undefined) return failed(this.errors.cut(this.terminator))
    const reason = toFinishReason(stopReason)
    for (const [index, block] of this.open) {
      const isHalf = block.type === "tool_use" && block.params !== "" && !isWhole(block.params)
      if (isHalf && reason !== "length") return failed(this.errors.cut(this.terminator))
      this.stopBlock(index)
    }
    for (const [url, title] of this.sources) {
      this.writer.part({ type: "source", sourceType: "url", id: this.newId(), url, title })
    }
    return this.end({ reason, explanation: refusal(stopDetails) })
  }

  /** A message in one piece. */
  private onWhole(message: Fields): Step {
    if (!Array.isArray(message["content"])) return failed(this.errors.unreadable("it has no content"))
    const stopReason = text(message["stop_reason"])
    if (stopReason === undefined) return failed(this.errors.unreadable("it has no stop_reason"))
    this.start(message)
    for (const [index, block] of list(message["content"]).entries()) {
      this.startBlock(index, fields(block))
      this.stopBlock(index)
    }
    this.stopReason = stopReason
    this.stopDetails = fields(message["stop_details"])
    return this.complete()
  }

  onItem({ data, event: name }: Item, now: number): Step {
    if (data.trim() === "") return more
    if (isTerminator(data)) return this.complete()
    if (name === "error") return failed(this.errors.inBand(data, now))
    const event = parse(data)?.json
    if (!isFields(event)) return failed(this.errors.unreadable("a piece of it is not the Messages API's"))
    if (isPresent(event["error"])) return failed(this.errors.inBand(event, now))
    const type = event["type"] ?? name
    // Without an index a piece belongs to the last block.
    const index = count(event["index"]) ?? Math.max(0, this.last + (type === "content_block_start" ? 1 : 0))
    switch (type) {
      case "error":
        return failed(this.errors.inBand(event, now))
      case "message_start":
        return this.start(fields(event["message"]))
      case "content_block_start":
        if (isFields(event["content_block"])) this.startBlock(index, event["content_block"])
        return more
      case "content_block_delta":
        this.onDelta(index, fields(event["delta"]))
        return more
      case "content_block_stop":
        this.stopBlock(index)
        return more
      case "message_delta": {
        const delta = fields(event["delta"])
        this.usage = latest(this.usage, event["usage"])
        this.stopReason = text(delta["stop_reason"]) ?? this.stopReason
        if (isFields(delta["stop_details"])) this.stopDetails = delta["stop_details"]
        return more
      }
      case "message_stop":
        return this.complete()
      case "message":
      case undefined:
        return this.onWhole(event)
      default:
        return more
    }
  }
}

/** How the answer to a request is read. */
export const make = (reading: Reading, origin: Origin): Make => (out) => new MessageReader(reading, origin, out)
