import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Chat from "effect/ai/Chat"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { law } from "../../../../vitest.law.ts"
import { project } from "../../src/internal/authorship/projection.ts"
import * as LoopbackServer from "../LoopbackServer.ts"

// -----------------------------------------------------------------------------
// Fixtures
// -----------------------------------------------------------------------------

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
const tools = Toolkit.make(Weather)
const handlers = tools.toLayer({ weather: ({ city }) => Effect.succeed(`clear in ${city}`) })

const down = TestProvider.failure(new AiError.QuotaExhaustedError({}))

/** A thought that only its author can read, a signed text and a call under the id that it gives. */
const thinkAndCall = (id: string): TestProvider.Answer =>
  TestProvider.parts([
    { type: "reasoning-start", id: "r" },
    { type: "reasoning-delta", id: "r", delta: "Hm." },
    { type: "reasoning-end", id: "r", metadata: { vendor: { signature: "s1" } } },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Looking." },
    { type: "text-end", id: "t", metadata: { vendor: { signature: "s2" } } },
    { type: "tool-params-start", id, name: "weather" },
    { type: "tool-params-end", id },
    { type: "tool-call", id, name: "weather", params: { city: "Oslo" } },
    { type: "finish", reason: "tool-calls", usage: { inputTokens: {}, outputTokens: {} } }
  ])

const assistantParts = (prompt: Prompt.Prompt) =>
  prompt.content.flatMap((message) => message.role === "assistant" ? message.content : [])
const results = (prompt: Prompt.Prompt) =>
  prompt.content.flatMap((message) =>
    message.role === "tool" ? message.content.flatMap((part) => part.type === "tool-result" ? [part.id] : []) : []
  )
const calls = (prompt: Prompt.Prompt) =>
  assistantParts(prompt).flatMap((part) => part.type === "tool-call" ? [part.id] : [])

const isProjected = (event: ChainEvent.ChainEvent): event is ChainEvent.PromptProjected =>
  event._tag === "PromptProjected"

