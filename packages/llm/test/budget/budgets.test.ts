import { assert, describe, it } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as Parameters from "@holdfast/llm/Parameters"
import * as Prices from "@holdfast/llm/Prices"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

/** An answer of so many tokens. */
const answer = (input: number, output: number) =>
  TestProvider.parts([
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Hi" },
    { type: "text-delta", id: "t", delta: " there" },
    { type: "text-end", id: "t" },
    { type: "finish", reason: "stop", usage: { inputTokens: { total: input }, outputTokens: { total: output } } }
  ])

const always = (name: string, given: TestProvider.Answer, options?: TestProvider.Options) =>
  TestProvider.make(name, () => Effect.succeed(given), options)

/** Asks with an estimate of so many tokens: two of the prompt, the rest of the answer. */
const ask = (estimate: number, user = "42") =>
  LanguageModel.generateText({ prompt: "hello" }).pipe(
    Parameters.with({ maxOutputTokens: estimate - 2 }),
    Usage.withTags({ user })
  )

const stream = (estimate: number, take = Infinity) =>
  Stream.runDrain(Stream.take(LanguageModel.streamText({ prompt: "hello" }), take)).pipe(
    Parameters.with({ maxOutputTokens: estimate - 2 }),
    Usage.withTags({ user: "42" })
  )

const tokens = (limit: number, options?: Partial<Budgets.BudgetOptions>): Budgets.Options => ({
  budgets: [{ by: "user", limit: { tokens: limit }, window: "1 day", ...options }]
})

const chain = (
  providers: ProviderChain.Options["providers"],
  budgets: Budgets.Options,
  options?: Partial<ProviderChain.Options>
) => Layer.merge(ProviderChain.layer({ retry: false, cooldown: 0, ...options, providers }), Budgets.layer(budgets))

const sum = (user = "42") =>
  Budgets.Budgets.use((budgets) => budgets.spent({ user })).pipe(Effect.map((spent) => spent[0]?.sum))

const spent = (error: unknown): ChainError.BudgetSpent => {
  if (!ChainError.isBudgetSpent(error)) throw new Error(`no spent budget: ${String(error)}`)
  return error
}

