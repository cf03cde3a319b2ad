/**
 * How a turn fails. `ChatService` exports the errors.
 *
 * Guarded by `test/ChatService.test.ts` and `test/laws.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"
import { ToolCall } from "./answer.ts"

/** The errors of a turn, in addition to those of making the toolkit. */
export type Failure<Tools extends Record<string, Tool.Any>> =
  | AiError.AiError
  | NoUserMessage
  | Tool.HandlerError<Tools[keyof Tools]>

/** The conversation has no user message to answer. Nothing was sent. */
export class NoUserMessage extends Data.TaggedError("NoUserMessage")<{
  /**
   * - `missing`: there is no user message.
   * - `blank`: the last user message has neither text nor file.
   * - `answered`: the last message is the model's own.
   */
  readonly because: "missing" | "blank" | "answered"
}> {
  override get message(): string {
    const found = {
      missing: "The conversation has no user's message",
      blank: "The last user's message is blank",
      answered: "The last message is the model's own"
    }
    return `${found[this.because]}, so there is nothing to answer and nothing was sent. Add a message with role "user"`
  }
}

/**
 * The model failed after tools of the turn had run. The history is unchanged. To continue without running the tools again,
 * pass `messages` in place of the request's.
 */
export class TurnFailed extends AiError.AiError.extend<TurnFailed>("@holdfast/llm/TurnFailed")({
  /** The original failure, such as `ChainError.NoAnswer`; `reason` is copied from it. */
  failure: AiError.AiError,
  /** The tools that ran. */
  toolCalls: Schema.Array(ToolCall),
  /** The request's messages and all that followed until the failure. */
  messages: Prompt.Prompt
}) {
  override get isRetryable(): boolean {
    return false
  }

  override get message(): string {
    const count = plural(this.toolCalls.length, "tool call")
    return `The turn failed after ${count}: ${this.failure.message}`
  }
}

/**
 * Whether an error is a turn that failed after tools had run.
 *
 * ```ts import.meta.vitest
 * import { ChatService } from "@holdfast/llm"
 * import { AiError } from "effect/ai"
 *
 * const error = AiError.make({ module: "M", method: "m", reason: new AiError.QuotaExhaustedError({}) })
 * ChatService.isTurnFailed(error) // => false
 * ```
 */
export const isTurnFailed = (u: unknown): u is TurnFailed => u instanceof TurnFailed

/** Why there is nothing to answer; `undefined` if there is. Tool results also need an answer. */
export const unanswerable = (prompt: Prompt.Prompt): NoUserMessage | undefined => {
  const last = prompt.content.findLast((message) => message.role !== "system")
  if (!prompt.content.some((message) => message.role === "user")) return new NoUserMessage({ because: "missing" })
  if (last?.role === "assistant") return new NoUserMessage({ because: "answered" })
  if (last?.role !== "user") return undefined
  const says = last.content.some((part) => part.type !== "text" || part.text.trim() !== "")
  return says ? undefined : new NoUserMessage({ because: "blank" })
}
