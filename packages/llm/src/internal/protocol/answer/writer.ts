/**
 * Writes the parts of one answer, opening and closing blocks of text and reasoning as they alternate.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as Response from "effect/ai/Response"

export type Part = Response.StreamPartEncoded

/** What a block of text or reasoning carries beside its words, asked for when it ends. */
export type MetadataOf = (type: "text" | "reasoning") => Response.ProviderMetadata | undefined

export class Writer {
  private readonly out: (part: Part) => void
  private readonly metadataOf: MetadataOf | undefined
  private open: { readonly type: "text" | "reasoning"; readonly id: string } | undefined
  private blocks = 0
  /** Blank text that came before the first word. Blank text alone is not an answer, so it waits for a word. */
  private blank = ""
  /** Whether the answer holds anything: words, thoughts, a file. */
  spoke = false
  /** Whether it holds more than thoughts. */
  answered = false

  constructor(out: (part: Part) => void, metadataOf?: MetadataOf) {
    this.out = out
    this.metadataOf = metadataOf
  }

  text(delta: string): void {
    this.delta("text", delta)
  }

  reasoning(delta: string): void {
    this.delta("reasoning", delta)
  }

  part(part: Part): void {
    this.close()
    if (part.type === "text-delta") {
      const delta = this.words(part.delta)
      if (delta !== "") this.out({ ...part, delta })
      return
    }
    if (part.type === "file") this.answered = true
    if (part.type === "file" || part.type === "reasoning-delta") this.spoke = true
    this.out(part)
  }

  /** The text to emit now: nothing while it is blank, and then all of it. */
  private words(delta: string): string {
    if (this.answered) return delta
    this.blank += delta
    if (this.blank.trim() === "") return ""
    const words = this.blank
    this.blank = ""
    this.answered = true
    this.spoke = true
    return words
  }

  /** Closes the open block, if any. */
  close(): void {
    const { open } = this
    if (open === undefined) return
    this.open = undefined
    this.end(open.type, open.id)
  }

  /** Says what is to be kept although no words came with it: a block of reasoning without any. */
  silent(): void {
    this.close()
    const metadata = this.metadataOf?.("reasoning")
    if (metadata === undefined) return
    const id = `reasoning-${this.blocks++}`
    this.out({ type: "reasoning-start", id })
    this.out({ type: "reasoning-end", id, metadata })
  }

  private end(type: "text" | "reasoning", id: string): void {
    const metadata = this.metadataOf?.(type)
    this.out({ type: `${type}-end`, id, ...(metadata === undefined ? {} : { metadata }) })
  }

  private delta(type: "text" | "reasoning", said: string): void {
    const delta = type === "text" ? this.words(said) : said
    if (delta === "") return
    this.spoke = true
    if (this.open?.type !== type) {
      this.close()
      this.open = { type, id: `${type}-${this.blocks++}` }
      this.out({ type: `${type}-start`, id: this.open.id })
    }
    // A type that is put together would be another text at each token, which every comparison has to read.
    this.out({ type: type === "text" ? "text-delta" : "reasoning-delta", id: this.open.id, delta })
  }
}

/** The parts of a whole answer, from those of a stream: a block is one part, and pieces of parameters are none. */
export const toWhole = (parts: ReadonlyArray<Part>): Array<Response.PartEncoded> => {
  const whole: Array<Response.PartEncoded> = []
  const texts = new Map<string, string>()
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        texts.set(part.id, "")
        break
      case "text-delta":
      case "reasoning-delta":
        texts.set(part.id, (texts.get(part.id) ?? "") + part.delta)
        break
      case "text-end":
      case "reasoning-end": {
        const text = texts.get(part.id) ?? ""
        const type = part.type === "text-end" ? "text" : "reasoning"
        if (text !== "" || part.metadata !== undefined) {
          whole.push({ type, text, ...(part.metadata === undefined ? {} : { metadata: part.metadata }) })
        }
        break
      }
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      default:
        whole.push(part)
    }
  }
  return whole
}
