import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChatService from "@holdfast/llm/ChatService"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

// -----------------------------------------------------------------------------
// Fixtures
// -----------------------------------------------------------------------------

const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })

const Weather = Tool.make("weather", {
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String,
  failure: Schema.String,
  failureMode: "return"
})
const tools = Toolkit.make(Weather)

/** Takes two seconds, and knows no weather in Atlantis. */
const slowly = (started: Effect.Effect<unknown>) =>
  tools.toLayer({
    weather: ({ city }) =>
      Effect.andThen(
        started,
        Effect.delay(
          city === "Atlantis" ? Effect.fail("no such city") : Effect.succeed(`clear in ${city}`),
          "2 seconds"
        )
      )
  })
const handlers = slowly(Effect.void)

const call = (city: unknown, id: string) => TestProvider.toolCall("weather", { city }, { id })
const done = TestProvider.text("Take a coat.")

const service = (
  providers: ProviderChain.Options["providers"],
  options?: ChatService.Options
): Layer.Layer<ChatService.ChatService> =>
  Layer.provide(ChatService.layer(options), ProviderChain.layer({ retry: false, providers }))

/** Runs an effect while the clock is moved on, a second at a time, until it has ended. */
const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

type Asked = Omit<ChatService.Request<Toolkit.Tools<typeof tools>>, "toolkit">

/** The two ways to ask, which have the same answer. */
const ways = {
  ask: (request: Asked, layer = handlers) =>
    ChatService.ChatService.use((chat) => chat.ask({ ...request, toolkit: tools })).pipe(Effect.provide(layer)),
  stream: (request: Asked, layer = handlers) =>
    ChatService.ChatService.use((chat) => Stream.runCollect(chat.stream({ ...request, toolkit: tools }))).pipe(
      Effect.map((parts) => {
        const last = parts.at(-1)
        assert.strictEqual(parts.filter((part) => part.type === "answer").length, 1)
        return last?.type === "answer" ? last.answer : assert.fail("the last element is not an answer")
      }),
      Effect.provide(layer)
    )
}

const roles = (prompt: Prompt.Prompt) => prompt.content.map((message) => message.role)

