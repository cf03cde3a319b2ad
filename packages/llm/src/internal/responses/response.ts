/**
 * Answers of the Responses API: items by index, each added, written and done. The proof is the last event, with all items.
 * Guarded by `test/responses/OpenAiResponsesProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import { counted } from "../openai/usage.ts"
import type { Make, Step } from "../protocol/answer/answer.ts"
import { failed, isTerminator, more } from "../protocol/answer/answer.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { toParams } from "../protocol/tools/toolParams.ts"
import * as Kept from "./kept.ts"

/** Why an answer is incomplete. An end of unknown kind is `other`. */
const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  max_output_tokens: "length",
  max_tokens: "length",
  content_filter: "content-filter"
}

const string = (value: unknown): string => typeof value === "string" ? value : ""

/** An item that has begun: what of it has been said. */
interface Open {
  said: string
  /** The parts of a summary, or of a message's content, that have begun. */
  part: number | undefined
}

/** Reads one answer. */
class ResponseReader extends Reader {
  readonly terminator = "response.completed"
  private readonly onId: (id: string) => void
  private readonly open = new Map<number, Open>()
  private readonly ended = new Set<number>()
  private readonly sources = new Map<string, string>()
  private kept: Kept.Item | undefined
  private isIntroduced = false
  private usage: unknown
  private tier: unknown

  constructor(reading: Reading, onId: (id: string) => void, out: (part: Part) => void) {
    super(reading, out, () => this.keptOf())
    this.onId = onId
  }

  protected counted() {
    return counted(this.usage, undefined, this.tier)
  }

  private keptOf(): Response.ProviderMetadata | undefined {
    const { kept } = this
    this.kept = undefined
    return kept === undefined ? undefined : Kept.metadata(kept)
  }

  private introduce(response: Fields): void {
    this.usage = response["usage"] ?? this.usage
    this.tier = response["service_tier"] ?? this.tier
    const id = text(response["id"])
    const modelId = text(response["model"])
    if (this.isIntroduced || (id === undefined && modelId === undefined)) return
    this.isIntroduced = true
    const seconds = count(response["created_at"])
    const timestamp = seconds === undefined
      ? undefined
      : Option.getOrUndefined(Option.map(DateTime.make(seconds * 1000), DateTime.formatIso))
    this.writer.part({
      type: "response-metadata",
      ...(id === undefined ? {} : { id }),
      ...(modelId === undefined ? {} : { modelId }),
      ...(timestamp === undefined ? {} : { timestamp })
    })
  }

  private itemAt(index: number): Open {
    const known = this.open.get(index)
    if (known !== undefined) return known
    const item: Open = { said: "", part: undefined }
    this.open.set(index, item)
    return item
  }

  /** More of an item's words. Between the parts of a summary is a blank line. */
  private say(type: "text" | "reasoning", event: Fields, delta: string): void {
    const item = this.itemAt(count(event["output_index"]) ?? 0)
    const part = count(event["summary_index"]) ?? count(event["content_index"]) ?? 0
    const lead = type === "reasoning" && item.part !== undefined && item.part !== part ? "\n\n" : ""
    item.part = part
    item.said += delta
    this.writer[type](lead + delta)
  }

  private source(annotation: Fields): void {
    const url = text(annotation["url"])
    if (annotation["type"] === "url_citation" && url !== undefined) {
      this.sources.set(url, text(annotation["title"]) ?? url)
    }
  }

  private endMessage(item: Fields, said: string): void {
    if (said === "") {
      for (const part of list(item["content"]).map(fields)) {
        this.writer.text(string(part["text"] ?? part["refusal"]))
      }
    }
    for (const part of list(item["content"]).map(fields)) {
      for (const annotation of list(part["annotations"])) this.source(fields(annotation))
    }
    this.kept = Kept.beside(item, ["id", "phase"])
    this.writer.close()
    this.kept = undefined
  }

  private endReasoning(item: Fields, said: string): void {
    const parts = list(item["summary"]).length > 0 ? list(item["summary"]) : list(item["content"])
    if (said === "") {
      const summary = parts.map((part) => string(fields(part)["text"])).filter((part) => part !== "")
      this.writer.reasoning(summary.join("\n\n"))
    }
    this.kept = {
      type: "reasoning",
      summary: [],
      ...Kept.beside(item, ["id", "summary", "content", "encrypted_content"])
    }
    this.writer.close()
    // Encrypted thoughts without a word of summary go back too.
    if (this.kept !== undefined) this.writer.silent()
  }

