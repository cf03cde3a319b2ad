/** How a chain treats each of its providers, besides repeating and handing on. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tokenizer from "effect/ai/Tokenizer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { law } from "../../../../vitest.law.ts"
import { recorder } from "../../../../vitest.tracer.ts"
import { StoredMember } from "../../src/internal/store/member.ts"

const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })

const always = (name: string, answer: TestProvider.Answer, options?: TestProvider.Options) =>
  TestProvider.make(name, () => Effect.succeed(answer), options)

const local = () => always("ollama", TestProvider.text("local words"), { location: "local" })

const chain = (providers: ProviderChain.Options["providers"], options?: Omit<ProviderChain.Options, "providers">) =>
  ProviderChain.layer({ retry: false, ...options, providers })

/** A request of the only process, without limits. */
const asked = {
  process: "",
  inFlight: 0,
  lease: Infinity,
  tokens: 0,
  requestsPerMinute: Infinity,
  tokensPerMinute: Infinity,
  anyway: false
}

const ask = Effect.map(LanguageModel.generateText({ prompt: "hello" }), (response) => response.text)

const read = LanguageModel.streamText({ prompt: "hello" }).pipe(
  Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)
)

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

describe("a provider that was given up", () => {
  /** Refuses its key at first; every later answer takes three seconds. */
  const recovering = (answers: ReadonlyArray<TestProvider.Answer>) =>
    TestProvider.make("cloud", (_, index) =>
      Effect.succeed(
        index === 0
          ? TestProvider.failure(badKey)
          : TestProvider.delay(answers[index - 1] ?? TestProvider.text("cloud words"), "3 seconds")
      ))

  it.effect("is asked by one request when its time is over, and by all when that has an answer", () =>
    Effect.gen(function*() {
      const cloud = recovering([])
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust("30 seconds")
        const fibers = yield* Effect.replicateEffect(fork(ask), 5)
        assert.strictEqual(cloud.requests.length, 2)
        yield* TestClock.adjust("3 seconds")
        const texts = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(texts, ["cloud words", ...Array<string>(4).fill("local words")])
        yield* Effect.replicateEffect(fork(ask), 5)
        assert.strictEqual(cloud.requests.length, 7)
      }).pipe(Effect.provide(chain([cloud, local()])))
    }))

  it.effect("is skipped again when the probe fails", () =>
    Effect.gen(function*() {
      const cloud = recovering([TestProvider.failure(badKey)])
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust("30 seconds")
        const probe = yield* fork(ask)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(yield* Fiber.join(probe), "local words")
        yield* ask
        assert.strictEqual(cloud.requests.length, 2)
        yield* TestClock.adjust("30 seconds")
        yield* fork(ask)
        assert.strictEqual(cloud.requests.length, 3)
      }).pipe(Effect.provide(chain([cloud, local()])))
    }))

  it.effect("has its next probe when one was interrupted, or found out nothing about the provider", () =>
    Effect.gen(function*() {
      const cloud = recovering([[], TestProvider.failure(new AiError.InvalidRequestError({}))])
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust("30 seconds")
        yield* Effect.flatMap(fork(ask), Fiber.interrupt)
        const refused = yield* fork(Effect.exit(ask))
        assert.strictEqual(cloud.requests.length, 3)
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.join(refused)
        yield* fork(ask)
        assert.strictEqual(cloud.requests.length, 4)
      }).pipe(Effect.provide(chain([cloud, local()])))
    }))

  it.effect("is back once a stream of it has begun, not when it has ended", () =>
    Effect.gen(function*() {
      const cloud = recovering([TestProvider.stall(TestProvider.text("cloud words"), 2)])
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust("30 seconds")
        yield* fork(read)
        yield* TestClock.adjust("3 seconds")
        yield* fork(read)
        assert.strictEqual(cloud.requests.length, 3)
      }).pipe(Effect.provide(chain([cloud, local()])))
    }))

  it.effect("is also one whose answers break off again and again", () =>
    Effect.gen(function*() {
      const cloud = always("cloud", TestProvider.cut(TestProvider.text("cloud words"), 2))
      yield* Effect.gen(function*() {
        const interrupted = Effect.map(Effect.flip(read), ChainError.isStreamInterrupted)
        assert.isTrue(yield* interrupted)
        assert.isTrue(yield* interrupted)
        assert.strictEqual(yield* read, "local words")
        assert.strictEqual(cloud.requests.length, 2)
      }).pipe(Effect.provide(chain([cloud, local()], { retry: { times: 1 } })))
    }))
})

