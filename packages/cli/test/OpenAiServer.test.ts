import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import OpenAI from "openai"
import * as Act from "../src/demo/Act.ts"
import * as OpenAiServer from "../src/demo/OpenAiServer.ts"
import * as Question from "../src/demo/Question.ts"

const question = Question.all[0]!
const messages = [{ role: "user" as const, content: question.text }]

const act = (name: string): Act.Act => Act.all.find((act) => act.name === name)!

const start = (actName: string, seed: string | number = 1) =>
  Effect.gen(function*() {
    const server = yield* OpenAiServer.make({ seed, pace: 0 })
    yield* server.play(act(actName))
    const client = new OpenAI({ apiKey: "demo", baseURL: server.baseUrl, maxRetries: 0 })
    return { server, client }
  })

const complete = (client: OpenAI, timeout?: number) =>
  client.chat.completions.create({ model: OpenAiServer.model, messages }, timeout === undefined ? {} : { timeout })

const whole = (client: OpenAI) => Effect.promise(() => complete(client))

const stream = async (client: OpenAI, onText: (text: string) => void = () => {}) => {
  const chunks = await client.chat.completions.create({
    model: OpenAiServer.model,
    messages,
    stream: true,
    stream_options: { include_usage: true }
  })
  let text = ""
  let finish: string | null = null
  let tokens: number | undefined
  for await (const chunk of chunks) {
    const piece = chunk.choices[0]?.delta.content ?? ""
    onText(piece)
    text += piece
    finish = chunk.choices[0]?.finish_reason ?? finish
    tokens = chunk.usage?.total_tokens ?? tokens
  }
  return { text, finish, tokens }
}

const streamed = (client: OpenAI, onText?: (text: string) => void) => Effect.promise(() => stream(client, onText))

const failureOf = (ask: () => Promise<unknown>) =>
  Effect.promise(() =>
    ask().then(
      () => assert.fail("expected the request to fail"),
      (error: unknown) => {
        assert.instanceOf(error, OpenAI.APIError)
        return error
      }
    )
  )

