/**
 * The same outages on Effect's own `ExecutionPlan` and on a chain. The first half of each test holds on Effect 4.1.0 and
 * is the reason for the second: should it ever fail, Effect has mended something that the documentation says it has not.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainError from "@holdfast/llm/ChainError"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type { Provider } from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LoopbackServer from "./LoopbackServer.ts"

/** A provider as Effect's packages make one: a layer of its own. */
const bare = (provider: Provider): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({ generateText: provider.generateText, streamText: provider.streamText })
  )

const plan = (cloud: Provider, local: Provider, attempts = 1) =>
  ExecutionPlan.make({ provide: bare(cloud), attempts }, { provide: bare(local) })

const chain = (cloud: Provider, local: Provider) =>
  ProviderChain.layer({
    providers: [cloud, local],
    retry: { times: 1, backoff: Backoff.constant({ delay: "1 second" }) }
  })

const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const streamed = (seen: Array<string>) =>
  LanguageModel.streamText({ prompt: "hello" }).pipe(
    Stream.map((part) => {
      if (part.type === "text-delta") seen.push(part.delta)
    })
  )

const answer = TestProvider.text("one two three four")
/** Breaks off after "one two ". */
const broken = TestProvider.cut(answer, 3)

describe("defect 9: ExecutionPlan over a LanguageModel", () => {
  describe("tool handlers run twice across a fallback", () => {
    const tools = Toolkit.make(
      Tool.make("charge", { parameters: Schema.Struct({ cents: Schema.Int }), success: Schema.String })
    )
    const call = TestProvider.toolCall("charge", { cents: 500 })
    /** The call, something after it, and a connection that breaks: the handler starts when the stream moves on. */
    const brokenCall: TestProvider.Answer = [
      ...call.slice(0, -1),
      ...TestProvider.delay(TestProvider.parts([{ type: "text-start", id: "t" }]), "1 second"),
      ...TestProvider.delay(TestProvider.failure(TestProvider.disconnected), "1 second")
    ]
    const fixture = Effect.gen(function*() {
      const charges = yield* Ref.make(0)
      const toolkit = yield* Effect.provide(
        tools,
        tools.toLayer({
          charge: () => Effect.as(Ref.update(charges, (n) => n + 1), "charged")
        })
      )
      return {
        charges: Ref.get(charges),
        program: Stream.runDrain(LanguageModel.streamText({ prompt: "buy", toolkit })),
        stream: LanguageModel.streamText({ prompt: "buy", toolkit }),
        cloud: TestProvider.script("cloud", [brokenCall]),
        local: TestProvider.script("local", [call])
      }
    })

    it.effect("with a plan", () =>
      Effect.gen(function*() {
        const { charges, cloud, local, stream } = yield* fixture
        yield* stream.pipe(Stream.withExecutionPlan(plan(cloud, local)), Stream.runDrain, elapse)
        assert.strictEqual(yield* charges, 2)
      }))

    it.effect("and not with a chain", () =>
      Effect.gen(function*() {
        const { charges, cloud, local, program } = yield* fixture
        const exit = yield* program.pipe(Effect.provide(chain(cloud, local)), elapse, Effect.exit)
        assert.strictEqual(exit._tag, "Failure")
        assert.strictEqual(yield* charges, 0)
      }))
  })

  describe("a half-sent stream is tried again in the same step, and the two are glued together", () => {
    it.effect("with a plan", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const cloud = TestProvider.script("cloud", [broken, answer])
        const local = TestProvider.script("local", [])
        yield* streamed(seen).pipe(Stream.withExecutionPlan(plan(cloud, local, 2)), Stream.runDrain)
        assert.strictEqual(seen.join(""), "one two one two three four")
      }))

    it.effect("and not with a chain", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const cloud = TestProvider.script("cloud", [broken])
        const local = TestProvider.script("local", [])
        const error = yield* streamed(seen).pipe(Stream.runDrain, Effect.provide(chain(cloud, local)), Effect.flip)
        assert.isTrue(ChainError.isStreamInterrupted(error))
        assert.strictEqual(seen.join(""), "one two ")
      }))
  })

  describe("a missing finish is a success", () => {
    const cutOff = TestProvider.truncate(answer, 3)

    it.effect("with a plan", () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const cloud = TestProvider.script("cloud", [cutOff])
        const local = TestProvider.script("local", [])
        yield* streamed(seen).pipe(Stream.withExecutionPlan(plan(cloud, local)), Stream.runDrain)
        assert.strictEqual(seen.join(""), "one two ")
      }))

    it.effect("and not with a chain", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [cutOff])
        const local = TestProvider.script("local", [])
        const error = yield* streamed([]).pipe(Stream.runDrain, Effect.provide(chain(cloud, local)), Effect.flip)
        assert.isTrue(ChainError.isStreamInterrupted(error))
        assert.include(error.message, "ended without a finish")
      }))
  })

  describe("a request that is invalid for every provider falls through to the next", () => {
    const refusal = TestProvider.failure(
      new AiError.InvalidRequestError({
        description: "messages must not be empty",
        metadata: { holdfast: { kind: "invalidRequest" } }
      })
    )
    const ask = LanguageModel.generateText({ prompt: "hello" })

    it.effect("with a plan", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [refusal])
        const local = TestProvider.script("local", [answer])
        const response = yield* Effect.withExecutionPlan(ask, plan(cloud, local))
        assert.strictEqual(response.text, "one two three four")
      }))

    it.effect("and not with a chain", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [refusal])
        const local = TestProvider.script("local", [])
        const error = yield* Effect.flip(Effect.provide(ask, chain(cloud, local)))
        assert.strictEqual(error.reason._tag, "InvalidRequestError")
        assert.strictEqual(local.requests.length, 0)
      }))
  })

  describe("the provider's hint is ignored", () => {
    const limited = TestProvider.failure(new AiError.RateLimitError({ retryAfter: Duration.seconds(20) }))
    const ask = LanguageModel.generateText({ prompt: "hello" })

    it.effect("with a plan", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [limited, answer])
        yield* Effect.withExecutionPlan(ask, plan(cloud, TestProvider.script("local", []), 2))
        // The clock has not moved: the second request came at once.
        assert.strictEqual(cloud.requests.length, 2)
      }))

    it.effect("and not with a chain", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [limited, answer])
        const fiber = yield* ask.pipe(
          Effect.provide(chain(cloud, TestProvider.script("local", []))),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("19 seconds")
        assert.strictEqual(cloud.requests.length, 1)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).text, "one two three four")
      }))
  })
})

