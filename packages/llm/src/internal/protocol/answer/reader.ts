/**
 * What the readers of all protocols have in common: the writer of the parts, the tools of the request, the calls so far, and the
 * usage so far.
 *
 * Guarded by `test/protocol/authorship.test.ts` and `test/usage/reported.laws.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type { Counts } from "../../usage/reported.ts"
import type { Errors } from "../request/providerRequest.ts"
import { RequestTools } from "../tools/tools.ts"
import type { Protocol, Step } from "./answer.ts"
import { CallIds } from "./callIds.ts"
import type { Framing, Item } from "./decoder.ts"
import type { Call, Ending } from "./ending.ts"
import { end } from "./ending.ts"
import type { MetadataOf, Part } from "./writer.ts"
import { Writer } from "./writer.ts"

/** What an answer is read with. */
export interface Reading {
  readonly request: LanguageModel.ProviderOptions
  readonly errors: Errors
  /** Ids for what the vendor gives none. */
  readonly newId: () => string
}

/** The vendor has reported nothing. */
const unknown: Counts["usage"] = {
  inputTokens: { total: undefined, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined }
}

/** Reads one answer. */
export abstract class Reader implements Protocol {
  abstract readonly terminator: string
  readonly framing: Framing = "events"
  readonly errors: Errors
  protected readonly newId: () => string
  protected readonly callIds: CallIds
  protected readonly writer: Writer
  protected readonly tools: RequestTools
  protected readonly calls: Array<Call> = []
  /** Whether the vendor has said its last word about the answer, so that its usage is complete. */
  protected isWhole = false

  constructor({ errors, newId, request }: Reading, out: (part: Part) => void, metadataOf?: MetadataOf) {
    this.errors = errors
    this.newId = newId
    this.callIds = new CallIds(request, newId)
    this.tools = new RequestTools(request)
    this.writer = new Writer(out, metadataOf)
  }

  abstract onItem(item: Item, now: number): Step

  /** The usage so far; `undefined` before there is any. */
  protected abstract counted(): Omit<Counts, "partial"> | undefined

  get counts(): Counts | undefined {
    const counted = this.counted()
    return counted && { ...counted, partial: !this.isWhole }
  }

  /** Ends the answer: its terminator has come. */
  protected end(ending: Pick<Ending, "reason" | "explanation"> & Partial<Pick<Ending, "calls">>): Step {
    const { calls, errors, tools, writer } = this
    this.isWhole = true
    const usage = this.counted()?.usage ?? unknown
    return end({ writer, tools, errors, calls, usage, ...ending })
  }
}