  private endCall(index: number, item: Fields): void {
    const id = text(item["call_id"]) ?? this.newId()
    const name = string(item["name"])
    const params = string(item["arguments"])
    const { said } = this.itemAt(index)
    if (said === "") this.beginCall(index, { ...item, call_id: id })
    if (params.length > said.length) {
      this.writer.part({ type: "tool-params-delta", id, delta: params.slice(said.length) })
    }
    this.writer.part({ type: "tool-params-end", id })
    this.calls.push({
      id,
      name,
      params: toParams(params),
      metadata: Kept.metadata(Kept.beside(item, ["id", "namespace"]))
    })
  }

  private readonly begun = new Map<number, string>()

  private beginCall(index: number, item: Fields): void {
    if (this.begun.has(index)) return
    const id = text(item["call_id"]) ?? this.newId()
    this.begun.set(index, id)
    this.writer.part({ type: "tool-params-start", id, name: string(item["name"]) })
  }

  private endItem(index: number, item: Fields): void {
    if (this.ended.has(index)) return
    this.ended.add(index)
    const { said } = this.itemAt(index)
    switch (item["type"]) {
      case "message":
        return this.endMessage(item, said)
      case "reasoning":
        return this.endReasoning(item, said)
      case "function_call":
        return this.endCall(index, item)
      // Items of tools that run at the vendor's are not for the caller.
      default:
    }
  }

  private complete(response: Fields, now: number): Step {
    const { calls, errors, writer } = this
    this.introduce(response)
    this.isWhole = true
    const status = text(response["status"])
    if (isPresent(response["error"])) return failed(errors.inBand({ error: response["error"] }, now))
    if (status !== undefined && status !== "completed" && status !== "incomplete") {
      return failed(errors.inBand(`the response ended as ${status}`, now))
    }
    for (const [index, item] of list(response["output"]).entries()) this.endItem(index, fields(item))
    const id = text(response["id"])
    if (id !== undefined && status === "completed") this.onId(id)
    for (const [url, title] of this.sources) {
      writer.part({ type: "source", sourceType: "url", id: this.newId(), url, title })
    }
    const why = string(fields(response["incomplete_details"])["reason"])
    return this.end({
      // The call of an answer that broke off may lack a part of its arguments.
      calls: status === "incomplete" ? [] : calls,
      reason: status === "incomplete" ? finishReasons[why] ?? "other" : "stop",
      explanation: "a content filter ended the answer"
    })
  }

  private onEvent(type: unknown, event: Fields, now: number): Step {
    const index = count(event["output_index"]) ?? 0
    switch (type) {
      case "error":
        return failed(this.errors.inBand(isPresent(event["error"]) ? event : { error: event }, now))
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        this.introduce(fields(event["response"]))
        return more
      case "response.output_item.added":
        if (fields(event["item"])["type"] === "function_call") this.beginCall(index, fields(event["item"]))
        return more
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.say("text", event, string(event["delta"]))
        return more
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.say("reasoning", event, string(event["delta"]))
        return more
      case "response.function_call_arguments.delta": {
        const id = this.begun.get(index)
        if (id === undefined) return more
        const delta = string(event["delta"])
        this.itemAt(index).said += delta
        this.writer.part({ type: "tool-params-delta", id, delta })
        return more
      }
      case "response.output_text.annotation.added":
        this.source(fields(event["annotation"]))
        return more
      case "response.output_item.done":
        this.endItem(index, fields(event["item"]))
        return more
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        return this.complete(fields(event["response"]), now)
      default:
        return more
    }
  }

  onItem({ data, event: name }: Item, now: number): Step {
    if (data.trim() === "") return more
    if (isTerminator(data)) return failed(this.errors.cut(this.terminator))
    const event = parse(data)?.json
    if (!isFields(event)) {
      return failed(
        name === "error"
          ? this.errors.inBand(data, now)
          : this.errors.unreadable("a piece of it is not the Responses API's")
      )
    }
    // A whole response, or an error instead of one.
    if (event["object"] === "response" || Array.isArray(event["output"])) {
      return isPresent(event["status"]) || isPresent(event["output"])
        ? this.complete(event, now)
        : failed(this.errors.unreadable("it has no status"))
    }
    if (event["type"] === undefined && name === undefined) {
      return failed(
        isPresent(event["error"])
          ? this.errors.inBand(event, now)
          : this.errors.unreadable("it has no output")
      )
    }
    return this.onEvent(event["type"] ?? name, event, now)
  }
}

/** How the answer to a request is read. `onId` is told the id of a response that is complete. */
export const make = (reading: Reading, onId: (id: string) => void): Make => (out) =>
  new ResponseReader(reading, onId, out)
