/**
 * What follows each kind of refusal, on a chain and for a user to see: who answers, after how many requests, whether the provider
 * rests and for how long, and what the failure says if no provider is left. The table is written by hand, so that the code's own table
 * is held to it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

interface Row {
  /** Requests to the provider before the next one is asked, in the cloud and at a local server. */
  readonly asks: number
  readonly locally: number
  /** Whether it is skipped afterwards. */
  readonly rests: boolean
  /** Who answers: the next provider, the next one that reads more or is asked for, or none. */
  readonly goes: "next" | "larger" | "policy" | "none"
}

const row = (asks: number, rests: boolean, goes: Row["goes"] = "next", locally = asks): Row => ({
  asks,
  locally,
  rests,
  goes
})

const rows: { readonly [K in ProviderFailure.Kind]: Row } = {
  // Waiting helps.
  rateLimited: row(3, true),
  overloaded: row(3, true, "next", 5),
  loading: row(3, true, "next", 5),
  transient: row(3, true),
  serverError: row(3, true),
  failedGeneration: row(3, false),
  // The account, the key, the model or the address: the same for every request.
  quotaSpent: row(1, true),
  keyRejected: row(1, true),
  permissionDenied: row(1, true),
  accountDisabled: row(1, true),
  regionUnsupported: row(1, true),
  unknownModel: row(1, true),
  modelNotAllowed: row(1, true),
  wrongAddress: row(1, true),
  outOfMemory: row(1, true),
  // This request alone.
  beyondRateLimit: row(1, false),
  unsupported: row(1, false),
  incompatible: row(1, false),
  contextOverflow: row(1, false, "larger"),
  contentPolicy: row(1, false, "policy"),
  invalidRequest: row(1, false, "none")
}
const kinds = Object.entries(rows).map(([kind, row]) => Object.assign({ kind }, row))

const reasonOf = (kind: string): AiError.AiErrorReason =>
  new AiError.UnknownError({ description: `refused: ${kind}`, metadata: { holdfast: { kind } } })

const toEnd = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    for (let i = 0; i < 120 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
    return yield* Fiber.await(fiber)
  })

const ways = {
  generateText: Effect.map(LanguageModel.generateText({ prompt: "Hello?" }), ({ text }) => text),
  streamText: LanguageModel.streamText({ prompt: "Hello?" }).pipe(
    Stream.filter((part) => part.type === "text-delta"),
    Stream.runFold(() => "", (text, part) => text + part.delta)
  )
}

const always = (name: string, answer: TestProvider.Answer, options?: TestProvider.Options) =>
  TestProvider.make(name, () => Effect.succeed(answer), options)

const refusing = (kind: string, options?: TestProvider.Options) =>
  always("first", TestProvider.failure(reasonOf(kind)), { capabilities: { contextWindow: 8_000 }, ...options })
const spare = (contextWindow = 8_000) =>
  always("spare", TestProvider.text("spare"), { capabilities: { contextWindow } })

const errorOf = (exit: Exit.Exit<string, AiError.AiError>): ChainError.NoAnswer => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return ChainError.isNoAnswer(error) ? error : assert.fail(`${exit}`)
}

describe.each(Object.entries(ways))("%s", (_, ask) => {
  it.effect.each(kinds)(
    "$kind: who answers, after how many requests",
    ({ asks, goes, kind }) =>
      Effect.gen(function*() {
        const ended = Effect.fnUntraced(function*(options?: { readonly larger?: boolean; readonly policy?: boolean }) {
          const first = refusing(kind)
          const exit = yield* toEnd(Effect.provide(
            ask,
            ProviderChain.layer({
              providers: [first, spare(options?.larger === true ? 32_000 : 8_000)],
              fallbackOnContentPolicy: options?.policy ?? false
            })
          ))
          assert.strictEqual(first.requests.length, asks)
          return exit
        })
        const plain = yield* ended()
        if (goes === "next") return assert.deepStrictEqual(plain, Exit.succeed("spare"))
        // Neither the next provider nor a retry would help: the refusal is what the caller sees.
        const { attempts, message } = errorOf(plain)
        assert.deepStrictEqual(attempts.map(({ decision, provider }) => [provider, decision._tag]), [["first", "Fail"]])
        assert.include(message, `refused: ${kind}`)
        if (goes === "larger") assert.deepStrictEqual(yield* ended({ larger: true }), Exit.succeed("spare"))
        if (goes === "policy") assert.deepStrictEqual(yield* ended({ policy: true }), Exit.succeed("spare"))
      })
  )

  it.effect.each(kinds)("$kind: rests $rests", ({ asks, kind, rests }) =>
    Effect.gen(function*() {
      const first = refusing(kind)
      const providers = [first, spare(32_000)] as const
      yield* Effect.gen(function*() {
        yield* toEnd(ask)
        yield* toEnd(ask)
        assert.strictEqual(first.requests.length, rests ? asks : 2 * asks, "the next request")
        // After its rest one request finds out.
        yield* TestClock.adjust("10 minutes")
        const before = first.requests.length
        yield* toEnd(ask)
        assert.strictEqual(first.requests.length, before + asks, "after the rest")
      }).pipe(
        Effect.provide(ProviderChain.layer({ providers, cooldown: "10 minutes", fallbackOnContentPolicy: true }))
      )
    }))

  it.effect.each(kinds)("$kind: a local server is asked $locally times", ({ kind, locally }) =>
    Effect.gen(function*() {
      const first = refusing(kind, { location: "local" })
      yield* toEnd(Effect.provide(ask, ProviderChain.layer({ providers: [first, spare(32_000)] })))
      assert.strictEqual(first.requests.length, locally)
    }))
})

