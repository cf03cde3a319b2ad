/**
 * One turn of a conversation: a user's message, what the model said and which tools it called, until it has answered.
 *
 * Guarded by `test/ChatService.test.ts` and `test/laws.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { ChainEvent } from "../../ChainEvent.ts"
import * as Usage from "../../Usage.ts"
import { answeredBy } from "../authorship/answeredBy.ts"
import type { Answer, Outcome, ToolCall } from "./answer.ts"

/** What a model said in one request, and what its tools answered. */
export type Parts = ReadonlyArray<Response.AnyPart>

// -----------------------------------------------------------------------------
// Usage
// -----------------------------------------------------------------------------

type Counts = { readonly [key: string]: number | undefined }

/** The sum of counts; one that neither has stays unknown. */
const plus = <C extends Counts>(a: C, b: C): C => {
  const sum: Record<string, number | undefined> = { ...a }
  for (const [key, count] of Object.entries(b)) {
    if (count !== undefined) sum[key] = (sum[key] ?? 0) + count
  }
  return sum as C
}

const nothing = new Response.Usage({ inputTokens: {}, outputTokens: {} })

const add = (a: Response.Usage, b: Response.Usage): Response.Usage =>
  new Response.Usage({
    inputTokens: plus<Counts>(a.inputTokens, b.inputTokens),
    outputTokens: plus<Counts>(a.outputTokens, b.outputTokens)
  })

// -----------------------------------------------------------------------------
// The turn
// -----------------------------------------------------------------------------

const textOf = (parts: Parts, type: "text" | "reasoning"): string =>
  parts.flatMap((part) => {
    if (part.type === type && "text" in part) return [part.text]
    return part.type === `${type}-delta` && "delta" in part ? [part.delta] : []
  }).join("")

/** The finish reasons that leave the model something to say. Others mean that it could not go on. */
const isComplete = (reason: Response.FinishReason): boolean =>
  reason === "stop" || reason === "tool-calls" || reason === "pause"

export class Turn {
  readonly history: Prompt.Prompt
  readonly asked: Prompt.Prompt
  readonly maxToolIterations: number
  /** Who made the model, where the model does not say. */
  readonly author: string
  readonly startedAt: number
  readonly toolCalls: Array<ToolCall> = []
  /** How many times the model has been asked and has said something. */
  rounds = 0
  private readonly attempts: Array<Usage.Entry> = []
  private said: Prompt.Prompt = Prompt.empty
  private last: Parts = []
  private usage = nothing
  private iterations = 0
  private fellBack = false
  private offline = false

  constructor(options: {
    readonly history: Prompt.Prompt
    readonly asked: Prompt.Prompt
    readonly maxToolIterations: number
    readonly author: string
    readonly startedAt: number
  }) {
    this.history = options.history
    this.asked = options.asked
    this.maxToolIterations = options.maxToolIterations
    this.author = options.author
    this.startedAt = options.startedAt
  }

  /** What the history gains: the messages that were given, and all that followed. */
  get messages(): Prompt.Prompt {
    return Prompt.concat(this.asked, this.said)
  }

  /** What the model is asked next. */
  get prompt(): Prompt.Prompt {
    return Prompt.concat(this.history, this.messages)
  }

  /** The number of the iteration under way, from 1. */
  get iteration(): number {
    return this.iterations + 1
  }

  readonly observe = (event: ChainEvent): void => {
    if (event._tag === "AttemptSucceeded" || event._tag === "AttemptFailed" || event._tag === "AttemptInterrupted") {
      this.attempts.push(Usage.entryOf(event))
    }
  }

  /** Forces a tool call in the first request only: a model forced in every request would never answer. */
  toolChoice<Name extends string>(
    chosen: LanguageModel.ToolChoice<Name> | undefined
  ): LanguageModel.ToolChoice<Name> | undefined {
    if (this.rounds === 0 || chosen === undefined || chosen === "none") return chosen
    return typeof chosen === "object" && "oneOf" in chosen ? { oneOf: chosen.oneOf } : "auto"
  }

  /** Takes in what came of asking the model, and says whether the turn is over, and how. */
  take(parts: Parts): Outcome | undefined {
    this.rounds++
    this.last = parts
    // Results of calls that a person has approved of were there before the model spoke.
    const calls = new Set(parts.flatMap((part) => part.type === "tool-call" ? [part.id] : []))
    const isEarlier = (part: Response.AnyPart) => part.type === "tool-result" && !calls.has(part.id)
    for (const some of [parts.filter(isEarlier), parts.filter((part) => !isEarlier(part))]) {
      this.said = Prompt.concat(this.said, Prompt.fromResponseParts(some))
    }
    const finish = this.finish
    if (finish !== undefined) this.usage = add(this.usage, finish.usage)
    const by = Option.getOrUndefined(answeredBy(parts))
    this.fellBack ||= by?.fellBack ?? false
    this.offline ||= by?.offline ?? false
    if (parts.some((part) => part.type === "tool-approval-request")) return "approvalRequired"
    const answers = parts.some((part) =>
      part.type === "tool-result" && !isEarlier(part) && part.providerExecuted !== true && part.preliminary !== true
    )
    const reason = finish?.reason ?? "unknown"
    if (reason !== "pause" && !(answers && isComplete(reason))) return "answered"
    this.iterations++
    return this.iterations >= this.maxToolIterations ? "maxToolIterations" : undefined
  }

  private get finish(): Response.FinishPart | undefined {
    return this.last.find((part) => part.type === "finish")
  }

  answer(outcome: Outcome, now: number): Answer {
    const by = Option.getOrUndefined(answeredBy(this.last))
    const metadata = this.last.find((part) => part.type === "response-metadata")
    return {
      outcome,
      text: textOf(this.last, "text"),
      reasoning: textOf(this.last, "reasoning"),
      provider: by?.provider ?? this.author,
      model: by?.model ?? metadata?.modelId ?? "unknown",
      attempts: this.attempts,
      fellBack: this.fellBack,
      offline: this.offline,
      toolCalls: this.toolCalls,
      iterations: this.iterations,
      usage: this.usage,
      finishReason: this.finish?.reason ?? "unknown",
      duration: Duration.millis(now - this.startedAt),
      messages: this.messages
    }
  }
}
