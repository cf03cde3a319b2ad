/** The clocks for silence listen to the server, and those of the transport step back. */
import { assert, describe, it } from "@effect/vitest"
import { TransportTimeouts } from "@holdfast/http/TransportTimeouts"
import * as ChainError from "@holdfast/llm/ChainError"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { SignOfLife } from "../../src/internal/protocol/signOfLife.ts"

const read = LanguageModel.streamText({ prompt: "hello" }).pipe(
  Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)
)

/** Waits, with pings every so often, before the parts of an answer: one wait for each. */
const pinging = (waits: ReadonlyArray<number>, every: number): Provider.Provider => {
  const words = TestProvider.script("words", [])
  const ping = Effect.flatMap(SignOfLife, (sign) => {
    const wait = (left: number): Effect.Effect<void> =>
      left <= every ? Effect.sleep(left) : Effect.sleep(every).pipe(
        Effect.andThen(Effect.sync(() => sign?.())),
        Effect.andThen(Effect.suspend(() => wait(left - every)))
      )
    return Effect.succeed(wait)
  })
  const parts = [
    { type: "text-start", id: "1" },
    ...waits.map((_, i) => ({ type: "text-delta", id: "1", delta: `${i} ` } as const)),
    { type: "text-end", id: "1" },
    {
      type: "finish",
      reason: "stop",
      usage: {
        inputTokens: { total: 1, uncached: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 1, text: undefined, reasoning: undefined }
      },
      response: undefined
    }
  ] as const
  return {
    ...words,
    streamText: () =>
      Stream.unwrap(Effect.map(ping, (wait) =>
        Stream.fromIterable(parts).pipe(
          Stream.rechunk(1),
          Stream.mapEffect((part, i) => Effect.as(wait(waits[i - 1] ?? 0), part))
        )))
  }
}

const outcome = (waits: ReadonlyArray<number>, every: number, timeouts: ProviderChain.Timeouts) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.exit(read).pipe(
      Effect.provide(ProviderChain.layer({ providers: [pinging(waits, every)], timeouts, retry: false })),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust("1 hour")
    return yield* Effect.match(Effect.flatten(Fiber.join(fiber)), {
      onSuccess: () => "whole",
      onFailure: (error) => ChainError.isStreamInterrupted(error) ? "interrupted" : "failed"
    })
  })

describe("signs of life", () => {
  const millis = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
  law(
    "M9: pings keep a stream that has begun, and do not stand for its first content",
    {
      waits: Schema.Tuple([millis(1, 60_000), millis(1, 60_000), millis(1, 60_000)]),
      every: millis(200, 20_000),
      limit: millis(200, 20_000)
    },
    ({ every, limit, waits }) =>
      Effect.gen(function*() {
        const [first, ...rest] = waits
        const isSilent = rest.some((wait) => Math.min(wait, every) > limit)
        // An exact tie may end either way.
        if (rest.some((wait) => Math.min(wait, every) === limit)) return
        const got = yield* outcome(waits, every, { firstContent: "1 hour", betweenChunks: limit })
        assert.strictEqual(got, isSilent ? "interrupted" : "whole")
        if (first === limit) return
        const content = yield* outcome([first], every, { firstContent: limit })
        assert.strictEqual(content, first > limit ? "failed" : "whole")
      }),
    { cases: 300 }
  )

  it.effect("count for the head: a ping in time is enough", () =>
    Effect.gen(function*() {
      const timeouts = { head: "5 seconds", firstContent: "10 minutes" } as const
      const late = Duration.toMillis("1 minute")
      assert.strictEqual(yield* outcome([late], 4_000, timeouts), "whole")
    }))
})

describe("the transport's timeouts", () => {
  const cases = [
    ["local", undefined, false],
    ["local", false, false],
    ["cloud", undefined, false],
    ["cloud", false, true]
  ] as const
  for (const [location, timeouts, hold] of cases) {
    it.effect(`${hold ? "hold" : "are off"} for a ${location} provider with ${timeouts === false ? "no clock" : "a clock"}`, () =>
      Effect.gen(function*() {
        const seen: Array<boolean> = []
        const provider = TestProvider.make("one", () =>
          Effect.map(TransportTimeouts, (on) => {
            seen.push(on)
            return TestProvider.text("words")
          }), { location })
        const layer = ProviderChain.layer({ providers: [provider], timeouts, localTimeouts: timeouts })
        yield* Effect.provide(Effect.andThen(LanguageModel.generateText({ prompt: "hello" }), read), layer)
        assert.deepStrictEqual(seen, [hold, hold])
      }))
  }
})
