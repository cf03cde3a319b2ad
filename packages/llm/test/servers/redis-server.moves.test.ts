/**
 * A Redis Cluster whose slots and primaries move while a fleet uses it, a server that is loading its data, and a process that is stopped
 * while it probes.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { createClient } from "redis"
import { freePort } from "../../../../vitest.redis.ts"
import { entry, report } from "../store/storeContract.ts"
import type { HolderOrders } from "./probeHolder.ts"
import type { Cluster, ClusterNode } from "./redisCluster.ts"
import { eventually, startCluster } from "./redisCluster.ts"

const storeAt = (options: RedisClient.Options, store: ChainStoreRedis.Options = { timeout: "2 seconds" }) =>
  Effect.map(
    Layer.build(ChainStoreRedis.layer(store).pipe(Layer.provide(RedisClient.layer(options)))),
    (context) => Context.get(context, ChainStore.ChainStore)
  )

/** What was logged of a store's coming and going. */
const watched = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const logs: Array<string> = []
    return Effect.as(
      Effect.provide(
        self,
        Logger.layer([Logger.make(({ message }) => {
          const [text] = Array.isArray(message) ? message : [message]
          if (String(text).includes("chain store")) logs.push(String(text).includes("again") ? "back" : "away")
        })])
      ),
      logs
    )
  })

const spent = TestProvider.failure(new AiError.QuotaExhaustedError({}))
const up = (name: string) => TestProvider.make(name, () => Effect.succeed(TestProvider.text("hi")))

/** A chain over a store whose first provider is down and cools down for an hour; asked, the request is answered. */
const chainOver = (store: ChainStore.ChainStore["Service"], name: string) =>
  Effect.gen(function*() {
    const down = TestProvider.make("down", () => Effect.succeed(spent))
    const chain = yield* Effect.provideService(
      ProviderChain.make({ providers: [down, up("spare")], retry: false, cooldown: "1 hour", name }),
      ChainStore.ChainStore,
      store
    )
    const ask = Effect.map(chain.generateText({ prompt: "hello" }), ({ text }) => assert.strictEqual(text, "hi"))
    return { ask, down }
  })

/** Waits until a store takes writes, and knows that the first provider is down. Only a write shows that a store is back. */
const knows = (store: ChainStore.ChainStore["Service"], chain: string) =>
  store.report(report({ chain, member: "other" })).pipe(
    Effect.andThen(store.look(chain, ["down"])),
    Effect.filterOrFail(([state]) => state?.isDown === true),
    Effect.retry(Schedule.spaced("25 millis")),
    Effect.timeout("20 seconds")
  )

const during = <A>(promise: () => Promise<A>) => Effect.promise(promise)

