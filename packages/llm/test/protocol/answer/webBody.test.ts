/** A body of `fetch` that is read without a fiber of its own is read as Effect's stream of it is, but for the cost. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../../vitest.law.ts"
import { patience } from "../../../src/internal/protocol/answer/rest.ts"
import { type Endable, type Sink, webBody, WebReader } from "../../../src/internal/protocol/answer/webBody.ts"

/** How a client hands on the response of `fetch`. */
type Hand = (response: HttpClientResponse.HttpClientResponse) => HttpClientResponse.HttpClientResponse

const asItIs: Hand = (response) => response

/** As a client does that has its own stream, which here is the same. */
const withItsStream: Hand = (response) => Object.create(response, { stream: { get: () => response.stream } })

interface Script {
  /** The pieces of the body, and how long each takes to come. */
  readonly pieces: ReadonlyArray<string>
  readonly waits: ReadonlyArray<number>
  readonly ending: "ends" | "breaks" | "never"
  /** How long the reader takes for each chunk. */
  readonly pause: number
  /** How many parts are read. */
  readonly taken: number
  readonly interruptedAt: number
}

const broken = AiError.make({
  module: "test",
  method: "read",
  reason: new AiError.InternalProviderError({ description: "broken" })
})

/** Lets promises and fibers go on until none has anything left to do. */
const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const play = (script: Script, hand: Hand) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const clock = yield* Clock.Clock
    const start = clock.currentTimeMillisUnsafe()
    const see = (what: string) => void seen.push(`${clock.currentTimeMillisUnsafe() - start} ${what}`)
    const context = yield* Effect.context<never>()
    const sleep = (millis: number) => Effect.runPromiseWith(context)(Effect.sleep(millis))
    let asked = 0
    const encoder = new TextEncoder()
    const client = HttpClient.make((request, _url, signal) =>
      Effect.sync(() => {
        signal.addEventListener("abort", () => see("aborted"))
        const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
          pull: async (controller) => {
            const i = asked++
            const piece = script.pieces[i]
            const wait = script.waits[i] ?? 0
            if (wait > 0) await sleep(wait)
            if (piece !== undefined) return controller.enqueue(encoder.encode(piece))
            if (script.ending === "ends") return controller.close()
            if (script.ending === "breaks") throw new TypeError("terminated")
            await new Promise(() => undefined)
          },
          cancel: () => see("cancelled")
        }, { highWaterMark: 0 })
        return hand(HttpClientResponse.fromWeb(
          request,
          new Response(body, { headers: { "content-type": "text/event-stream" } })
        ))
      })
    )
    const chain = ProviderChain.layer({
      providers: [OpenAiProvider.make({ baseUrl: "http://localhost/v1", model: "m" })],
      retry: false,
      timeouts: { firstContent: "305 millis", betweenChunks: "105 millis" }
    })
    const read = LanguageModel.streamText({ prompt: "Hello?" }).pipe(
      Stream.take(script.taken),
      Stream.runForEachArray((chunk) => {
        see(JSON.stringify(chunk))
        return Effect.sleep(script.pause)
      }),
      ChainEvent.observe((event) => see(JSON.stringify({ ...event, at: event.at - start }))),
      Effect.provide(chain),
      Effect.provideService(HttpClient.HttpClient, client)
    )
    const fiber = yield* Effect.forkChild(read)
    for (let at = 0; at < 200 && fiber.pollUnsafe() === undefined; at++) {
      yield* settled
      if (at === script.interruptedAt) fiber.interruptUnsafe()
      yield* TestClock.adjust("10 millis")
    }
    yield* settled
    // The rest of a whole answer is read for a while.
    yield* TestClock.adjust(patience)
    yield* settled
    const exit = yield* Fiber.await(fiber)
    const end = Exit.isSuccess(exit) ? "whole" : exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? `${ChainError.isStreamInterrupted(reason.error) ? "interrupted" : "failed"} ${JSON.stringify(reason.error)}`
        : Cause.isDieReason(reason)
        ? String(reason.defect)
        : reason._tag
    ).join()
    return { seen, end }
  })

const chunkOf = (delta: object, finish: string | null = null) =>
  `data: ${
    JSON.stringify({ id: "c", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })
  }\n\n`

const pieces = {
  word: chunkOf({ content: " word" }),
  words: chunkOf({ content: " two" }) + chunkOf({ content: " words" }),
  "half a word": chunkOf({ content: " half" }).slice(0, 30),
  "the other half": chunkOf({ content: " half" }).slice(30),
  ping: ": ping\n\n",
  nothing: "",
  finish: chunkOf({}, "stop"),
  done: "data: [DONE]\n\n",
  "finish and done": `${chunkOf({}, "stop")}data: [DONE]\n\n`,
  "an error": "data: {\"error\":{\"message\":\"overloaded\"}}\n\n",
  garbage: "data: {\n\n"
}
type Piece = keyof typeof pieces
const names = Object.keys(pieces).filter((name): name is Piece => name in pieces)

