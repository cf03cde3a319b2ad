/** How an answer came about, or why it did not: the line for a person, and the document for a script. */
import { plural } from "@holdfast/core/Arguments"
import * as ChainError from "@holdfast/llm/ChainError"
import type * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChatService from "@holdfast/llm/ChatService"
import type * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as FailureWords from "../terminal/FailureWords.ts"
import { seconds } from "../terminal/style.ts"

/** What went wrong on the way: the providers that failed or were left out, each with why, in order. */
export class Detours {
  readonly said: Array<{ readonly provider: string; readonly model: string; readonly because: string }> = []

  readonly observe = (event: ChainEvent.ChainEvent): void => {
    const { model, provider } = event
    if (event._tag === "AttemptFailed") {
      this.said.push({ provider, model, because: FailureWords.brief(event.reason) })
    } else if (event._tag === "ProviderSkipped") {
      this.said.push({ provider, model, because: event.because })
    }
  }

  /** In a few words, each said once. */
  get words(): ReadonlyArray<string> {
    return [...new Set(this.said.map(({ because, provider }) => `${provider}: ${because}`))]
  }
}

const tokens = ({ usage: { inputTokens, outputTokens } }: ChatService.Answer): string =>
  inputTokens.total === undefined || outputTokens.total === undefined
    ? "tokens unknown"
    : `${inputTokens.total} + ${plural(outputTokens.total, "token")}`

const outcomes = {
  answered: undefined,
  maxToolIterations: "the tools ran as often as they may, and the model has not said what came of it; say `go on`",
  approvalRequired: "a tool waits for approval"
} as const

/** Who answered, after what, for how much. */
export const line = (answer: ChatService.Answer, detours: Detours): string =>
  [
    `${answer.provider}/${answer.model}`,
    `${plural(answer.attempts.length, "attempt")}${detours.words.length === 0 ? "" : ` (${detours.words.join("; ")})`}`,
    answer.toolCalls.length === 0 ? undefined : plural(answer.toolCalls.length, "tool call"),
    tokens(answer),
    seconds(Duration.toMillis(answer.duration)),
    answer.finishReason === "stop" ? undefined : `ended by ${answer.finishReason}`,
    outcomes[answer.outcome]
  ].filter((words) => words !== undefined).join(", ")

/** A tool that ran. */
export const toolLine = (call: ChatService.ToolCall): string =>
  `${call.name} ${JSON.stringify(call.params)} -> ${call.success ? "" : "failed: "}${JSON.stringify(call.result)}, ` +
  `${Math.round(Duration.toMillis(call.duration))} ms`

/** The same as data. */
export const toJson = (question: string, answer: ChatService.Answer, detours: Detours) => ({
  ok: true,
  question,
  text: answer.text,
  provider: answer.provider,
  model: answer.model,
  outcome: answer.outcome,
  finishReason: answer.finishReason,
  fellBack: answer.fellBack,
  offline: answer.offline,
  detours: detours.said,
  attempts: answer.attempts,
  toolCalls: answer.toolCalls.map(({ duration, name, params, result, success }) => ({
    name,
    params,
    result,
    success,
    millis: Duration.toMillis(duration)
  })),
  usage: {
    inputTokens: answer.usage.inputTokens.total,
    outputTokens: answer.usage.outputTokens.total
  },
  millis: Duration.toMillis(answer.duration)
})

/** Each provider with the last thing it said. */
const lastWords = (attempts: ChainError.NoAnswer["attempts"]): string => {
  const last = new Map(attempts.map((attempt) => [`${attempt.provider}/${attempt.model}`, attempt.reason]))
  return [...last].map(([provider, reason]) => `${provider}: ${FailureWords.sentence(reason)}`).join("; ")
}

/** Why there is no whole answer, in one line. */
export const failure = (error: AiError.AiError): string => {
  if (ChatService.isTurnFailed(error)) {
    return `${failure(error.failure)} (${plural(error.toolCalls.length, "tool call")} had run, and will not run again)`
  }
  if (ChainError.isStreamInterrupted(error)) {
    return `the answer above broke off and is not whole (${error.provider}/${error.model}: ` +
      `${FailureWords.sentence(error.reason)}); ask again`
  }
  return ChainError.isNoAnswer(error)
    ? `no answer; ${lastWords(error.attempts)}`
    : `no answer: ${FailureWords.sentence(error.reason)}`
}
