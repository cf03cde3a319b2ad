/**
 * The providers down to the byte: whatever happens to the bytes of an answer, and wherever, it is the whole answer or a
 * failure; never a finish that the server did not prove (M2), never a tool on half of its parameters (M3).
 */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LoopbackServer from "./LoopbackServer.ts"
import * as PiecesClient from "./PiecesClient.ts"
import { collect, generate, stream } from "./providerOptions.ts"
import { type Recording, recordings } from "./recordings.ts"

const utf8 = new TextEncoder()
const toBytes = (said: string | Uint8Array<ArrayBuffer>) => typeof said === "string" ? utf8.encode(said) : said

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const tools = Toolkit.make(Weather)

/** What happens after a number of bytes. */
type Fault = "end" | "reset" | "error" | "garbage" | "stall"

/** The pieces of a body that fares so, and what follows them. */
const suffer = (recording: Recording, fault: Fault, at: number): {
  readonly pieces: ReadonlyArray<Uint8Array<ArrayBuffer>>
  readonly after: "end" | "reset" | "hang"
} => {
  const bytes = toBytes(recording.stream)
  const before = bytes.slice(0, at)
  switch (fault) {
    case "end":
      return { pieces: [before], after: "end" }
    case "reset":
      return { pieces: [before], after: "reset" }
    case "stall":
      return { pieces: [before], after: "hang" }
    case "error":
      return { pieces: [before, toBytes(recording.error)], after: "end" }
    case "garbage":
      return { pieces: [before, utf8.encode(recording.garbage), bytes.slice(at)], after: "end" }
  }
}

/** What a reader has seen, and how it ended. */
const read = (provider: Parameters<typeof stream>[0]) =>
  Effect.suspend(() => {
    const seen: Array<Response.StreamPartEncoded> = []
    return stream(provider, { tools: [Weather] }).pipe(
      Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
      Effect.result,
      Effect.map((end) => ({ seen, end }))
    )
  })

const textOf = (parts: ReadonlyArray<{ readonly type: string; readonly delta?: unknown }>): string =>
  parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

/** The law of one reading. */
const check = (
  { end, seen }: Effect.Success<ReturnType<typeof read>>,
  whole: ReadonlyArray<Response.StreamPartEncoded>,
  isProven: boolean,
  where: string
): void => {
  if (Result.isSuccess(end)) {
    assert.isTrue(isProven, `${where}: a finish without a proof`)
    assert.deepStrictEqual(seen, whole, where)
    return
  }
  assert.isTrue(AiError.isAiError(end.failure), where)
  assert.isTrue(textOf(whole).startsWith(textOf(seen)), where)
  assert.isFalse(seen.some(({ type }) => type === "finish" || type === "tool-call"), where)
}