law(
  "C5: no request asks a provider during its cool-down, and one at a time probes it afterwards",
  {
    steps: Schema.Array(Schema.Struct({
      wait: Schema.Literals([0, 1, 10, 30]),
      what: Schema.Literals(["enter", "enter", "enter", "succeed", "fail", "leave", "leave"]),
      who: Schema.Literals([0, 1, 2]),
      pause: Schema.Literals([5, 40])
    })).check(Schema.isMinLength(40), Schema.isMaxLength(60))
  },
  ({ steps }) =>
    Effect.sync(() => {
      const member = new StoredMember()
      const inside: Array<{ readonly token: string; isProbe: boolean }> = []
      let entries = 0
      let now = 0
      let until = 0
      // Probes that are under way, since the provider was last known to answer.
      let probes = 0
      for (const { pause, wait, what, who } of steps) {
        now += wait
        if (what === "enter") {
          const token = `${++entries}`
          const admission = member.enter(now, { ...asked, token })
          const free = until === 0 || (now >= until && probes === 0)
          assert.strictEqual(admission._tag, free ? "Admitted" : "CoolingDown")
          if (admission._tag !== "Admitted") continue
          assert.strictEqual(admission.isProbe, until > 0)
          if (until > 0) probes++
          inside.push({ token, isProbe: admission.isProbe })
          continue
        }
        const [one] = inside.splice(who, 1)
        if (one === undefined) continue
        if (what === "succeed") {
          member.warm()
          until = 0
          probes = 0
          // Requests that were probes before that no longer are.
          for (const other of inside) other.isProbe = false
          continue
        }
        if (what === "fail") {
          member.cool(now, pause)
          until = Math.max(until, now + pause)
        }
        member.release(one.token)
        if (one.isProbe) probes--
      }
    })
)

describe("a place at a provider", () => {
  it.effect("is one of few, is held until a stream has been read, and is not waited for when another can answer", () =>
    Effect.gen(function*() {
      const cloud = always("cloud", TestProvider.stall(TestProvider.text("cloud words"), 2))
      const events: Array<ChainEvent.ChainEvent> = []
      yield* Effect.gen(function*() {
        const reader = yield* fork(read)
        assert.strictEqual(yield* read, "local words")
        assert.strictEqual(yield* ask, "local words")
        assert.strictEqual(cloud.requests.length, 1)
        assert.isTrue(events.some((event) => event._tag === "ProviderSkipped" && event.why === "full"))
        yield* Fiber.interrupt(reader)
        yield* fork(read)
        assert.strictEqual(cloud.requests.length, 2)
      }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(chain([cloud, local()], { overrides: { cloud: { bulkhead: { limit: 1 } } } }))
      )
    }))

  it.effect("is waited for as long as the options say", () =>
    Effect.gen(function*() {
      const cloud = always("cloud", TestProvider.delay(TestProvider.text("cloud words"), "1 second"))
      yield* Effect.gen(function*() {
        const fibers = yield* Effect.replicateEffect(fork(Effect.exit(ask)), 3)
        yield* TestClock.adjust("2 seconds")
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(exits.map((exit) => exit._tag), ["Success", "Success", "Failure"])
        assert.include(String(exits[2]), "no free slot")
      }).pipe(Effect.provide(chain([cloud], { bulkhead: { limit: 1, queue: 1, maxWait: "2 seconds" } })))
    }))

  it.effect("is given back when a provider is given up, while the next one still answers", () =>
    Effect.gen(function*() {
      const cloud = always("cloud", TestProvider.failure(overloaded))
      const slow = always("slow", TestProvider.stall(TestProvider.text("slow words"), 2))
      yield* Effect.gen(function*() {
        yield* fork(read)
        yield* fork(read)
        assert.deepStrictEqual([cloud.requests.length, slow.requests.length], [2, 2])
      }).pipe(Effect.provide(chain([cloud, slow], { overrides: { cloud: { bulkhead: { limit: 1 } } }, cooldown: 0 })))
    }))
})

