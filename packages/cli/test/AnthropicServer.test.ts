import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Act from "../src/demo/Act.ts"
import * as AnthropicServer from "../src/demo/AnthropicServer.ts"
import * as Question from "../src/demo/Question.ts"

const question = Question.all[0]!
const messages = [{ role: "user" as const, content: question.text }]
const model = AnthropicServer.model

const start = (trouble: Act.Trouble = Act.well) =>
  Effect.gen(function*() {
    const server = yield* AnthropicServer.make({ seed: 1, pace: 0 })
    yield* server.play({ ...Act.all[0]!, anthropic: trouble })
    const client = new Anthropic({ apiKey: "demo", baseURL: server.baseUrl, maxRetries: 0 })
    return { server, client }
  })

const always = (fault: Act.FaultKind): Act.Trouble => ({ listening: true, fault, share: 1, inARow: Infinity })

const create = (client: Anthropic, body?: Partial<Anthropic.MessageCreateParamsNonStreaming>) =>
  client.messages.create({ model, max_tokens: 100, messages, ...body })

const failureOf = (ask: () => Promise<unknown>) =>
  Effect.promise(() =>
    ask().then(
      () => assert.fail("expected the request to fail"),
      (error: unknown) => {
        assert.instanceOf(error, Anthropic.APIError)
        return error
      }
    )
  )

const textOf = (message: Anthropic.Message) =>
  message.content.map((block) => block.type === "text" ? block.text : "").join("")

describe("the simulated Anthropic, asked by the vendor's client", () => {
  it.live("answers whole", () =>
    Effect.gen(function*() {
      const { client, server } = yield* start()
      const answer = yield* Effect.promise(() => create(client))
      assert.strictEqual(textOf(answer), question.answers.anthropic)
      assert.deepStrictEqual([answer.stop_reason, answer.model], ["end_turn", model])
      assert.strictEqual(answer.usage.input_tokens, Question.pieces(question.text).length)
      assert.strictEqual(answer.usage.output_tokens, Question.pieces(question.answers.anthropic).length)
      assert.strictEqual(yield* server.requests, 1)
    }))

  it.live("streams the same answer, piece by piece, with its stop reason and its usage", () =>
    Effect.gen(function*() {
      const { client } = yield* start()
      const pieces: Array<string> = []
      const answer = yield* Effect.promise(() =>
        client.messages.stream({ model, max_tokens: 100, messages }).on("text", (text) => pieces.push(text))
          .finalMessage()
      )
      assert.strictEqual(textOf(answer), question.answers.anthropic)
      assert.deepStrictEqual(pieces, [...Question.pieces(question.answers.anthropic)])
      assert.strictEqual(answer.stop_reason, "end_turn")
      assert.strictEqual(answer.usage.output_tokens, pieces.length)
    }))

  for (const mode of ["whole", "stream"] as const) {
    it.live(`has a tool called and answers with what it gave, as a ${mode}`, () =>
      Effect.gen(function*() {
        const { client } = yield* start()
        const errand = Question.errands[0]!
        const tools = [{ name: "reserve", input_schema: { type: "object" as const } }]
        const asked = { role: "user" as const, content: errand.text }
        const next = (messages: Array<Anthropic.MessageParam>) =>
          Effect.promise(() =>
            mode === "whole"
              ? create(client, { messages, tools })
              : client.messages.stream({ model, max_tokens: 100, messages, tools }).finalMessage()
          )
        const called = yield* next([asked])
        assert.strictEqual(called.stop_reason, "tool_use")
        const [call] = called.content
        assert.deepStrictEqual(call?.type === "tool_use" ? [call.name, call.input] : [], ["reserve", errand.reserve])
        const result = {
          type: "tool_result" as const,
          tool_use_id: call?.type === "tool_use" ? call.id : "",
          content: JSON.stringify({ reservation: "R-7" })
        }
        const answer = yield* next([
          asked,
          { role: "assistant", content: called.content },
          { role: "user", content: [result] }
        ])
        assert.strictEqual(textOf(answer), Question.answerOf(errand, "anthropic", "R-7"))
      }))
  }

  it.live("lists its model, and knows no other", () =>
    Effect.gen(function*() {
      const { client } = yield* start()
      const page = yield* Effect.promise(() => client.models.list())
      assert.deepStrictEqual(page.data.map((model) => model.id), [model])
      assert.strictEqual((yield* Effect.promise(() => client.models.retrieve(model))).id, model)
      assert.strictEqual((yield* failureOf(() => client.models.retrieve("other"))).status, 404)
      assert.strictEqual((yield* failureOf(() => create(client, { model: "other" }))).status, 404)
    }))

  it.live("wants a key", () =>
    Effect.gen(function*() {
      const { server } = yield* start()
      const response = yield* Effect.promise(() => fetch(`${server.baseUrl}/v1/models`))
      assert.strictEqual(response.status, 401)
    }))

  it.live("fails as the act says, in the words of its API", () =>
    Effect.gen(function*() {
      for (const [tag, status] of [["Unavailable", 529], ["QuotaSpent", 402]] as const) {
        const { client } = yield* start(always({ _tag: tag }))
        assert.strictEqual((yield* failureOf(() => create(client))).status, status)
      }
      const reset = yield* start(always({ _tag: "Reset" }))
      assert.instanceOf(yield* failureOf(() => create(reset.client)), Anthropic.APIConnectionError)
      const gone = yield* start(Act.gone)
      assert.instanceOf(yield* failureOf(() => create(gone.client)), Anthropic.APIConnectionError)
    }))

  it.live("cuts a stream before its end", () =>
    Effect.gen(function*() {
      const { client } = yield* start(always({ _tag: "Cut", share: [0.5, 0.5] }))
      let text = ""
      const ended = yield* Effect.promise(() =>
        client.messages.stream({ model, max_tokens: 100, messages }).on("text", (piece) => {
          text += piece
        }).finalMessage().then(() => "whole", () => "cut")
      )
      assert.strictEqual(ended, "cut")
      assert.isTrue(question.answers.anthropic.startsWith(text))
      assert.isBelow(text.length, question.answers.anthropic.length)
    }))
})
