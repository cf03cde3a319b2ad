/** The decisions about failures on a chain: who is asked next, who is skipped afterwards, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const ask = Effect.map(LanguageModel.generateText({ prompt: "hello" }), (response) => response.text)

/** Fails at first with this reason, and then answers. */
const failsOnce = (name: string, reason: AiError.AiErrorReason) =>
  TestProvider.script(name, [TestProvider.failure(reason), TestProvider.text(`${name} words`)])

const spare = () => TestProvider.make("spare", () => Effect.succeed(TestProvider.text("spare words")))

describe("a failure that goes to the next provider", () => {
  const model = (kind: string) => new AiError.InvalidRequestError({ metadata: { holdfast: { kind } } })
  const cases: ReadonlyArray<readonly [string, AiError.AiErrorReason, isSkipped: boolean]> = [
    ["a refused key", new AiError.AuthenticationError({ kind: "InvalidKey" }), true],
    ["a spent quota", new AiError.QuotaExhaustedError({}), true],
    ["an unknown model", model("unknownModel"), true],
    ["an overload", new AiError.InternalProviderError({ description: "overloaded" }), true],
    ["a tool that the model does not have", ProviderFailure.unsupported("tools", "no tools"), false],
    ["an unreadable answer", new AiError.InvalidResponseError({ description: "half a line" }), false]
  ]
  for (const [name, reason, isSkipped] of cases) {
    it.effect(`${isSkipped ? "starts" : "starts no"} cool-down after ${name}`, () =>
      Effect.gen(function*() {
        const first = failsOnce("first", reason)
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* ask, "spare words")
          assert.strictEqual(yield* ask, isSkipped ? "spare words" : "first words")
          assert.strictEqual(first.requests.length, isSkipped ? 1 : 2)
        }).pipe(Effect.provide(ProviderChain.layer({ providers: [first, spare()], retry: false })))
      }))
  }

  it.effect("skips a provider for as long as its Retry-After says, where that is longer than the cool-down", () =>
    Effect.gen(function*() {
      const first = failsOnce("first", new AiError.RateLimitError({ retryAfter: Duration.hours(2) }))
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust(Duration.millis(Duration.toMillis("2 hours") - 1))
        assert.strictEqual(yield* ask, "spare words")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* ask, "first words")
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [first, spare()] })))
    }))

  it.effect("tells one event and one attempt a failure, with the delay only where a retry follows", () =>
    Effect.gen(function*() {
      const overloaded = TestProvider.failure(new AiError.InternalProviderError({ description: "overloaded" }))
      const first = TestProvider.script("first", [overloaded, overloaded, overloaded])
      const events: Array<ChainEvent.ChainEvent> = []
      const fiber = yield* ask.pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [first, spare()] })),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "spare words")
      const told = events.flatMap((event) =>
        event._tag === "AttemptFailed" ? [`${event.attempt} ${event.decision._tag} ${event.delay !== undefined}`] : []
      )
      assert.deepStrictEqual(told, ["1 Retry true", "2 Retry true", "3 Fallback false"])
    }))
})

describe("a local provider", () => {
  const loading = new AiError.InternalProviderError({
    description: "Loading model",
    metadata: { holdfast: { kind: "loading" } }
  })
  /** Fails with the reason until this long after the first request. */
  const upAfter = (reason: AiError.AiErrorReason, duration: Duration.Input, location: "local" | "cloud" = "local") =>
    TestProvider.make(
      "gpu",
      () =>
        Effect.map(
          Clock.currentTimeMillis,
          (now) => now < Duration.toMillis(duration) ? TestProvider.failure(reason) : TestProvider.text("gpu words")
        ),
      { location }
    )
  const after = (provider: TestProvider.TestProvider, options?: Omit<ProviderChain.Options, "providers">) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.exit(ask).pipe(
        Effect.provide(ProviderChain.layer({ ...options, providers: [provider] })),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(fiber)
      return [Exit.isSuccess(exit), provider.requests.length]
    })

  it.effect("is waited for while it loads its model or is busy, for some 15 seconds", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* after(upAfter(loading, "12 seconds")), [true, 5])
    }))
  it.effect("is given up where it loads for longer", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* after(upAfter(loading, "30 seconds")), [false, 5])
    }))
  it.effect("is waited for while it starts", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* after(upAfter(TestProvider.disconnected, "900 millis")), [true, 2])
    }))
  it.effect("is given up after 3 seconds where nothing listens", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* after(upAfter(TestProvider.disconnected, "30 seconds")), [false, 3])
    }))
  it.effect("is asked as often as the options say, at its own pace", () =>
    Effect.gen(function*() {
      const provider = upAfter(TestProvider.disconnected, "20 seconds")
      assert.deepStrictEqual(yield* after(provider, { retry: { times: 6 } }), [true, 6])
    }))
  it.effect("holds a request in its queue for as long as a model may take", () =>
    Effect.gen(function*() {
      const slow = TestProvider.make("gpu", () =>
        Effect.succeed(TestProvider.delay(TestProvider.text("gpu words"), "50 seconds")), { location: "local" })
      const fibers = yield* Effect.replicateEffect(Effect.forkChild(Effect.exit(ask), { startImmediately: true }), 5)
        .pipe(
          Effect.flatMap((fibers) =>
            Effect.andThen(TestClock.adjust("10 minutes"), Effect.forEach(fibers, Fiber.join))
          ),
          Effect.provide(ProviderChain.layer({ providers: [slow], bulkhead: { limit: 1, queue: 100 } }))
        )
      assert.deepStrictEqual(fibers.map((exit) => exit._tag), Array(5).fill("Success"))
    }))
})

describe("a request that is too long", () => {
  it.effect("passes by the providers that do not read more", () =>
    Effect.gen(function*() {
      const sized = (name: string, contextWindow: number) =>
        TestProvider.make(name, () => Effect.succeed(TestProvider.text(`${name} words`)), {
          capabilities: { contextWindow }
        })
      const overflow = new AiError.InvalidRequestError({ metadata: { holdfast: { kind: "contextOverflow" } } })
      const first = TestProvider.script("first", [TestProvider.failure(overflow)], {
        capabilities: { contextWindow: 8_000 }
      })
      const small = sized("small", 4_000)
      const large = sized("large", 32_000)
      const text = yield* Effect.provide(ask, ProviderChain.layer({ providers: [first, small, large] }))
      assert.strictEqual(text, "large words")
      assert.strictEqual(small.requests.length, 0)
    }))
})

describe("answers that break off", () => {
  it.effect("are counted in a row: a whole answer, streamed or not, starts the count over", () =>
    Effect.gen(function*() {
      const words = TestProvider.text("first words")
      const cut = TestProvider.cut(words, 2)
      const stream = Effect.ignore(Stream.runDrain(LanguageModel.streamText({ prompt: "hello" })))
      for (const whole of [Effect.asVoid(ask), stream]) {
        const first = TestProvider.script("first", [cut, words, cut, words, cut, cut])
        yield* Effect.gen(function*() {
          yield* stream
          yield* whole
          yield* stream
          assert.strictEqual(yield* ask, "first words")
          // Two in a row are one more than its retries.
          yield* stream
          yield* stream
          assert.strictEqual(yield* ask, "spare words")
        }).pipe(Effect.provide(ProviderChain.layer({ providers: [first, spare()], retry: { times: 1 } })))
      }
    }))
})
