/** A chain's `LanguageModel` is Effect's over the same hooks, but for its cost. */
import { assert, describe } from "@effect/vitest"
import * as AiError from "effect/ai/AiError"
import * as IdGenerator from "effect/ai/IdGenerator"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as ResponseIdTracker from "effect/ai/ResponseIdTracker"
import * as Telemetry from "effect/ai/Telemetry"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { recorder } from "../../../../vitest.tracer.ts"
import { generateText } from "../../src/internal/chain/generateText.ts"
import { streamText } from "../../src/internal/chain/streamText.ts"
import { type Chain, chainOf } from "../../src/internal/compile/compile.ts"
import { modelOf } from "../../src/internal/model/languageModel.ts"
import * as Provider from "../../src/Provider.ts"
import { overloaded } from "../chain/asking.ts"
import { Weather } from "../weatherTool.ts"
import { finish, improper, parts, proper } from "./parts.ts"

type Name = keyof typeof parts

const properNames = Object.keys(proper).filter((name): name is keyof typeof proper => name in proper)
const improperNames = Object.keys(improper).filter((name): name is keyof typeof improper => name in improper)

interface Script {
  /** The chunks of the answer, and how it ends. */
  readonly chunks: ReadonlyArray<ReadonlyArray<Name>>
  readonly ending: "finish" | "length" | "cut" | "fails" | "dies" | "never"
  readonly request: keyof typeof requests
  readonly around: "nothing" | "a tracker" | "a transformer" | "a transformer of the model"
  /** After how many parts the reader stops. */
  readonly taken: number
  /** Whether the reader is interrupted, if it waits for more. */
  readonly isInterrupted: boolean
}

// -----------------------------------------------------------------------------
// Requests
// -----------------------------------------------------------------------------

const Approved = Tool.make("approved", {
  parameters: Schema.Struct({ n: Schema.FiniteFromString }),
  needsApproval: true
})
const toolkit = Toolkit.make(Weather, Approved)

