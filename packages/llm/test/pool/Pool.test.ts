/** A pool in a chain: which member is asked, what it is spared, and that an answer is still one provider's. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Parameters from "@holdfast/llm/Parameters"
import * as Pool from "@holdfast/llm/Pool"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import * as LoopbackServer from "../LoopbackServer.ts"
import * as Outage from "../Outage.ts"

const ask = Effect.map(LanguageModel.generateText({ prompt: "hello" }), (response) => response.text)

const always = (name: string) => TestProvider.make(name, () => Effect.succeed(TestProvider.text(`${name} words`)))

const counts = (...providers: ReadonlyArray<TestProvider.TestProvider>) =>
  providers.map(({ requests }) => requests.length)

const quota = TestProvider.failure(new AiError.QuotaExhaustedError({}))

describe("a pool", () => {
  law(
    "M1-M3: is its members one after the other, as if they stood in the chain",
    { world: Outage.World },
    ({ world }, reach) =>
      Effect.gen(function*() {
        const play = Outage.play(world)
        const { cloud, local, spare } = play.providers
        const pooled: Outage.Play = {
          ...play,
          layer: (options) =>
            ProviderChain.layer({
              retry: { times: world.times, backoff: Backoff.constant({ delay: "1 second" }) },
              ...options,
              providers: [
                Pool.make({ strategy: "inOrder", members: [{ provider: cloud }, { provider: spare }] }),
                local
              ]
            })
        }
        const story = yield* Outage.request(world, pooled)
        Outage.checkOutcome(story, Outage.expected(world))
        if (spare.requests.length > 0) reach("second member")
      }),
    { cases: 300, reaches: ["second member"] }
  )

  it.effect("is asked by all that its members' providers have, and hides none of it", () =>
    Effect.gen(function*() {
      const dropped: Array<object> = []
      // A new field of a provider is a compile error here.
      const provider: { readonly [K in keyof Required<Provider.Provider>]: Provider.Provider[K] } = {
        ...always("first"),
        drops: (parameters) => {
          dropped.push(parameters)
          return ["seed"]
        },
        models: Effect.succeed(["test"])
      }
      const pool = yield* Pool.make({ members: [{ provider }] })
      for (const [key, value] of Object.entries(provider)) {
        assert.strictEqual(Reflect.get(pool.members[0]?.provider ?? {}, key), value, key)
      }
      const events: Array<ChainEvent.ChainEvent> = []
      yield* ask.pipe(
        Parameters.with({ seed: 1 }),
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [pool] }))
      )
      assert.deepStrictEqual(dropped, [{ seed: 1 }])
      assert.isTrue(events.some((event) => event._tag === "ParameterDropped" && event.parameter === "seed"))
    }))

  it.effect("passes by a member that is cooling down, and warms it up when it is back", () =>
    Effect.gen(function*() {
      const first = TestProvider.make(
        "first",
        (_, index) => Effect.succeed(index === 0 ? quota : TestProvider.text("first words"))
      )
      const second = always("second")
      const pool = Pool.make({
        strategy: "inOrder",
        warmUp: "1 minute",
        members: [{ provider: first }, { provider: second }]
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* ask, "second words")
        assert.strictEqual(yield* ask, "second words")
        assert.deepStrictEqual(counts(first, second), [1, 2])
        yield* TestClock.adjust("30 seconds")
        // The probe succeeds, and the member gets little at once and all of it after a minute.
        assert.strictEqual(yield* ask, "first words")
        for (let i = 0; i < 40; i++) yield* ask
        assert.isBelow(first.requests.length, 20)
        yield* TestClock.adjust("1 minute")
        for (let i = 0; i < 10; i++) assert.strictEqual(yield* ask, "first words")
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [pool] })))
    }))

  it.effect("spreads streams over the members while they are read", () =>
    Effect.gen(function*() {
      const slow = (name: string) =>
        TestProvider.make(name, () => Effect.succeed(TestProvider.pace(TestProvider.text("a b c"), "1 second")))
      const members = [slow("a"), slow("b"), slow("c")] as const
      const pool = Pool.make({
        members: [{ provider: members[0] }, { provider: members[1] }, { provider: members[2] }]
      })
      yield* Effect.gen(function*() {
        const reading = yield* Effect.forEach(
          [1, 2, 3, 4, 5, 6],
          () =>
            Effect.forkChild(Stream.runDrain(LanguageModel.streamText({ prompt: "hello" })), { startImmediately: true })
        )
        assert.deepStrictEqual(counts(...members), [2, 2, 2])
        yield* TestClock.adjust("1 minute")
        yield* Effect.forEach(reading, Fiber.join)
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [pool] })))
    }))

  it.effect("keeps a session at its member, and moves it only while that is down", () =>
    Effect.gen(function*() {
      const members = [always("a"), always("b"), always("c")] as const
      const pool = Pool.make({
        strategy: "sticky",
        members: [{ provider: members[0] }, { provider: members[1] }, { provider: members[2] }]
      })
      yield* Effect.gen(function*() {
        for (const session of ["ann", "bob", "eve", "joe"]) {
          const asked = yield* Effect.forEach([1, 2, 3, 4, 5], () => ask).pipe(Pool.withSession(session))
          assert.strictEqual(new Set(asked).size, 1, session)
        }
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [pool] })))
    }))

  it.effect("sends a request where there is room, then to the next provider, and says when there will be room", () =>
    Effect.gen(function*() {
      const [first, second, ollama] = [always("first"), always("second"), always("ollama")]
      const limits = { requestsPerMinute: 2 }
      const pool = Pool.make({
        strategy: "inOrder",
        members: [{ provider: first, limits }, { provider: second, limits }]
      })
      const events: Array<ChainEvent.ChainEvent> = []
      yield* Effect.gen(function*() {
        const said = yield* Effect.forEach([1, 2, 3, 4, 5], () => ask)
        assert.deepStrictEqual(said, ["first words", "first words", "second words", "second words", "ollama words"])
        assert.deepStrictEqual(
          events.flatMap((event) => event._tag === "ProviderSkipped" ? [`${event.provider} ${event.why}`] : []).slice(
            -2
          ),
          ["first limited", "second limited"]
        )
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual(yield* ask, "first words")
      }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [pool, ollama] }))
      )

      const alone = Pool.make({ members: [{ provider: always("alone"), limits: { requestsPerMinute: 1 } }] })
      const error = yield* Effect.andThen(ask, Effect.flip(ask)).pipe(
        Effect.provide(ProviderChain.layer({ providers: [alone] }))
      )
      assert(error.reason._tag === "RateLimitError" && error.reason.retryAfter !== undefined)
      assert.isAtMost(Duration.toMillis(error.reason.retryAfter), 61_000)
      assert(ChainError.isNoAnswer(error))
    }))

  it.effect("reserves tokens by an estimate and settles them by the usage that is reported", () =>
    Effect.gen(function*() {
      // Each answer is reported with 10 tokens of input and a few of output, far below the estimate of the first.
      const [first, second] = [always("first"), always("second")]
      const pool = Pool.make({
        strategy: "inOrder",
        members: [{ provider: first, limits: { tokensPerMinute: 900 } }, { provider: second }]
      })
      yield* Effect.gen(function*() {
        for (let i = 0; i < 20; i++) yield* ask
        assert.deepStrictEqual(counts(first, second), [20, 0])
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [pool] })))
    }))

  it.live("learns from a response's headers what is left, before anything is refused", () =>
    Effect.gen(function*() {
      const answer = (text: string) => ({
        choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
        usage: { prompt_tokens: 5, completion_tokens: 2 }
      })
      const spent = yield* LoopbackServer.make(() => ({
        headers: { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s" },
        body: answer("from the first")
      }))
      const fresh = yield* LoopbackServer.always({ body: answer("from the second") })
      const key = (name: string, url: string) =>
        OpenAiProvider.make({ name, model: "m", apiKey: Redacted.make("k"), baseUrl: url })
      const pool = Pool.make({
        strategy: "inOrder",
        members: [{ provider: key("one", spent.url) }, { provider: key("two", fresh.url) }]
      })
      const said = yield* Effect.forEach([1, 2, 3], () => ask).pipe(
        Effect.provide(Layer.provide(ProviderChain.layer({ providers: [pool] }), FetchHttpClient.layer))
      )
      assert.deepStrictEqual(said, ["from the first", "from the second", "from the second"])
      assert.strictEqual(spent.received.length, 1)
    }))

  it("rejects invalid options, all of them at once and by path", () => {
    const wrong = {
      strategy: "fastst",
      warmUp: "soon",
      members: [{ provider: always("a"), weight: 0, limits: { requestsPerMinut: 3 } }]
    } as unknown as Pool.Options
    assert.throws(() => Pool.make(wrong), RangeError, /members.*weight[^]*requestsPerMinut[^]*strategy[^]*warmUp/u)
    for (const bare of [always("a"), Effect.succeed(always("a"))]) {
      const options = { members: [bare] } as unknown as Pool.Options
      assert.throws(() => Pool.make(options), RangeError, /members\.0 must be \{ provider, weight/u)
    }
    assert.throws(() => Pool.make({ strategy: "cheapest", members: [{ provider: always("a") }] }), RangeError, "price")
  })
})