describe("A budget", () => {
  it.effect("lets requests in until it is spent, and each user has one", () => {
    const cloud = always("cloud", answer(40, 60))
    return Effect.gen(function*() {
      yield* ask(100)
      yield* ask(100)
      const error = spent(yield* Effect.flip(ask(100)))
      assert.deepStrictEqual(error.budget, {
        name: "user",
        by: "user",
        value: "42",
        unit: "tokens",
        limit: 250,
        sum: 200
      })
      assert.strictEqual(error.reason._tag, "QuotaExhaustedError")
      assert.isFalse(error.isRetryable)
      assert.isTrue(ChainError.isNoAnswer(error))
      assert.include(error.message, "the budget \"user\" of \"42\" (250 tokens in 1d) is spent: 200 is taken")
      assert.lengthOf(cloud.requests, 2)
      yield* ask(100, "7")
      assert.lengthOf(cloud.requests, 3)
      // Untagged requests do not belong to it.
      yield* LanguageModel.generateText({ prompt: "hello" })
    }).pipe(Effect.provide(chain([cloud], tokens(250))))
  })

  it.effect("that is smaller than one request says so, and promises no time at which there is room", () =>
    Effect.gen(function*() {
      const error = spent(yield* Effect.flip(ask(100)))
      assert.include(error.message, "(20 tokens in 1d) is less than the ")
      assert.include(error.message, "raise the limit, or set maxOutputTokens")
      assert.notInclude(error.message, "There is room again")
      assert.isUndefined(error.reason._tag === "QuotaExhaustedError" ? error.reason.resetAt : 0)
    }).pipe(Effect.provide(chain([always("cloud", answer(40, 60))], tokens(20)))))

  it.effect("has room again when what was spent has left the window", () =>
    Effect.gen(function*() {
      yield* ask(100)
      const error = spent(yield* Effect.flip(ask(100)))
      const resetAt = error.reason._tag === "QuotaExhaustedError" ? error.reason.resetAt : undefined
      assert.isDefined(resetAt)
      yield* TestClock.adjust("23 hours")
      yield* Effect.flip(ask(100))
      yield* TestClock.setTime(Number(resetAt?.epochMilliseconds))
      yield* ask(100)
    }).pipe(Effect.provide(chain([always("cloud", answer(40, 60))], tokens(150)))))

  it.effect("settles by what the vendor reports, more or less than the estimate", () =>
    Effect.gen(function*() {
      yield* ask(1000)
      assert.strictEqual(yield* sum(), 100)
      yield* ask(10)
      assert.strictEqual(yield* sum(), 200)
      yield* stream(700)
      assert.strictEqual(yield* sum(), 300)
    }).pipe(Effect.provide(chain([always("cloud", answer(40, 60))], tokens(1000)))))

  it.effect("reserves for what is in flight", () =>
    Effect.gen(function*() {
      const slow = always("cloud", TestProvider.delay(answer(40, 60), "1 minute"))
      yield* Effect.gen(function*() {
        const fibers = yield* Effect.forEach(
          [1, 2, 3, 4],
          () => Effect.forkChild(Effect.result(ask(100)), { startImmediately: true })
        )
        assert.strictEqual(yield* sum(), 200)
        yield* TestClock.adjust("1 minute")
        const results = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(results.map(({ _tag }) => _tag), ["Success", "Success", "Failure", "Failure"])
        assert.lengthOf(slow.requests, 2)
      }).pipe(Effect.provide(chain([slow], tokens(250))))
    }))

  it.effect("counts nothing for a refusal, and the estimate for an answer that broke off or was given up", () =>
    Effect.gen(function*() {
      const refused = TestProvider.failure(new AiError.QuotaExhaustedError({}))
      const cut = TestProvider.cut(answer(40, 60), 2)
      const stall = TestProvider.stall(answer(40, 60), 2)
      const of = (given: TestProvider.Answer) => Effect.provide(chain([always("cloud", given)], tokens(1000)))
      yield* Effect.andThen(Effect.flip(ask(100)), sum()).pipe(
        of(refused),
        Effect.map((spent) => assert.strictEqual(spent, 0))
      )
      yield* Effect.andThen(Effect.flip(stream(100)), sum()).pipe(
        of(cut),
        Effect.map((spent) => assert.strictEqual(spent, 100))
      )
      yield* Effect.gen(function*() {
        yield* stream(100, 2)
        assert.strictEqual(yield* sum(), 100)
        const fiber = yield* Effect.forkChild(ask(100), { startImmediately: true })
        assert.strictEqual(yield* sum(), 200)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* sum(), 200)
      }).pipe(of(stall))
      // Nothing was sent at all.
      yield* Effect.gen(function*() {
        yield* Effect.flip(ask(100))
        assert.strictEqual(yield* sum(), 0)
      }).pipe(Effect.provide(chain([always("local", answer(1, 1))], {
        budgets: [
          { name: "a", by: "user", limit: { tokens: 1000 }, window: "1 day" },
          { name: "b", by: "user", limit: { tokens: 1 }, window: "1 day" }
        ]
      })))
    }))

  it.effect("pays for every attempt: retries, fallbacks, and a hedge that loses", () =>
    Effect.gen(function*() {
      const down = TestProvider.failure(new AiError.InternalProviderError({ description: "down" }))
      const [broken, spare] = [always("a", down), always("b", answer(4, 6))]
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(ask(100), { startImmediately: true })
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        assert.lengthOf(broken.requests, 2)
        assert.strictEqual(yield* sum(), 10)
      }).pipe(Effect.provide(chain([broken, spare], tokens(1000), { retry: { times: 1 } })))
      const late = always("a", TestProvider.delay(answer(40, 60), "1 hour"))
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(ask(100), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.lengthOf(late.requests, 1)
        // The loser was interrupted, and its vendor may bill it.
        assert.strictEqual(yield* sum(), 110)
      }).pipe(Effect.provide(chain([late, spare], tokens(1000), { hedge: { after: "1 second" } })))
    }))
})

