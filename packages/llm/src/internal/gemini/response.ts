/**
 * Answers of Gemini, whole and as a stream: each item is a whole response with more parts of the first candidate, usage grows
 * with each, and signatures come on any part, an empty one too.
 *
 * A stream has no terminator but its end. It is whole once a candidate has had a `finishReason` and the body has ended in order:
 * some models repeat the reason on every item, so that the reason alone proves nothing.
 *
 * Guarded by `test/gemini/GeminiProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type { BodyEnd, Make, Step } from "../protocol/answer/answer.ts"
import { failed, isTerminator, more } from "../protocol/answer/answer.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { toParams } from "../protocol/tools/toolParams.ts"
import * as Kept from "./kept.ts"
import { PartialCall } from "./partialCall.ts"
import { counted, isGivenUp, toFinishReason } from "./usage.ts"

const unspecified = "FINISH_REASON_UNSPECIFIED"

/** Reads one answer. */
class ContentReader extends Reader {
  readonly terminator = "a finishReason and the end of the body"
  private readonly sources: Array<Fields> = []
  /** A call whose arguments are still coming. */
  private partial: PartialCall | undefined
  /** The signature of that call. */
  private signed: string | undefined
  private signature: string | undefined
  private isIntroduced = false
  private finish: string | undefined
  private message: string | undefined
  private blocked: string | undefined
  private usage: Fields = {}

  constructor(reading: Reading, out: (part: Part) => void) {
    super(reading, out, (type) => this.keptOf(type))
  }

  protected counted() {
    return counted(this.usage)
  }

  /** What goes back with a block that ends here: thoughts always, a text only with a signature. */
  private keptOf(type: "text" | "reasoning"): Response.ProviderMetadata | undefined {
    const { signature } = this
    this.signature = undefined
    return type === "text" && signature === undefined ? undefined : Kept.metadata({ signature })
  }

  private introduce(response: Fields): void {
    if (this.isIntroduced) return
    this.isIntroduced = true
    const id = text(response["responseId"])
    const modelId = text(response["modelVersion"])
    if (id === undefined && modelId === undefined) return
    this.writer.part({
      type: "response-metadata",
      ...(id === undefined ? {} : { id }),
      ...(modelId === undefined ? {} : { modelId })
    })
  }

  private onCall(call: Fields, signature: string | undefined): void {
    const given = text(call["id"])
    const id = this.callIds.take(given)
    const name = text(call["name"]) ?? ""
    const { args } = call
    const params = typeof args === "string" ? toParams(args) : fields(args)
    this.writer.part({ type: "tool-params-start", id, name })
    this.writer.part({ type: "tool-params-delta", id, delta: JSON.stringify(params) })
    this.writer.part({ type: "tool-params-end", id })
    this.calls.push({ id, name, params, metadata: Kept.metadata({ id: id === given ? id : undefined, signature }) })
  }

  private onPiece(call: Fields, signature: string | undefined): void {
    const { partial } = this
    // Another call begins: the last piece of the one before was left out.
    if (partial === undefined || text(call["name"]) !== undefined) {
      this.endPartial()
      if (!PartialCall.begins(call)) return this.onCall(call, signature)
      this.partial = new PartialCall(call)
      this.signed = signature
      return
    }
    this.signed ??= signature
    if (partial.add(call)) this.endPartial()
  }

  private endPartial(): void {
    const { partial, signed } = this
    this.partial = undefined
    this.signed = undefined
    if (partial !== undefined) this.onCall(partial.whole(), signed)
  }

  private onPart(part: Fields): void {
    const signature = text(part["thoughtSignature"])
    const call = part["functionCall"]
    if (isFields(call)) return this.onPiece(call, signature)
    const { data, mimeType } = fields(part["inlineData"])
    if (typeof data === "string" && typeof mimeType === "string") {
      const metadata = signature === undefined ? {} : { metadata: Kept.metadata({ signature }) }
      return this.writer.part({ type: "file", mediaType: mimeType, data, ...metadata })
    }
    const said = part["text"]
    if (typeof said !== "string") return
    if (part["thought"] === true) this.writer.reasoning(said)
    else this.writer.text(said)
    if (signature === undefined) return
    // A signature closes what it signs. Without words before it, a block of its own keeps it.
    this.signature = signature
    this.writer.close()
    if (this.signature !== undefined) this.writer.silent()
  }

