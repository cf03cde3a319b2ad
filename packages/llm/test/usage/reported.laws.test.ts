/** What a vendor has reported of an answer is in the ledger, wherever and however the answer ends. */
import { assert } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { law } from "../../../../vitest.law.ts"
import { elapse } from "../chain/asking.ts"
import * as PiecesClient from "../PiecesClient.ts"
import type { Dialect, Piece } from "./dialects.ts"
import { Counted, dialects } from "./dialects.ts"

const names = Object.keys(dialects) as Array<keyof typeof dialects>

law(
  "The ledger has the last counts that a vendor reported before its answer ended, and says whether they are all",
  {
    dialect: Schema.Literals(names),
    counted: Counted,
    cut: Schema.Literals([0, 1, 2, 3, 4, 5, 6, 7, 99]),
    how: Schema.Literals(["ends", "breaks", "fails", "is silent", "is left"])
  },
  ({ counted, cut, dialect, how }, reach) =>
    Effect.gen(function*() {
      const { failure, pieces, provider }: Dialect = dialects[dialect]
      const all = pieces(counted)
      const isCut = cut < all.length
      const sent: ReadonlyArray<Piece> = isCut && how === "fails"
        ? [...all.slice(0, cut), failure(counted)]
        : all.slice(0, cut)
      const after = how === "breaks" ? "reset" : how === "is silent" || how === "is left" ? "hang" : "end"
      const ledger = yield* Usage.make({ prices: { m: { input: 1, output: 10 } } })
      yield* LanguageModel.streamText({ prompt: "hello" }).pipe(
        Stream.runDrain,
        Effect.timeout(how === "is left" ? "5 seconds" : "10 minutes"),
        Effect.exit,
        elapse,
        Effect.provide(
          ProviderChain.layer({ providers: [provider], retry: false, timeouts: { betweenChunks: "30 seconds" } })
        ),
        Effect.provideService(Usage.Ledger, ledger),
        Effect.provideService(
          HttpClient.HttpClient,
          PiecesClient.make(() => sent.map(({ bytes }) => bytes), isCut ? after : "end")
        )
      )
      const [entry, ...others] = yield* ledger.entries
      assert.deepStrictEqual(others, [])
      assert.isDefined(entry)
      const last = <K extends Exclude<keyof Piece, "bytes">>(key: K) => sent.findLast((piece) => key in piece)?.[key]
      const { cacheReadTokens, cacheWriteHourTokens, cacheWriteTokens, inputTokens, outputTokens } = entry
      assert.deepStrictEqual(
        { inputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteHourTokens, outputTokens },
        {
          inputTokens: last("input"),
          cacheReadTokens: last("read"),
          cacheWriteTokens: last("written"),
          cacheWriteHourTokens: last("forHour"),
          outputTokens: last("output")
        }
      )
      const isReported = last("input") !== undefined
      assert.strictEqual(entry.outcome, isCut ? how === "is left" ? "interrupted" : "failed" : "succeeded")
      // A response that failed has reported all of its usage.
      const isAll = !isCut || (how === "fails" && dialect === "responses")
      assert.strictEqual(entry.partial, isReported && !isAll ? true : undefined)
      assert.strictEqual(entry.cost === undefined, !isReported)
      if (isReported) assert.closeTo(entry.cost ?? NaN, ((inputTokens ?? 0) + 10 * (outputTokens ?? 0)) / 1e6, 1e-12)
      if (entry.partial === true) reach("broke off after a report")
      if (!isCut) reach("whole")
    }),
  { cases: 500, reaches: ["broke off after a report", "whole"] }
)
