/** When another provider is asked beside one that is late, and what becomes of both. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Hedge from "@holdfast/core/Hedge"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChatService from "@holdfast/llm/ChatService"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { ask, badKey, badRequest, chain, elapse, generate, outcomes, overloaded, text } from "./asking.ts"

const hedge: ProviderChain.HedgeOptions = { after: "2 seconds" }

/** An answer whose first content comes after so many seconds. */
const late = (seconds: number, words: string): TestProvider.Answer =>
  TestProvider.delay(TestProvider.text(words), `${seconds} seconds`)

const lateFailure = (seconds: number, reason: AiError.AiErrorReason): TestProvider.Answer =>
  TestProvider.delay(TestProvider.failure(reason), `${seconds} seconds`)

const always = (name: string, answer: TestProvider.Answer) => TestProvider.make(name, () => Effect.succeed(answer))

const hedges = (events: ReadonlyArray<ChainEvent.ChainEvent>) => events.filter(({ _tag }) => _tag === "ProviderHedged")

describe("a provider that is late", () => {
  it.effect("loses to the one asked as well, and is closed at once", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(60, "slow words"))
      const quick = always("quick", TestProvider.text("quick words"))
      const story = yield* Effect.provide(ask, chain([slow, quick], { hedge }))
      assert.strictEqual(text(story.seen), "quick words")
      assert.deepStrictEqual(outcomes(story.events), [
        "slow 1 AttemptStarted",
        "slow 1 ProviderHedged",
        "quick 1 AttemptStarted",
        "slow 1 AttemptInterrupted",
        "quick 1 Committed",
        "quick 1 AttemptSucceeded"
      ])
      const lost = story.events.find((event) => event._tag === "AttemptInterrupted")
      assert(lost?._tag === "AttemptInterrupted")
      assert.strictEqual(lost.by, "hedge")
      assert.strictEqual(Duration.toSeconds(lost.duration), 2)
      assert.strictEqual(slow.closed(), 1)
    }))

  it.effect("wins if it begins first after all, and the hedge is closed at once", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(3, "slow words"))
      const slower = always("slower", late(60, "slower words"))
      const story = yield* Effect.provide(ask, chain([slow, slower], { hedge }))
      assert.strictEqual(text(story.seen), "slow words")
      assert.include(outcomes(story.events), "slower 1 AttemptInterrupted")
      assert.deepStrictEqual([slow.closed(), slower.closed()], [1, 1])
    }))

  it.effect("is one answer and not two when both begin in the same instant, and the other's is closed before it is read", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const gated = (name: string) =>
        TestProvider.make(name, () => Effect.as(Deferred.await(gate), TestProvider.text(`${name} words`)))
      const [first, second] = [gated("first"), gated("second")]
      const closed: Array<number> = []
      const events: Array<string> = []
      const [seen] = yield* LanguageModel.streamText({ prompt: "hello" }).pipe(
        Stream.tap(() => Effect.sync(() => closed.push(first.closed() + second.closed()))),
        Stream.runCollect,
        ChainEvent.observe(({ _tag }) => events.push(_tag)),
        Effect.zip(Effect.delay(Deferred.succeed(gate, undefined), "4 seconds"), { concurrent: true }),
        elapse,
        Effect.provide(chain([first, second], { hedge }))
      )
      assert.include(["first words", "second words"], text(seen))
      assert.strictEqual(closed[0], 1)
      assert.strictEqual(events.filter((tag) => tag === "Committed").length, 1)
    }))

  it.effect("is not asked again while another that lost is still closing", () =>
    Effect.gen(function*() {
      const closing = always("closing", late(60, "words"))
      const slowToClose: typeof closing = {
        ...closing,
        streamText: (options) => Stream.ensuring(closing.streamText(options), Effect.sleep("10 seconds"))
      }
      const retrying = always("retrying", TestProvider.failure(overloaded))
      const wins = always("wins", late(5, "winning words"))
      const options = {
        hedge: { after: "2 seconds", max: 2 },
        retry: { times: 1, backoff: Backoff.constant({ delay: "2 seconds" }) }
      } as const
      const story = yield* Effect.provide(ask, chain([wins, slowToClose, retrying], options))
      assert.strictEqual(text(story.seen), "winning words")
      assert.deepStrictEqual([closing.closed(), retrying.requests.length], [1, 1])
    }))

  it.effect("is not cooled down for being slow", () =>
    Effect.gen(function*() {
      const slow = TestProvider.script("slow", [late(60, "slow words"), TestProvider.text("back")])
      const quick = always("quick", TestProvider.text("quick words"))
      const stories = yield* Effect.provide(Effect.all([ask, ask]), chain([slow, quick], { hedge }))
      assert.deepStrictEqual(stories.map(({ seen }) => text(seen)), ["quick words", "back"])
    }))

  it.effect("is late for a whole answer as for the first content of a stream", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(60, "slow words"))
      const quick = always("quick", TestProvider.text("quick words"))
      const { events, response } = yield* Effect.provide(generate, chain([slow, quick], { hedge }))
      assert.strictEqual(response?.text, "quick words")
      assert.strictEqual(hedges(events).length, 1)
    }))

  it.effect("is waited for alone if its override says so, or if no other can be asked", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(5, "slow words"))
      const quick = always("quick", TestProvider.text("quick words"))
      const told = yield* Effect.provide(ask, chain([slow, quick], { hedge, overrides: { slow: { hedge: false } } }))
      assert.strictEqual(text(told.seen), "slow words")
      const alone = yield* Effect.provide(ask, chain([slow], { hedge }))
      assert.strictEqual(text(alone.seen), "slow words")
      const own = yield* Effect.provide(ask, chain([slow, quick], { overrides: { slow: { hedge } } }))
      assert.strictEqual(text(own.seen), "quick words")
    }))
})

