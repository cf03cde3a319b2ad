/** `holdfast doctor` promises what `holdfast chat` then does, in every environment that the corpus of refusals describes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vendors } from "../../../llm/test/corpus/vendors.ts"
import type { Name } from "./world.ts"
import { agree, envOf } from "./world.ts"

describe.each(vendors)("$name", ({ protocol, refusals }) => {
  const spare: Name = protocol === "ollama" ? "anthropic" : "ollama"

  it.effect.each(refusals)("$status, $what", ({ body, headers, status }) =>
    Effect.gen(function*() {
      const refuses = { _tag: "Refuses" as const, status, body, headers }
      // Alone, it says the same words to both.
      const alone = yield* agree({ env: envOf(protocol), servers: { [protocol]: refuses } })
      assert.deepStrictEqual([alone.exitCode, alone.order.length, alone.failed.length], [1, 0, 1])
      // With another one below it, the same one answers.
      yield* agree({ env: envOf(protocol, spare), servers: { [protocol]: refuses, [spare]: { _tag: "Answers" } } })
    }))
})