  private onCandidate(candidate: Fields): void {
    for (const part of list(fields(candidate["content"])["parts"])) this.onPart(fields(part))
    for (const chunk of list(fields(candidate["groundingMetadata"])["groundingChunks"])) {
      const web = fields(fields(chunk)["web"])
      const uri = text(web["uri"])
      if (uri !== undefined && !this.sources.some((known) => known["uri"] === uri)) this.sources.push(web)
    }
    const reason = text(candidate["finishReason"])
    if (reason !== undefined && reason !== unspecified) this.finish = reason
    this.message = text(candidate["finishMessage"]) ?? this.message
  }

  private complete(now: number): Step {
    const { blocked, errors, finish, message } = this
    this.isWhole = blocked !== undefined || finish !== undefined
    if (blocked !== undefined && finish === undefined) {
      return failed(errors.filtered(`the prompt was blocked: ${blocked}`))
    }
    if (finish === undefined) return failed(errors.cut(this.terminator))
    if (isGivenUp(finish)) {
      const why = `the answer ended with finishReason ${finish}${message === undefined ? "" : `: ${message}`}`
      return failed(errors.inBand({ error: { message: why, reason: finish } }, now))
    }
    // A call that the longest length has cut is not run.
    if (this.partial !== undefined && toFinishReason(finish) !== "length") {
      return failed(errors.cut("the last piece of a function call"))
    }
    for (const { title, uri } of this.sources) {
      this.writer.part({
        type: "source",
        sourceType: "url",
        id: this.newId(),
        url: String(uri),
        title: text(title) ?? String(uri)
      })
    }
    return this.end({
      reason: toFinishReason(finish),
      explanation: message ?? `the answer ended with finishReason ${finish}`
    })
  }

  private onResponse(response: unknown, now: number): Step {
    if (!isFields(response)) return failed(this.errors.unreadable("a piece of it is not Gemini's"))
    this.usage = { ...this.usage, ...fields(response["usageMetadata"]) }
    if (isPresent(response["error"])) return failed(this.errors.inBand(response, now))
    const { blockReason, blockReasonMessage } = fields(response["promptFeedback"])
    const isKnown = ["candidates", "promptFeedback", "usageMetadata", "responseId", "modelVersion"].some((key) =>
      isPresent(response[key])
    )
    if (!isKnown) return failed(this.errors.unreadable("it has no candidates"))
    this.introduce(response)
    if (isPresent(blockReason)) this.blocked = text(blockReasonMessage) ?? String(blockReason)
    // A request asks for one answer: other candidates are none of it.
    const candidate = list(response["candidates"]).map(fields).find(({ index }) => !isPresent(index) || index === 0)
    if (candidate !== undefined) this.onCandidate(candidate)
    return more
  }

  onItem({ data, event }: Item, now: number): Step {
    // Proxies end a stream as OpenAI does. It still ends with the body.
    if (data.trim() === "" || isTerminator(data)) return more
    if (event === "error") return failed(this.errors.inBand(data, now))
    const json = parse(data)?.json
    // Without `alt=sse` a stream is one array.
    for (const response of Array.isArray(json) ? json : [json]) {
      const step = this.onResponse(response, now)
      if (step._tag !== "More") return step
    }
    return more
  }

  atEnd({ framing, isWhole, now }: BodyEnd): Step {
    return isWhole && framing === "lines" && this.finish === undefined && this.blocked === undefined
      ? failed(this.errors.unreadable("it has no finishReason"))
      : this.complete(now)
  }
}

/** How the answer to a request is read. */
export const make = (reading: Reading): Make => (out) => new ContentReader(reading, out)
