/**
 * Projects a conversation for one provider.
 *
 * The parts of a chain's answers are marked with their provider and model, and keep the mark in a chat's history. Another
 * provider, or another model of the same provider, gets them without the data that only their author can read: reasoning,
 * signatures and other vendor metadata, calls of tools that the vendor ran. Vendors differ in the tool call ids that they
 * accept. An id that some vendor rejects, or that an earlier call already has, is renamed in the call and in its results, to
 * the same name in every request.
 *
 * A file that was uploaded to several accounts has an id at each. A provider gets its own, by its name.
 *
 * Parts without a mark come from the program or another library, and are sent unchanged.
 *
 * Guarded by `test/authorship/projection.test.ts` and `test/protocol/authorship.test.ts`.
 */
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Provider } from "../../Provider.ts"
import { ofAccount } from "../protocol/request/fileId.ts"

type Author = Pick<Provider, "name" | "model">

/** Parts of one provider's answer that another provider does not get. */
export interface Losses {
  readonly reasoning: number
  readonly vendorData: number
  readonly hostedTools: number
  readonly renamedCalls: number
}

// -----------------------------------------------------------------------------
// Marks
// -----------------------------------------------------------------------------

const decodeMark = Schema.decodeUnknownOption(
  Schema.Struct({ holdfast: Schema.Struct({ provider: Schema.String, model: Schema.String }) })
)

/** Marks a part of an answer that only its author may be able to read, so that a later request can tell. */
export const mark = <P extends Response.PartEncoded | Response.StreamPartEncoded>(part: P, author: Author): P => {
  switch (part.type) {
    case "reasoning":
    case "reasoning-start":
    case "tool-call":
      break
    case "text":
    case "text-start":
    case "text-end":
    case "tool-result":
      if (part.metadata === undefined && !("providerExecuted" in part && part.providerExecuted === true)) return part
      break
    default:
      return part
  }
  return { ...part, metadata: { ...part.metadata, holdfast: { provider: author.name, model: author.model } } }
}

/** Whether a chain's answer holds this part. Once a prompt is projected, such a part is the reader's own. */
export const isMarked = (part: Prompt.AssistantMessagePart): boolean => Option.isSome(decodeMark(part.options))

const isForeign = (part: Prompt.AssistantMessagePart, reader: Author): boolean =>
  Option.exists(
    decodeMark(part.options),
    ({ holdfast }) => holdfast.provider !== reader.name || holdfast.model !== reader.model
  )

// -----------------------------------------------------------------------------
// Ids
// -----------------------------------------------------------------------------

/** What OpenAI, Anthropic and those who speak as they do all accept. */
const portable = /^[a-zA-Z0-9_-]{1,40}$/

const rename = (id: string, taken: ReadonlySet<string>): string => {
  const readable = id.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 24)
  for (let occurrence = 0;; occurrence++) {
    const name = `${readable}_${(Hash.string(`${id}#${occurrence}`) >>> 0).toString(36)}`
    if (!taken.has(name)) return name
  }
}

// -----------------------------------------------------------------------------
// Projection
// -----------------------------------------------------------------------------

const isCall = (part: Prompt.AssistantMessagePart): part is Prompt.ToolCallPart =>
  part.type === "tool-call" && !part.providerExecuted

class Projection {
  readonly reader: Author
  readonly taken: Set<string>
  /** The names under which the calls so far are known, by their ids. */
  readonly names = new Map<string, string>()
  reasoning = 0
  vendorData = 0
  hostedTools = 0
  renamedCalls = 0
  /** Whether a file of several accounts has the id of this one. */
  hasOwnIds = false

  constructor(prompt: Prompt.Prompt, reader: Author) {
    this.reader = reader
    this.taken = new Set(
      prompt.content.flatMap((message) =>
        message.role === "assistant"
          ? message.content.flatMap((part) => isCall(part) && !isForeign(part, reader) ? [part.id] : [])
          : []
      )
    )
  }

  private nameOf(id: string): string {
    return this.names.get(id) ?? id
  }

  private call(part: Prompt.ToolCallPart, foreign: boolean): Prompt.ToolCallPart {
    const keep = !foreign || portable.test(part.id) && !this.taken.has(part.id)
    const id = keep ? part.id : rename(part.id, this.taken)
    this.taken.add(id)
    this.names.set(part.id, id)
    if (keep) return part
    this.renamedCalls++
    return { ...part, id }
  }

  /** Without what the author's vendor keeps beside the part. */
  private bare<P extends Prompt.AssistantMessagePart>(part: P): P {
    const { holdfast, ...vendor } = part.options
    if (Object.keys(vendor).length === 0) return part
    this.vendorData++
    return { ...part, options: holdfast === undefined ? {} : { holdfast } }
  }

  private assistantPart(part: Prompt.AssistantMessagePart): ReadonlyArray<Prompt.AssistantMessagePart> {
    const foreign = isForeign(part, this.reader)
    switch (part.type) {
      case "reasoning":
        if (!foreign) return [part]
        this.reasoning++
        return []
      case "tool-call":
        if (!part.providerExecuted) return [foreign ? this.bare(this.call(part, true)) : this.call(part, false)]
        if (!foreign) return [part]
        this.hostedTools++
        return []
      case "tool-result":
        // In an assistant's message it is the result of a tool that ran at the vendor's: the call has been counted.
        return foreign && part.providerExecuted ? [] : [part]
      case "tool-approval-request": {
        const toolCallId = this.nameOf(part.toolCallId)
        return [toolCallId === part.toolCallId ? part : { ...part, toolCallId }]
      }
      case "text":
      case "file":
        return [foreign ? this.bare(part) : part]
    }
  }

  private toolPart(part: Prompt.ToolMessagePart): Prompt.ToolMessagePart {
    if (part.type !== "tool-result") return part
    const id = this.nameOf(part.id)
    return id === part.id ? part : { ...part, id }
  }

  private userPart(part: Prompt.UserMessagePart): Prompt.UserMessagePart {
    if (part.type !== "file") return part
    const own = ofAccount(part, this.reader.name)
    if (own !== part) this.hasOwnIds = true
    return own
  }

  message(message: Prompt.Message): ReadonlyArray<Prompt.Message> {
    switch (message.role) {
      case "system":
        return [message]
      case "user": {
        const content = message.content.map((part) => this.userPart(part))
        return [content.some((part, i) => part !== message.content[i]) ? { ...message, content } : message]
      }
      case "assistant": {
        const content = message.content.flatMap((part) => this.assistantPart(part))
        return content.length === 0 && message.content.length > 0 ? [] : [{ ...message, content }]
      }
      case "tool":
        return [{ ...message, content: message.content.map((part) => this.toolPart(part)) }]
    }
  }

  get losses(): Losses | undefined {
    const { hostedTools, reasoning, renamedCalls, vendorData } = this
    return hostedTools + reasoning + renamedCalls + vendorData === 0
      ? undefined
      : { reasoning, vendorData, hostedTools, renamedCalls }
  }
}

/** The prompt as `reader` may read it: the very same when nothing in it is another's. */
export const project = (
  prompt: Prompt.Prompt,
  reader: Author
): { readonly prompt: Prompt.Prompt; readonly losses: Losses | undefined } => {
  const projection = new Projection(prompt, reader)
  const messages = prompt.content.flatMap((message) => projection.message(message))
  const { hasOwnIds, losses } = projection
  return losses === undefined && !hasOwnIds ? { prompt, losses } : { prompt: Prompt.fromMessages(messages), losses }
}
