/**
 * Answers in the words of Ollama's `/api/chat`: one JSON object a line. Every line may be an error instead, under status
 * 200, and only `done: true` says that the answer is whole.
 *
 * Guarded by `test/OllamaProvider.test.ts` and `test/ollama.integration.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type { BodyEnd, Make, Step } from "../protocol/answer/answer.ts"
import { failed, more } from "../protocol/answer/answer.ts"
import type { Habits } from "../protocol/answer/content.ts"
import { Content } from "../protocol/answer/content.ts"
import type { Item } from "../protocol/answer/decoder.ts"
import type { Reading } from "../protocol/answer/reader.ts"
import { Reader } from "../protocol/answer/reader.ts"
import type { Part } from "../protocol/answer/writer.ts"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isFields, isPresent, list, text } from "../protocol/field.ts"
import { parse } from "../protocol/json.ts"
import { toParams } from "../protocol/tools/toolParams.ts"
import * as Thinking from "./thinking.ts"

/** Models whose template Ollama does not know write thoughts and calls into the content. */
const habits: Habits = { thinkTags: ["think", "thinking", "thought", "reasoning"], writesAsText: true }

const toFinishReason = (reason: string | undefined): Response.FinishReason =>
  reason === "length" ? "length" : reason === "stop" || reason === undefined ? "stop" : "other"

const toUsage = (line: Fields): typeof Response.Usage.Encoded => {
  const input = count(line["prompt_eval_count"])
  const output = count(line["eval_count"])
  return {
    inputTokens: { total: input, uncached: input, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: undefined, reasoning: undefined }
  }
}

/** How often in a row a token comes before Ollama ends the answer, without a `done` (llm/server.go, "token repeat limit"). */
const repeatLimit = 30

const looped = "the model repeated itself, and Ollama ended the answer. Ask differently, or choose a larger model"

/** Reads one answer. It is done at `done: true`. */
class ChatReader extends Reader {
  readonly terminator = "done: true"
  override readonly framing = "lines"
  private readonly content: Content
  private isIntroduced = false
  private lines = 0
  private lastToken = ""
  private repeats = 0
  private line: Fields = {}

  constructor(reading: Reading, out: (part: Part) => void) {
    super(reading, out, (type) => {
      const tags = type === "reasoning" ? this.content.takeTags() : undefined
      return tags === undefined ? undefined : Thinking.toMetadata(tags)
    })
    this.content = new Content(this.writer, habits, this.tools, reading.request)
  }

  protected counted() {
    const usage = toUsage(this.line)
    return usage.inputTokens.total === undefined && usage.outputTokens.total === undefined ? undefined : { usage }
  }

  private call(given: unknown, name: string, params: unknown): void {
    const call = { id: this.callIds.take(given), name, params }
    this.calls.push(call)
    this.writer.part({ type: "tool-params-start", id: call.id, name })
    this.writer.part({ type: "tool-params-delta", id: call.id, delta: JSON.stringify(params) })
    this.writer.part({ type: "tool-params-end", id: call.id })
  }

  private complete(line: Fields): Step {
    const reason = text(line["done_reason"])
    for (const { name, params } of this.content.end()) this.call(undefined, name, params)
    if (!this.writer.spoke && this.calls.length === 0 && (reason === "load" || reason === "unload")) {
      return failed(
        this.errors.noAnswer(`the model was only ${reason}ed. A turn needs a message from the user`)
      )
    }
    return this.end({ reason: toFinishReason(reason) })
  }

  onItem({ data, event }: Item, now: number): Step {
    if (data.trim() === "") return more
    if (event === "error") return failed(this.errors.inBand(data, now))
    const line = parse(data)?.json
    if (!isFields(line)) return failed(this.errors.unreadable("a line of it is not a chat response"))
    this.line = line
    if (isPresent(line["error"])) return failed(this.errors.inBand({ error: line["error"] }, now))
    this.lines++
    if (!this.isIntroduced) {
      this.isIntroduced = true
      const modelId = text(line["model"])
      this.writer.part({ type: "response-metadata", ...(modelId === undefined ? {} : { modelId }) })
    }
    const message = fields(line["message"])
    const content = message["content"] ?? ""
    if (typeof content !== "string") {
      return failed(this.errors.unreadable("expected a text at [\"message\"][\"content\"]"))
    }
    const thinking = text(message["thinking"]) ?? ""
    const token = (thinking + content).trim()
    this.repeats = token === this.lastToken ? this.repeats + 1 : 0
    this.lastToken = token
    this.writer.reasoning(thinking)
    this.content.text(content)
    for (const call of list(message["tool_calls"]).filter(isFields)) {
      const inner = fields(call["function"])
      const params = inner["arguments"] ?? {}
      this.call(call["id"], text(inner["name"]) ?? "", typeof params === "string" ? toParams(params) : params)
    }
    const isDone = line["done"] === true
    return isDone ? this.complete(line) : more
  }

  atEnd({ isWhole }: BodyEnd): Step {
    // One line under status 200 is the whole body of an answer that was not streamed.
    const isLoop = this.repeats >= repeatLimit - 1 || (isWhole && this.lines === 1)
    this.writer.close()
    return failed(isLoop ? this.errors.noAnswer(looped) : this.errors.cut(this.terminator))
  }
}

/** How the answer to a request is read. */
export const make = (reading: Reading): Make => (out) => new ChatReader(reading, out)
