import { assert, describe, it } from "@effect/vitest"
import { Budgets, ProviderChain } from "@holdfast/llm"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import { Effect, Exit, Fiber, Layer, Logger, Redacted, Scope } from "effect"
import { AiError } from "effect/ai"
import { HttpServer } from "effect/http"
import OpenAI from "openai"
import { layer, Tenants } from "./Gateway.ts"

const tenants = Tenants.layer([["acme", Redacted.make("secret-1")], ["globex", Redacted.make("secret-2")]])

/** The gateway over a chain of these providers, and OpenAI's own client before it. */
const gateway = (
  [first, ...others]: readonly [TestProvider.TestProvider, ...ReadonlyArray<TestProvider.TestProvider>],
  budgets: Budgets.Options = { budgets: [{ limit: { tokens: 1e9 }, window: "1 day" }] }
) =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
    const served = yield* Layer.buildWithScope(
      layer({ host: "127.0.0.1", port: 0, patience: "500 millis" }).pipe(
        Layer.provide([
          ProviderChain.layer({ providers: [first, ...others], retry: false }),
          Budgets.layer(budgets),
          tenants,
          Logger.layer([])
        ])
      ),
      scope
    )
    const { address } = yield* Effect.provide(HttpServer.HttpServer, served)
    const baseURL = `http://127.0.0.1:${"port" in address ? address.port : ""}`
    const client = (apiKey: string) => new OpenAI({ baseURL: `${baseURL}/v1`, apiKey })
    return {
      acme: client("secret-1"),
      globex: client("secret-2"),
      client,
      baseURL,
      close: Scope.close(scope, Exit.void)
    }
  })

const messages = [{ role: "user" as const, content: "Why is the sky blue?" }]
const ask = (client: OpenAI) => client.chat.completions.create({ model: "chain", messages })

/** How OpenAI's client fails. */
const refused = (call: () => Promise<unknown>) =>
  Effect.promise(() =>
    call().then(() => assert.fail("was answered"), (error: unknown) => {
      assert.instanceOf(error, OpenAI.APIError)
      return error
    })
  )

const spent = TestProvider.failure(new AiError.QuotaExhaustedError({}))