describe.each(recordings.map((recording) => [recording.name, recording] as const))("%s", (_, recording) => {
  const bytes = toBytes(recording.stream)
  const proven = typeof recording.stream === "string"
    ? utf8.encode(recording.stream.slice(0, recording.stream.lastIndexOf(recording.terminator))).length +
      utf8.encode(recording.terminator).length
    : bytes.length
  const positions = Array.from({ length: bytes.length + 1 }, (_, at) => at)
  const tried = (count: number) => `(${count.toLocaleString("en")} fault positions)`

  const over = (client: HttpClient.HttpClient) =>
    Effect.provideService(recording.provider("http://pieces"), HttpClient.HttpClient, client)
  const readWhole = Effect.flatMap(
    over(PiecesClient.make(() => [bytes])),
    (provider) => collect(provider, { tools: [Weather] })
  )

  it.effect(`M2: reads the same answer in two pieces, wherever it is cut, and byte by byte ${tried(bytes.length)}`, () =>
    Effect.gen(function*() {
      const whole = yield* readWhole
      assert.strictEqual(textOf(whole), "Grüße, Welt 🌍")
      assert.deepStrictEqual(
        whole.flatMap((part) => part.type === "tool-call" ? [part.params] : []),
        [{ city: "Oslo" }, { city: "Rome" }]
      )
      const provider = yield* over(PiecesClient.make((index) =>
        index === bytes.length
          ? positions.slice(1).map((at) => bytes.slice(at - 1, at))
          : [bytes.slice(0, index), bytes.slice(index)]
      ))
      for (const at of positions) {
        assert.deepStrictEqual(yield* collect(provider, { tools: [Weather] }), whole, `cut at ${at}`)
      }
    }))

  const faults: ReadonlyArray<Fault> = ["end", "reset", "error", "garbage"]
  it.effect(
    `M2: is the whole answer or a failure, whatever happens at any byte ${tried(4 * positions.length)}`,
    () =>
      Effect.gen(function*() {
        const whole = yield* readWhole
        for (const fault of faults) {
          let proofs = 0
          for (const at of positions) {
            const { after, pieces } = suffer(recording, fault, at)
            const provider = yield* over(PiecesClient.make(() => pieces, after))
            const outcome = yield* read(provider)
            check(outcome, whole, at >= proven, `${fault} at ${at}`)
            if (Result.isSuccess(outcome.end)) proofs++
            // A cut is the network's, and may be tried again.
            else if (fault === "end" || fault === "reset") {
              assert.strictEqual(outcome.end.failure.reason._tag, "NetworkError", `${fault} at ${at}`)
            }
          }
          // Or nothing would be proven by it.
          if (recording.endsWithBody !== true || fault === "end") assert.isAbove(proofs, 0)
        }
      }),
    120_000
  )

  it.effect(`M2: a whole answer that is cut anywhere is a failure ${tried(2 * utf8.encode(recording.whole).length)}`, () =>
    Effect.gen(function*() {
      const body = utf8.encode(recording.whole)
      const tags = new Set<string>()
      for (const after of ["end", "reset"] as const) {
        for (let at = 0; at < body.length; at++) {
          const provider = yield* over(PiecesClient.make(() => [body.slice(0, at)], after))
          tags.add((yield* Effect.flip(generate(provider))).reason._tag)
        }
      }
      assert.deepStrictEqual([...tags].toSorted(), ["InvalidResponseError", "NetworkError"])
      const provider = yield* over(PiecesClient.make(() => [body]))
      assert.strictEqual((yield* generate(provider)).at(-1)?.type, "finish")
    }))

  /** The program of a user: a chain with tools, whose handlers count what they were asked. */
  const ask = (provider: Parameters<typeof stream>[0]) =>
    Effect.suspend(() => {
      const asked: Array<string> = []
      const seen: Array<{ readonly type: string; readonly delta?: unknown }> = []
      return LanguageModel.streamText({ prompt: "hello", toolkit: tools }).pipe(
        Stream.runForEach((part) => Effect.sync(() => seen.push(part))),
        Effect.result,
        Effect.provide([
          ProviderChain.layer({ providers: [provider], retry: false, cooldown: 0 }),
          tools.toLayer({
            weather: ({ city }) =>
              Effect.sync(() => {
                asked.push(city)
                return "clear"
              })
          })
        ]),
        Effect.map((end) => ({ asked, seen, end }))
      )
    })

  const kinds: ReadonlyArray<Fault> = [...faults, "stall"]
  const sample = (every: number) =>
    kinds.flatMap((fault) => positions.filter((at) => at % every === 0 || at >= proven).map((at) => ({ fault, at })))
  const inChain = sample(5)
  it.effect(
    `M3: runs each tool once on its whole parameters, or none ${tried(inChain.length)}`,
    () =>
      Effect.gen(function*() {
        for (const { at, fault } of inChain) {
          const where = `${fault} at ${at}`
          const { after, pieces } = suffer(recording, fault, at)
          const provider = yield* over(PiecesClient.make(() => pieces, after))
          const fiber = yield* Effect.forkChild(ask(provider), { startImmediately: true })
          // By the clocks of the chain, and without a wait.
          if (after === "hang") yield* TestClock.adjust("10 minutes")
          const { asked, end, seen } = yield* Fiber.join(fiber)
          if (Result.isSuccess(end)) {
            assert.isAtLeast(at, proven, where)
            assert.deepStrictEqual(asked.toSorted(), ["Oslo", "Rome"], where)
          } else {
            assert.deepStrictEqual(asked, [], where)
            assert.isFalse(seen.some(({ type }) => type === "finish" || type.startsWith("tool-result")), where)
            if (textOf(seen) !== "") assert.isTrue(ChainError.isStreamInterrupted(end.failure), where)
          }
        }
      }),
    120_000
  )

  const onWire = sample(131)
  it.live(`M2: holds on real sockets ${tried(onWire.length)}`, () =>
    Effect.gen(function*() {
      const whole = yield* readWhole
      const server = yield* LoopbackServer.make((_, index) => {
        const { at, fault } = onWire[index] ?? { fault: "end", at: 0 }
        return suffer(recording, fault, at)
      })
      const provider = yield* recording.provider(server.url)
      for (const { at, fault } of onWire) {
        const reading = read(provider)
        // A stall ends with the reader's patience, a whole answer without it.
        const outcome = yield* fault === "stall" && (at < bytes.length || recording.endsWithBody === true)
          ? Effect.timeoutOption(reading, "20 millis")
          : Effect.asSome(reading)
        if (outcome._tag === "Some") check(outcome.value, whole, at >= proven, `${fault} at ${at}`)
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
})