describe("a failure beside another provider", () => {
  it.effect("leaves the other to go on, whichever fails", () =>
    Effect.gen(function*() {
      const fails = always("fails", lateFailure(4, badKey))
      const answers = always("answers", late(10, "words"))
      for (const providers of [[fails, answers], [answers, fails]] as const) {
        const story = yield* Effect.provide(ask, chain(providers, { hedge }))
        assert.strictEqual(text(story.seen), "words")
        assert.strictEqual(hedges(story.events).length, 1)
        assert.include(outcomes(story.events), "fails 1 AuthenticationError Fallback")
      }
    }))

  it.effect("leads behind both when both have failed", () =>
    Effect.gen(function*() {
      const first = always("first", lateFailure(4, badKey))
      const second = always("second", lateFailure(4, badKey))
      const third = always("third", TestProvider.text("third words"))
      const story = yield* Effect.provide(ask, chain([first, second, third], { hedge }))
      assert.strictEqual(text(story.seen), "third words")
      assert.deepStrictEqual(outcomes(story.events).filter((line) => line.includes("Error")), [
        "first 1 AuthenticationError Fallback",
        "second 1 AuthenticationError Fallback"
      ])
    }))

  it.effect("reports both when no provider is left", () =>
    Effect.gen(function*() {
      const first = always("first", lateFailure(4, badKey))
      const second = always("second", lateFailure(4, badKey))
      const { error } = yield* Effect.provide(ask, chain([first, second], { hedge }))
      assert.include(error?.message ?? "", "No answer from 2 providers in 2 attempts")
    }))

  it.effect("ends the request where it would have without a hedge", () =>
    Effect.gen(function*() {
      const refuses = always("refuses", lateFailure(4, badRequest))
      const slow = always("slow", late(60, "slow words"))
      const story = yield* Effect.provide(ask, chain([refuses, slow], { hedge }))
      assert.strictEqual(story.error?.reason._tag, "InvalidRequestError")
      assert.strictEqual(slow.closed(), 1)
    }))

  it.effect("does not end the request for the hedge alone", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(10, "slow words"))
      const refuses = always("refuses", TestProvider.failure(badRequest))
      const story = yield* Effect.provide(ask, chain([slow, refuses], { hedge }))
      assert.strictEqual(text(story.seen), "slow words")
    }))

  it.effect("is retried while another runs", () =>
    Effect.gen(function*() {
      const flaky = TestProvider.script("flaky", [lateFailure(3, overloaded), TestProvider.text("flaky words")])
      const slow = always("slow", late(60, "slow words"))
      const story = yield* Effect.provide(ask, chain([flaky, slow], { hedge }))
      assert.strictEqual(text(story.seen), "flaky words")
    }))
})

