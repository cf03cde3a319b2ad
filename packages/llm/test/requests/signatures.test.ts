/** Gemini's OpenAI-compatible endpoint gets a signature with the first call of each turn, also of a call that another model wrote. */
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Effect from "effect/Effect"
import { cases } from "./cases.ts"
import { requestOf } from "./ours.ts"

const transferred = { google: { thought_signature: "skip_thought_signature_validator" } }
const own = { google: { thought_signature: "c2ln" } }

type Signatures = ReadonlyArray<ReadonlyArray<object | undefined>>

/** The signatures of the calls that a model is sent, by message. */
const signatures = Effect.fnUntraced(function*(
  preset: keyof typeof OpenAiProvider.presets,
  model: string,
  name: string
): Effect.fn.Return<Signatures> {
  const asked = cases[name]
  if (asked === undefined) return yield* Effect.die(`no case "${name}"`)
  const request = yield* requestOf(OpenAiProvider.make({ preset, baseUrl: "http://ours/v1", model }), asked)
  if ("refused" in request) return yield* Effect.die(request.refused)
  const { messages } = request.body as {
    readonly messages: ReadonlyArray<{ readonly tool_calls?: ReadonlyArray<{ readonly extra_content?: object }> }>
  }
  return messages.flatMap(({ tool_calls }) =>
    tool_calls === undefined ? [] : [tool_calls.map(({ extra_content }) => extra_content)]
  )
})

const turns: ReadonlyArray<readonly [model: string, name: string, expected: Signatures]> = [
  ["gemini-3.5-flash", "a call and its result", [[transferred]]],
  ["gemini-3.5-flash", "two calls at once", [[transferred, undefined]]],
  ["gemini-3.5-flash", "two rounds of calls", [[transferred], [transferred]]],
  ["gemini-3.5-flash", "a signed call", [[own]]],
  ["gemini-2.5-flash", "a call and its result", [[undefined]]]
]

describe("a call at Gemini's OpenAI-compatible endpoint", () => {
  it.effect.each(turns)("%s, %s", ([model, name, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* signatures("gemini-openai", model, name), expected)
      assert.deepStrictEqual(yield* signatures("vertex", `google/${model}`, name), expected)
    }))

  it.effect("gets no such signature at another server", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* signatures("openrouter", "google/gemini-3.5-flash", "a call and its result"),
        [[undefined]]
      )
    }))
})
