/**
 * Whether what has ended is an answer, and how its calls of tools are told.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type { Errors } from "../request/providerRequest.ts"
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
 * An end that is not an answer is a failure, so that a chain asks the next provider: an empty one, one that a filter left nothing
 * of, and one without the call of a tool that the request requires.
 */
const flaw = ({ calls, errors, explanation, reason, tools, writer }: Ending): AiError.AiError | undefined => {
  // A call that a filter may have cut is not run, so that it is not an answer either.
  if (reason === "content-filter" && !writer.answered) {
    return errors.filtered(explanation ?? "a content filter left nothing of the answer")
  }
  if (calls.some(({ name }) => name === "")) return errors.noAnswer("it calls a tool without saying which")
  if (calls.length > 0 || reason === "pause") return undefined
  if (!writer.spoke) {
    return errors.noAnswer(
      reason === "length" ? "it reached its longest length before the first word. Allow more tokens" : "it is empty"
    )
  }
  return tools.required && reason !== "content-filter"
    ? errors.noAnswer("it calls no tool, though the request requires a call")
    : undefined
}

/** Ends an answer: the calls, all at once and only now, so that none can run whose stream broke off, and the finish. */
export const end = (ending: Ending): Step => {
  const { calls, reason, tools, usage, writer } = ending
  const error = flaw(ending)
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