describe("a cluster that moves", { timeout: 60_000 }, () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await startCluster(1, ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"])
  }, 60_000)
  afterAll(() => cluster.end())

  const urls = () => cluster.nodes.map(({ url }) => url).join(",")
  const keysOf = (node: ClusterNode, slot: number) =>
    node.send("CLUSTER", "GETKEYSINSLOT", `${slot}`, "100").then((keys) => keys as ReadonlyArray<string>)

  it.live("moves a slot from node to node, key by key, and no request is lost and no cool-down forgotten", () =>
    Effect.gen(function*() {
      const store = yield* storeAt({ url: urls() })
      const { ask, down } = yield* chainOver(store, "moving")
      yield* ask
      yield* Effect.sleep("200 millis")
      const slot = Number(yield* during(() => cluster.nodes[1]!.send("CLUSTER", "KEYSLOT", "moving")))
      const holds = (node: ClusterNode) => node.slots !== undefined && node.slots[0] <= slot && slot <= node.slots[1]
      const from = cluster.nodes.find(holds)!
      const to = cluster.nodes.find((node) => node.slots !== undefined && node !== from)!
      yield* during(() => to.send("CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", from.id))
      yield* during(() => from.send("CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", to.id))
      const keys = yield* during(() => keysOf(from, slot))
      assert.isAtLeast(keys.length, 2)
      yield* ask
      for (const key of keys) {
        yield* during(() => from.send("MIGRATE", "127.0.0.1", `${to.port}`, key, "0", "5000"))
        // ASK for the keys that are gone, and TRYAGAIN for several of which some are.
        yield* ask
        yield* Effect.result(store.look("moving", ["down", "spare"]))
      }
      for (const node of [to, from]) {
        yield* during(() => node.send("CLUSTER", "SETSLOT", `${slot}`, "NODE", to.id))
      }
      // MOVED: the client learns where the slot is.
      for (let i = 0; i < 5; i++) yield* ask
      yield* knows(store, "moving")
      assert.strictEqual(down.requests.length, 1)
      assert.deepStrictEqual(yield* during(() => keysOf(from, slot)), [])
      // One that begins now learns of the cool-down from the store.
      const other = yield* chainOver(yield* storeAt({ url: urls() }), "moving")
      yield* other.ask
      assert.strictEqual(other.down.requests.length, 0)
    }).pipe(Effect.scoped))

  it.live("fails over by hand, and by the death of a primary, and what the fleet knows is still there", () =>
    Effect.gen(function*() {
      const [first, second] = cluster.nodes
      const replica = cluster.nodes.at(-1)!
      // A chain whose keys are in a slot of the first node.
      const names = Array.from({ length: 200 }, (_, i) => `chain${i}`)
      const slots = yield* during(() => Promise.all(names.map((name) => first!.send("CLUSTER", "KEYSLOT", name))))
      const name = names[slots.findIndex((slot) => Number(slot) <= 5460)]!
      const logs = yield* watched(Effect.gen(function*() {
        const store = yield* storeAt({ url: urls() })
        const { ask, down } = yield* chainOver(store, name)
        yield* ask
        yield* Effect.sleep("300 millis")
        yield* during(() => replica.send("CLUSTER", "FAILOVER"))
        yield* during(() =>
          eventually("the replica is the primary", async () => String(await replica.send("ROLE")).startsWith("master"))
        )
        for (let i = 0; i < 5; i++) yield* ask
        yield* knows(store, name)
        // The old primary is its replica now; then the new one dies.
        yield* during(() =>
          eventually(
            "the old primary has its data",
            async () => String(await first!.send("INFO", "replication")).includes("master_link_status:up")
          )
        )
        replica.kill()
        const answered = Effect.andThen(ask, Effect.sleep("50 millis"))
        const cluster = eventually(
          "the old primary takes over",
          async () =>
            String(await first!.send("ROLE")).startsWith("master") &&
            String(await second!.send("CLUSTER", "INFO")).includes("cluster_state:ok")
        )
        yield* Effect.raceFirst(Effect.forever(answered), during(() => cluster))
        const [took] = yield* Effect.timed(knows(store, name))
        // The client finds the new primary by a connection of its own, and does not wait for the dead one.
        assert.isBelow(Duration.toMillis(took), 3_000)
        yield* ask
        assert.strictEqual(down.requests.length, 1)
      }))
      // Told once where it was noticed at all.
      assert.isAtMost(logs.filter((log) => log === "away").length, 2, logs.join())
    }).pipe(Effect.scoped))
})