describe("one budget", () => {
  it.effect("bounds the retries at all providers together", () =>
    Effect.gen(function*() {
      const down = TestProvider.failure(overloaded)
      const [one, two] = [always("one", down), always("two", down)]
      yield* Effect.gen(function*() {
        const fiber = yield* fork(Effect.exit(ask))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(fiber)
        // Two first attempts, and three retries in all where there could have been ten.
        assert.strictEqual(one.requests.length + two.requests.length, 5)
      }).pipe(Effect.provide(chain([one, two], {
        retry: { times: 5, backoff: Backoff.constant({ delay: "1 second" }) },
        retryBudget: { ratio: 0, minPerSecond: 0.05, window: "60 seconds" }
      })))
    }))
})

describe("the clock for the first sign", () => {
  it.effect("ends an attempt that shows none, and leaves one alone that does", () =>
    Effect.gen(function*() {
      const mute = always("mute", TestProvider.stall([], 0))
      const thinking = always("thinking", [
        ...TestProvider.parts([{ type: "response-metadata", id: "r" }]),
        ...TestProvider.delay(TestProvider.text("thought words"), "20 seconds")
      ])
      const events: Array<ChainEvent.ChainEvent> = []
      const fiber = yield* read.pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(chain([mute, thinking], { timeouts: { head: "5 seconds" } })),
        fork
      )
      yield* TestClock.adjust("25 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "thought words")
      const failed = events.find((event) => event._tag === "AttemptFailed")
      assert.include(failed?._tag === "AttemptFailed" ? failed.reason.message : "", "no sign of an answer within 5s")
    }))
})