describe("what goes to another provider", () => {
  it.effect("leaves out reasoning and signatures, renames calls and results alike, and is told as an event", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [thinkAndCall("functions.weather:0"), down, TestProvider.text("Bye")])
      const local = TestProvider.script("ollama", [TestProvider.text("Clear.")], { location: "local" })
      const events: Array<ChainEvent.ChainEvent> = []
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        const say = (prompt: Prompt.RawInput) => Stream.runDrain(chat.streamText({ prompt, toolkit: tools }))
        yield* say("Weather?")
        yield* say([])
        yield* say("Thanks")
      }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide([handlers, ProviderChain.layer({ providers: [cloud, local], retry: false, cooldown: 0 })])
      )

      const [request] = local.requests
      assert.isDefined(request)
      assert.deepStrictEqual(assistantParts(request.prompt).map((part) => part.type), ["text", "tool-call"])
      assert.notInclude(JSON.stringify(request.prompt.content), "vendor")
      const [id = ""] = calls(request.prompt)
      assert.match(id, /^functions_weather_0_\w+$/)
      assert.deepStrictEqual(results(request.prompt), [id])

      // Its author has it all back, as it was.
      const [, refused, last] = cloud.requests
      for (const own of [refused, last]) {
        assert.isDefined(own)
        assert.deepStrictEqual(assistantParts(own.prompt).slice(0, 3).map((part) => part.options["vendor"]), [
          { signature: "s1" },
          { signature: "s2" },
          undefined
        ])
        assert.deepStrictEqual([...calls(own.prompt), ...results(own.prompt)], [
          "functions.weather:0",
          "functions.weather:0"
        ])
      }

      const projected = events.filter(isProjected)
      assert.strictEqual(projected.length, 1)
      assert.deepInclude(projected[0], {
        provider: "ollama",
        attempt: 1,
        reasoning: 1,
        vendorData: 1,
        hostedTools: 0,
        renamedCalls: 1
      })
    }))

  it.effect("is the same at every attempt and in every request", () =>
    Effect.gen(function*() {
      const history = yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* Stream.runDrain(chat.streamText({ prompt: "Weather?", toolkit: tools }))
        return chat
      }).pipe(
        Effect.provide([
          handlers,
          ProviderChain.layerNoop(TestProvider.script("cloud", [thinkAndCall("a:1")]))
        ])
      )
      const events: Array<ChainEvent.ChainEvent> = []
      const limited = TestProvider.failure(new AiError.InternalProviderError({ description: "again" }))
      const local = TestProvider.script("ollama", [limited, TestProvider.text("One"), TestProvider.text("Two")])
      yield* Effect.gen(function*() {
        yield* history.generateText({ prompt: [] })
        yield* history.generateText({ prompt: "And?" })
      }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({
          providers: [local],
          retry: { times: 1, backoff: Schedule.forever }
        }))
      )
      const [first, second, third] = local.requests.map((request) => calls(request.prompt))
      assert.deepStrictEqual(first, second)
      assert.deepStrictEqual(first, third)
      assert.strictEqual(local.requests[0], local.requests[1])
      assert.strictEqual(events.filter(isProjected).length, 2)
    }))

  it.live("lets a conversation that Anthropic began go on at OpenAI, and back", () =>
    Effect.gen(function*() {
      const anthropic = yield* LoopbackServer.make((_, index): LoopbackServer.Reply =>
        index === 1 ? { status: 529, body: { type: "error", error: { type: "overloaded_error" } } } : {
          body: {
            content: index === 0
              ? [
                { type: "thinking", thinking: "Hm.", signature: "sealed" },
                { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } }
              ]
              : [{ type: "text", text: "Bye" }],
            stop_reason: index === 0 ? "tool_use" : "end_turn"
          }
        }
      )
      const openai = yield* LoopbackServer.always({
        body: { choices: [{ message: { content: "Clear.", reasoning: "Well." }, finish_reason: "stop" }] }
      })
      const events: Array<ChainEvent.ChainEvent> = []
      yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* chat.generateText({ prompt: "Weather?", toolkit: tools })
        yield* chat.generateText({ prompt: [] })
        yield* chat.generateText({ prompt: "Thanks" })
      }).pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide([
          handlers,
          ProviderChain.layer({
            providers: [
              AnthropicProvider.make({ baseUrl: anthropic.url }),
              OpenAiProvider.make({ baseUrl: openai.url })
            ],
            retry: false,
            cooldown: 0
          })
        ])
      )
      const sent = JSON.stringify(openai.received[0]?.body)
      assert.include(sent, "\"id\":\"toolu_1\"")
      assert.include(sent, "\"tool_call_id\":\"toolu_1\"")
      assert.notInclude(sent, "sealed")
      assert.notInclude(sent, "Hm.")
      const back = JSON.stringify(LoopbackServer.lastBody(anthropic)["messages"])
      assert.include(back, "{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"sealed\"}")
      assert.include(back, "Clear.")
      assert.notInclude(back, "Well.")
      assert.deepStrictEqual(
        events.filter(isProjected).map(({ provider, reasoning, vendorData }) => [provider, reasoning, vendorData]),
        // OpenAI's reasoning goes nowhere, Anthropic's not to OpenAI.
        [["openai", 1, 0], ["anthropic", 1, 0]]
      )
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})

// -----------------------------------------------------------------------------
// The law
// -----------------------------------------------------------------------------

const authors = {
  cloud: { name: "cloud", model: "m" },
  sibling: { name: "cloud", model: "n" },
  other: { name: "o", model: "m" }
}
type Author = keyof typeof authors

const Turn = Schema.Struct({
  author: Schema.Literals(["cloud", "sibling", "other", "none"]),
  id: Schema.Literals(["1", "toolu_a", "a:b", "é", "x".repeat(41), ""]),
  thinks: Schema.Boolean,
  hosted: Schema.Boolean,
  repeat: Schema.Boolean
})

const optionsOf = (author: Author | "none"): Prompt.ProviderOptions => ({
  vendor: { signature: "s" },
  ...(author === "none" ? {} : { holdfast: { provider: authors[author].name, model: authors[author].model } })
})