describe.each(Object.entries(ways))("ChatService.%s", (_, way) => {
  const ask = (request: Asked) => elapse(way(request))

  it.effect("answers with the whole story", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [TestProvider.failure(badKey)], { model: "large" })
      const ollama = TestProvider.script("ollama", [call("Oslo", "a"), done], { location: "local", model: "small" })
      const timings: Array<ChatService.ToolCall> = []
      const started = yield* Latch.make()
      const request: Asked = { messages: "Coat?", onToolCall: (call) => timings.push(call) }
      const fiber = yield* way(request, slowly(started.open)).pipe(
        Effect.provide(service([cloud, ollama])),
        Effect.forkChild({ startImmediately: true })
      )
      yield* started.await
      yield* TestClock.adjust("2 seconds")
      const answer = yield* Fiber.join(fiber)
      const { attempts, duration, messages, toolCalls, usage, ...rest } = answer
      assert.deepStrictEqual(rest, {
        outcome: "answered",
        text: "Take a coat.",
        reasoning: "",
        provider: "ollama",
        model: "small",
        fellBack: true,
        offline: false,
        iterations: 1,
        finishReason: "stop"
      })
      assert.deepStrictEqual(
        attempts.map(({ attempt, outcome, provider, reason }) => [provider, attempt, outcome, reason]),
        [
          ["cloud", 1, "failed", "AuthenticationError"],
          ["ollama", 1, "succeeded", undefined],
          ["ollama", 1, "succeeded", undefined]
        ]
      )
      assert.deepStrictEqual(toolCalls, [{
        id: "a",
        name: "weather",
        params: { city: "Oslo" },
        result: "clear in Oslo",
        success: true,
        iteration: 1,
        startedAt: 0,
        duration: Duration.seconds(2)
      }])
      assert.deepStrictEqual(timings, toolCalls)
      assert.deepStrictEqual(duration, Duration.seconds(2))
      assert.strictEqual(usage.inputTokens.total, 20)
      assert.strictEqual(usage.outputTokens.total, 4)
      assert.deepStrictEqual(roles(messages), ["user", "assistant", "tool", "assistant"])
      // The tool's result has reached the model.
      assert.deepStrictEqual(roles(ollama.requests[1]?.prompt ?? Prompt.empty), ["user", "assistant", "tool"])
    }))

  it.effect("says that this machine is offline", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [])
      const ollama = TestProvider.script("ollama", [done], { location: "local" })
      const answer = yield* ask({ messages: "Coat?" }).pipe(
        Effect.provide([service([cloud, ollama]), Connectivity.layerOffline])
      )
      assert.deepInclude(answer, { offline: true, fellBack: true, provider: "ollama" })
      assert.strictEqual(cloud.requests.length, 0)
    }))

  it.effect("takes messages of every role, with images", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [done])
      const image = Prompt.filePart({ mediaType: "image/png", data: new Uint8Array([1]) })
      const messages: ReadonlyArray<Prompt.MessageEncoded> = [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Weather in Oslo?" },
        { role: "assistant", content: [{ type: "tool-call", id: "a", name: "weather", params: { city: "Oslo" } }] },
        {
          role: "tool",
          content: [{ type: "tool-result", id: "a", name: "weather", isFailure: false, result: "clear" }]
        },
        { role: "assistant", content: "Clear." },
        { role: "user", content: [{ type: "text", text: "And here?" }, image] }
      ]
      const answer = yield* Effect.provide(ask({ messages }), service([ollama]))
      const sent = ollama.requests[0]?.prompt.content ?? []
      assert.deepStrictEqual(sent.map((message) => message.role), messages.map((message) => message.role))
      assert.deepStrictEqual(sent.at(-1)?.content, Prompt.make(messages).content.at(-1)?.content)
      assert.strictEqual(answer.messages.content.length, 7)
    }))

  it.effect("tells the model of a tool that failed, and of arguments that do not fit", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [call("Atlantis", "a"), call(7, "b"), done])
      const { toolCalls } = yield* Effect.provide(ask({ messages: "Coat?" }), service([ollama]))
      assert.deepStrictEqual(toolCalls.map(({ id, iteration, success }) => [id, iteration, success]), [
        ["a", 1, false],
        ["b", 2, false]
      ])
      assert.strictEqual(toolCalls[0]?.result, "no such city")
      assert.include(JSON.stringify(toolCalls[1]?.result), "ToolParameterValidationError")
      const told = ollama.requests[2]?.prompt.content.filter((message) => message.role === "tool") ?? []
      assert.deepStrictEqual(
        told.flatMap((message) => message.content.map((part) => part.type === "tool-result" && part.isFailure)),
        [true, true]
      )
    }))

  it.effect("has tools run as often as it may, and loses nothing when that is not enough", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [call("Oslo", "a"), call("Rome", "b"), done])
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        const first = yield* ask({ messages: "Coat?", history: chat.history })
        assert.deepInclude(first, { outcome: "maxToolIterations", iterations: 2, text: "", finishReason: "tool-calls" })
        assert.deepStrictEqual(first.toolCalls.map(({ id }) => id), ["a", "b"])
        assert.deepStrictEqual(yield* Ref.get(chat.history), first.messages)
        const second = yield* ask({ messages: [], history: chat.history })
        assert.deepInclude(second, { outcome: "answered", text: "Take a coat." })
        assert.deepStrictEqual(roles(yield* Ref.get(chat.history)), [
          "user",
          "assistant",
          "tool",
          "assistant",
          "tool",
          "assistant"
        ])
      }).pipe(Effect.provide(service([ollama], { maxToolIterations: 2 })))
    }))

  it.effect("sends nothing when there is no user's message to answer", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [])
      const cases: ReadonlyArray<readonly [Prompt.RawInput, ChatService.NoUserMessage["because"]]> = [
        [[], "missing"],
        [[{ role: "system", content: "Be brief." }], "missing"],
        [[{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }], "answered"],
        ["  \n", "blank"],
        [[{ role: "user", content: "Hi" }, { role: "user", content: [] }], "blank"]
      ]
      for (const [messages, because] of cases) {
        const history = yield* Ref.make(Prompt.empty)
        const error = yield* Effect.flip(Effect.provide(ask({ messages, history }), service([ollama])))
        assert.isTrue(error instanceof ChatService.NoUserMessage && error.because === because, `${error}`)
        assert.include(error.message, "nothing was sent")
        assert.strictEqual((yield* Ref.get(history)).content.length, 0)
      }
      assert.strictEqual(ollama.requests.length, 0)
    }))

  it.effect("fails with what the chain does before any tool has run", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [TestProvider.failure(badKey)])
      const error = yield* Effect.flip(Effect.provide(ask({ messages: "Coat?" }), service([ollama])))
      assert.isTrue(ChainError.isNoAnswer(error))
    }))

  it.effect("fails with what has been done after a tool has run, and goes on from there", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [call("Oslo", "a"), TestProvider.failure(badKey), done])
      yield* Effect.gen(function*() {
        const history = yield* Ref.make(Prompt.empty)
        const timings: Array<string> = []
        const onToolCall = ({ id }: ChatService.ToolCall) => timings.push(id)
        const error = yield* Effect.flip(ask({ messages: "Coat?", history, onToolCall }))
        if (!ChatService.isTurnFailed(error)) return assert.fail(`${error}`)
        assert.isTrue(ChainError.isNoAnswer(error.failure))
        assert.strictEqual(error.reason, badKey)
        assert.isFalse(error.isRetryable)
        assert.include(error.message, "after 1 tool call: No answer")
        assert.deepStrictEqual(error.toolCalls.map(({ id }) => id), ["a"])
        assert.strictEqual((yield* Ref.get(history)).content.length, 0)
        const answer = yield* ask({ messages: error.messages, history, onToolCall })
        assert.strictEqual(answer.text, "Take a coat.")
        assert.deepStrictEqual(roles(yield* Ref.get(history)), ["user", "assistant", "tool", "assistant"])
        assert.deepStrictEqual(timings, ["a"])
      }).pipe(Effect.provide(service([ollama])))
    }))

  it.effect("adds nothing to the history of a turn that is interrupted, wherever it is", () =>
    Effect.gen(function*() {
      for (let second = 0; second < 8; second++) {
        const slow = [call("Oslo", "a"), done].map((answer) => TestProvider.delay(answer, "3 seconds"))
        const history = yield* Ref.make(Prompt.make([{ role: "system", content: "Be brief." }]))
        const fiber = yield* way({ messages: "Coat?", history }).pipe(
          Effect.provide(service([TestProvider.script("ollama", slow)])),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust(second * 1_000)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(roles(yield* Ref.get(history)), ["system"])
      }
    }))

  it.effect("holds one turn of a history at a time", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.make("ollama", ({ prompt }) =>
        Effect.succeed(TestProvider.delay(TestProvider.text(`${prompt.content.length}`), "1 second")))
      const history = yield* Ref.make(Prompt.empty)
      const answers = yield* Effect.forEach(["one", "two", "three"], (messages) =>
        way({ messages, history }), {
        concurrency: "unbounded"
      }).pipe(Effect.provide(service([ollama])), elapse)
      assert.deepStrictEqual(answers.map(({ text }) => text), ["1", "3", "5"])
      assert.strictEqual((yield* Ref.get(history)).content.length, 6)
    }))

  it.effect("forces the model to call a tool once", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [call("Oslo", "a"), done, call("Oslo", "a"), done])
      yield* Effect.provide(
        Effect.andThen(
          ask({ messages: "Coat?", toolChoice: "required" }),
          ask({ messages: "Coat?", toolChoice: { mode: "required", oneOf: ["weather"] } })
        ),
        service([ollama])
      )
      assert.deepStrictEqual(ollama.requests.map(({ toolChoice }) => toolChoice), [
        "required",
        "auto",
        { mode: "required", oneOf: ["weather"] },
        { oneOf: ["weather"] }
      ])
    }))

  it.effect("runs no tool of an answer that was cut short, and says so", () =>
    Effect.gen(function*() {
      const cut: TestProvider.Answer = call("Oslo", "a").map((step) =>
        step._tag === "Part" && step.part.type === "finish"
          ? { _tag: "Part", part: { ...step.part, reason: "length" } }
          : step
      )
      const answer = yield* Effect.provide(
        ask({ messages: "Coat?" }),
        service([TestProvider.script("ollama", [cut])])
      )
      assert.deepInclude(answer, { outcome: "answered", finishReason: "length", toolCalls: [] })
    }))

  it.effect("is not harmed by a callback that throws", () =>
    Effect.gen(function*() {
      const onToolCall = () => {
        throw new Error("callback")
      }
      const { text } = yield* Effect.provide(
        ask({ messages: "Coat?", onToolCall }),
        service([TestProvider.script("ollama", [call("Oslo", "a"), done])])
      )
      assert.strictEqual(text, "Take a coat.")
    }))

  it.effect("names the model of another library by what Effect knows of it", () =>
    Effect.gen(function*() {
      const provider = TestProvider.script("unheard", [done])
      const model = LanguageModel.make({ generateText: provider.generateText, streamText: provider.streamText })
      const other = Model.make("acme", "rocket", Layer.effect(LanguageModel.LanguageModel, model))
      const answer = yield* Effect.provide(ask({ messages: "Hi" }), Layer.provide(ChatService.layer(), other))
      assert.deepInclude(answer, { provider: "acme", model: "unknown", attempts: [], fellBack: false })
    }))
})