describe("refusals of unknown kind", () => {
  const unknown = (words: string, status = 400) => ProviderFailure.toReason({ status, body: { error: words }, now: 0 })
  const refused = (name: string, reason: AiError.AiErrorReason) => always(name, TestProvider.failure(reason))

  it.effect.each([400, 404, 422])(
    "%i goes on to the next provider, after one request and without a rest",
    (status) =>
      Effect.gen(function*() {
        const first = refused("first", unknown("what is this", status))
        yield* Effect.gen(function*() {
          assert.deepStrictEqual(yield* toEnd(ways.generateText), Exit.succeed("spare"))
          assert.deepStrictEqual(yield* toEnd(ways.generateText), Exit.succeed("spare"))
        }).pipe(Effect.provide(ProviderChain.layer({ providers: [first, spare()] })))
        assert.strictEqual(first.requests.length, 2)
      })
  )

  it.effect.each(
    [
      ["all of unknown kind", ["one", "two", "three"], "one"],
      ["a dead one behind it", ["one", TestProvider.disconnected], "one"],
      ["a bad key before it", [new AiError.AuthenticationError({ kind: "InvalidKey" }), "two", "three"], "two"],
      ["an overload between", ["one", new AiError.InternalProviderError({ description: "overloaded" }), "three"], "one"]
    ] as const
  )(
    "if all fail, the first refusal leads the failure, which has all: %s",
    ([, reasons, leads]) =>
      Effect.gen(function*() {
        const [first = refused("p", TestProvider.disconnected), ...rest] = reasons.map((reason, i) =>
          refused(`p${i}`, typeof reason === "string" ? unknown(reason) : reason)
        )
        const layer = ProviderChain.layer({ providers: [first, ...rest], retry: false })
        for (const ask of Object.values(ways)) {
          const error = errorOf(yield* toEnd(Effect.provide(ask, layer)))
          assert.include(error.reason.message, leads)
          assert.include(error.message.split("\n")[0], leads)
          assert.deepStrictEqual(error.attempts.map(({ provider }) => provider), reasons.map((_, i) => `p${i}`))
          for (const reason of reasons) {
            if (typeof reason === "string") assert.include(error.message, reason)
          }
        }
      })
  )

  it.effect("a refusal that is known to be the caller's own ends the request where it is met", () =>
    Effect.gen(function*() {
      const second = spare()
      const exit = yield* toEnd(Effect.provide(
        ways.generateText,
        ProviderChain.layer({
          providers: [refused("a", unknown("eh")), refused("b", reasonOf("invalidRequest")), second]
        })
      ))
      const error = errorOf(exit)
      assert.deepStrictEqual(error.attempts.map(({ decision }) => decision._tag), ["Fallback", "Fail"])
      assert.include(error.message.split("\n")[0], "refused: invalidRequest")
      assert.strictEqual(second.requests.length, 0)
    }))
})

describe("hints", () => {
  const limited = (retryAfter: Duration.Input) =>
    new AiError.RateLimitError({ retryAfter: Duration.fromInputUnsafe(retryAfter) })

  it.effect("a hint is waited for, not a millisecond less, and one that is too long is not waited for at all", () =>
    Effect.gen(function*() {
      const first = TestProvider.script("first", [
        TestProvider.failure(limited("7 seconds")),
        TestProvider.text("first")
      ])
      const fiber = yield* Effect.forkChild(
        Effect.provide(ways.generateText, ProviderChain.layer({ providers: [first, spare()] }))
      )
      yield* TestClock.adjust(6_999)
      assert.strictEqual(first.requests.length, 1)
      // Up to a tenth more, so that clients do not come back in step.
      yield* TestClock.adjust(701)
      assert.strictEqual(yield* Fiber.join(fiber), "first")

      const away = always("away", TestProvider.failure(limited("61 seconds")))
      // No time passes.
      assert.strictEqual(
        yield* Effect.provide(ways.generateText, ProviderChain.layer({ providers: [away, spare()] })),
        "spare"
      )
      assert.strictEqual(away.requests.length, 1)
    }))

  it.effect("a hint that the deadline does not leave time for goes to the next provider now", () =>
    Effect.gen(function*() {
      const first = always("first", TestProvider.failure(limited("20 seconds")))
      const layer = ProviderChain.layer({ providers: [first, spare()], deadline: "10 seconds" })
      assert.strictEqual(yield* Effect.provide(ways.generateText, layer), "spare")
      assert.strictEqual(first.requests.length, 1)
    }))
})
