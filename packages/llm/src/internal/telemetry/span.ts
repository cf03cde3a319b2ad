/**
 * The span of an attempt, under that of its request, as OpenTelemetry's conventions for generative AI have it: one client
 * span an operation, `chat <model>`, with `error.type` where it failed. Neither prompt nor answer is in it.
 *
 * Guarded by `test/laws.test.ts` and `test/readme.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { RunningAttempt } from "../chain/member.ts"
import type { ChainRequest } from "../chain/request.ts"

/** Opens the span of an attempt. It ends with the scope. */
export const open = (
  { attempt, hedge, member }: RunningAttempt,
  { options }: ChainRequest
): Effect.Effect<Tracer.Span, never, Scope.Scope> => {
  const { model, name } = member.provider
  return Effect.makeSpanScoped(`chat ${model}`, {
    kind: "client",
    parent: options.span,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": name,
      "gen_ai.request.model": model,
      "gen_ai.output.type": options.responseFormat.type,
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

export const finished = (span: Tracer.Span, finish: Response.FinishPartEncoded): void =>
  Telemetry.addGenAIAnnotations(span, {
    response: { finishReasons: [finish.reason] },
    usage: { inputTokens: finish.usage.inputTokens.total, outputTokens: finish.usage.outputTokens.total }
  })