describe("a tool that waits for a person", () => {
  it.effect("ends the turn, and the answer of the person goes on with it", () =>
    Effect.gen(function*() {
      const Charge = Tool.make("charge", { success: Schema.String, needsApproval: true })
      const kit = Toolkit.make(Charge)
      const charges = yield* Ref.make(0)
      const ollama = TestProvider.script("ollama", [TestProvider.toolCall("charge", {}), TestProvider.text("Paid.")])
      yield* Effect.gen(function*() {
        const chat = yield* ChatService.ChatService
        const history = yield* Ref.make(Prompt.empty)
        const first = yield* chat.ask({ messages: "Pay", history, toolkit: kit })
        assert.strictEqual(first.outcome, "approvalRequired")
        assert.strictEqual(yield* Ref.get(charges), 0)
        const request = (yield* Ref.get(history)).content.flatMap((message) =>
          message.role === "assistant"
            ? message.content.filter((part) => part.type === "tool-approval-request")
            : []
        )[0]
        const second = yield* chat.ask({
          messages: [{
            role: "tool",
            content: [{ type: "tool-approval-response", approvalId: request?.approvalId ?? "", approved: true }]
          }],
          history,
          toolkit: kit
        })
        assert.deepInclude(second, { outcome: "answered", text: "Paid." })
        assert.strictEqual(yield* Ref.get(charges), 1)
        assert.deepStrictEqual(second.toolCalls.map(({ name, success }) => [name, success]), [["charge", true]])
      }).pipe(
        Effect.provide([
          kit.toLayer({ charge: () => Effect.as(Ref.update(charges, (n) => n + 1), "charged") }),
          service([ollama])
        ])
      )
    }))
})

