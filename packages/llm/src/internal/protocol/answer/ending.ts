/**
 * Whether what has ended is an answer, and how its calls of tools are told.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type { Errors } from "../request/providerRequest.ts"
import { isWhole } from "../tools/toolParams.ts"
import type { RequestTools } from "../tools/tools.ts"
import type { Step } from "./answer.ts"
import { done, failed } from "./answer.ts"
import type { Writer } from "./writer.ts"

/** A call that a model has written. */
export interface Call {
  readonly id: string
  /** The name in the vendor's words. */
  readonly name: string
  readonly params: unknown
  /** The text of the arguments as the model wrote it; absent where they came as a value, which is whole. */
  readonly written?: string | undefined
  readonly metadata?: Response.ProviderMetadata
}

export interface Ending {
  readonly writer: Writer
  readonly tools: RequestTools
  readonly errors: Errors
  readonly calls: ReadonlyArray<Call>
  readonly reason: Response.FinishReason
  readonly usage: typeof Response.Usage.Encoded
  /** Why the model declined to answer, if it did. */
  readonly explanation?: string | undefined
}

/**
 * The calls of an answer that may run. The longest length may have cut a call, and a call without arguments may be the beginning
 * of one with some; a filter may have cut any.
 */
const runnable = ({ calls, reason }: Ending): ReadonlyArray<Call> =>
  reason === "content-filter"
    ? []
    : reason === "length"
    ? calls.filter(({ written }) => written === undefined || isWhole(written))
    : calls

/**
 * An end that is not an answer is a failure, so that a chain asks the next provider: an empty one, one that a filter left nothing
 * of, and one without the call of a tool that the request requires.
 */
const flaw = (
  { calls: written, errors, explanation, reason, tools, writer }: Ending,
  calls: ReadonlyArray<Call>
): AiError.AiError | undefined => {
  if (reason === "content-filter" && !writer.answered) {
    return errors.filtered(explanation ?? "a content filter left nothing of the answer")
  }
  if (calls.some(({ name }) => name === "")) return errors.noAnswer("it calls a tool without saying which")
  if (calls.length > 0 || reason === "pause") return undefined
  if (!writer.spoke) {
    if (reason !== "length") return errors.noAnswer("it is empty")
    const where = written.length > 0 ? "in the middle of a tool call" : "before the first word"
    return errors.noAnswer(`it reached its longest length ${where}. Allow more tokens`)
  }
  return tools.required && reason !== "content-filter"
    ? errors.noAnswer("it calls no tool, though the request requires a call")
    : undefined
}

/** Ends an answer: the calls, all at once and only now, so that none can run whose stream broke off, and the finish. */
export const end = (ending: Ending): Step => {
  const { reason, tools, usage, writer } = ending
  const calls = runnable(ending)
  const error = flaw(ending, calls)
  if (error !== undefined) return failed(error)
  writer.close()
  for (const { id, metadata, name, params } of calls) {
    writer.part({
      type: "tool-call",
      id,
      name: tools.nameOf(name),
      params: tools.paramsOf(name, params),
      ...(metadata === undefined ? {} : { metadata })
    })
  }
  writer.part({
    type: "finish",
    reason: calls.length > 0 && reason === "stop" ? "tool-calls" : reason,
    usage
  })
  return done
}
