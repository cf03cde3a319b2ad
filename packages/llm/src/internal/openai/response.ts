/**
 * Answers in the words of OpenAI's chat completions, whole and as a stream, with the oddities of the servers that speak it:
 * comments and `retry:` lines between events, empty first chunks, reasoning under several names, in content lists or between
 * tags, usage on a chunk of its own or on the last one, and errors in the middle of a stream.
 *
 * Guarded by `test/OpenAiProvider.test.ts`, `test/openai/answers.test.ts` and `test/openai/presets.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type * as Schema from "effect/Schema"
import type { BodyEnd, Make, Step } from "../protocol/answer/answer.ts"
import { failed, isTerminator, more } from "../protocol/answer/answer.ts"
import type { Habits } from "../protocol/answer/content.ts"
import { Content } from "../protocol/answer/content.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { contentOf, reasoningOf, toFile } from "./content.ts"
import { isGivenUp, toFinishReason } from "./finishReason.ts"
import * as Kept from "./kept.ts"
import { ToolCalls } from "./toolCalls.ts"
import { counted, usageOf } from "./usage.ts"

/** Errors come in the place of a piece of an answer: what has no choices and says something like one is taken for it. */
const isError = (chunk: Fields): boolean => {
  if (isPresent(chunk["error"]) || chunk["object"] === "error" || chunk["type"] === "error") return true
  if (list(chunk["choices"]).length > 0) return false
  if (isPresent(chunk["errors"]) && list(chunk["errors"]).length > 0) return true
  const code = fields(chunk["base_resp"])["status_code"]
  if (typeof code === "number" && code !== 0) return true
  return !isPresent(chunk["id"]) && !isPresent(chunk["usage"]) &&
    ["detail", "message", "msg"].some((key) => isPresent(chunk[key]))
}

/** The latest instant of a `Date`, in milliseconds since the epoch (ECMA-262, 21.4.1.1). */
const latest = 8.64e15

const toTimestamp = (created: unknown): string | undefined => {
  const seconds = count(created) ?? 0
  if (seconds === 0) return undefined
  // Some servers count milliseconds.
  const millis = seconds > 1e11 ? seconds : seconds * 1000
  return millis <= latest ? new Date(millis).toISOString() : undefined
}

// -----------------------------------------------------------------------------
// Reader
// -----------------------------------------------------------------------------

const indexOf = (choice: unknown): number => count(fields(choice)["index"]) ?? 0

/** Whether a message has no field but its role beside its content. */
const hasWordsAlone = (message: Fields): boolean => {
  for (const key in message) {
    if (key !== "content" && key !== "role" && isPresent(message[key])) return false
  }
  return true
}

/** Reads one answer. It is done at `[DONE]` after a `finish_reason`, or after a whole completion. */
class CompletionReader extends Reader {
  readonly terminator = "a finish_reason and [DONE]"
  private readonly out: (part: Part) => void
  private readonly content: Content
  private readonly toolCalls: ToolCalls
  private place: Kept.Place | undefined
  private kept: Array<Readonly<Record<string, Schema.Json>>> = []
  private metadata: { id?: string; modelId?: string; timestamp?: string } = {}
  private isIntroduced = false
  /** The index of the choice that is read: 0 at nearly every server. */
  private choice: number | undefined
  private finish: string | undefined
  private usage: unknown
  private timings: unknown
  private tier: unknown

  constructor(reading: Reading, habits: Habits, out: (part: Part) => void) {
    super(reading, out, (type) => this.keptOf(type))
    this.out = out
    this.content = new Content(this.writer, habits, this.tools, reading.request)
    this.toolCalls = new ToolCalls(this.writer, this.callIds)
  }

  protected counted() {
    return counted(this.usage, this.timings, this.tier)
  }

  /** What goes back with a block that ends here. */
  private keptOf(type: "text" | "reasoning"): Response.ProviderMetadata | undefined {
    const message = Kept.merge(this.kept)
    if (type === "text") {
      // Gemini signs a text beside its last piece.
      const { extra_content } = message
      if (extra_content === undefined) return undefined
      this.kept = this.kept.filter((kept) => kept["extra_content"] === undefined)
      return Kept.metadata({ message: { extra_content } }).metadata
    }
    const place = this.content.takeTags() ?? this.place
    this.kept = []
    this.place = undefined
    return Kept.metadata({ ...(place === undefined ? {} : { place }), message }).metadata
  }

  private introduce(chunk: Fields): void {
    if (this.isIntroduced) return
    const id = text(chunk["id"])
    const modelId = text(chunk["model"])
    const timestamp = toTimestamp(chunk["created"])
    const { metadata } = this
    if (id !== undefined) metadata.id ??= id
    if (modelId !== undefined) metadata.modelId ??= modelId
    if (timestamp !== undefined) metadata.timestamp ??= timestamp
    if (metadata.id !== undefined && metadata.modelId !== undefined && metadata.timestamp !== undefined) this.present()
  }

  /** Says whose answer it is, as far as that is known by the first word. */
  private present(): void {
    if (this.isIntroduced) return
    this.isIntroduced = true
    if (Object.keys(this.metadata).length > 0) this.out({ type: "response-metadata", ...this.metadata })
  }