describe("a server that is loading its data", { timeout: 60_000 }, () => {
  it.live("is away until it has, which is said once, and what it had saved counts", () =>
    Effect.gen(function*() {
      const folder = mkdtempSync(join(tmpdir(), "holdfast-loading-"))
      const port = yield* during(freePort)
      const start = (...more: ReadonlyArray<string>) =>
        spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...more], {
          stdio: "ignore"
        })
      let server = start("--enable-debug-command", "yes")
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          server.kill("SIGKILL")
          rmSync(folder, { recursive: true })
        })
      )
      const admin = createClient({ url: `redis://127.0.0.1:${port}` })
      admin.on("error", () => undefined)
      yield* Effect.addFinalizer(() => Effect.sync(() => admin.destroy()))
      yield* during(() => admin.connect())
      const logs = yield* watched(Effect.gen(function*() {
        const store = yield* storeAt({ url: `redis://127.0.0.1:${port}` }, {})
        const { ask, down } = yield* chainOver(store, "llm")
        yield* ask
        yield* Effect.sleep("200 millis")
        yield* during(() => admin.sendCommand(["DEBUG", "POPULATE", "2000"]))
        yield* during(() => admin.sendCommand(["SAVE"]))
        const exited = once(server, "exit")
        server.kill("SIGKILL")
        yield* during(() => exited)
        // Half a millisecond for each of 2,000 keys.
        server = start("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
        let saidLoading = false
        const loaded = eventually("it has loaded its data", async () => {
          const info = await admin.sendCommand(["INFO", "persistence"])
          saidLoading ||= String(info).includes("loading:1")
          return saidLoading && String(info).includes("loading:0")
        })
        yield* Effect.raceFirst(Effect.forever(Effect.andThen(ask, Effect.sleep("50 millis"))), during(() => loaded))
        yield* knows(store, "llm")
        for (let i = 0; i < 4; i++) yield* Effect.andThen(ask, Effect.sleep("400 millis"))
        assert.strictEqual(down.requests.length, 1)
      }))
      assert.deepStrictEqual(logs, ["away", "back"])
    }).pipe(Effect.scoped))
})

describe("a process that probes", { timeout: 60_000 }, () => {
  it.live("and is stopped for longer than its lease loses the probe to another, and is not listened to when it goes on", () =>
    Effect.gen(function*() {
      const port = yield* during(freePort)
      const server = spawn("redis-server", ["--port", `${port}`, "--bind", "127.0.0.1", "--save", ""], {
        stdio: "ignore"
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => server.kill("SIGKILL")))
      const url = `redis://127.0.0.1:${port}`
      const store = yield* storeAt({ url })
      const lease = Duration.millis(700)
      yield* Effect.retry(store.report(report({ coolFor: 1 })), Schedule.spaced("25 millis"))
      yield* Effect.sleep("20 millis")
      const orders: HolderOrders = { url, lease: Duration.toMillis(lease) }
      const holder = fork(fileURLToPath(new URL("probeHolder.ts", import.meta.url)), [JSON.stringify(orders)])
      yield* Effect.addFinalizer(() => Effect.sync(() => holder.kill("SIGKILL")))
      const says = () => during(() => once(holder, "message").then(([message]) => message as unknown))
      assert.strictEqual(yield* says(), "probing")
      const mine = entry({ process: "p2", token: "t2", lease })
      // It renews its lease, so nothing else probes for two of them.
      const refused = store.enter(mine).pipe(
        Effect.tap(({ _tag }) => Effect.sync(() => assert.strictEqual(_tag, "CoolingDown"))),
        Effect.andThen(Effect.sleep("50 millis"))
      )
      yield* Effect.timeoutOption(Effect.forever(refused), Duration.times(lease, 2))
      holder.kill("SIGSTOP")
      const entered = yield* store.enter(mine).pipe(
        Effect.filterOrFail(({ _tag }) => _tag === "Admitted"),
        Effect.retry(Schedule.spaced("20 millis")),
        Effect.timeout("4 seconds")
      )
      assert.isTrue(entered._tag === "Admitted" && entered.isProbe)
      holder.send("succeed")
      holder.kill("SIGCONT")
      const late = yield* says()
      assert.deepInclude(late, { isDown: true, isProbed: true })
      const [state] = yield* store.look("llm", ["openai"])
      assert.deepInclude(state, { isDown: true, isProbed: true })
      const ended = yield* store.report(
        report({ process: "p2", token: "t2", probe: "released", answered: true, lease })
      )
      assert.deepInclude(ended, { isDown: false, isProbed: false })
    }).pipe(Effect.scoped))
})
