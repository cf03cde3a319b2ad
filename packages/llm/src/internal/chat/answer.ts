/**
 * What a turn is asked with, and what it comes to. `ChatService` exports the shapes.
 *
 * Guarded by `test/ChatService.test.ts` and `test/laws.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type { Concurrency } from "effect/Types"
import type * as Usage from "../../Usage.ts"

/** One tool call and its result. */
export const ToolCall = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  /** The arguments as the model gave them. */
  params: Schema.Unknown,
  /** The result that the model is sent; `undefined` if the call failed the turn. */
  result: Schema.Unknown,
  /** Whether the tool did what it was asked to. */
  success: Schema.Boolean,
  /** In which iteration of the turn: 1 is the first. */
  iteration: Schema.Int,
  /** Milliseconds since the epoch, by the `Clock` in force. */
  startedAt: Schema.Finite,
  duration: Schema.Duration
})
export type ToolCall = typeof ToolCall.Type

/**
 * How a turn ends.
 *
 * - `answered`: the model called no more tools. `finishReason` says whether its answer was cut short.
 * - `maxToolIterations`: the limit was reached before the model saw the last results. They are in the history: call again
 *   without messages to continue.
 * - `approvalRequired`: a tool needs a person's approval. Call again with the approval or the denial to continue.
 */
export type Outcome = "answered" | "maxToolIterations" | "approvalRequired"

/** An answer, and how it came about. */
export interface Answer {
  readonly outcome: Outcome
  /** The text of the model's last response. */
  readonly text: string
  readonly reasoning: string
  /** The provider that answered: its name in the chain, or that of Effect's `Model`, or `"unknown"`. */
  readonly provider: string
  readonly model: string
  /** Every attempt at every provider, in order; empty if the model is not a chain. */
  readonly attempts: ReadonlyArray<Usage.Entry>
  /** Whether any response of the turn came from a provider other than the first of the chain. */
  readonly fellBack: boolean
  /** Whether this machine was offline. */
  readonly offline: boolean
  /** The tools that ran here, in the order in which they ended. */
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** How often the model was shown, or would have been shown, what its tools had answered. */
  readonly iterations: number
  /** The tokens of all responses of the turn. `attempts` also has those of failed attempts. */
  readonly usage: Response.Usage
  readonly finishReason: Response.FinishReason
  readonly duration: Duration.Duration
  /** The messages that the turn adds to the history: those of the request and all that followed. */
  readonly messages: Prompt.Prompt
}

/** The input of one turn. */
export interface Request<Tools extends Record<string, Tool.Any> = {}, E = never, R = never> {
  /** The messages that follow the history: of any role, with texts and images, or a string, which is a user message. */
  readonly messages: Prompt.RawInput
  /**
   * The conversation so far, to which this turn is added; with Effect's `Chat`, pass `chat.history`. Turns of one history run
   * one after the other. Default: none.
   */
  readonly history?: Ref.Ref<Prompt.Prompt> | undefined
  /** The tools, with their handlers. Default: none. */
  readonly toolkit?: Toolkit.WithHandler<Tools> | Effect.Effect<Toolkit.WithHandler<Tools>, E, R> | undefined
  /** Whether the model may or must call a tool. A tool is forced in the first request only. Default: `"auto"`. */
  readonly toolChoice?:
    | LanguageModel.ToolChoice<{ [Name in keyof Tools]: Tools[Name]["name"] }[keyof Tools]>
    | undefined
  /** How many tools of one iteration run at the same time. Default: `"unbounded"`. */
  readonly concurrency?: Concurrency | undefined
  /** How many times tools may run: 1 or more. Default: that of the service. */
  readonly maxToolIterations?: number | undefined
  /** Called for each tool call when it has ended, even if the turn fails later. Exceptions from it are ignored. */
  readonly onToolCall?: ((call: ToolCall) => void) | undefined
}

/** The last element of a stream. */
export interface AnswerPart {
  readonly type: "answer"
  readonly answer: Answer
}

/** The services that the tools of a turn need. */
export type Services<Tools extends Record<string, Tool.Any>> =
  | Tool.HandlerServices<Tools[keyof Tools]>
  | Tool.ResultDecodingServices<Tools[keyof Tools]>
  | Tool.ParametersEncodingServices<Tools[keyof Tools]>