describe("Gateway", () => {
  it.live("answers from the next provider, and says which", () =>
    Effect.gen(function*() {
      const { acme } = yield* gateway([
        TestProvider.script("openai", [spent]),
        TestProvider.script("ollama", [TestProvider.text("Scattering.")], { location: "local" })
      ])
      const { choices: [choice], model, usage } = yield* Effect.promise(() => ask(acme))
      assert.strictEqual(choice?.message.content, "Scattering.")
      assert.strictEqual(choice?.finish_reason, "stop")
      assert.strictEqual(model, "ollama/test")
      assert.isAbove(usage?.total_tokens ?? 0, 0)
    }).pipe(Effect.scoped))

  it.live("streams, with its usage at the end", () =>
    Effect.gen(function*() {
      const { acme } = yield* gateway([TestProvider.script("openai", [TestProvider.text("Hold fast")])])
      const seen = yield* Effect.promise(async () => {
        const stream = await acme.chat.completions.create({
          model: "chain",
          messages,
          stream: true,
          stream_options: { include_usage: true }
        })
        const chunks: Array<OpenAI.ChatCompletionChunk> = []
        for await (const chunk of stream) chunks.push(chunk)
        return chunks
      })
      const text = seen.map(({ choices: [choice] }) => choice?.delta.content ?? "")
      assert.strictEqual(text.join(""), "Hold fast")
      assert.isAbove(text.filter((piece) => piece !== "").length, 1)
      assert.isAbove(seen.at(-1)?.usage?.total_tokens ?? 0, 0)
    }).pipe(Effect.scoped))

  it.live("passes calls of tools on, and takes their results", () =>
    Effect.gen(function*() {
      const provider = TestProvider.script("openai", [
        TestProvider.toolCall("weather", { city: "Paris" }),
        TestProvider.text("It rains.")
      ])
      const { acme } = yield* gateway([provider])
      const tools = [{
        type: "function" as const,
        function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } }
      }]
      const first = yield* Effect.promise(() => acme.chat.completions.create({ model: "chain", messages, tools }))
      const [choice] = first.choices
      const [call] = choice?.message.tool_calls ?? []
      assert(choice !== undefined && call?.type === "function")
      assert.strictEqual(choice.finish_reason, "tool_calls")
      assert.deepStrictEqual(JSON.parse(call.function.arguments), { city: "Paris" })
      const second = yield* Effect.promise(() =>
        acme.chat.completions.create({
          model: "chain",
          messages: [...messages, choice.message, { role: "tool", tool_call_id: call.id, content: "rain" }],
          tools
        })
      )
      assert.strictEqual(second.choices[0]?.message.content, "It rains.")
      const [, request] = provider.requests
      assert.deepStrictEqual(request?.prompt.content.map(({ role }) => role), ["user", "assistant", "tool"])
    }).pipe(Effect.scoped))

  it.live("keeps tenants apart: keys, and budgets", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hello there")))
      const { acme, client, globex } = yield* gateway(
        [cloud],
        { budgets: [{ by: "tenant", limit: { tokens: 15 }, window: "1 day" }] }
      )
      const wrong = yield* refused(() => ask(client("secret-3")))
      assert.deepStrictEqual([wrong.status, wrong.code], [401, "invalid_api_key"])
      const short = (client: OpenAI) => client.chat.completions.create({ model: "chain", messages, max_tokens: 5 })
      yield* Effect.promise(() => short(acme))
      const over = yield* refused(() => short(acme))
      assert.deepStrictEqual([over.status, over.code], [429, "insufficient_quota"])
      assert.isAbove(Number(over.headers?.get("retry-after")), 0)
      yield* Effect.promise(() => short(globex))
      // The refused ones were not sent, and no client tried again.
      assert.strictEqual(cloud.requests.length, 2)
    }).pipe(Effect.scoped))

  it.live("says what went wrong, and no secret of a provider", () =>
    Effect.gen(function*() {
      const fails = (reason: AiError.AiErrorReason) =>
        [TestProvider.script("cloud", [TestProvider.failure(reason)])] as const
      const cases = [
        [new AiError.AuthenticationError({ kind: "InvalidKey" }), 503],
        [new AiError.RateLimitError({}), 429],
        [new AiError.ContentPolicyError({ description: "no" }), 400],
        [new AiError.InternalProviderError({ description: "sk-secret" }), 503]
      ] as const
      for (const [reason, status] of cases) {
        for (const stream of [false, true]) {
          const { acme } = yield* gateway(fails(reason))
          const error = yield* refused(() => acme.chat.completions.create({ model: "chain", messages, stream }))
          assert.strictEqual(error.status, status, `${reason._tag}, ${stream ? "streamed" : "whole"}`)
          assert.notInclude(error.message, "sk-secret")
        }
      }
    }).pipe(Effect.scoped))

  it.live("rejects a setting that it cannot honour, with the path", () =>
    Effect.gen(function*() {
      const { acme, baseURL } = yield* gateway([TestProvider.script("cloud", [])])
      const two = yield* refused(() => acme.chat.completions.create({ model: "chain", messages, n: 2 }))
      assert.strictEqual(two.status, 400)
      assert.include(two.message, "[\"n\"]")
      const none = yield* refused(() => acme.chat.completions.create({ model: "chain", messages: [] }))
      assert.strictEqual(none.status, 400)
      const raw = yield* Effect.promise(() =>
        fetch(`${baseURL}/v1/chat/completions`, {
          method: "POST",
          body: "{",
          headers: { authorization: "Bearer secret-1", "content-type": "application/json" }
        })
      )
      assert.strictEqual(raw.status, 400)
      const models = yield* Effect.promise(() => acme.models.list())
      assert.deepStrictEqual(models.data.map(({ id }) => id), ["chain"])
    }).pipe(Effect.scoped))

  it.live("ends a stream that breaks off with an error, and not as if it were whole", () =>
    Effect.gen(function*() {
      const { acme } = yield* gateway([
        TestProvider.script("cloud", [TestProvider.cut(TestProvider.text("Half of it"), 2)])
      ])
      const error = yield* refused(async () => {
        const stream = await acme.chat.completions.create({ model: "chain", messages, stream: true })
        for await (const _ of stream);
      })
      assert.strictEqual(error.code, "stream_interrupted")
    }).pipe(Effect.scoped))

  it.live("ends the request at the provider when the caller goes away", () =>
    Effect.gen(function*() {
      const provider = TestProvider.script("cloud", [TestProvider.stall(TestProvider.text("Half of it"), 2)])
      const { acme } = yield* gateway([provider])
      yield* Effect.promise(async () => {
        const stream = await acme.chat.completions.create({ model: "chain", messages, stream: true })
        for await (const _ of stream) break
      })
      while (provider.closed() === 0) yield* Effect.sleep("5 millis")
      assert.strictEqual(provider.closed(), 1)
    }).pipe(Effect.scoped))

  it.live("lets an answer end when it shuts down, and takes no other request", () =>
    Effect.gen(function*() {
      const { acme, baseURL, close } = yield* gateway([
        TestProvider.script("cloud", [TestProvider.pace(TestProvider.text("Hold fast"), "40 millis")])
      ])
      const stream = yield* Effect.promise(() =>
        acme.chat.completions.create({ model: "chain", messages, stream: true })
      )
      const pieces = stream[Symbol.asyncIterator]()
      const first = yield* Effect.promise(() => pieces.next())
      const closing = yield* Effect.forkChild(close)
      const rest = yield* Effect.promise(async () => {
        let text = ""
        for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
          text += next.value.choices[0]?.delta.content ?? ""
        }
        return text
      })
      assert.strictEqual(`${first.value?.choices[0]?.delta.content}${rest}`, "Hold fast")
      yield* Effect.promise(() => fetch(`${baseURL}/health`).then(() => assert.fail("was answered"), () => undefined))
      yield* Fiber.join(closing)
    }).pipe(Effect.scoped))
})
