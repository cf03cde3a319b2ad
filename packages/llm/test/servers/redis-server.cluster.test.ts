/** The store of a fleet in a Redis Cluster of three nodes, over the client that knows it. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient } from "redis"
import { freePort, layerClock } from "../../../../vitest.redis.ts"
import { storeContract } from "../store/storeContract.ts"

/** The slots of three masters. */
const shares = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]] as const

const common = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--cluster-enabled", "yes"]

describe("A Redis Cluster", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cluster-"))
  const children: Array<ChildProcess> = []
  let url: string

  beforeAll(async () => {
    const nodes = await Promise.all(shares.map(async (_, i) => ({ port: await freePort(), bus: await freePort(), i })))
    for (const { bus, i, port } of nodes) {
      const own = ["--port", `${port}`, "--cluster-port", `${bus}`, "--cluster-config-file", `nodes-${i}.conf`]
      children.push(spawn("redis-server", [...own, ...common, "--dir", folder], { stdio: "ignore" }))
    }
    for (const [i, { port }] of nodes.entries()) {
      const client = createClient({ url: `redis://127.0.0.1:${port}` })
      client.on("error", () => undefined)
      await client.connect()
      await client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", ...shares[i] ?? []])
      for (const other of nodes) {
        await client.sendCommand(["CLUSTER", "MEET", "127.0.0.1", `${other.port}`, `${other.bus}`])
      }
      await client.close()
    }
    for (const { port } of nodes) {
      const client = createClient({ url: `redis://127.0.0.1:${port}` })
      await client.connect()
      while (!String(await client.sendCommand(["CLUSTER", "INFO"])).includes("cluster_state:ok")) {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await client.close()
    }
    url = nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(",")
  }, 60_000)

  afterAll(() => {
    for (const child of children) child.kill("SIGKILL")
    rmSync(folder, { recursive: true })
  })

  // The other nodes are found from the second.
  const client = Layer.unwrap(Effect.sync(() => RedisClient.layer({ url: url.split(",")[1] ?? "", cluster: true })))
  const emptied = Layer.provideMerge(
    Layer.effectDiscard(
      Effect.promise(() =>
        Promise.all(
          url.split(",").map(async (url) => {
            const node = createClient({ url })
            await node.connect()
            await node.flushAll()
            await node.close()
          })
        )
      )
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