/** The same with servers that speak OpenAI's protocol, where the network is what goes wrong. */
describe("defect 9 on real sockets", () => {
  const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`
  const choice = (delta: object, reason: string | null): string =>
    event({ id: "chat-1", model: "m", choices: [{ index: 0, delta, finish_reason: reason }] })
  const words = ["one ", "two ", "three ", "four"].map((content) => choice({ content }, null))
  const whole = [...words, choice({}, "stop"), event("[DONE]")]
  const half = words.slice(0, 2)
  const charge = choice({
    tool_calls: [{ index: 0, id: "call-1", function: { name: "charge", arguments: "{\"cents\":500}" } }]
  }, null)
  const called = [charge, choice({}, "tool_calls")]

  /** A provider over a server that gives these replies, the last one again and again. */
  const serving = Effect.fnUntraced(
    function*(name: string, first: LoopbackServer.Reply, ...more: ReadonlyArray<LoopbackServer.Reply>) {
      const replies = [first, ...more]
      const server = yield* LoopbackServer.make((_, index) => replies[Math.min(index, replies.length - 1)] ?? first)
      const apiKey = Redacted.make("sk-test")
      const provider = yield* OpenAiProvider.make({ name, baseUrl: `${server.url}/v1`, apiKey, model: "m" })
      return { provider, requests: () => server.received.length }
    },
    Effect.provide(FetchHttpClient.layer)
  )

  const quick = (cloud: Provider, local: Provider) =>
    ProviderChain.layer({
      providers: [cloud, local],
      retry: { times: 1, backoff: Backoff.constant({ delay: "1 millis" }) }
    })

  it.live("a stream that is cut: a plan glues two answers together, a chain says what was seen", () =>
    Effect.gen(function*() {
      const glued: Array<string> = []
      const cloud = yield* serving("cloud", { pieces: half, after: "cut" }, { pieces: whole })
      const local = yield* serving("local", { pieces: whole })
      yield* streamed(glued).pipe(Stream.withExecutionPlan(plan(cloud.provider, local.provider, 2)), Stream.runDrain)
      assert.strictEqual(glued.join(""), "one two one two three four")

      const seen: Array<string> = []
      const again = yield* serving("cloud", { pieces: half, after: "cut" }, { pieces: whole })
      const error = yield* streamed(seen).pipe(
        Stream.runDrain,
        Effect.provide(quick(again.provider, local.provider)),
        Effect.flip
      )
      assert.isTrue(ChainError.isStreamInterrupted(error))
      assert.strictEqual(seen.join(""), "one two ")
      assert.strictEqual(again.requests(), 1)
    }))

  it.live("a stream that ends without its terminator: without proof no tool of it runs", () =>
    Effect.gen(function*() {
      const tools = Toolkit.make(
        Tool.make("charge", { parameters: Schema.Struct({ cents: Schema.Int }), success: Schema.String })
      )
      const charges = yield* Ref.make(0)
      const toolkit = yield* Effect.provide(
        tools,
        tools.toLayer({ charge: () => Effect.as(Ref.update(charges, (n) => n + 1), "charged") })
      )
      const cloud = yield* serving("cloud", { pieces: called })
      const local = yield* serving("local", { pieces: [...called, event("[DONE]")] })
      const exit = yield* LanguageModel.streamText({ prompt: "buy", toolkit }).pipe(
        Stream.runDrain,
        Effect.provide(quick(cloud.provider, local.provider)),
        Effect.exit
      )
      // The parameters of the call were seen, so the answer is the cloud's, and it is not whole.
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(yield* Ref.get(charges), 0)
      assert.strictEqual(local.requests(), 0)
    }))

  it.live("a request that is invalid for every provider: a plan asks the next one anyway, a chain does not", () =>
    Effect.gen(function*() {
      const refusal: LoopbackServer.Reply = {
        status: 400,
        body: { error: { message: "messages must not be empty", type: "invalid_request_error", param: "messages" } }
      }
      const ask = LanguageModel.generateText({ prompt: "hello" })
      const body = { choices: [{ index: 0, message: { content: "one two three four" }, finish_reason: "stop" }] }
      const cloud = yield* serving("cloud", refusal)
      const local = yield* serving("local", { body })
      const response = yield* Effect.withExecutionPlan(ask, plan(cloud.provider, local.provider))
      assert.strictEqual(response.text, "one two three four")
      assert.strictEqual(local.requests(), 1)

      const error = yield* Effect.flip(Effect.provide(ask, quick(cloud.provider, local.provider)))
      assert.strictEqual(error.reason._tag, "InvalidRequestError")
      assert.strictEqual(local.requests(), 1)
    }))
})
