import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

// -----------------------------------------------------------------------------
// Fixtures
// -----------------------------------------------------------------------------

const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })
const badRequest = new AiError.InvalidRequestError({
  description: "messages must not be empty",
  metadata: { holdfast: { kind: "invalidRequest" } }
})

const ollama = (answers: ReadonlyArray<TestProvider.Answer>) =>
  TestProvider.script("ollama", answers, { location: "local", model: "llama3.2" })

const retry: ProviderChain.RetryOptions = { times: 2, backoff: Backoff.constant({ delay: "1 second" }) }

/** Runs an effect while the clock is moved on, a second at a time, until it has ended. */
const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

interface Story {
  readonly seen: ReadonlyArray<Response.StreamPart<{}>>
  readonly error: AiError.AiError | undefined
  readonly events: ReadonlyArray<ChainEvent.ChainEvent>
}

const ask = Effect.suspend(() => {
  const seen: Array<Response.StreamPart<{}>> = []
  const events: Array<ChainEvent.ChainEvent> = []
  return LanguageModel.streamText({ prompt: "hello" }).pipe(
    Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
    Effect.match({
      onSuccess: (): Story => ({ seen, error: undefined, events }),
      onFailure: (error): Story => ({ seen, error, events })
    }),
    ChainEvent.observe((event) => events.push(event)),
    elapse
  )
})

const generate = Effect.suspend(() => {
  const events: Array<ChainEvent.ChainEvent> = []
  return LanguageModel.generateText({ prompt: "hello" }).pipe(
    Effect.match({
      onSuccess: (response) => ({ response, error: undefined, events }),
      onFailure: (error) => ({ response: undefined, error, events })
    }),
    ChainEvent.observe((event) => events.push(event)),
    elapse
  )
})

const chain = (providers: ProviderChain.Options["providers"], options?: Omit<ProviderChain.Options, "providers">) =>
  ProviderChain.layer({ retry, ...options, providers })

const text = (parts: ReadonlyArray<{ readonly type: string }>): string =>
  parts.flatMap((part) => part.type === "text-delta" && "delta" in part ? [part.delta] : []).join("")

const outcomes = (events: ReadonlyArray<ChainEvent.ChainEvent>): ReadonlyArray<string> =>
  events.map((event) =>
    event._tag === "AttemptFailed"
      ? `${event.provider} ${event.attempt} ${event.reason._tag} ${event.decision._tag}`
      : `${event.provider} ${event.attempt} ${event._tag}`
  )

const cloudAnswer = TestProvider.text("The cloud has an answer of some words")
const localAnswer = TestProvider.text("local words")

/** Where the first thing is seen of `cloudAnswer`: after `text-start` and the first word. */
const barrier = 2