describe("the size of a prompt", () => {
  const small = () => always("small", TestProvider.text("small words"), { capabilities: { contextWindow: 100 } })
  const large = () => always("large", TestProvider.text("large words"), { capabilities: { contextWindow: 1_000 } })
  const say = (characters: number) =>
    Effect.map(LanguageModel.generateText({ prompt: "x".repeat(characters) }), ({ content, text }) => ({
      text,
      by: Option.getOrThrow(ProviderChain.answeredBy(content))
    }))

  /** Counts a token for every character. */
  const textOf = ({ content }: Prompt.Message): string =>
    typeof content === "string" ? content : content.map((part) => part.type === "text" ? part.text : "").join("")
  const tokenizer = Tokenizer.make({
    tokenize: (input) => Effect.succeed(Array.from(Prompt.make(input).content.map(textOf).join(""), () => 1))
  })
  const counted = (layer: Layer.Layer<LanguageModel.LanguageModel>) =>
    Effect.provide(Layer.provide(layer, Layer.succeed(Tokenizer.Tokenizer, tokenizer)))

  it.effect("keeps it from a model that a Tokenizer says is too small, and only from that", () =>
    Effect.gen(function*() {
      const cloud = small()
      yield* Effect.gen(function*() {
        assert.deepInclude(yield* say(100), { text: "small words" })
        const { by, text } = yield* say(101)
        assert.strictEqual(text, "large words")
        assert.isTrue(by.fellBack)
        assert.strictEqual(cloud.requests.length, 1)
      }).pipe(counted(chain([cloud, large()])))
    }))

  it.effect("is counted with the results of tools in it", () =>
    Effect.gen(function*() {
      const every = Tokenizer.make({
        tokenize: (input) => Effect.succeed(Array.from(JSON.stringify(Prompt.make(input).content), () => 1))
      })
      const about = (characters: number) =>
        Effect.map(
          LanguageModel.generateText({
            prompt: [
              { role: "assistant", content: [{ type: "tool-call", id: "1", name: "read", params: {} }] },
              {
                role: "tool",
                content: [{
                  type: "tool-result",
                  id: "1",
                  name: "read",
                  isFailure: false,
                  result: "x".repeat(characters)
                }]
              }
            ]
          }),
          ({ text }) => text
        )
      const cloud = always("small", TestProvider.text("small words"), { capabilities: { contextWindow: 1_000 } })
      const layer = Layer.provide(chain([cloud, always("large", TestProvider.text("large words"))]), [
        Layer.succeed(Tokenizer.Tokenizer, every)
      ])
      const texts = yield* Effect.provide(Effect.all([about(10), about(1_000)]), layer)
      assert.deepStrictEqual(texts, ["small words", "large words"])
    }))

  it.effect("is told when it is too long for all, and nothing is sent", () =>
    Effect.gen(function*() {
      const [one, two] = [small(), large()]
      const error = yield* say(1_001).pipe(counted(chain([one, two])), Effect.flip)
      assert.include(error.message, "large/test reads 1000 tokens, and the prompt has 1001")
      assert.strictEqual(one.requests.length + two.requests.length, 0)
    }))

  it.effect("is never guessed: without a Tokenizer, or with one that fails, the provider is asked", () =>
    Effect.gen(function*() {
      const failing = Tokenizer.make({
        tokenize: () => Effect.fail(AiError.make({ module: "t", method: "t", reason: badKey }))
      })
      const layer = chain([small(), large()])
      assert.deepInclude(yield* Effect.provide(say(1_000_000), layer), { text: "small words" })
      const broken = Layer.provide(layer, Layer.succeed(Tokenizer.Tokenizer, failing))
      assert.deepInclude(yield* Effect.provide(say(1_000_000), broken), { text: "small words" })
    }))
})