/** A history of turns; the ids of an author's own calls are unique, as it made them, unless `repeat`. */
const history = (turns: ReadonlyArray<typeof Turn.Type>): Prompt.Prompt =>
  Prompt.fromMessages(turns.flatMap(({ author, hosted, id: base, repeat, thinks }, index) => {
    const options = optionsOf(author)
    const id = repeat && author !== "cloud" && author !== "none" ? base : `${base}${index}`
    const hostedId = `srv${index}`
    return [
      Prompt.makeMessage("user", {
        content: [Prompt.makePart("text", { text: "?", options: { vendor: { cache: true } } })]
      }),
      Prompt.makeMessage("assistant", {
        content: [
          ...(thinks ? [Prompt.makePart("reasoning", { text: "Hm.", options })] : []),
          ...(hosted
            ? [
              Prompt.makePart("tool-call", {
                id: hostedId,
                name: "search",
                params: {},
                providerExecuted: true,
                options
              }),
              Prompt.makePart("tool-result", {
                id: hostedId,
                name: "search",
                result: "",
                isFailure: false,
                providerExecuted: true,
                options
              })
            ]
            : []),
          Prompt.makePart("tool-call", { id, name: "weather", params: {}, providerExecuted: false, options })
        ]
      }),
      Prompt.makeMessage("tool", {
        content: [Prompt.makePart("tool-result", {
          id,
          name: "weather",
          result: `${index}`,
          isFailure: false,
          providerExecuted: false
        })]
      })
    ]
  }))

it("renames another's call whose id one's own later call has", () => {
  const call = (author: Author) =>
    Prompt.makeMessage("assistant", {
      content: [
        Prompt.makePart("tool-call", {
          id: "c1",
          name: "weather",
          params: {},
          providerExecuted: false,
          options: optionsOf(author)
        })
      ]
    })
  const clash = Prompt.fromMessages([call("other"), call("cloud")])
  const [foreign, mine] = calls(project(clash, authors.cloud).prompt)
  assert.strictEqual(mine, "c1")
  assert.match(foreign ?? "", /^c1_\w+$/)
})

const markOf = (part: Prompt.Part) => JSON.stringify(part.options["holdfast"])
const own = JSON.stringify({ provider: "cloud", model: "m" })

law(
  "M7: another's reasoning, signatures and hosted tools are left out, ids are renamed alike, the rest is as it was",
  { turns: Schema.Array(Turn) },
  ({ turns }) =>
    Effect.sync(() => {
      const before = history(turns)
      const { losses, prompt } = project(before, authors.cloud)
      const isForeign = (part: Prompt.Part) => markOf(part) !== undefined && markOf(part) !== own
      const parts = assistantParts(prompt)
      for (const part of parts.filter(isForeign)) {
        assert.deepStrictEqual(Object.keys(part.options), ["holdfast"])
        assert.strictEqual(part.type, "tool-call")
        if (part.type === "tool-call") assert.match(part.id, /^[\w-]{1,40}$/)
      }
      // Parts of the same author, and parts without an author, are unchanged and in the same order.
      assert.deepStrictEqual(
        parts.filter((part) => !isForeign(part)),
        assistantParts(before).filter((part) => !isForeign(part))
      )
      const users = (prompt: Prompt.Prompt) => prompt.content.filter((message) => message.role === "user")
      assert.deepStrictEqual(users(prompt), users(before))
      // Every result is that of the call before it, and no two calls have one name.
      const names = parts.flatMap((part) => part.type === "tool-call" && !part.providerExecuted ? [part.id] : [])
      assert.deepStrictEqual(results(prompt), names)
      assert.strictEqual(new Set(names).size, names.length)
      // Counted as they are.
      const foreign = turns.filter(({ author }) => author === "sibling" || author === "other")
      assert.strictEqual(losses?.reasoning ?? 0, foreign.filter(({ thinks }) => thinks).length)
      assert.strictEqual(losses?.hostedTools ?? 0, foreign.filter(({ hosted }) => hosted).length)
      assert.strictEqual(losses?.vendorData ?? 0, foreign.length)
      // The same every time, and nothing is left to do.
      assert.deepStrictEqual(project(before, authors.cloud).prompt, prompt)
      assert.strictEqual(project(prompt, authors.cloud).prompt, prompt)
      if (losses === undefined) assert.strictEqual(prompt, before)
    }),
  { cases: 1_000 }
)
