import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { ChatResponse, Message } from "ollama"
import { Ollama } from "ollama"
import * as OllamaServer from "../src/demo/OllamaServer.ts"
import * as Question from "../src/demo/Question.ts"

const question = Question.all[1]!
const messages = [{ role: "user", content: question.text }]
const model = OllamaServer.model

const start = Effect.map(OllamaServer.make({ pace: 0 }), (server) => ({
  server,
  client: new Ollama({ host: server.url })
}))

describe("the simulated Ollama, asked by the ollama client", () => {
  it.live("answers whole", () =>
    Effect.gen(function*() {
      const { client, server } = yield* start
      const answer = yield* Effect.promise(() => client.chat({ model, messages }))
      assert.strictEqual(answer.message.content, question.answers.ollama)
      assert.isTrue(answer.done)
      assert.strictEqual(answer.done_reason, "stop")
      assert.strictEqual(answer.eval_count, Question.pieces(question.answers.ollama).length)
      assert.strictEqual(yield* server.requests, 1)
    }))

  it.live("streams the same answer to the end", () =>
    Effect.gen(function*() {
      const { client } = yield* start
      const parts = yield* Effect.promise(async () => {
        const parts: Array<ChatResponse> = []
        for await (const part of await client.chat({ model, messages, stream: true })) {
          parts.push(part)
        }
        return parts
      })
      assert.strictEqual(parts.map((part) => part.message.content).join(""), question.answers.ollama)
      assert.isTrue(parts.at(-1)?.done)
      assert.strictEqual(parts.at(-1)?.prompt_eval_count, Question.pieces(question.text).length)
      assert.isTrue(parts.slice(0, -1).every((part) => !part.done))
    }))

  for (const stream of [false, true]) {
    it.live(`has a tool called and answers with what it gave, ${stream ? "as a stream" : "whole"}`, () =>
      Effect.gen(function*() {
        const { client } = yield* start
        const errand = Question.errands[0]!
        const tools = [{ type: "function", function: { name: "reserve", parameters: { type: "object" } } }]
        const asked = { role: "user", content: errand.text }
        const next = (messages: Array<Message>) =>
          Effect.promise(async () => {
            if (!stream) return [await client.chat({ model, messages, tools })]
            const parts: Array<ChatResponse> = []
            for await (const part of await client.chat({ model, messages, tools, stream: true })) parts.push(part)
            return parts
          })
        const calls = (yield* next([asked])).flatMap((part) => part.message.tool_calls ?? [])
        assert.deepStrictEqual(calls, [{ function: { name: "reserve", arguments: { ...errand.reserve } } }])
        const answered = yield* next([
          asked,
          { role: "assistant", content: "", tool_calls: calls },
          { role: "tool", tool_name: "reserve", content: JSON.stringify({ reservation: "R-7" }) }
        ])
        assert.strictEqual(
          answered.map((part) => part.message.content).join(""),
          Question.answerOf(errand, "ollama", "R-7")
        )
      }))
  }

  it.live("tells its version, its models and what they can do", () =>
    Effect.gen(function*() {
      const { client } = yield* start
      assert.match((yield* Effect.promise(() => client.version())).version, /^\d+\.\d+\.\d+$/u)
      assert.deepStrictEqual((yield* Effect.promise(() => client.list())).models.map((model) => model.name), [model])
      assert.include((yield* Effect.promise(() => client.show({ model }))).capabilities, "completion")
    }))

  it.live("calls other tools, follows a format, reads no more than its context, and is unloaded", () =>
    Effect.gen(function*() {
      const { client } = yield* start
      const chat = (request: object) =>
        Effect.promise(() =>
          client.chat({ model, messages: [{ role: "user", content: "She lives in Oslo now." }], ...request })
        )
      const parameters = { type: "object", properties: { city: { type: "string" } } }
      const called = yield* chat({
        messages: [{ role: "user", content: "What is the weather in Oslo?" }],
        tools: [{ type: "function", function: { name: "weather", parameters } }]
      })
      assert.deepStrictEqual(called.message.tool_calls, [{
        function: { name: "weather", arguments: { city: "Oslo" } }
      }])
      assert.deepStrictEqual(JSON.parse((yield* chat({ format: parameters })).message.content), { city: "Oslo" })
      const cut = yield* chat({ messages: [{ role: "user", content: "blue ".repeat(99) }], options: { num_ctx: 9 } })
      assert.strictEqual(cut.prompt_eval_count, 9)
      const running = Effect.map(Effect.promise(() => client.ps()), ({ models }) => models.map(({ name }) => name))
      assert.deepStrictEqual(yield* running, [model])
      yield* Effect.promise(() => client.generate({ model, prompt: "", keep_alive: 0 }))
      assert.deepStrictEqual(yield* running, [])
      const refused = yield* Effect.flip(
        Effect.tryPromise({ try: () => client.chat({ model, messages, think: true }), catch: String })
      )
      assert.include(refused, "does not support thinking")
    }))

  it.live("does not know a model that was not pulled", () =>
    Effect.gen(function*() {
      const { client } = yield* start
      for (const ask of [() => client.chat({ model: "other", messages }), () => client.show({ model: "other" })]) {
        const error = yield* Effect.flip(Effect.tryPromise({ try: ask as () => Promise<unknown>, catch: String }))
        assert.match(error, /model 'other' not found/u)
      }
    }))

  it.live("answers HEAD as it answers GET, without a body", () =>
    Effect.gen(function*() {
      const { server } = yield* start
      for (const path of ["/", "/api/version", "/api/tags"]) {
        const response = yield* Effect.promise(() => fetch(server.url + path, { method: "HEAD" }))
        assert.strictEqual(response.status, 200)
        assert.strictEqual(yield* Effect.promise(() => response.text()), "")
      }
    }))
})
