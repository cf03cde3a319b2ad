/**
 * The content of servers that write more into it than words: thoughts between tags, calls of tools as JSON, a structured answer
 * in a fence. Only what begins a content is taken for that; further on it belongs to the text.
 *
 * Text is held back while it may still become one of these, and no longer.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import { isJson } from "../json.ts"
import type { RequestTools } from "../tools/tools.ts"
import type { TextCall } from "./textCall.ts"
import { callPrefix, readCalls } from "./textCall.ts"
import type { Writer } from "./writer.ts"

/** What a server writes into the content. */
export interface Habits {
  /** Tags around thoughts that begin the content. */
  readonly thinkTags: ReadonlyArray<string>
  /** Whether calls and structured answers come as text. */
  readonly writesAsText: boolean
}

/** The tags around thoughts, with the space beside them, so that they go back as they were. */
export interface Tags {
  readonly open: string
  readonly close: string
}

type State =
  /** What the content is, is not known yet. */
  | { readonly _tag: "Start"; readonly tags: ReadonlyArray<string> }
  | { readonly _tag: "Thinking"; readonly tag: string; readonly begun: boolean }
  /** After the closing tag: space until the text. */
  | { readonly _tag: "Thought" }
  /** The content may be a call, or has to be looked at whole. */
  | { readonly _tag: "Held" }
  | { readonly _tag: "Text" }

/** How much of the end of a text may be the beginning of `tag`. */
const overlap = (text: string, tag: string): number => {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return length
  }
  return 0
}

const fence = /```[a-zA-Z]*[^\S\n]*\n?([\s\S]*?)```/

/** A structured answer without the fence around it, and what was said beside. */
const unfenced = (text: string): string => {
  if (isJson(text)) return text
  const inner = fence.exec(text)?.[1]?.trim()
  return inner !== undefined && isJson(inner) ? inner : text
}

export class Content {
  private readonly writer: Writer
  private readonly habits: Habits
  private readonly tools: RequestTools
  private readonly isStructured: boolean
  private state: State
  private pending = ""
  private open = ""
  private close = ""

  constructor(
    writer: Writer,
    habits: Habits,
    tools: RequestTools,
    { responseFormat }: Pick<LanguageModel.ProviderOptions, "responseFormat">
  ) {
    this.writer = writer
    this.habits = habits
    this.tools = tools
    this.isStructured = habits.writesAsText && responseFormat.type === "json"
    this.state = habits.writesAsText || habits.thinkTags.length > 0
      ? { _tag: "Start", tags: habits.thinkTags }
      : { _tag: "Text" }
  }

  /** The tags of the thoughts that were read last; asked for when their block ends. */
  takeTags(): Tags | undefined {
    if (this.open === "") return undefined
    const { close, open } = this
    this.open = ""
    return { open, close }
  }

  text(delta: string): void {
    if (delta === "") return
    if (this.state._tag === "Text") return this.writer.text(delta)
    this.pending += delta
    while (this.advance());
  }

  /** The content is over: gives the calls that it turned out to be. */
  end(): ReadonlyArray<TextCall> {
    const { pending, state } = this
    this.pending = ""
    this.state = { _tag: "Text" }
    if (state._tag === "Thinking") {
      this.writer.reasoning(pending)
      return []
    }
    const calls = this.habits.writesAsText ? readCalls(pending, this.tools.names) : []
    if (calls.length === 0) this.writer.text(this.isStructured ? unfenced(pending) : pending)
    return calls
  }

  /** Reads on in what is pending; says whether there may be more to read. */
  private advance(): boolean {
    switch (this.state._tag) {
      case "Start":
        return this.start(this.state.tags)
      case "Thinking":
        return this.think(this.state.tag, this.state.begun)
      case "Thought": {
        const text = this.pending.trimStart()
        this.close += this.pending.slice(0, this.pending.length - text.length)
        this.pending = text
        if (text === "") return false
        this.state = { _tag: "Start", tags: [] }
        return true
      }
      case "Held":
        return false
      case "Text": {
        const { pending } = this
        this.pending = ""
        this.writer.text(pending)
        return false
      }
    }
  }

  private start(tags: ReadonlyArray<string>): boolean {
    const lead = this.pending.trimStart()
    if (lead === "") return false
    const tag = tags.find((tag) => lead.startsWith(`<${tag}>`))
    if (tag !== undefined) {
      const opened = this.pending.length - lead.length + tag.length + 2
      this.open = this.pending.slice(0, opened)
      this.close = ""
      this.pending = this.pending.slice(opened)
      this.state = { _tag: "Thinking", tag, begun: false }
      return true
    }
    if (tags.some((tag) => `<${tag}>`.startsWith(lead))) return false
    if (this.habits.writesAsText) {
      const call = callPrefix(lead, this.tools.names)
      if (call === "maybe") return false
      if (call === "yes" || (this.isStructured && !/^[{["\-\dtfn]/.test(lead))) {
        this.state = { _tag: "Held" }
        return false
      }
    }
    this.state = { _tag: "Text" }
    return true
  }

  private think(tag: string, begun: boolean): boolean {
    if (!begun) {
      const text = this.pending.trimStart()
      this.open += this.pending.slice(0, this.pending.length - text.length)
      this.pending = text
      if (text === "") return false
      this.state = { _tag: "Thinking", tag, begun: true }
    }
    const closing = `</${tag}>`
    const at = this.pending.indexOf(closing)
    if (at === -1) {
      // Space before the closing tag is the tag's.
      const kept = this.pending.length - overlap(this.pending, closing)
      const said = this.pending.slice(0, kept).trimEnd()
      this.writer.reasoning(said)
      this.pending = this.pending.slice(said.length)
      return false
    }
    const said = this.pending.slice(0, at).trimEnd()
    this.writer.reasoning(said)
    this.close = this.pending.slice(said.length, at + closing.length)
    this.pending = this.pending.slice(at + closing.length)
    this.state = { _tag: "Thought" }
    return true
  }
}
