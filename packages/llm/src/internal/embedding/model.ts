/**
 * Effect's `EmbeddingModel` over a chain. Effect collects the texts of calls that run at the same time into one request, in the context of
 * the first of them; here only calls of the same deadline, tags, observers, ledger and budgets are collected, each request in the context of its own.
 *
 * Guarded by `test/embedding/ledger.test.ts`.
 */
import { Deadline } from "@holdfast/core/Deadline"
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as RequestResolver from "effect/RequestResolver"
import { Budgets } from "../../Budgets.ts"
import { Observers } from "../../ChainEvent.ts"
import { Connectivity } from "../../Connectivity.ts"
import { Ledger } from "../../Usage.ts"
import { CurrentTags } from "../usage/tags.ts"

type EmbedMany = (
  inputs: ReadonlyArray<string>
) => Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError>

/** Numbers for objects, the same for the same one. */
class Numbers {
  private readonly known = new WeakMap<object, number>()
  private last = 0

  of(value: object | undefined): number {
    if (value === undefined) return 0
    const known = this.known.get(value) ?? ++this.last
    this.known.set(value, known)
    return known
  }
}

export const modelOf = (embedMany: EmbedMany): Effect.Effect<EmbeddingModel.EmbeddingModel> =>
  Effect.map(EmbeddingModel.make({ embedMany: ({ inputs }) => embedMany(inputs) }), (model) => {
    const numbers = new Numbers()
    const keyOf = (context: Context.Context<never>): string =>
      JSON.stringify([
        Context.get(context, CurrentTags),
        Context.get(context, Observers).map((observer) => numbers.of(observer)),
        Context.get(context, Deadline),
        numbers.of(Option.getOrUndefined(Context.getOption(context, Ledger))),
        numbers.of(Option.getOrUndefined(Context.getOption(context, Budgets))),
        numbers.of(Option.getOrUndefined(Context.getOption(context, Connectivity)))
      ])
    const resolver = RequestResolver.makeGrouped<EmbeddingModel.EmbeddingRequest, string>({
      key: ({ context }) => keyOf(context),
      resolver: (entries) => {
        const [{ context }] = entries
        return embedMany(entries.map(({ request }) => request.input)).pipe(
          Effect.flatMap(({ results }) =>
            Effect.sync(() => {
              for (const [i, entry] of entries.entries()) {
                entry.completeUnsafe(Exit.succeed(new EmbeddingModel.EmbedResponse({ vector: results[i] ?? [] })))
              }
            })
          ),
          Effect.provideContext(context)
        )
      }
    }).pipe(RequestResolver.withSpan("EmbeddingModel.resolver"))
    return EmbeddingModel.EmbeddingModel.of({
      ...model,
      resolver,
      embed: (input) =>
        Effect.request(new EmbeddingModel.EmbeddingRequest({ input }), resolver).pipe(
          Effect.withSpan("EmbeddingModel.embed")
        )
    })
  })