const pendingMessages: ReadonlyArray<Prompt.MessageEncoded> = [
  { role: "user", content: "hello" },
  {
    role: "assistant",
    content: [
      { type: "tool-call", id: "c1", name: "weather", params: { city: "Graz" } },
      { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" }
    ]
  },
  { role: "tool", content: [{ type: "tool-approval-response", approvalId: "a1", approved: true }] }
]

const pending = Prompt.make(pendingMessages)

const called: Array<string> = []

const withTools = Effect.provide(
  toolkit,
  toolkit.toLayer({
    weather: ({ city }) => {
      called.push(city)
      return Effect.succeed({ degrees: city.length })
    },
    approved: () => Effect.void
  })
)

const turn = { role: "user" as const, content: "hello" }

/** Messages that are read once. */
const once = function*() {
  yield { role: "user" as const, content: "hello" }
}

const unreadable = function*(): Generator<Prompt.MessageEncoded> {
  yield turn
  throw new Error("no prompt")
}

const result = { type: "tool-result" as const, id: "c1", name: "weather", isFailure: false, result: { degrees: 3 } }
const call = { type: "tool-call" as const, id: "c1", name: "weather", params: { city: "Graz" } }
const used: ReadonlyArray<Prompt.MessageEncoded> = [
  turn,
  { role: "assistant", content: [call] },
  { role: "tool", content: [result] }
]

type Request = Parameters<LanguageModel.LanguageModel["streamText"]>[0]

const requests = {
  "text": () => ({ prompt: "hello" }),
  "messages": () => ({ prompt: [turn] }),
  "messages once": () => ({ prompt: once() }),
  "messages with a tool's": () => ({ prompt: used }),
  "a prompt": () => ({ prompt: Prompt.make([turn]) }),
  "a prompt with a tool's": () => ({ prompt: Prompt.make(used) }),
  "a choice": () => ({ prompt: "hello", toolChoice: "required", concurrency: 3 }),
  "a choice of one": () => ({ prompt: "hello", toolChoice: { oneOf: ["weather"] } }),
  "deferred": () => ({ prompt: "hello", disableToolCallResolution: true, toolCallValidation: "deferred" }),
  "deferred, resolved": () => ({ prompt: "hello", toolCallValidation: "deferred" }),
  "strict": () => ({ prompt: "hello", disableToolCallResolution: true, toolCallValidation: "strict" }),
  "approved, without a toolkit": () => ({ prompt: pending }),
  "approved messages, without a toolkit": () => ({ prompt: pendingMessages }),
  "approved": () => ({ prompt: pending, toolkit: withTools }),
  "no tools": () => ({ prompt: "hello", toolkit: Toolkit.empty }),
  "tools": () => ({ prompt: "hello", toolkit: withTools }),
  "tools, unresolved": () => ({ prompt: "hello", toolkit: withTools, disableToolCallResolution: true }),
  "a toolkit that fails": () => ({ prompt: "hello", toolkit: Effect.fail("no toolkit") }),
  "no prompt": () => ({ prompt: unreadable() }),
  "odd messages": () => ({ prompt: [null] }),
  "messages of no role": () => ({ prompt: [{ role: "stranger", content: 3 }] })
} satisfies Readonly<Record<string, () => Readonly<Record<string, unknown>>>>

const requestNames = Object.keys(requests).filter((name): name is keyof typeof requests => name in requests)

const endings: Readonly<Record<Script["ending"], Stream.Stream<Response.StreamPartEncoded, AiError.AiError>>> = {
  finish: Stream.make(finish()),
  length: Stream.make(finish("length")),
  cut: Stream.empty,
  fails: Stream.fail(AiError.make({ module: "test", method: "streamText", reason: overloaded })),
  dies: Stream.die("bug"),
  never: Stream.never
}

// -----------------------------------------------------------------------------
// Models
// -----------------------------------------------------------------------------

/** A model over a chain, and how often its requests have left. */
type Make = (chain: Chain, leave: Effect.Effect<void>) => Effect.Effect<LanguageModel.LanguageModel>

const effects: Make = ({ members, settings }, leave) =>
  LanguageModel.make({
    codecTransformer: Provider.codecTransformer,
    generateText: (request) => Effect.ensuring(generateText(members, settings, request), leave),
    streamText: (request) => Stream.ensuring(streamText(members, settings, request), leave)
  })

const ours: Make = (chain, leave) => modelOf(() => ({ chain, leave }))

const told = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "whole" : exit.cause.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? JSON.stringify(reason.error)
      : Cause.isDieReason(reason)
      ? String(reason.defect)
      : reason._tag
  ).join()