describe("the bounds of hedges", () => {
  it.effect("ask as many providers beside a late one as `max` says, one after the other", () =>
    Effect.gen(function*() {
      for (const max of [1, 2]) {
        const slow = [1, 2, 3, 4].map((n) => always(`p${n}`, late(20, `words of ${n}`))) as [
          TestProvider.TestProvider,
          ...Array<TestProvider.TestProvider>
        ]
        const story = yield* Effect.provide(ask, chain(slow, { hedge: { ...hedge, max } }))
        assert.strictEqual(text(story.seen), "words of 1")
        assert.deepStrictEqual(slow.map(({ requests }) => requests.length), max === 1 ? [1, 1, 0, 0] : [1, 1, 1, 0])
      }
    }))

  it.effect("keep to a share of the requests", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(5, "slow words"))
      const quick = always("quick", TestProvider.text("quick words"))
      const hedgeBudget = { ratio: 0.1, minPerSecond: 0, window: "1 hour" } as const
      const stories = yield* Effect.provide(
        Effect.forEach(Array.from({ length: 20 }), () => ask),
        chain([slow, quick], { hedge, hedgeBudget })
      )
      assert.strictEqual(stories.filter(({ seen }) => text(seen) === "quick words").length, 2)
      assert.strictEqual(quick.requests.length, 2)
    }))

  it.effect("learn what is late from the answers so far", () =>
    Effect.gen(function*() {
      const slow = TestProvider.make("slow", (_, index) => Effect.succeed(late(index < 20 ? 3 : 60, "slow words")))
      const quick = always("quick", TestProvider.text("quick words"))
      const after = Hedge.quantile({ quantile: 0.9, minimumCalls: 20 })
      const stories = yield* Effect.provide(
        Effect.forEach(Array.from({ length: 21 }), () => ask),
        chain([slow, quick], { hedge: { after } })
      )
      assert.isTrue(stories.slice(0, 20).every(({ events }) => hedges(events).length === 0))
      const [event] = hedges(stories[20]?.events ?? [])
      assert(event?._tag === "ProviderHedged")
      const waited = Duration.toMillis(event.after)
      assert.isTrue(waited >= 3_000 && waited <= 3_200, `${waited}`)
    }))

  it.effect("pass over a provider that is cooling down", () =>
    Effect.gen(function*() {
      const slow = TestProvider.script("slow", [TestProvider.failure(badKey), late(5, "slow words")])
      const down = TestProvider.script("down", [TestProvider.failure(badKey)])
      const third = TestProvider.script("third", [TestProvider.text("third words"), late(60, "third words")])
      const layer = chain([slow, down, third], { hedge, overrides: { slow: { cooldown: 0 } } })
      const stories = yield* Effect.provide(Effect.all([ask, ask]), layer)
      assert.deepStrictEqual(stories.map(({ seen }) => text(seen)), ["third words", "slow words"])
      assert.deepStrictEqual(hedges(stories[1]?.events ?? []).length, 1)
      assert.strictEqual(down.requests.length, 1)
    }))

  it.effect("hold over a whole request, not for each provider", () =>
    Effect.gen(function*() {
      const p1 = always("p1", lateFailure(3, badKey))
      const p2 = always("p2", lateFailure(3, badKey))
      const p3 = always("p3", late(9, "p3 words"))
      const p4 = always("p4", TestProvider.text("p4 words"))
      const story = yield* Effect.provide(ask, chain([p1, p2, p3, p4], { hedge }))
      assert.strictEqual(text(story.seen), "p3 words")
      assert.strictEqual(p4.requests.length, 0)
    }))
})

describe("a member of a pool that is late", () => {
  it.effect("has another member asked beside it, and counts as slow", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(60, "slow words"))
      const quick = always("quick", late(1, "quick words"))
      const pool = Pool.make({ strategy: "fastest", members: [{ provider: slow }, { provider: quick }] })
      const spare = always("spare", TestProvider.text("spare words"))
      const stories = yield* Effect.provide(
        Effect.forEach(Array.from({ length: 10 }), () => ask),
        chain([pool, spare], { hedge })
      )
      assert.deepStrictEqual([...new Set(stories.map(({ seen }) => text(seen)))], ["quick words"])
      assert.strictEqual(slow.requests.length, 1)
      assert.strictEqual(spare.requests.length, 0)
    }))
})

describe("what a hedge leaves", () => {
  it.effect("gives back the slot of the loser, and both when the caller goes away", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(60, "slow words"))
      const quick = TestProvider.make("quick", (_, index) => Effect.succeed(late(index === 0 ? 60 : 1, "quick words")))
      const bulkhead = { limit: 1, queue: 0 }
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Stream.runDrain(LanguageModel.streamText({ prompt: "hello" })))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual([slow.requests.length, quick.requests.length], [1, 1])
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([slow.closed(), quick.closed()], [1, 1])
        for (const _ of [1, 2]) assert.strictEqual(text((yield* ask).seen), "quick words")
      }).pipe(Effect.provide(chain([slow, quick], { hedge, bulkhead })))
    }))

  it.effect("is in the story of an answer and in the ledger: who lost, and that the other is not the first", () =>
    Effect.gen(function*() {
      const slow = always("slow", late(60, "slow words"))
      const quick = always("quick", TestProvider.text("quick words"))
      const { answer, totals } = yield* Effect.gen(function*() {
        const service = yield* ChatService.ChatService
        const answer = yield* elapse(service.ask({ messages: "hello" }))
        return { answer, totals: yield* (yield* Usage.Ledger).totals }
      }).pipe(Effect.provide(Layer.provideMerge(
        ChatService.layer().pipe(Layer.provide(chain([slow, quick], { hedge }))),
        Usage.layer()
      )))
      assert.deepStrictEqual(answer.attempts.map(({ outcome, provider }) => [provider, outcome]), [
        ["slow", "interrupted"],
        ["quick", "succeeded"]
      ])
      assert.isTrue(answer.fellBack)
      assert.deepInclude(totals.all, { attempts: 2, succeeded: 1, interrupted: 1, inputTokens: 10 })
    }))

  it("is refused in the options if it cannot be", () => {
    const [provider] = [always("one", [])]
    const make = (options: object) => Effect.runSyncExit(ProviderChain.make({ providers: [provider], ...options }))
    assert.include(
      `${make({ hedge: { after: -1, max: 0, budget: {} }, hedgeBudget: { ratio: -1 } })}`,
      "hedge.after"
    )
    const text = `${make({ hedge: { max: 0 }, overrides: { one: { hedge: { after: "soon" } } } })}`
    for (const path of ["hedge.after", "hedge.max", "overrides.one.hedge.after"]) assert.include(text, path)
  })
})
