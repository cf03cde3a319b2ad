/** One process of a fleet: asks a chain at a steady rate, and tells the process that started it what came of it. */
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { monitorEventLoopDelay } from "node:perf_hooks"

/** What a process is started with. */
export interface Orders {
  /** Which process: sent to the vendor with each request. */
  readonly index: number
  readonly redis: string
  readonly vendor: string
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  readonly requestsPerMinute: number
  readonly cooldown: string
}

/** What a process tells. */
export type Told =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Warned"; readonly message: string; readonly at: number }
  | {
    readonly _tag: "Ended"
    readonly asked: number
    readonly answered: number
    readonly failed: ReadonlyArray<string>
    readonly slowest: number
    /** The longest time for which the machine let the process do nothing. */
    readonly heldUp: number
  }

const orders: Orders = JSON.parse(process.argv[2] ?? "{}")

const tell = (told: Told) => Effect.sync(() => process.send?.(told))

const provider = (name: string) =>
  OpenAiProvider.make({
    name,
    apiKey: Redacted.make(name),
    model: "gpt-5",
    baseUrl: orders.vendor,
    headers: { "x-process": `${orders.index}` }
  })

const Chain = ProviderChain.layer({
  providers: [
    Pool.make({
      strategy: "inOrder",
      members: [{ provider: provider("key"), limits: { requestsPerMinute: orders.requestsPerMinute } }]
    }),
    provider("spare")
  ],
  cooldown: orders.cooldown as "3 seconds",
  retry: false
}).pipe(
  // A busy machine holds a process up for longer than the default.
  Layer.provide(ChainStoreRedis.layer({ timeout: "1 second" })),
  Layer.provide(RedisClient.layer({ url: orders.redis })),
  Layer.provide(FetchHttpClient.layer)
)

const Warnings = Logger.layer([Logger.make(({ date, message }) => {
  const [text] = Array.isArray(message) ? message : [message]
  if (!String(text).startsWith("The chain store")) return
  process.send?.({ _tag: "Warned", message: String(text), at: date.getTime() } satisfies Told)
})])

const held = monitorEventLoopDelay({ resolution: 20 })
held.enable()

const program = Effect.gen(function*() {
  let asked = 0
  let answered = 0
  let slowest = 0
  const failed: Array<string> = []
  yield* tell({ _tag: "Ready" })
  const ask = Effect.gen(function*() {
    asked++
    const from = yield* Clock.currentTimeMillis
    yield* LanguageModel.generateText({ prompt: "hello" })
    answered++
    slowest = Math.max(slowest, (yield* Clock.currentTimeMillis) - from)
  }).pipe(Effect.catchCause((cause) => Effect.sync(() => failed.push(String(cause)))))
  yield* Effect.scoped(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    // One that was stopped meanwhile does not make up for it.
    const end = clock.currentTimeMillisUnsafe() + orders.seconds * 1_000 + 1_000
    yield* Effect.repeat(Effect.forkScoped(ask), {
      schedule: Schedule.fixed(1_000 / orders.rate),
      times: orders.rate * orders.seconds - 1,
      until: () => clock.currentTimeMillisUnsafe() > end
    })
    while (answered + failed.length < asked) yield* Effect.sleep("50 millis")
  }))
  yield* tell({ _tag: "Ended", asked, answered, failed, slowest, heldUp: Math.round(held.max / 1e6) })
})

await Effect.runPromise(program.pipe(Effect.provide(Layer.mergeAll(Chain, Warnings))))
process.disconnect?.()
