/** The commit barrier of a stream, and the clocks on both sides of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deadline from "@holdfast/core/Deadline"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  ask,
  barrier,
  chain,
  cloudAnswer,
  generate,
  localAnswer,
  ollama,
  outcomes,
  overloaded,
  text
} from "./asking.ts"

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

  it.effect("says once who answers: as the server says it, or as the chain knows it", () =>
    Effect.gen(function*() {
      const introduced = TestProvider.parts([
        { type: "response-metadata", id: "r1", modelId: "served-0711" },
        ...["one ", "two"].map((delta) => ({ type: "text-delta", id: "t", delta }) as const)
      ])
      for (const answer of [introduced, TestProvider.text("one two")]) {
        const story = yield* Effect.provide(ask, chain([TestProvider.script("cloud", [answer])]))
        const models = story.seen.flatMap((part) => part.type === "response-metadata" ? [part.modelId] : [])
        assert.deepStrictEqual(models, [answer === introduced ? "served-0711" : "test"])
        assert.strictEqual(story.seen[0]?.type, "response-metadata")
      }
    }))

  it.effect("says whose answer it was at its end too", () =>
    Effect.gen(function*() {
      const story = yield* Effect.provide(ask, chain([TestProvider.script("cloud", [cloudAnswer])]))
      const end = story.seen.filter(({ type }) => type === "finish")
      const author = Option.getOrThrow(ProviderChain.answeredBy(end))
      assert.deepInclude(author, { provider: "cloud", model: "test", attempts: 1, fellBack: false })
    }))

  it.effect("keeps thoughts and words apart in what is left of an interrupted answer", () =>
    Effect.gen(function*() {
      const thinking = TestProvider.parts([
        { type: "reasoning-start", id: "r" },
        { type: "reasoning-delta", id: "r", delta: "Hm." },
        { type: "reasoning-end", id: "r" },
        { type: "text-start", id: "t" },
        { type: "text-delta", id: "t", delta: "Well" }
      ])
      const { error } = yield* Effect.provide(
        ask,
        chain([TestProvider.script("cloud", [TestProvider.cut(thinking, 5)])])
      )
      assert(ChainError.isStreamInterrupted(error))
      assert.deepStrictEqual(error.partial, { text: "Well", reasoning: "Hm." })
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

  it.effect.each([0, 4])(
    "end with a deadline that the caller has set, after %i steps of an answer",
    (steps) =>
      Effect.gen(function*() {
        const stalled = TestProvider.script("cloud", [TestProvider.stall(cloudAnswer, steps)])
        const story = yield* ask.pipe(
          Effect.provideService(Deadline.Deadline, 5_000),
          Effect.provide(chain([stalled], { timeouts: false, deadline: "1 hour" }))
        )
        const last = story.events.at(-1)
        assert.strictEqual(last?.at, 5_000)
        assert.include(story.error?.message, "the request passed its deadline")
        assert.strictEqual(ChainError.isStreamInterrupted(story.error), steps > 0)
      })
  )

  it.effect("do not run while the reader takes its time", () =>
    Effect.gen(function*() {
      const late = [...cloudAnswer.slice(0, 4), ...TestProvider.delay(cloudAnswer.slice(4), "1 second")]
      const fiber = yield* LanguageModel.streamText({ prompt: "hello" }).pipe(
        // Twice as long as the server may be silent.
        Stream.tap((part) => part.type === "text-delta" ? Effect.sleep("2 minutes") : Effect.void),
        Stream.runCollect,
        Effect.map((parts) => text(parts)),
        Effect.provide(chain([TestProvider.script("cloud", [late])], { timeouts: { betweenChunks: "1 minute" } })),
        Effect.forkChild
      )
      for (let i = 0; i < 30 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "The cloud has an answer of some words")
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