describe("a tool that fails the turn", () => {
  const strict = Toolkit.make(
    Tool.make("charge", { parameters: Schema.Struct({ cents: Schema.Int }), failure: Schema.String })
  )
  const handlers = strict.toLayer({ charge: () => Effect.fail("no funds") })
  const ask = (params: unknown, onToolCall?: (call: ChatService.ToolCall) => void) =>
    Effect.gen(function*() {
      const chat = yield* ChatService.ChatService
      const history = yield* Ref.make(Prompt.empty)
      const exit = yield* Effect.exit(chat.ask({ messages: "Pay", history, toolkit: strict, onToolCall }))
      assert.strictEqual((yield* Ref.get(history)).content.length, 0)
      return exit
    }).pipe(
      Effect.provide([handlers, service([TestProvider.script("ollama", [TestProvider.toolCall("charge", params)])])])
    )

  it.effect("fails with the tool's own error, and reports the call", () =>
    Effect.gen(function*() {
      const told: Array<ChatService.ToolCall> = []
      const exit = yield* ask({ cents: 500 }, (call) => told.push(call))
      assert.deepStrictEqual(Exit.findErrorOption(exit), Option.some("no funds"))
      assert.deepStrictEqual(told.map(({ name, success }) => [name, success]), [["charge", false]])
    }))

  it.effect("fails with the reason when its arguments do not fit", () =>
    Effect.gen(function*() {
      for (const params of [{ cents: "five" }, {}, null, [], "cents", 1e308]) {
        const exit = yield* ask(params)
        const error = Option.getOrUndefined(Exit.findErrorOption(exit))
        assert.isTrue(
          AiError.isAiError(error) && error.reason._tag === "ToolParameterValidationError",
          `${JSON.stringify(params)}: ${exit}`
        )
      }
    }))

  it.effect("fails with a reason when the model calls a tool that is not there", () =>
    Effect.gen(function*() {
      const chat = yield* ChatService.ChatService
      const error = yield* Effect.flip(chat.ask({ messages: "Pay", toolkit: strict }))
      assert.isTrue(AiError.isAiError(error))
    }).pipe(
      Effect.provide([handlers, service([TestProvider.script("ollama", [TestProvider.toolCall("refund", {})])])])
    ))
})