describe("the simulated OpenAI, asked by the openai client", () => {
  it.live("answers whole", () =>
    Effect.gen(function*() {
      const { client, server } = yield* start("healthy")
      const answer = yield* whole(client)
      assert.strictEqual(answer.choices[0]?.message.content, question.answers.openai)
      assert.strictEqual(answer.choices[0]?.finish_reason, "stop")
      assert.strictEqual(answer.model, OpenAiServer.model)
      assert.strictEqual(answer.usage?.prompt_tokens, Question.pieces(question.text).length)
      assert.strictEqual(yield* server.requests, 1)
    }))

  it.live("streams the same answer, with its finish reason and its usage", () =>
    Effect.gen(function*() {
      const { client } = yield* start("healthy")
      const pieces: Array<string> = []
      const answer = yield* streamed(client, (text) => pieces.push(text))
      assert.deepStrictEqual(answer, {
        text: question.answers.openai,
        finish: "stop",
        tokens: Question.pieces(question.text).length + Question.pieces(question.answers.openai).length
      })
      assert.isAbove(pieces.filter((piece) => piece !== "").length, 10)
    }))

  it.live("ends a stream with the usage chunk, when it was asked for, and [DONE]", () =>
    Effect.gen(function*() {
      const { server } = yield* start("healthy")
      for (const usage of [true, false]) {
        const body = JSON.stringify({
          model: OpenAiServer.model,
          messages,
          stream: true,
          stream_options: { include_usage: usage }
        })
        const headers = { authorization: "Bearer demo" }
        const response = yield* Effect.promise(() =>
          fetch(`${server.baseUrl}/chat/completions`, { method: "POST", headers, body })
        )
        const events = (yield* Effect.promise(() => response.text())).split("\n\n")
        assert.deepStrictEqual(events.slice(-2), ["data: [DONE]", ""])
        assert.strictEqual(events.at(-3)?.includes("\"choices\":[],\"usage\""), usage)
      }
    }))

  for (const mode of ["whole", "stream"] as const) {
    it.live(`has a tool called and answers with what it gave, as a ${mode}`, () =>
      Effect.gen(function*() {
        const { client } = yield* start("healthy")
        const errand = Question.errands[0]!
        const tools = [{ type: "function" as const, function: { name: "reserve", parameters: { type: "object" } } }]
        const asked = { role: "user" as const, content: errand.text }
        const next = (messages: Array<OpenAI.ChatCompletionMessageParam>) =>
          Effect.promise(() =>
            mode === "whole"
              ? client.chat.completions.create({ model: OpenAiServer.model, messages, tools })
              : client.chat.completions.stream({ model: OpenAiServer.model, messages, tools }).finalChatCompletion()
          )
        const [called] = (yield* next([asked])).choices
        assert.strictEqual(called?.finish_reason, "tool_calls")
        const [call] = called?.message.tool_calls ?? []
        assert.strictEqual(call?.type === "function" ? call.function.name : undefined, "reserve")
        assert.deepStrictEqual(
          JSON.parse(call?.type === "function" ? call.function.arguments : ""),
          errand.reserve
        )
        const [answered] = (yield* next([
          asked,
          { role: "assistant", content: null, tool_calls: called?.message.tool_calls ?? [] },
          { role: "tool", tool_call_id: call?.id ?? "", content: JSON.stringify({ reservation: "R-7" }) }
        ])).choices
        assert.strictEqual(answered?.message.content, Question.answerOf(errand, "openai", "R-7"))
        assert.strictEqual(answered?.finish_reason, "stop")
      }))
  }

  it.live("does not know another's model", () =>
    Effect.gen(function*() {
      const { client } = yield* start("healthy")
      const error = yield* failureOf(() => client.chat.completions.create({ model: "other", messages }))
      assert.deepStrictEqual([error.status, error.code], [404, "model_not_found"])
    }))

  it.live("lists its model", () =>
    Effect.gen(function*() {
      const { client } = yield* start("healthy")
      const page = yield* Effect.promise(() => client.models.list())
      assert.deepStrictEqual(page.data.map((model) => model.id), [OpenAiServer.model])
    }))

  it.live("wants a key", () =>
    Effect.gen(function*() {
      const server = yield* OpenAiServer.make({ seed: 1 })
      const response = yield* Effect.promise(() => fetch(`${server.baseUrl}/models`))
      assert.strictEqual(response.status, 401)
    }))

  it.live("answers 503 with Retry-After while overloaded", () =>
    Effect.gen(function*() {
      const { client } = yield* start("unavailable")
      const error = yield* failureOf(() => complete(client))
      assert.strictEqual(error.status, 503)
      assert.strictEqual(error.headers?.get("retry-after"), "1")
      assert.strictEqual((yield* whole(client)).choices[0]?.message.content, question.answers.openai)
    }))

  it.live("resets connections", () =>
    Effect.gen(function*() {
      const { client } = yield* start("resets")
      const error = yield* failureOf(() => complete(client))
      assert.instanceOf(error, OpenAI.APIConnectionError)
    }))

  it.live("is slower than a client's timeout", () =>
    Effect.gen(function*() {
      const { client } = yield* start("slow")
      const error = yield* failureOf(() => complete(client, 100))
      assert.instanceOf(error, OpenAI.APIConnectionTimeoutError)
    }))

  it.live("says that the quota is spent", () =>
    Effect.gen(function*() {
      const { client } = yield* start("quota")
      for (let i = 0; i < 3; i++) {
        const error = yield* failureOf(() => complete(client))
        assert.strictEqual(error.status, 429)
        assert.strictEqual(error.code, "insufficient_quota")
      }
    }))

  it.live("cuts streams in both ways, never twice in a row, and leaves whole answers alone", () =>
    Effect.gen(function*() {
      const { client } = yield* start("cut")
      const seen = new Set<string>()
      for (let i = 0; i < 24; i++) {
        assert.strictEqual((yield* whole(client)).choices[0]?.message.content, question.answers.openai)
        let text = ""
        const collect = (piece: string) => {
          text += piece
        }
        const how = yield* Effect.promise(() =>
          stream(client, collect).then(({ finish }) => finish === "stop" ? "whole" : "quiet", () => "reset")
        )
        seen.add(how)
        if (how === "whole") {
          assert.strictEqual(text, question.answers.openai)
        } else {
          assert.isTrue(question.answers.openai.startsWith(text))
          assert.isBelow(text.length, question.answers.openai.length)
          assert.strictEqual((yield* streamed(client)).text, question.answers.openai)
        }
      }
      assert.deepStrictEqual([...seen].toSorted(), ["quiet", "reset", "whole"])
    }))

  it.live("refuses connections when gone, and comes back on the same port", () =>
    Effect.gen(function*() {
      const { client, server } = yield* start("gone")
      const error = yield* failureOf(() => complete(client))
      assert.strictEqual(((error.cause as Error).cause as NodeJS.ErrnoException).code, "ECONNREFUSED")
      assert.strictEqual(yield* server.requests, 0)
      yield* server.play(act("healthy"))
      assert.strictEqual((yield* whole(client)).choices[0]?.message.content, question.answers.openai)
    }))

  it.live("lets go of its port, its connections and a slow answer's timer when its scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { client, server } = yield* start("slow").pipe(Scope.provide(scope))
      const waiting = yield* Effect.forkChild(failureOf(() => complete(client)))
      yield* Effect.repeat(server.requests, { until: (requests) => requests === 1 })
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(yield* Fiber.join(waiting), OpenAI.APIConnectionError)
      const error = yield* failureOf(() => complete(client))
      assert.instanceOf(error, OpenAI.APIConnectionError)
    }))
})
