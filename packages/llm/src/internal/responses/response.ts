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
import type { Item as Received } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { toParams } from "../protocol/tools/toolParams.ts"
import type { Item } from "./items.ts"
import { Items } from "./items.ts"
import * as Kept from "./kept.ts"

/** Why an answer is incomplete. An end of unknown kind is `other`. */
const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  max_output_tokens: "length",
  max_tokens: "length",
  content_filter: "content-filter"
}

const string = (value: unknown): string => typeof value === "string" ? value : ""

/** Reads one answer. */
class ResponseReader extends Reader {
  readonly terminator = "response.completed"
  private readonly onId: (id: string) => void
  private readonly items = new Items()
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

  /** More of an item's words. Between the parts of a summary is a blank line. */
  private say(type: "text" | "reasoning", event: Fields, delta: string): void {
    const item = this.items.at(event)
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

  private beginCall(item: Item): string {
    if (item.call !== undefined) return item.call
    const id = item.call = this.callIds.take(item.fields["call_id"])
    this.writer.part({ type: "tool-params-start", id, name: string(item.fields["name"]) })
    return id
  }

  private endCall(item: Item): void {
    const { fields, said } = item
    const id = this.beginCall(item)
    const args = fields["arguments"]
    // Gateways leave the arguments out at the end, or give them as an object.
    const written = isFields(args) ? JSON.stringify(args) : string(args) || said
    if (written.length > said.length) {
      this.writer.part({ type: "tool-params-delta", id, delta: written.slice(said.length) })
    }
    this.writer.part({ type: "tool-params-end", id })
    this.calls.push({
      id,
      name: string(fields["name"]),
      params: toParams(written),
      written,
      metadata: Kept.metadata(Kept.beside(fields, ["id", "namespace"]))
    })
  }

  private endItem(item: Item | undefined): void {
    if (item === undefined || item.ended) return
    item.ended = true
    const { fields, said } = item
    switch (fields["type"]) {
      case "message":
        return this.endMessage(fields, said)
      case "reasoning":
        return this.endReasoning(fields, said)
      case "function_call":
        return this.endCall(item)
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
    for (const item of this.items.rest(list(response["output"]).map(fields))) this.endItem(item)
    for (const item of this.items.all) if (item.call !== undefined) this.endItem(item)
    const id = text(response["id"])
    if (id !== undefined && status === "completed") this.onId(id)
    for (const [url, title] of this.sources) {
      writer.part({ type: "source", sourceType: "url", id: this.newId(), url, title })
    }
    const why = string(fields(response["incomplete_details"])["reason"])
    return this.end({
      calls,
      reason: status === "incomplete" ? finishReasons[why] ?? "other" : "stop",
      explanation: "a content filter ended the answer"
    })
  }

  private onAdded(event: Fields): Step {
    const { item, left } = this.items.added(event, fields(event["item"]))
    this.endItem(left)
    if (item.fields["type"] === "function_call") this.beginCall(item)
    return more
  }

  private onEvent(type: unknown, event: Fields, now: number): Step {
    switch (type) {
      case "error":
        return failed(this.errors.inBand(isPresent(event["error"]) ? event : { error: event }, now))
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        this.introduce(fields(event["response"]))
        return more
      case "response.output_item.added":
        return this.onAdded(event)
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.say("text", event, string(event["delta"]))
        return more
      case "response.reasoning_summary_text.delta":
      case "response.reasoning_text.delta":
        this.say("reasoning", event, string(event["delta"]))
        return more
      case "response.function_call_arguments.delta": {
        const item = this.items.at(event)
        const delta = string(event["delta"])
        if (item.call === undefined || item.ended || delta === "") return more
        item.said += delta
        this.writer.part({ type: "tool-params-delta", id: item.call, delta })
        return more
      }
      case "response.output_text.annotation.added":
        this.source(fields(event["annotation"]))
        return more
      case "response.output_item.done":
        this.endItem(this.items.done(event, fields(event["item"])))
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

  onItem({ data, event: name }: Received, now: number): Step {
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
