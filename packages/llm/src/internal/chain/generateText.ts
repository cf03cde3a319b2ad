/** The hook of a chain's `LanguageModel` for whole answers. */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import { annotate, authorOf, marked } from "./authorship.ts"
import { noFinish } from "./chainReasons.ts"
import type { Entry, Running, Settings } from "./member.ts"
import * as Projection from "./projection.ts"
import { start, walkAlong } from "./request.ts"
import * as AttemptSpan from "./span.ts"
import type { Walk } from "./walk.ts"

interface Answer {
  readonly running: Running
  readonly parts: ReadonlyArray<Response.PartEncoded>
  readonly finish: Response.FinishPartEncoded
}

const open = (walk: Walk) => (running: Running): Effect.Effect<Answer, AiError.AiError, IdGenerator.IdGenerator> =>
  Effect.scoped(Effect.gen(function*() {
    const { provider } = running.entry
    const span = yield* AttemptSpan.open(running, walk)
    return yield* Effect.gen(function*() {
      const parts = yield* provider.generateText(walk.requestFor(running))
      const finish = parts.find((part) => part.type === "finish")
      if (finish === undefined) return yield* noFinish(provider, "generateText")
      walk.story.report(finish)
      AttemptSpan.finished(span, finish)
      return { parts, finish, running }
    }).pipe(
      Effect.withParentSpan(span, { captureStackTrace: false }),
      Effect.onExit((exit) => Effect.sync(() => AttemptSpan.ended(span, exit)))
    )
  }))

export const generateText = (
  entries: ReadonlyArray<Entry>,
  settings: Settings,
  request: LanguageModel.ProviderOptions
): Effect.Effect<Array<Response.PartEncoded>, AiError.AiError, IdGenerator.IdGenerator> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function*() {
      const started = yield* start("generateText", entries, settings, request)
      const { walk } = started
      const { finish, parts, running } = yield* walkAlong(started, scope, open(walk))
      const { provider } = running.entry
      const author = authorOf(running.entry, walk)
      walk.story.succeeded(running)
      annotate(request, provider, finish)
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