/** What a request shows to its reader, its provider and a tracer, as text. */
const play = (script: Script, make: Make) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    called.length = 0
    const provider: Provider.Provider = {
      name: "cloud",
      model: "m",
      location: "cloud",
      capabilities: Provider.defaultCapabilities,
      generateText: () => Effect.die("not asked"),
      streamText: ({ span, ...options }) => {
        seen.push(
          `asked ${JSON.stringify({ ...options, tools: options.tools.map(({ name }) => name) })} in ${span._tag}`
        )
        const chunks = script.chunks.flatMap((kinds) => {
          const chunk = kinds.map((kind) => parts[kind])
          return Arr.isArrayNonEmpty(chunk) ? [chunk] : []
        })
        const id = Effect.flatMap(IdGenerator.IdGenerator, (ids) => ids.generateId())
        return Stream.drain(Stream.fromEffect(Effect.map(id, (id) => seen.push(`made ${id}`)))).pipe(
          Stream.concat(Stream.fromArrays(...chunks)),
          Stream.concat(endings[script.ending]),
          Stream.ensuring(Effect.sync(() => void seen.push("closed")))
        )
      },
      preflight: Effect.void
    }
    const { spans, tracer } = recorder()
    const chain = yield* chainOf({ providers: [provider], retry: false }, [provider])
    const transform: Telemetry.SpanTransformer = ({ response, span }) => {
      seen.push(`transformed ${response.map(({ type }) => type).join()} of ${span._tag}`)
    }
    const transformed = Effect.provideService(Telemetry.CurrentSpanTransformer, transform)
    const made = Effect.provideService(
      make(chain, Effect.sync(() => void seen.push("left"))),
      IdGenerator.IdGenerator,
      {
        generateId: () => Effect.succeed("an id")
      }
    )
    const model = yield* script.around === "a transformer of the model" ? transformed(made) : made
    const own = yield* ResponseIdTracker.make
    const tracker: ResponseIdTracker.Service = {
      ...own,
      prepareUnsafe: (prompt) => {
        seen.push("prepared")
        return own.prepareUnsafe(prompt)
      },
      markParts: (messages, id) => {
        seen.push(`marked ${messages.length} for ${id}`)
        own.markParts(messages, id)
      }
    }
    const read = model.streamText(requests[script.request]() as Request).pipe(
      Stream.take(script.taken),
      Stream.runForEachArray((chunk) => Effect.sync(() => void seen.push(JSON.stringify(chunk))))
    )
    const fiber = yield* read.pipe(
      script.around === "a transformer" ? transformed : script.around === "a tracker"
        ? Effect.provideService(ResponseIdTracker.ResponseIdTracker, tracker)
        : (self) => self,
      Effect.withSpan("program"),
      Effect.withTracer(tracer),
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust(0)
    if (script.isInterrupted) yield* Fiber.interrupt(fiber)
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
    const exit = yield* Fiber.await(fiber)
    return {
      seen,
      called: [...called],
      end: told(exit),
      spans: spans.map(({ attributes, kind, name, parent, status }) => ({
        name,
        kind,
        parent: parent._tag === "Some" && parent.value._tag === "Span" ? parent.value.name : parent._tag,
        attributes: [...attributes],
        ended: status._tag === "Ended" ? told(status.exit) : status._tag
      }))
    }
  })

describe("a chain's LanguageModel", () => {
  law(
    "streams what Effect's own does, with the same spans and errors, for every kind of request",
    {
      chunks: Schema.Array(
        Schema.NonEmptyArray(Schema.Literals([...properNames, "text-delta", "reasoning-delta", "tool-call"])).check(
          Schema.isMaxLength(4)
        )
      ).check(Schema.isMaxLength(4)),
      odd: Schema.Literals(["none", "none", ...improperNames]),
      isOdd: Schema.Boolean,
      ending: Schema.Literals(["finish", "finish", "finish", "length", "cut", "fails", "dies", "never"]),
      request: Schema.Literals(requestNames),
      isPlain: Schema.Boolean,
      around: Schema.Literals([
        "nothing",
        "nothing",
        "nothing",
        "a tracker",
        "a transformer",
        "a transformer of the model"
      ]),
      taken: Schema.Literals([0, 1, 2, 3, 1_000, 1_000, 1_000]),
      isInterrupted: Schema.Boolean
    },
    ({ chunks, isOdd, isPlain, odd, ...drawn }, reach) =>
      Effect.gen(function*() {
        // Effect refuses a call in a stream without tools.
        const kinds = isPlain ? chunks.map((chunk) => chunk.filter((kind) => kind !== "tool-call")) : chunks
        const script: Script = {
          ...drawn,
          request: isPlain ? "text" : drawn.request,
          chunks: isOdd && odd !== "none" ? [...kinds, ["text-delta", odd]] : kinds
        }
        const meant = yield* play(script, effects)
        assert.deepStrictEqual(yield* play(script, ours), meant)
        if (meant.end === "whole" && isPlain) reach("a plain stream that is whole")
        if (meant.end.includes("InvalidOutputError")) reach("an invalid part")
        if (!isPlain && meant.end === "whole") reach("another stream that is whole")
      }),
    {
      cases: 600,
      reaches: ["a plain stream that is whole", "an invalid part", "another stream that is whole"]
    }
  )
})
