/** The parts of a plain stream are what Effect's schema makes of them. */
import { assert, describe } from "@effect/vitest"
import * as Response from "effect/ai/Response"
import * as Toolkit from "effect/ai/Toolkit"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { decoded } from "../../src/internal/model/parts.ts"
import { finishes, parts } from "./parts.ts"

const all = { ...parts, ...finishes }

type Name = keyof typeof all

const names = Object.keys(all).filter((name): name is Name => name in all)

const chunkSchema = Schema.NonEmptyArray(Response.StreamPart(Toolkit.empty))

/** The value with the order of its fields, or the words of the error. */
const shown = (exit: Exit.Exit<unknown, { readonly message: string }>): string =>
  Exit.isSuccess(exit)
    ? JSON.stringify(exit.value)
    : exit.cause.reasons.map((reason) => Cause.isFailReason(reason) ? reason.error.message : reason._tag).join()

describe("the parts of a plain stream", () => {
  law(
    "are what Effect's schema makes of them, in every chunk",
    {
      kinds: Schema.NonEmptyArray(Schema.Literals([...names, "finish", "text-delta", "reasoning-delta"])).check(
        Schema.isMaxLength(5)
      ),
      metadata: Schema.optional(Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Json)))
    },
    ({ kinds, metadata }, reach) =>
      Effect.gen(function*() {
        const chunk = Arr.map(
          kinds,
          (kind) => ({ ...all[kind], ...metadata === undefined ? {} : { metadata } })
        )
        const meant = yield* Effect.exit(Schema.decodeEffect(chunkSchema)(chunk))
        const own = decoded(chunk)
        assert.strictEqual(shown(own).replace(/^LanguageModel.streamText: Invalid output: /, ""), shown(meant))
        if (Exit.isSuccess(own) && Exit.isSuccess(meant)) {
          assert.deepStrictEqual(own.value, meant.value)
          // No two parts share what their reader may write to.
          assert.strictEqual(new Set(own.value.map((part) => part.metadata)).size, own.value.length)
          reach("a chunk that is valid")
        } else reach("one that is not")
      }),
    { cases: 1_000, reaches: ["a chunk that is valid", "one that is not"] }
  )
})
