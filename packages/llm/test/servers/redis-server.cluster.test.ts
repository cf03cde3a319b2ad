/** The store of a fleet in a Redis Cluster of three nodes, over a client that knows it, as `docs/fleet.md` makes one. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createClient, createCluster } from "redis"
import { layerClock } from "../../../../vitest.redis.ts"
import { storeContract } from "../store/storeContract.ts"

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const attempt = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new Redis.RedisError({ cause }) })

/** The slots of three masters. */
const shares = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]] as const

const common = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--cluster-enabled", "yes"]

describe("A Redis Cluster", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-cluster-"))
  const children: Array<ChildProcess> = []
  let cluster: ReturnType<typeof createCluster>

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
    cluster = createCluster({ rootNodes: nodes.map(({ port }) => ({ url: `redis://127.0.0.1:${port}` })) })
    await cluster.connect()
  }, 60_000)

  afterAll(async () => {
    await cluster.close()
    for (const child of children) child.kill("SIGKILL")
    rmSync(folder, { recursive: true })
  })

  const onMasters = (...command: ReadonlyArray<string>) =>
    Promise.all(
      cluster.masters.map(async (node) => (await cluster.nodeClient(node)).sendCommand([...command]))
    )

  const client = Layer.effect(
    Redis.Redis,
    Redis.make({
      send: <A>(command: string, ...args: ReadonlyArray<string>) =>
        attempt(async () => {
          // `EVALSHA` names its first key behind the number of keys.
          if (command !== "SCRIPT") return await cluster.sendCommand(args[2], false, [command, ...args]) as A
          const [answer] = await onMasters(command, ...args)
          return answer as A
        }),
      subscribe: () => Effect.never,
      connect: Effect.never
    })
  )
  const emptied = Layer.provideMerge(Layer.effectDiscard(attempt(() => onMasters("FLUSHALL"))), client)
  const store = ChainStoreRedis.layer({ timeout: "20 seconds" })

  storeContract("in a Redis Cluster", store.pipe(Layer.provide(layerClock), Layer.provide(emptied)))

  it.live("has the keys of a chain in one slot, and those of several chains on all nodes", () =>
    Effect.gen(function*() {
      const { look } = yield* ChainStore.ChainStore
      for (let i = 0; i < 30; i++) assert.strictEqual((yield* look(`chain ${i}`, ["openai", "ollama"])).length, 2)
    }).pipe(Effect.provide(store.pipe(Layer.provide(emptied)))))
})
