/** Retries at a provider, the fallback to the next, and how a chain fails. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import {
  ask,
  badKey,
  badRequest,
  chain,
  cloudAnswer,
  generate,
  localAnswer,
  ollama,
  outcomes,
  overloaded,
  retry
} from "./asking.ts"

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