describe("what others can see", () => {
  /** A tracer that keeps its spans. */
  const spans = () => {
    const { spans: kept, tracer } = recorder()
    return { kept, layer: Layer.succeed(Tracer.Tracer, tracer) }
  }

  it.effect("is a span an attempt, by the conventions for generative AI, below that of the request", () =>
    Effect.gen(function*() {
      for (const way of [Effect.asVoid(ask), Effect.asVoid(read)]) {
        const { kept, layer } = spans()
        const cloud = always("cloud", TestProvider.failure(badKey), { model: "large" })
        const within: Array<string> = []
        const spare = TestProvider.make("spare", () =>
          Effect.currentSpan.pipe(
            Effect.orDie,
            Effect.map((span) => {
              within.push(span.name)
              return TestProvider.text("two words")
            })
          ), { model: "small" })
        yield* Effect.provide(way, [chain([cloud, spare]), layer])
        assert.deepStrictEqual(within, ["chat small"])
        const [request, ...attempts] = kept.filter((span) => /^(LanguageModel|chat)/.test(span.name))
        assert.deepStrictEqual(attempts.map((span) => [span.name, span.kind]), [
          ["chat large", "client"],
          ["chat small", "client"]
        ])
        for (const attempt of attempts) {
          assert.strictEqual(Option.getOrUndefined(attempt.parent), request)
          assert.strictEqual(attempt.status._tag, "Ended")
        }
        assert.deepInclude(Object.fromEntries(attempts[0]?.attributes ?? []), {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "cloud",
          "error.type": "AuthenticationError"
        })
        const winner = { "gen_ai.provider.name": "spare", "gen_ai.request.model": "small" }
        const usage = { "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2 }
        assert.deepInclude(Object.fromEntries(attempts[1]?.attributes ?? []), { ...winner, ...usage })
        assert.deepInclude(Object.fromEntries(request?.attributes ?? []), { ...winner, ...usage })
      }
    }))

  const errorTypes = (
    provider: TestProvider.TestProvider,
    way: Effect.Effect<unknown, unknown, LanguageModel.LanguageModel>
  ) =>
    Effect.gen(function*() {
      const { kept, layer } = spans()
      const timeouts = { answer: "1 second", firstContent: "1 second", betweenChunks: "1 second" } as const
      const fiber = yield* fork(Effect.exit(Effect.provide(way, [chain([provider], { timeouts }), layer])))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      return kept.filter((span) => span.name.startsWith("chat")).map((span) => span.attributes.get("error.type"))
    })
  it.effect("has the type of the error on the span of an attempt, however it ended", () =>
    Effect.gen(function*() {
      const words = TestProvider.text("two words")
      const mute = always("cloud", TestProvider.stall(words, 0))
      assert.deepStrictEqual(yield* errorTypes(mute, ask), ["interrupted"])
      assert.deepStrictEqual(yield* errorTypes(mute, read), ["interrupted"])
      assert.deepStrictEqual(yield* errorTypes(always("cloud", TestProvider.cut(words, 3)), read), ["NetworkError"])
      assert.deepStrictEqual(yield* errorTypes(always("cloud", TestProvider.stall(words, 3)), read), ["NetworkError"])
      const defective = TestProvider.make("cloud", () => Effect.die("a defect"))
      assert.deepStrictEqual(yield* errorTypes(defective, ask), ["_OTHER"])
      assert.deepStrictEqual(yield* errorTypes(always("cloud", words), read), [undefined])
    }))

  it.effect("is how long operations took, their tokens and the time to the first chunk", () =>
    Effect.gen(function*() {
      const cloud = always("cloud", TestProvider.delay(TestProvider.failure(badKey), "1 second"))
      const spare = always("spare", TestProvider.delay(TestProvider.text("two words"), "2 seconds"))
      const fiber = yield* fork(Effect.provide(read, chain([cloud, spare])))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      const found = (yield* Metric.snapshot).flatMap((metric) =>
        metric.type === "Histogram" && metric.id.startsWith("gen_ai.")
          ? [[metric.id, metric.attributes?.["gen_ai.provider.name"], metric.state.count, metric.state.sum] as const]
          : []
      ).toSorted((a, b) => a.join().localeCompare(b.join()))
      assert.deepStrictEqual(found, [
        ["gen_ai.client.operation.duration", "cloud", 1, 1],
        ["gen_ai.client.operation.duration", "spare", 1, 2],
        ["gen_ai.client.operation.time_to_first_chunk", "spare", 1, 2],
        ["gen_ai.client.token.usage", "spare", 1, 10],
        ["gen_ai.client.token.usage", "spare", 1, 2]
      ])
    }).pipe(Effect.provideServiceEffect(Metric.MetricRegistry, Effect.sync(() => new Map()))))
})

describe("overrides", () => {
  it.effect("treat one provider otherwise, and must name one of the chain", () =>
    Effect.gen(function*() {
      const down = TestProvider.failure(overloaded)
      const [one, two] = [always("one", down), always("two", down)]
      const retry = { times: 3, backoff: Backoff.constant({ delay: "1 second" }) }
      const fiber = yield* fork(
        Effect.provide(Effect.exit(ask), chain([one, two], { overrides: { two: { retry } } }))
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual([one.requests.length, two.requests.length], [1, 4])
      const unknown = yield* Effect.exit(ProviderChain.make({ providers: [one], overrides: { three: {} } }))
      assert.include(String(unknown), "overrides.three is not a provider of the chain, which has one")
    }))
})
