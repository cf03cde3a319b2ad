/** The store of a fleet in a Redis Cluster of three nodes, over the client that knows it. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { layerClock } from "../../../../vitest.redis.ts"
import { storeContract } from "../store/storeContract.ts"
import type { Cluster } from "./redisCluster.ts"
import { startCluster } from "./redisCluster.ts"

describe("A Redis Cluster", () => {
  let cluster: Cluster
  let url: string

  beforeAll(async () => {
    cluster = await startCluster()
    url = cluster.nodes.map(({ url }) => url).join(",")
  }, 60_000)

  afterAll(() => cluster.end())

  // The other nodes are found from the second.
  const client = Layer.unwrap(Effect.sync(() => RedisClient.layer({ url: url.split(",")[1] ?? "", cluster: true })))
  const emptied = Layer.provideMerge(
    Layer.effectDiscard(
      Effect.promise(() => Promise.all(cluster.nodes.map(({ send }) => send("FLUSHALL"))))
    ),
    client
  )
  const store = ChainStoreRedis.layer({ timeout: "20 seconds" })

  storeContract("in a Redis Cluster", store.pipe(Layer.provide(layerClock), Layer.provide(emptied)))

  it.live("has the keys of a chain in one slot, and those of several chains on all nodes", () =>
    Effect.gen(function*() {
      const { look } = yield* ChainStore.ChainStore
      for (let i = 0; i < 30; i++) assert.strictEqual((yield* look(`chain ${i}`, ["openai", "ollama"])).length, 2)
    }).pipe(Effect.provide(store.pipe(Layer.provide(emptied)))))

  it.live("says of a client for one server that it must be one for a cluster", () =>
    Effect.gen(function*() {
      const { look } = yield* ChainStore.ChainStore
      const looks = yield* Effect.forEach(
        [1, 2, 3, 4, 5, 6, 7, 8],
        (i) => Effect.result(look(`chain ${i}`, ["openai"]))
      )
      const refused = looks.find(Result.isFailure)
      assert.include(String(refused?.failure.cause), "is a node of a cluster: set `cluster` to true")
    }).pipe(
      Effect.provide(
        store.pipe(Layer.provide(Layer.unwrap(Effect.sync(() => RedisClient.layer({ url: url.split(",")[0] ?? "" })))))
      )
    ))
})
