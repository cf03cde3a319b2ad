/** A process that probes a member, renews its lease, and is told when its probe has succeeded. */
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"

export interface HolderOrders {
  readonly url: string
  /** The lease of the probe in milliseconds. */
  readonly lease: number
}

const { lease, url } = JSON.parse(process.argv[2] ?? "{}") as HolderOrders

const common = { chain: "llm", member: "openai", process: "p1", token: "t1", lease: Duration.millis(lease) }

const reported = (answered: boolean): ChainStore.Report => ({
  ...common,
  inFlight: answered ? 0 : 1,
  probe: answered ? "released" : "held",
  answered,
  coolFor: 0,
  settled: undefined,
  unasked: { requests: 0, tokens: 0 }
})

const program = Effect.gen(function*() {
  const store = yield* ChainStore.ChainStore
  const entered = yield* store.enter({
    ...common,
    inFlight: 1,
    tokens: 0,
    requestsPerMinute: Infinity,
    tokensPerMinute: Infinity,
    anyway: false
  })
  process.send?.(entered._tag === "Admitted" && entered.isProbe ? "probing" : entered)
  const held = Effect.forever(Effect.andThen(Effect.sleep(lease / 4), store.report(reported(false))))
  yield* Effect.raceFirst(held, Effect.promise(() => once(process, "message")))
  process.send?.(yield* store.report(reported(true)))
})

await Effect.runPromise(
  Effect.provide(
    program,
    ChainStoreRedis.layer({ timeout: "5 seconds" }).pipe(Layer.provide(RedisClient.layer({ url })))
  )
)
process.disconnect()