describe("ChatService.stream", () => {
  it.effect("shows the parts of all iterations as they come", () =>
    Effect.gen(function*() {
      const ollama = TestProvider.script("ollama", [call("Oslo", "a"), done])
      const types = yield* ChatService.ChatService.use((chat) =>
        Stream.runCollect(chat.stream({ messages: "Coat?", toolkit: tools }))
      ).pipe(
        Effect.map((parts) => parts.map((part) => part.type)),
        Effect.provide([handlers, service([ollama])]),
        elapse
      )
      assert.deepStrictEqual(types.filter((type) => !type.startsWith("tool-params") && type !== "response-metadata"), [
        "tool-call",
        "tool-result",
        "finish",
        "text-start",
        "text-delta",
        "text-delta",
        "text-delta",
        "text-end",
        "finish",
        "answer"
      ])
    }))

  it.effect("adds nothing to the history of a turn that its reader leaves", () =>
    Effect.gen(function*() {
      const history = yield* Ref.make(Prompt.empty)
      const ollama = TestProvider.script("ollama", [done, done])
      yield* Effect.gen(function*() {
        const chat = yield* ChatService.ChatService
        yield* chat.stream({ messages: "Coat?", history }).pipe(
          Stream.takeUntil((part) => part.type === "text-delta"),
          Stream.runDrain
        )
        assert.strictEqual((yield* Ref.get(history)).content.length, 0)
        // And the history is free for the next turn.
        yield* Stream.runDrain(chat.stream({ messages: "Coat?", history }))
        assert.strictEqual((yield* Ref.get(history)).content.length, 2)
      }).pipe(Effect.provide(service([ollama])))
    }))
})

describe("ChatService.layerConfig", () => {
  const iterations = (env: Record<string, string>) =>
    Effect.gen(function*() {
      const ollama = TestProvider.make("ollama", (_, index) => Effect.succeed(call("Oslo", `${index}`)))
      const layer = Layer.provide(ChatService.layerConfig(), [
        ProviderChain.layer({ providers: [ollama] }),
        ConfigProvider.layer(ConfigProvider.fromUnknown(env))
      ])
      const answer = yield* elapse(Effect.provide(ways.ask({ messages: "Coat?" }), layer))
      return answer.iterations
    })

  it.effect("takes the limit from the environment, or ten", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* iterations({ LLM_MAX_TOOL_ITERATIONS: "3" }), 3)
      assert.strictEqual(yield* iterations({ LLM_MAX_TOOL_ITERATIONS: " " }), 10)
      for (const bad of ["0", "-1", "2.5", "many"]) {
        const error = yield* Effect.flip(iterations({ LLM_MAX_TOOL_ITERATIONS: bad }))
        assert.include(`${error}`, `LLM_MAX_TOOL_ITERATIONS must be a whole number of 1 or more, got "${bad}"`)
      }
    }))
})
