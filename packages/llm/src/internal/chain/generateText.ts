/**
 * The hook of a chain's `LanguageModel` for whole answers.
 *
 * Guarded by `test/chain/signsOfLife.test.ts` and `test/chain/retry.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import { authorOf, marked } from "../authorship/answeredBy.ts"
import * as Projection from "../authorship/projection.ts"
import { answered, settled } from "../pool/place.ts"
import * as AttemptSpan from "../telemetry/span.ts"
import { ReportedUsage } from "../usage/reported.ts"
import { noFinish } from "./chainReasons.ts"
import { answer } from "./fallback.ts"
import type { ChainMember, RunningAttempt, Settings } from "./member.ts"
import { fits } from "./repair.ts"
import type { ChainRequest } from "./request.ts"
import { start } from "./request.ts"

interface Answer {
  readonly running: RunningAttempt
  readonly parts: ReadonlyArray<Response.PartEncoded>
  readonly finish: Response.FinishPartEncoded
}

const open =
  (request: ChainRequest) =>
  (running: RunningAttempt): Effect.Effect<Answer, AiError.AiError, IdGenerator.IdGenerator> =>
    Effect.scoped(Effect.gen(function*() {
      const { provider } = running.member
      const span = yield* AttemptSpan.open(running, request)
      return yield* Effect.gen(function*() {
        const parts = yield* provider.generateText(request.optionsFor(running))
        const finish = parts.find((part) => part.type === "finish")
        if (finish === undefined) return yield* noFinish(provider, "generateText")
        request.log.report(running, finish)
        answered(running, "generateText", request.log.now())
        settled(running, finish)
        AttemptSpan.finished(span, finish)
        if (running.member.repairs > 0) yield* fits(parts, request.options)
        return { parts, finish, running }
      }).pipe(
        Effect.withParentSpan(span, { captureStackTrace: false }),
        Effect.provideService(ReportedUsage, running.meter.follow),
        Effect.onExit((exit) => Effect.sync(() => AttemptSpan.ended(span, exit)))
      )
    }))

export const generateText = (
  members: ReadonlyArray<ChainMember>,
  settings: Settings,
  options: LanguageModel.ProviderOptions
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError, IdGenerator.IdGenerator> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function*() {
      const request = yield* start("generateText", members, settings, options)
      const { finish, parts, running } = yield* answer(request, scope, open(request))
      const { provider } = running.member
      const author = authorOf(running.member, request)
      running.member.gate.whole()
      request.log.succeeded(running)
      AttemptSpan.answeredBy(options.span, provider, finish)
      const metadata = parts.some((part) => part.type === "response-metadata")
        ? []
        : [{ type: "response-metadata" as const, modelId: provider.model, metadata: author }]
      return [
        ...metadata,
        ...parts.map((part) =>
          part.type === "response-metadata" || part.type === "finish"
            ? marked(part, author)
            : Projection.mark(part, provider)
        )
      ]
    })
  )