  private say(message: Fields, fallback: unknown): boolean {
    const { content } = message
    // Nearly every piece is words alone. Here it skips the search for anything else.
    if (typeof content === "string" && content !== "" && hasWordsAlone(message)) {
      this.present()
      this.content.text(content)
      return true
    }
    const said = contentOf(content)
    if (said === undefined) return false
    for (const key of Kept.messageFields) {
      const value = message[key]
      if (isPresent(value)) this.kept.push({ [key]: value as Schema.Json })
    }
    const { names, text: thoughts } = reasoningOf(message)
    if (thoughts !== "") {
      this.present()
      this.place = { fields: names }
      this.writer.reasoning(thoughts)
    }
    const audio = fields(message["audio"])["transcript"]
    const others = said.some((piece) => piece._tag !== "Text" || piece.text !== "")
      ? []
      : contentOf(message["refusal"] ?? audio ?? fallback) ?? []
    for (const piece of [...said, ...others, ...list(message["images"]).flatMap(toFile)]) {
      if (piece._tag === "File") {
        this.present()
        this.writer.part({ type: "file", mediaType: piece.mediaType, data: piece.data })
        continue
      }
      if (piece.text === "") continue
      this.present()
      if (piece._tag === "Text") this.content.text(piece.text)
      else {
        this.place = { list: true }
        this.writer.reasoning(piece.text)
      }
    }
    const legacy = message["function_call"]
    for (
      const call of [
        ...list(message["tool_calls"]).filter(isFields),
        ...(isFields(legacy) ? [{ index: 0, function: legacy }] : [])
      ]
    ) {
      this.present()
      this.toolCalls.add(call)
    }
    return true
  }

  private complete(now: number): Step {
    const reason = this.finish
    if (reason === undefined) return failed(this.errors.cut(this.terminator))
    this.isWhole = true
    if (isGivenUp(reason)) {
      return failed(this.errors.inBand(`the answer ended with finish_reason ${reason}`, now))
    }
    this.present()
    const written = this.content.end()
    if (this.kept.some((kept) => Object.keys(kept).length > 0)) this.writer.silent()
    for (const { name, params } of written) {
      this.toolCalls.add({ id: this.newId(), function: { name, arguments: params } })
    }
    return this.end({ calls: this.toolCalls.end(), reason: toFinishReason(reason) })
  }

  private onChoice(choice: Fields, now: number): Step {
    if (isPresent(choice["error"])) return failed(this.errors.inBand({ error: choice["error"] }, now))
    const whole = isFields(choice["message"]) && !isFields(choice["delta"])
    const reason = text(choice["finish_reason"])
    if (reason !== undefined && reason !== "null") this.finish = reason
    const said = whole ? "message" : "delta"
    if (!this.say(fields(choice[said]), choice["text"])) {
      return failed(this.errors.unreadable(`expected a text or a list at ["choices"][0]["${said}"]["content"]`))
    }
    if (!whole) return more
    return this.finish === undefined
      ? failed(this.errors.unreadable("it has no finish_reason"))
      : this.complete(now)
  }

  onItem({ data, event }: Item, now: number): Step {
    if (data.trim() === "") return more
    if (isTerminator(data)) return this.complete(now)
    if (event === "error") return failed(this.errors.inBand(data, now))
    const json = parse(data)?.json
    if (Array.isArray(json) && json.some((entry) => isPresent(fields(entry)["error"]))) {
      return failed(this.errors.inBand(json, now))
    }
    if (!isFields(json)) return failed(this.errors.unreadable("a piece of it is not a chunk"))
    this.usage = usageOf(json) ?? this.usage
    this.timings = json["timings"] ?? this.timings
    this.tier = json["service_tier"] ?? this.tier
    if (isError(json)) return failed(this.errors.inBand(json, now))
    const groqs = fields(json["x_groq"])["error"]
    if (isPresent(groqs)) return failed(this.errors.inBand({ error: groqs }, now))
    this.introduce(json)
    // A request asks for one answer: choices beside the first are none of it.
    const choices = list(json["choices"])
    if (choices.length > 0) this.choice ??= Math.min(...choices.map(indexOf))
    const choice = choices.find((choice) => indexOf(choice) === this.choice)
    return choice === undefined ? more : this.onChoice(fields(choice), now)
  }

  /**
   * JSON texts without a `[DONE]`: their end is the body's. Azure ends a stream that its filter stopped without one too (seen
   * 2026-09-15, https://github.com/experientiallabs/experiential/pull/962).
   */
  atEnd({ framing, now }: BodyEnd): Step {
    const isFiltered = this.finish !== undefined && toFinishReason(this.finish) === "content-filter"
    if (isFiltered || (framing === "lines" && this.finish !== undefined)) return this.complete(now)
    return failed(
      framing === "lines" && !this.isIntroduced
        ? this.errors.unreadable("it has no choices")
        : this.errors.cut(this.terminator)
    )
  }
}

/** How the answer to a request is read. */
export const make = (reading: Reading, habits: Habits): Make => (out) => new CompletionReader(reading, habits, out)
