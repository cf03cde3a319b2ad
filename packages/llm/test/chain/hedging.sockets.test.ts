/** A hedge on real connections: the loser's is closed at once, and none is left. */
import { assert, describe, it } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as LoopbackServer from "../LoopbackServer.ts"

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`

const says = (words: string): string =>
  event({ choices: [{ index: 0, delta: { role: "assistant", content: words } }] }) +
  event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) + "data: [DONE]\n\n"

/** Begins a stream and says nothing. */
const silent: LoopbackServer.Reply = { pieces: [": waiting\n\n"], after: "hang" }

const chainOf = (servers: ReadonlyArray<LoopbackServer.LoopbackServer>) => {
  const [first, ...others] = servers.map(({ url }, i) =>
    OpenAiProvider.make({ name: `key-${i}`, model: "m", apiKey: Redacted.make("k"), baseUrl: `${url}/v1` })
  )
  if (first === undefined) return assert.fail("no server")
  return ProviderChain.layer({ providers: [first, ...others], hedge: { after: "50 millis" }, hedgeBudget: false })
}

describe("a hedge on real connections", () => {
  it.live("closes the loser's at once, while the winner is still read", () =>
    Effect.gen(function*() {
      const slow = yield* LoopbackServer.always(silent)
      const quick = yield* LoopbackServer.always({ pieces: [says("quick words")] })
      const words: Array<string> = []
      yield* LanguageModel.streamText({ prompt: "hello" }).pipe(
        // The first part is read only when the loser has gone.
        Stream.tap(() => Deferred.await(slow.abandoned)),
        Stream.runForEach((part) => Effect.sync(() => part.type === "text-delta" && words.push(part.delta))),
        Effect.provide(chainOf([slow, quick]))
      )
      assert.strictEqual(words.join(""), "quick words")
      assert.deepStrictEqual([slow.received.length, quick.received.length], [1, 1])
    }).pipe(Effect.provide(UndiciTransport.layer()), Effect.scoped))

  it.live("closes both when the caller goes away", () =>
    Effect.gen(function*() {
      const servers = [yield* LoopbackServer.always(silent), yield* LoopbackServer.always(silent)]
      const both = yield* Deferred.make<void>()
      let started = 0
      const fiber = yield* Stream.runDrain(LanguageModel.streamText({ prompt: "hello" })).pipe(
        ChainEvent.observe(({ _tag }) => {
          if (_tag === "AttemptStarted" && ++started === 2) Deferred.doneUnsafe(both, Effect.void)
        }),
        Effect.provide(chainOf(servers)),
        Effect.forkChild
      )
      yield* Deferred.await(both)
      yield* Effect.repeat(Effect.sleep("5 millis"), {
        until: () => servers.every(({ received }) => received.length === 1)
      })
      yield* Fiber.interrupt(fiber)
      for (const { abandoned } of servers) yield* Deferred.await(abandoned)
    }).pipe(Effect.provide(UndiciTransport.layer()), Effect.scoped))
})
