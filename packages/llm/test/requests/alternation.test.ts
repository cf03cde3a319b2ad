/** Perplexity refuses two messages of a user in a row: they are sent as one, and other servers get both. */
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Effect from "effect/Effect"
import type { Case } from "./cases.ts"
import { requestOf } from "./ours.ts"

const user = (...texts: ReadonlyArray<string>): Case["messages"][number] => ({
  role: "user",
  content: texts.map((text) => ({ type: "text", text }))
})

const sent = Effect.fnUntraced(function*(preset: keyof typeof OpenAiProvider.presets, messages: Case["messages"]) {
  const request = yield* requestOf(OpenAiProvider.make({ preset, baseUrl: "http://ours/v1", model: "m" }), { messages })
  return "refused" in request ? request.refused : (request.body as { readonly messages: unknown }).messages
})

const text = (text: string) => ({ type: "text", text })

describe("two messages of a user in a row", () => {
  it.effect("are one at Perplexity", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* sent("perplexity", [user("Hello?"), user("Anyone?")]), [
        { role: "user", content: "Hello?\n\nAnyone?" }
      ])
      assert.deepStrictEqual(yield* sent("perplexity", [user("Hello?"), user("Any", "one?")]), [
        { role: "user", content: [text("Hello?"), text("Any"), text("one?")] }
      ])
    }))

  it.effect("are two at OpenAI", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* sent("openai", [user("Hello?"), user("Anyone?")]), [
        { role: "user", content: "Hello?" },
        { role: "user", content: "Anyone?" }
      ])
    }))
})
