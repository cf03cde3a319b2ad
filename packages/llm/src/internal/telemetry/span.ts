/**
 * The span of an attempt, under that of its request, as OpenTelemetry's conventions for generative AI have it: one client
 * span an operation, `chat <model>` or `embeddings <model>`, with `error.type` where it failed. Neither prompt nor answer is in it.
 *
 * Guarded by `test/laws.test.ts` and `test/readme.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Provider } from "../../Provider.ts"
import type { RunningAttempt } from "../chain/member.ts"
import type { ChainRequest } from "../chain/request.ts"

/** Opens the span of an attempt. It ends with the scope. */
export const open = (
  { attempt, hedge, member }: RunningAttempt,
  { method, options }: ChainRequest
): Effect.Effect<Tracer.Span, never, Scope.Scope> => {
  const { model, name } = member.provider
  const operation = method === "embedMany" ? "embeddings" : "chat"
  return Effect.makeSpanScoped(`${operation} ${model}`, {
    kind: "client",
    parent: options.span,
    attributes: {
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": name,
      "gen_ai.request.model": model,
      ...(method === "embedMany" ? {} : { "gen_ai.output.type": options.responseFormat.type }),
      "holdfast.llm.attempt": attempt,
      ...(hedge > 0 ? { "holdfast.llm.hedge": hedge } : {})
    }
  })
}

export const failed = (span: Tracer.Span, reason: AiError.AiErrorReason): void =>
  span.attribute("error.type", reason._tag)

/** Says why an attempt failed that has not opened an answer. An interruption is a clock's or the caller's. */
export const ended = (span: Tracer.Span, exit: Exit.Exit<unknown, AiError.AiError>): void => {
  if (Exit.isSuccess(exit)) return
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error !== undefined) failed(span, error.reason)
  else span.attribute("error.type", Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "_OTHER")
}

/** What an answer was and took: as `Telemetry.addGenAIAnnotations` says it, which spells its attributes anew for each span. */
export const finished = (span: Tracer.Span, { reason, usage }: Response.FinishPartEncoded): void => {
  span.attribute("gen_ai.response.finish_reasons", [reason])
  const input = usage.inputTokens.total
  const output = usage.outputTokens.total
  if (Predicate.isNotNullish(input)) span.attribute("gen_ai.usage.input_tokens", input)
  if (Predicate.isNotNullish(output)) span.attribute("gen_ai.usage.output_tokens", output)
}

/** Who answered, on the span of a request. */
export const answeredBy = (
  span: Tracer.Span,
  { model, name }: Provider,
  finish: Response.FinishPartEncoded
): void => {
  span.attribute("gen_ai.provider.name", name)
  span.attribute("gen_ai.operation.name", "chat")
  span.attribute("gen_ai.request.model", model)
  finished(span, finish)
}

/** The vectors are there. */
export const embedded = (span: Tracer.Span, inputTokens: number | undefined): void => {
  if (inputTokens !== undefined) span.attribute("gen_ai.usage.input_tokens", inputTokens)
}
