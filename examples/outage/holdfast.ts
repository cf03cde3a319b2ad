/** Asks through a chain of both servers, one question every few milliseconds, and prints how each ended as a line of JSON. */
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainError from "@holdfast/llm/ChainError"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { once } from "node:events"

/** How a question ended: with so much text, and an error or none. */
export interface Ended {
  readonly text: string
  readonly error: string | undefined
  readonly millis: number
}

const provider = (name: string, baseUrl: string) =>
  OpenAiProvider.make({ name, baseUrl, model: "simulated", apiKey: Redacted.make("sk-simulated") })

const ask = Effect.suspend(() => {
  const began = performance.now()
  let text = ""
  return LanguageModel.streamText({ prompt: "Say the words." }).pipe(
    Stream.runForEach((part) =>
      Effect.sync(() => {
        if (part.type === "text-delta") text += part.delta
      })
    ),
    Effect.match({
      onSuccess: () => undefined,
      onFailure: (error) => ChainError.isStreamInterrupted(error) ? "StreamInterrupted" : error.reason._tag
    }),
    Effect.map((error): Ended => ({ text, error, millis: performance.now() - began }))
  )
})

/** How long is waited for content, and how long a failed server is skipped. Default: 10 seconds, and the chain's own default. */
interface Settings {
  readonly patience?: number
  readonly cooldown?: number | undefined
}

/** So many questions, one every `every` milliseconds. */
export const asked = (
  first: string,
  second: string,
  questions: number,
  every: number,
  { cooldown, patience = 10_000 }: Settings = {}
) =>
  Effect.forEach(
    Array.from({ length: questions }, (_, i) => i),
    (i) => Effect.delay(ask, i * every),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.provide(
      ProviderChain.layer({
        providers: [provider("first", first), provider("second", second)],
        retry: { times: 2 },
        cooldown,
        timeouts: { firstContent: patience, betweenChunks: patience }
      }).pipe(Layer.provide(UndiciTransport.layer()))
    ),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

if (import.meta.main) {
  const [first = "", second = "", questions = "0", every = "0", seconds] = process.argv.slice(2)
  const cooldown = seconds === undefined ? undefined : Number(seconds) * 1000
  // What is loaded at the first question is loaded now.
  await Effect.runPromise(asked(first, second, 1, 0))
  process.stdout.write("ready\n")
  await once(process.stdin, "data")
  process.stdin.destroy()
  const ended = await Effect.runPromise(asked(first, second, Number(questions), Number(every), { cooldown }))
  process.stdout.write(`${JSON.stringify(ended)}\n`)
}