describe("A spent budget", () => {
  const prices = { dear: { input: 100, output: 100 }, cheap: { input: 1, output: 1 } }
  const dear = (given = answer(5000, 5000)) => always("dear", given, { model: "dear" })
  const cheap = () => always("cheap", answer(5000, 5000), { model: "cheap" })
  const saving: Budgets.Options = {
    prices,
    budgets: [{ by: "user", limit: { cost: 1.05 }, window: "1 day", whenSpent: "cheapest" }]
  }

  it.effect("leaves the cheapest provider, which is asked however much is spent", () =>
    Effect.gen(function*() {
      const [one, two] = [dear(), cheap()]
      const skipped: Array<string> = []
      yield* Effect.gen(function*() {
        yield* ask(10_000)
        yield* ask(10_000)
        yield* ask(10_000)
        assert.lengthOf(one.requests, 1)
        assert.lengthOf(two.requests, 2)
        assert.closeTo((yield* sum()) ?? 0, 1.02, 1e-9)
        yield* Effect.forEach(Array.from({ length: 60 }), () => ask(10_000))
        assert.closeTo((yield* sum()) ?? 0, 1.62, 1e-9)
      }).pipe(
        ChainEvent.observe((event) =>
          event._tag === "ProviderSkipped" && skipped.push(`${event.provider} ${event.why}`)
        ),
        Effect.provide(chain([one, two], saving))
      )
      assert.deepStrictEqual(new Set(skipped), new Set(["dear budget"]))
    }))

  it.effect("fails when the cheapest fails, for nothing else is asked", () =>
    Effect.gen(function*() {
      const broken = always("cheap", TestProvider.failure(new AiError.QuotaExhaustedError({})), { model: "cheap" })
      const one = dear()
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.andThen(ask(10_000), ask(10_000)))
        assert.isTrue(ChainError.isNoAnswer(error))
        assert.lengthOf(one.requests, 1)
        assert.lengthOf(broken.requests, 1)
      }).pipe(Effect.provide(chain([one, broken], saving)))
    }))

  it.effect("takes a local model for the cheapest, unless it has a price of its own", () =>
    Effect.gen(function*() {
      const local = always("ollama", answer(5000, 5000), { location: "local", model: "llama3.2" })
      const [one, two] = [dear(), cheap()]
      yield* Effect.repeat(Effect.asVoid(ask(10_000)), { times: 9 }).pipe(
        Effect.provide(chain([one, two, local], saving))
      )
      // The cheap cloud has room for its own requests a few times, then only what costs nothing is asked.
      assert.deepStrictEqual([one, two, local].map(({ requests }) => requests.length), [1, 5, 4])
    }))

  it.effect("of cost keeps a request from a cloud whose price is unknown", () =>
    Effect.gen(function*() {
      const unknown = always("azure", answer(1, 1), { model: "gpt-5" })
      const local = always("ollama", answer(1, 1), { location: "local" })
      const budgets: Budgets.Options = { prices: Prices.known, budgets: [{ limit: { cost: 1 }, window: "1 hour" }] }
      yield* Effect.provide(ask(10), chain([unknown, local], budgets))
      assert.lengthOf(unknown.requests, 0)
      assert.lengthOf(local.requests, 1)
      const error = yield* Effect.flip(Effect.provide(ask(10), chain([unknown], budgets)))
      assert.include(error.message, "needs the price of azure/gpt-5, which is unknown")
    }))
})

describe("Budgets", () => {
  it.effect("are shared by chains over one store, and by no others", () =>
    Effect.gen(function*() {
      const store = yield* Layer.build(ChainStore.layerMemory)
      const process = () => {
        const budgets = Budgets.layer(tokens(150)).pipe(Layer.provide(Layer.succeedContext(store)))
        return Layer.merge(ProviderChain.layer({ providers: [always("cloud", answer(40, 60))] }), budgets)
      }
      yield* Effect.provide(ask(100), process(), { local: true })
      spent(yield* Effect.flip(Effect.provide(ask(100), process(), { local: true })))
      yield* Effect.provide(ask(100), chain([always("cloud", answer(40, 60))], tokens(150)), { local: true })
    }))

  it.effect("of the request come before those of the chain", () =>
    Effect.gen(function*() {
      const own = yield* Budgets.make(tokens(50))
      yield* ask(100)
      spent(yield* Effect.flip(Effect.provideService(ask(100), Budgets.Budgets, own)))
    }).pipe(
      Effect.provide(Layer.provide(
        ProviderChain.layer({ providers: [always("cloud", answer(40, 60))] }),
        Budgets.layer(tokens(1000))
      ))
    ))

  it("reject invalid options, all of them, by path", () => {
    const make = () =>
      Budgets.make({
        budgets: [
          { limit: { cost: 1 }, window: "1 day" },
          { limit: { cost: 0 }, window: 0 },
          { limit: { cost: 1, tokens: 1 } as never, window: "1 day", by: "user", whenSpent: "stop" as never }
        ]
      })
    for (
      const fault of [
        "budgets.1.limit.cost",
        "budgets.1.window",
        "budgets.2.limit must have `cost` or `tokens`",
        "budgets.2.whenSpent",
        "budgets.1.name must differ from \"all\""
      ]
    ) assert.throws(make, RangeError, fault)
    assert.throws(
      () => Budgets.make({ budgets: [{ limit: { cost: 1 }, window: "1 day" }] }),
      RangeError,
      "prices are needed by a budget of cost"
    )
  })
})
