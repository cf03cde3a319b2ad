/** What an answer of chat completions holds beside its words, and how little of that is the caller's. */
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { toWhole } from "../../src/internal/protocol/answer/writer.ts"
import * as PiecesClient from "../PiecesClient.ts"
import { collect, generate } from "../providerOptions.ts"
import { Weather } from "../weatherTool.ts"

const utf8 = new TextEncoder()
const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`
const done = "data: [DONE]\n\n"

/** Every request is answered with this body. */
const answering = (body: string) => Layer.succeed(HttpClient.HttpClient, PiecesClient.make(() => [utf8.encode(body)]))

const provider = OpenAiProvider.make({ preset: "vllm", model: "m" })

describe("choices beside the first", () => {
  const answered = (body: string, way: "whole" | "stream") =>
    (way === "whole"
      ? LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.map(({ finishReason, text }) => ({ text, finishes: [finishReason] }))
      )
      : Stream.runCollect(LanguageModel.streamText({ prompt: "hello" })).pipe(
        Effect.map((parts) => ({
          text: parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join(""),
          finishes: parts.flatMap((part) => part.type === "finish" ? [part.reason] : [])
        }))
      )).pipe(
        Effect.provide(Layer.provide(ProviderChain.layer({ providers: [provider] }), answering(body)))
      )

  const said = (index: number, content: string, finish_reason: string | null = null) => ({
    index,
    delta: { content },
    finish_reason
  })
  const chunks = (...choices: ReadonlyArray<ReadonlyArray<object>>): string =>
    choices.map((choices) => event({ id: "c1", choices })).join("") + done
  const whole = (...choices: ReadonlyArray<readonly [index: number, content: string, reason: string]>): string =>
    JSON.stringify({
      id: "c1",
      choices: choices.map(([index, content, finish_reason]) => ({ index, message: { content }, finish_reason }))
    })

  it.effect.each<readonly [string, "whole" | "stream", string]>([
    [
      "in turns",
      "stream",
      chunks([said(0, "One")], [said(1, "Two")], [said(0, ".", "stop")], [said(1, "!", "length")])
    ],
    [
      "in one chunk",
      "stream",
      chunks([said(1, "Two"), said(0, "One")], [said(1, "!", "length"), said(0, ".", "stop")])
    ],
    ["that ends first", "stream", chunks([said(0, "One")], [said(1, "Two", "length")], [said(0, ".", "stop")])],
    ["after the first", "whole", whole([0, "One.", "stop"], [1, "Two!", "length"])],
    ["before the first", "whole", whole([1, "Two!", "length"], [0, "One.", "stop"])]
  ])(
    "are left out of a chain's answer: one %s, %s",
    ([, way, body]) =>
      Effect.map(answered(body, way), (found) => assert.deepStrictEqual(found, { text: "One.", finishes: ["stop"] }))
  )
})

describe("what goes back to the author", () => {
  it.effect("is kept without a word of thought beside it", () =>
    Effect.gen(function*() {
      const reasoning_details = [{ type: "reasoning.encrypted", data: "gAAAA" }]
      const message = { content: "Sunny.", reasoning_details }
      const bodies = {
        whole: JSON.stringify({ id: "c1", choices: [{ message, finish_reason: "stop" }] }),
        stream: event({ id: "c1", choices: [{ delta: message, finish_reason: "stop" }] }) + done,
        // Tags without a thought between them.
        plain: event({ id: "c1", choices: [{ delta: { content: "<think></think>Sunny." }, finish_reason: "stop" }] }) +
          done
      }
      const parts = (body: string, way: "whole" | "stream") =>
        Effect.flatMap(provider, (made) => way === "whole" ? generate(made) : Effect.map(collect(made), toWhole)).pipe(
          Effect.provide(answering(body))
        )
      const kept = { type: "reasoning", text: "", metadata: { chatCompletions: { message: { reasoning_details } } } }
      for (const way of ["whole", "stream"] as const) {
        const thoughts = (yield* parts(bodies[way], way)).filter(({ type }) => type === "reasoning")
        assert.deepStrictEqual<unknown>(thoughts, [kept], way)
      }
      const types = (yield* parts(bodies.plain, "stream")).map(({ type }) => type)
      assert.deepStrictEqual(types, ["response-metadata", "text", "finish"])
    }))
})

describe("a text that looks like a call of a tool", () => {
  it.effect("is a text where the request wants no call, and a call where it may have one", () =>
    Effect.gen(function*() {
      const content = JSON.stringify({ name: "weather", arguments: { city: "Oslo" } })
      const body = event({ id: "c1", choices: [{ delta: { content }, finish_reason: "stop" }] }) + done
      const made = yield* Effect.provide(provider, answering(body))
      const asked = (toolChoice: "none" | "auto") =>
        Effect.map(
          collect(made, { tools: [Weather], toolChoice }),
          (parts) =>
            toWhole(parts).flatMap((part) =>
              part.type === "text" ? [part.text] : part.type === "tool-call" ? [part.params] : []
            )
        )
      assert.deepStrictEqual(yield* asked("none"), [content])
      assert.deepStrictEqual(yield* asked("auto"), [{ city: "Oslo" }])
    }))
})