describe("a body of fetch", () => {
  law(
    "M2, M9: is read as Effect's stream of it is, whatever comes, fails, is late or is given up",
    {
      first: Schema.Literals(["word", "word", "word", "words", "ping", "half a word"]),
      middle: Schema.Array(Schema.Literals(["word", "word", "words", "ping", "ping", "word", "words", ...names])).check(
        Schema.isMaxLength(3)
      ),
      last: Schema.Literals([
        "finish and done",
        "finish and done",
        "finish and done",
        "finish and done",
        "word",
        "word"
      ]),
      waits: Schema.Array(Schema.Literals([0, 0, 0, 1, 3, 8, 13, 13, 40])).check(
        Schema.isMinLength(2),
        Schema.isMaxLength(5)
      ),
      ending: Schema.Literals(["ends", "ends", "breaks", "never", "never"]),
      pause: Schema.Literals([0, 0, 0, 2, 15]),
      taken: Schema.Literals([1, 3, 1_000, 1_000, 1_000, 1_000]),
      interruptedAt: Schema.Literals([0, 1, 4, 11, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000])
    },
    ({ ending, first, interruptedAt, last, middle, pause, taken, waits }, reach) =>
      Effect.gen(function*() {
        const script: Script = {
          pieces: [first, ...middle, last].map((name) => pieces[name]),
          // Apart from the clocks of the chain, so that nothing comes at the instant at which one rings.
          waits: waits.map((wait) => wait * 10),
          ending,
          pause: pause * 10,
          taken,
          interruptedAt
        }
        const meant = yield* play(script, withItsStream)
        assert.deepStrictEqual(yield* play(script, asItIs), meant)

        if (meant.end === "whole" && taken > 3) reach("a whole answer")
        if (meant.end.startsWith("interrupted")) reach("one that breaks off after its first words")
        if (meant.end === "Interrupt") reach("one that is given up")
        if (meant.end.includes("nothing came for")) reach("one that is silent")
      }),
    {
      cases: 300,
      reaches: [
        "a whole answer",
        "one that breaks off after its first words",
        "one that is given up",
        "one that is silent"
      ]
    }
  )

  describe("that is read", () => {
    /** A body of one piece that comes when it is let, and what was taken of it. */
    const reading = () => {
      const taken: Array<number> = []
      const self: Endable = { end: undefined, watch: undefined }
      let come: (bytes: Uint8Array<ArrayBuffer>) => void = () => undefined
      const readable = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start: (controller) => {
          come = (bytes) => controller.enqueue(bytes)
        }
      })
      const sink: Sink<number> = {
        take: (chunks) => {
          for (const [byte = 0] of chunks) {
            if (byte === 0) throw new Error("a bug")
            taken.push(byte)
          }
        },
        end: () => undefined,
        isDone: () => false,
        ready: () => taken.length === 0 ? undefined : Effect.succeed(taken[0]!)
      }
      const reader = new WebReader({ readable, failed: () => broken }, sink, self)
      return { reader, self, taken, come: (byte: number) => come(Uint8Array.of(byte)) }
    }

    it.effect("gives the failure that ended it from then on, and takes nothing more", () =>
      Effect.gen(function*() {
        const { come, reader, self, taken } = reading()
        const fiber = yield* Effect.forkChild(reader.pull, { startImmediately: true })
        self.end?.(Exit.fail(broken))
        come(1)
        yield* settled
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail(broken))
        assert.deepStrictEqual(yield* Effect.exit(reader.pull), Exit.fail(broken))
        assert.deepStrictEqual(taken, [])
      }))

    it.effect("is over once a read was interrupted, and takes nothing more", () =>
      Effect.gen(function*() {
        const { come, reader, taken } = reading()
        const fiber = yield* Effect.forkChild(reader.pull, { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        come(1)
        yield* settled
        assert.deepStrictEqual(taken, [])
        assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(reader.pull)))
      }))

    it.effect("ends with the defect of what takes it", () =>
      Effect.gen(function*() {
        const { come, reader } = reading()
        const fiber = yield* Effect.forkChild(reader.pull, { startImmediately: true })
        come(0)
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.die(new Error("a bug")))
      }))
  })

  it("is that of Effect's own response, and of no other", () => {
    const request = HttpClientRequest.get("http://localhost/")
    const own = HttpClientResponse.fromWeb(request, new Response("body"))
    assert.isDefined(webBody(own))
    assert.isUndefined(webBody(withItsStream(own)))
    assert.isUndefined(webBody(Object.create(own)))
    assert.isUndefined(webBody(Object.defineProperty(
      HttpClientResponse.fromWeb(request, new Response("body")),
      "stream",
      { get: () => Stream.empty }
    )))
    assert.isUndefined(webBody(HttpClientResponse.fromWeb(request, new Response(null))))
  })
})