describe("ProviderChain", () => {
  describe("the commit barrier", () => {
    it.effect("hands on or repeats before the first content, and interrupts after it, for a fault at every step", () =>
      Effect.gen(function*() {
        for (let at = 0; at <= cloudAnswer.length; at++) {
          const kinds = {
            cut: TestProvider.cut(cloudAnswer, at),
            truncated: TestProvider.truncate(cloudAnswer, Math.min(at, cloudAnswer.length - 1)),
            stalled: TestProvider.stall(cloudAnswer, at),
            overloaded: TestProvider.cut(cloudAnswer, at, overloaded)
          }
          for (const [kind, answer] of Object.entries(kinds)) {
            const cloud = TestProvider.script("cloud", [answer, answer, answer])
            const local = ollama([localAnswer])
            const story = yield* Effect.provide(ask, chain([cloud, local]))
            const cutAt = kind === "truncated" ? Math.min(at, cloudAnswer.length - 1) : at
            if (cutAt < barrier) {
              // Nothing was seen: three attempts, then the other one's answer and only that.
              assert.isUndefined(story.error)
              assert.strictEqual(text(story.seen), "local words")
              assert.strictEqual(cloud.requests.length, 3)
              assert.strictEqual(local.requests.length, 1)
            } else {
              // Content was seen: there was one attempt, no other provider was asked, and the content is the cloud's alone.
              assert.isTrue(ChainError.isStreamInterrupted(story.error), `${kind} at ${at}`)
              assert.isTrue("The cloud has an answer of some words".startsWith(text(story.seen)))
              assert.strictEqual(cloud.requests.length, 1)
              assert.strictEqual(local.requests.length, 0)
              if (ChainError.isStreamInterrupted(story.error)) {
                assert.strictEqual(story.error.partial.text, text(story.seen))
                assert.deepInclude(story.error, { provider: "cloud", model: "test" })
              }
              assert.isFalse(story.seen.some((part) => part.type === "finish"))
            }
            assert.strictEqual(cloud.closed(), cloud.requests.length)
          }
        }
      }))

    it.effect("keeps quiet about what an attempt said before it failed", () =>
      Effect.gen(function*() {
        const started = TestProvider.parts([
          { type: "response-metadata", id: "r1", modelId: "other" },
          { type: "reasoning-start", id: "r" },
          { type: "reasoning-delta", id: "r", delta: "" },
          { type: "text-start", id: "t" }
        ])
        const cloud = TestProvider.script("cloud", [TestProvider.cut(started, 4), TestProvider.text("again")])
        const story = yield* Effect.provide(ask, chain([cloud]))
        assert.deepStrictEqual(story.seen.map((part) => part.type), [
          "response-metadata",
          "text-start",
          "text-delta",
          "text-end",
          "finish"
        ])
        assert.deepStrictEqual(outcomes(story.events), [
          "cloud 1 AttemptStarted",
          "cloud 1 NetworkError Retry",
          "cloud 2 AttemptStarted",
          "cloud 2 Committed",
          "cloud 2 AttemptSucceeded"
        ])
      }))

    it.effect("shows the first word before the second has come", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.pace(TestProvider.text("one two"), "10 seconds")])
        const seen: Array<string> = []
        yield* LanguageModel.streamText({ prompt: "count" }).pipe(
          Stream.runForEach((part) => Effect.sync(() => part.type === "text-delta" && seen.push(part.delta))),
          Effect.provide(chain([cloud])),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("19 seconds")
        assert.deepStrictEqual(seen, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(seen, ["one "])
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(seen, ["one ", "two"])
      }))

    it.effect("closes an answer whose reader goes away, and counts no failure", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.stall(cloudAnswer, 3)])
        const events: Array<ChainEvent.ChainEvent> = []
        yield* LanguageModel.streamText({ prompt: "hello" }).pipe(
          Stream.filter((part) => part.type === "text-delta"),
          Stream.take(1),
          Stream.runDrain,
          ChainEvent.observe((event) => events.push(event)),
          Effect.provide(chain([cloud]))
        )
        assert.strictEqual(cloud.closed(), 1)
        assert.strictEqual(outcomes(events).at(-1), "cloud 1 AttemptInterrupted")
      }))
  })

  describe("the clocks", () => {
    it.effect("waits for the first content longer where a model may have to be loaded", () =>
      Effect.gen(function*() {
        const slow = TestProvider.delay(localAnswer, "4 minutes")
        const cloud = TestProvider.script("cloud", [slow])
        const local = ollama([slow])
        const { events, seen } = yield* Effect.provide(ask, chain([cloud, local], { retry: false }))
        assert.strictEqual(text(seen), "local words")
        const failed = events.find((event) => event._tag === "AttemptFailed")
        assert.deepStrictEqual(failed?.duration, Duration.seconds(30))
        assert.include(failed?._tag === "AttemptFailed" ? failed.reason.message : "", "no content within 30s")
      }))

    it.effect("repeats an attempt that gave nothing in time", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.stall(cloudAnswer, 1), cloudAnswer])
        const story = yield* Effect.provide(ask, chain([cloud]))
        assert.isUndefined(story.error)
        assert.deepStrictEqual(outcomes(story.events).slice(0, 2), [
          "cloud 1 AttemptStarted",
          "cloud 1 NetworkError Retry"
        ])
        assert.strictEqual(cloud.closed(), 2)
      }))

    it.effect("interrupts a stream that falls silent", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.stall(cloudAnswer, 3)])
        const { error } = yield* Effect.provide(ask, chain([cloud], { timeouts: { betweenChunks: "5 seconds" } }))
        assert.isTrue(ChainError.isStreamInterrupted(error))
        assert.include(error?.message, "nothing came for 5s (POST cloud/test)")
      }))

    it.effect("ends a whole request at its deadline: before the first content", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.failure(overloaded), TestProvider.stall([], 0)])
        const { error, events } = yield* Effect.provide(ask, chain([cloud, ollama([])], { deadline: "10 seconds" }))
        assert.isTrue(ChainError.isNoAnswer(error))
        if (ChainError.isNoAnswer(error)) {
          assert.strictEqual(error.attempts.length, 2)
          assert.deepStrictEqual(error.attempts[1]?.duration, Duration.seconds(9))
          assert.include(error.message, "deadline")
        }
        assert.strictEqual(outcomes(events).at(-1), "cloud 2 NetworkError Fail")
      }))

    it.effect("ends a whole request at its deadline: in the middle of the stream", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.pace(cloudAnswer, "3 seconds")])
        const { error, seen } = yield* Effect.provide(ask, chain([cloud], { deadline: "10 seconds" }))
        assert.isTrue(ChainError.isStreamInterrupted(error))
        assert.strictEqual(text(seen), "The cloud ")
      }))

    it.effect("starts no retry that the caller's own deadline would cut off", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [
          TestProvider.failure(new AiError.RateLimitError({ retryAfter: Duration.seconds(20) }))
        ])
        const story = yield* generate.pipe(
          Deadline.within("10 seconds"),
          Effect.provide(chain([cloud, ollama([localAnswer])]))
        )
        assert.strictEqual(story.response?.text, "local words")
        assert.strictEqual(cloud.requests.length, 1)
      }))

    it.effect("tells an interrupted caller from a failed provider", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.stall([], 0)])
        const events: Array<ChainEvent.ChainEvent> = []
        const fiber = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
          ChainEvent.observe((event) => events.push(event)),
          Effect.provide(chain([cloud])),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(outcomes(events), ["cloud 1 AttemptStarted", "cloud 1 AttemptInterrupted"])
        assert.strictEqual(cloud.closed(), 1)
      }))
  })

  describe("retry and fallback", () => {
    it.effect("asks the next provider with the same request when the first is given up", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [overloaded, overloaded, overloaded].map(TestProvider.failure))
        const local = ollama([localAnswer])
        const { events, response } = yield* Effect.provide(generate, chain([cloud, local]))
        assert.strictEqual(response?.text, "local words")
        assert.deepStrictEqual(outcomes(events), [
          "cloud 1 AttemptStarted",
          "cloud 1 InternalProviderError Retry",
          "cloud 2 AttemptStarted",
          "cloud 2 InternalProviderError Retry",
          "cloud 3 AttemptStarted",
          "cloud 3 InternalProviderError Fallback",
          "ollama 1 AttemptStarted",
          "ollama 1 AttemptSucceeded"
        ])
        for (const request of [...cloud.requests, ...local.requests]) {
          assert.strictEqual(request, cloud.requests[0])
        }
      }))

    it.effect("has closed an attempt before it starts the next", () =>
      Effect.gen(function*() {
        const open: Array<number> = []
        const answers = [
          TestProvider.cut(cloudAnswer, 1),
          TestProvider.stall(cloudAnswer, 1),
          // Against the contract, as a provider of another library may do it: an error in a stream that goes on.
          TestProvider.stall(TestProvider.parts([{ type: "error", error: "boom" }]), 1),
          cloudAnswer
        ]
        const cloud: TestProvider.TestProvider = TestProvider.make("cloud", (_, index) =>
          Effect.sync(() => {
            open.push(index - cloud.closed())
            return answers[index] ?? cloudAnswer
          }))
        yield* Effect.provide(ask, chain([cloud], { retry: { ...retry, times: 3 } }))
        assert.deepStrictEqual(open, [0, 0, 0, 0])
      }))

    it.effect("says whose answer it is, and leaves the rest of the metadata alone", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.failure(badKey)])
        const local = ollama([localAnswer])
        const { response } = yield* Effect.provide(generate, chain([cloud, local]))
        const winner = {
          provider: "ollama",
          model: "llama3.2",
          location: "local",
          attempts: 2,
          fellBack: true,
          offline: false
        } as const
        assert.deepStrictEqual(ProviderChain.answeredBy(response?.content ?? []), Option.some(winner))
        assert.deepStrictEqual(response?.content.map((part) => part.type), ["response-metadata", "text", "finish"])
        const streamed = yield* Effect.provide(ask, chain([ollama([localAnswer])]))
        assert.deepStrictEqual(
          ProviderChain.answeredBy(streamed.seen),
          Option.some({ ...winner, attempts: 1, fellBack: false })
        )
      }))

    it.effect("does not ask another provider what is wrong with the request", () =>
      Effect.gen(function*() {
        const local = ollama([])
        const cloud = TestProvider.script("cloud", [TestProvider.failure(badRequest)])
        const { error } = yield* Effect.provide(generate, chain([cloud, local]))
        assert.strictEqual(error?.reason, badRequest)
        assert.strictEqual(local.requests.length, 0)
      }))

    it.effect("waits as long as the provider asks, and goes on at once when that is too long", () =>
      Effect.gen(function*() {
        const limited = (seconds: number) =>
          TestProvider.failure(new AiError.RateLimitError({ retryAfter: Duration.seconds(seconds) }))
        const cloud = TestProvider.script("cloud", [limited(50), limited(61)])
        const { events } = yield* Effect.provide(generate, chain([cloud, ollama([localAnswer])]))
        const [first, second] = events.filter((event) => event._tag === "AttemptFailed")
        assert.isTrue(Duration.isGreaterThanOrEqualTo(first?.delay ?? Duration.zero, Duration.seconds(50)))
        assert.strictEqual(second?.decision._tag, "Fallback")
      }))

    it.effect("leaves a provider alone for a while that it had to give up", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.failure(badKey), cloudAnswer])
        const local = ollama([localAnswer, localAnswer])
        yield* Effect.gen(function*() {
          yield* generate
          const second = yield* generate
          assert.strictEqual(second.response?.text, "local words")
          assert.include(outcomes(second.events), "cloud 0 ProviderSkipped")
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual((yield* generate).response?.text, "The cloud has an answer of some words")
        }).pipe(Effect.provide(chain([cloud, local])))
      }))

    it.effect("asks a provider during its cool-down if there is no other", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [
          TestProvider.failure(badKey),
          TestProvider.text("{\"city\":\"Oslo\"}")
        ])
        const local = TestProvider.script("local", [localAnswer], { capabilities: { structuredOutput: false } })
        yield* Effect.gen(function*() {
          assert.strictEqual((yield* generate).response?.text, "local words")
          const schema = Schema.Struct({ city: Schema.String })
          assert.deepStrictEqual((yield* LanguageModel.generateObject({ prompt: "where?", schema })).value, {
            city: "Oslo"
          })
        }).pipe(Effect.provide(chain([cloud, local])))
      }))

    it.effect("passes over a provider whose model cannot do what is asked", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [], { capabilities: { structuredOutput: false } })
        const local = ollama([TestProvider.text("{\"city\":\"Oslo\"}")])
        const object = LanguageModel.generateObject({
          prompt: "where?",
          schema: Schema.Struct({ city: Schema.String })
        })
        const response = yield* Effect.provide(object, chain([cloud, local]))
        assert.deepStrictEqual(response.value, { city: "Oslo" })
        assert.strictEqual(cloud.requests.length, 0)
        const error = yield* Effect.flip(Effect.provide(object, chain([cloud])))
        assert.include(error.message, "cloud/test cannot do structuredOutput")
      }))
  })

  describe("failures", () => {
    it.effect("tells the whole story when all fail", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [
          TestProvider.failure(overloaded),
          TestProvider.delay(TestProvider.failure(badKey), "2 seconds")
        ])
        const local = ollama([TestProvider.failure(TestProvider.disconnected), TestProvider.failure(badRequest)])
        const { error } = yield* Effect.provide(generate, chain([cloud, local]))
        assert.isTrue(ChainError.isNoAnswer(error))
        if (!ChainError.isNoAnswer(error)) return
        assert.deepStrictEqual(
          error.attempts.map(({ attempt, decision, duration, provider, reason }) =>
            [provider, attempt, reason._tag, decision._tag, Duration.toMillis(duration)] as const
          ),
          [
            ["cloud", 1, "InternalProviderError", "Retry", 0],
            ["cloud", 2, "AuthenticationError", "Fallback", 2000],
            ["ollama", 1, "NetworkError", "Retry", 0],
            ["ollama", 2, "InvalidRequestError", "Fail", 0]
          ]
        )
        assert.strictEqual(error.reason, badRequest)
        assert.isFalse(error.isRetryable)
        assert.strictEqual(error.message.split("\n").length, 5)
      }))

    it.effect("is caught as the AiError that it is, and survives encoding", () =>
      Effect.gen(function*() {
        const failing = chain([TestProvider.script("cloud", [TestProvider.failure(badKey)])])
        const caught = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
          Effect.asVoid,
          Effect.catchReason("AiError", "AuthenticationError", (reason) => Effect.succeed(reason.kind)),
          Effect.provide(failing)
        )
        assert.strictEqual(caught, "InvalidKey")
        const { error } = yield* Effect.provide(
          generate,
          chain([TestProvider.script("cloud", [TestProvider.failure(badKey)])])
        )
        const codec = Schema.toCodecJson(ChainError.NoAnswer)
        assert.isTrue(ChainError.isNoAnswer(error))
        if (!ChainError.isNoAnswer(error)) return
        const json = yield* Schema.encodeEffect(codec)(error)
        const back = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(JSON.stringify(json)))
        assert.strictEqual(back.message, error.message)
      }))

    it.effect("leaves a provider's defect a defect", () =>
      Effect.gen(function*() {
        const broken = TestProvider.make("broken", () => Effect.die(new Error("bug")))
        const local = ollama([localAnswer])
        const exit = yield* Effect.exit(
          Effect.provide(LanguageModel.generateText({ prompt: "hello" }), chain([broken, local]))
        )
        assert.strictEqual(exit._tag, "Failure")
        assert.strictEqual(broken.requests.length, 1)
        assert.strictEqual(local.requests.length, 0)
      }))

    it.effect("is not harmed by an observer that throws", () =>
      Effect.gen(function*() {
        const response = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
          ChainEvent.observe(() => {
            throw new Error("observer")
          }),
          Effect.provide(chain([ollama([localAnswer])]))
        )
        assert.strictEqual(response.text, "local words")
      }))
  })

  describe("tools", () => {
    const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
    const tools = Toolkit.make(Weather)

    const counting = Effect.gen(function*() {
      const runs = yield* Ref.make(0)
      const toolkit = yield* Effect.provide(
        tools,
        tools.toLayer({
          weather: () => Effect.as(Ref.update(runs, (n) => n + 1), "clear")
        })
      )
      return { runs: Ref.get(runs), toolkit }
    })

    const call = TestProvider.toolCall("weather", { city: "Oslo" })

    it.effect("runs a handler once when the answer is whole, whichever step a fault hit before", () =>
      Effect.gen(function*() {
        for (let at = 0; at <= call.length; at++) {
          for (
            const answer of [TestProvider.cut(call, at), TestProvider.truncate(call, at), TestProvider.stall(call, at)]
          ) {
            const { runs, toolkit } = yield* counting
            const cloud = TestProvider.script("cloud", [answer])
            const local = ollama([TestProvider.toolCall("weather", { city: "Rome" })])
            const exit = yield* LanguageModel.streamText({ prompt: "weather?", toolkit }).pipe(
              Stream.runCollect,
              Effect.provide(chain([cloud, local], { retry: false })),
              elapse,
              Effect.exit
            )
            // Parameters were seen from the second step on; only the whole script, in order, is an answer.
            const whole = answer.length === call.length && !answer.some((step) => step._tag !== "Part")
            const expected = at < 2 || whole ? 1 : 0
            assert.strictEqual(
              exit._tag,
              expected === 1 ? "Success" : "Failure",
              `step ${at} of ${answer.at(-1)?._tag}`
            )
            assert.strictEqual(yield* runs, expected)
          }
        }
      }))

    it.effect("runs a handler once for a whole answer after failed ones", () =>
      Effect.gen(function*() {
        const { runs, toolkit } = yield* counting
        const cloud = TestProvider.script("cloud", [TestProvider.cut(call, call.length), call])
        const response = yield* LanguageModel.generateText({ prompt: "weather?", toolkit }).pipe(
          Effect.provide(chain([cloud, ollama([])])),
          elapse
        )
        assert.strictEqual(yield* runs, 1)
        assert.strictEqual(response.toolResults.length, 1)
      }))

    it.effect("passes on a tool's failure, and asks no other provider", () =>
      Effect.gen(function*() {
        const Broken = Toolkit.make(Tool.make("broken", { failure: Schema.String }))
        const toolkit = yield* Effect.provide(Broken, Broken.toLayer({ broken: () => Effect.fail("no sensor") }))
        const local = ollama([])
        const cloud = TestProvider.script("cloud", [TestProvider.toolCall("broken", {})])
        const error = yield* LanguageModel.generateText({ prompt: "go", toolkit }).pipe(
          Effect.provide(chain([cloud, local])),
          Effect.flip
        )
        assert.strictEqual(error, "no sensor")
        assert.strictEqual(cloud.requests.length + local.requests.length, 1)
      }))

    it.effect("adds one turn to a chat, whatever happened on the way", () =>
      Effect.gen(function*() {
        const cloud = TestProvider.script("cloud", [TestProvider.cut(cloudAnswer, 1), TestProvider.failure(badKey)])
        const history = yield* Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* Stream.runDrain(chat.streamText({ prompt: "hello" }))
          return (yield* Ref.get(chat.history)).content
        }).pipe(Effect.provide(chain([cloud, ollama([localAnswer])])), elapse)
        assert.deepStrictEqual(history.map((message) => message.role), ["user", "assistant"])
      }))
  })

  describe("layerConfig", () => {
    /** A transport that answers as each provider would and counts. */
    const transport = Effect.sync(() => {
      const urls: Array<string> = []
      const client = HttpClient.make((request, url) =>
        Effect.sync(() => {
          urls.push(url.href)
          const body = url.pathname === "/api/chat"
            ? { message: { content: "local" }, done: true }
            : url.pathname === "/v1/messages"
            ? { content: [{ type: "text", text: "claude" }], stop_reason: "end_turn" }
            : { choices: [{ message: { content: "cloud" }, finish_reason: "stop" }] }
          return HttpClientResponse.fromWeb(request, globalThis.Response.json(body))
        })
      )
      return { urls, layer: Layer.succeed(HttpClient.HttpClient, client) }
    })

    const answer = (env: Record<string, string>) =>
      Effect.gen(function*() {
        const { layer, urls } = yield* transport
        const response = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
          Effect.provide(Layer.provide(ProviderChain.layerConfig(), [
            layer,
            ConfigProvider.layer(ConfigProvider.fromUnknown(env))
          ]))
        )
        return { text: response.text, urls }
      })

    it.effect("asks OpenAI first where there is a key", () =>
      Effect.gen(function*() {
        const { text, urls } = yield* answer({ OPENAI_API_KEY: "sk-x", OLLAMA_MODEL: "qwen3" })
        assert.strictEqual(text, "cloud")
        assert.deepStrictEqual(urls, ["https://api.openai.com/v1/chat/completions"])
      }))

    it.effect("asks Anthropic where there is its key alone, after OpenAI and before Ollama", () =>
      Effect.gen(function*() {
        const alone = yield* answer({ ANTHROPIC_API_KEY: "sk-ant-x", OLLAMA_MODEL: "qwen3" })
        assert.strictEqual(alone.text, "claude")
        assert.deepStrictEqual(alone.urls, ["https://api.anthropic.com/v1/messages"])
        const both = yield* answer({ ANTHROPIC_API_KEY: "sk-ant-x", OPENAI_API_KEY: "sk-x" })
        assert.strictEqual(both.text, "cloud")
        const turned = { OPENAI_API_KEY: "sk-x", PROVIDER_PRIORITY: "anthropic,openai" }
        assert.strictEqual((yield* answer({ ...turned, ANTHROPIC_BASE_URL: "http://127.0.0.1:9" })).text, "claude")
        assert.strictEqual((yield* answer(turned)).text, "cloud")
      }))

    it.effect("sends nothing to the cloud without a key", () =>
      Effect.gen(function*() {
        for (
          const env of [{ OLLAMA_MODEL: "qwen3" }, { OLLAMA_HOST: "127.0.0.1", OPENAI_API_KEY: " " }, {
            PROVIDER_PRIORITY: "openai,anthropic,ollama",
            ANTHROPIC_API_KEY: ""
          }]
        ) {
          const { text, urls } = yield* answer(env)
          assert.strictEqual(text, "local")
          assert.deepStrictEqual(urls, ["http://127.0.0.1:11434/api/chat"])
        }
      }))

    it.effect("keeps to PROVIDER_PRIORITY", () =>
      Effect.gen(function*() {
        const { text } = yield* answer({ OPENAI_API_KEY: "sk-x", PROVIDER_PRIORITY: "Ollama, openai" })
        assert.strictEqual(text, "local")
      }))

    it.effect("says what to set if nothing is configured, and names an unknown provider", () =>
      Effect.gen(function*() {
        const nothing = yield* Effect.flip(answer({}))
        assert.strictEqual(nothing._tag, "ConfigError")
        assert.include(nothing.message, "OPENAI_API_KEY")
        assert.include(nothing.message, "ANTHROPIC_API_KEY")
        assert.include(nothing.message, "OLLAMA_MODEL")
        const onlyOpenAi = yield* Effect.flip(answer({ PROVIDER_PRIORITY: "openai" }))
        assert.include(onlyOpenAi.message, "OPENAI_API_KEY")
        const unknown = yield* Effect.flip(answer({ PROVIDER_PRIORITY: "openai,olama" }))
        assert.include(unknown.message, "\"olama\"")
      }))
  })

  it.effect("rejects invalid options", () =>
    Effect.gen(function*() {
      const twice = yield* Effect.exit(ProviderChain.make({ providers: [ollama([]), ollama([])] }))
      assert.include(String(twice), "names of providers must be unique")
      const zero = yield* Effect.exit(ProviderChain.make({ providers: [ollama([])], deadline: 0 }))
      assert.include(String(zero), "deadline must be a duration above zero")
    }))
})
