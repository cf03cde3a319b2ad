/** The client of a store on real servers that are away, refuse it, hang, or are no longer the primary. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreConfig from "@holdfast/llm/ChainStoreConfig"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { connect, createServer, type Socket } from "node:net"
import { freePort, serverWith } from "../../../../vitest.redis.ts"

const password = "hunter2"

/** A port before one of several servers: connections that are open stay where they are. */
const frontOf = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let target = path
      const open = new Set<Socket>()
      const server = createServer((near) => {
        const far = connect(target)
        for (const [from, to] of [[near, far], [far, near]] as const) {
          open.add(from)
          from.on("error", () => undefined).on("close", () => to.destroy()).pipe(to)
        }
      })
      const port = await freePort()
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
      const leadTo = (path: string) => {
        target = path
      }
      return { url: `redis://127.0.0.1:${port}`, leadTo, server, open }
    }),
    ({ open, server }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of open) socket.destroy()
      })
  )

const build = <A>(layer: Layer.Layer<A>) => Layer.build(layer)

const clientOf = (options: RedisClient.Options) =>
  Effect.map(build(RedisClient.layer(options)), (context) => Context.get(context, Redis.Redis))

const why = (error: Redis.RedisError): string => String(error.cause)

/** Asks again and again until a command is done, and gives what failed meanwhile. */
const until = <A, E>(ask: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const failures: Array<E> = []
    const tried = Effect.tapError(ask, (error) => Effect.sync(() => failures.push(error)))
    yield* Effect.retry(tried, Schedule.spaced("50 millis"))
    return failures
  }).pipe(Effect.timeout("15 seconds"))

describe("a client of Redis", () => {
  it.live("is made while the server is away, fails at once, and connects when the server is there", () =>
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const logs: Array<string> = []
      const store = yield* Effect.map(
        Layer.build(
          ChainStoreRedis.layer().pipe(
            Layer.provide(RedisClient.layer({ url: `redis://127.0.0.1:${port}` }))
          )
        ),
        (context) => Context.get(context, ChainStore.ChainStore)
      )
      yield* Effect.gen(function*() {
        const [took, refused] = yield* Effect.timed(Effect.flip(store.look("llm", ["openai"])))
        assert.isBelow(Duration.toMillis(took), 250)
        assert.include(String(refused.cause), "ECONNREFUSED")
        yield* serverWith(["--port", `${port}`])
        yield* until(store.look("llm", ["openai"]))
      }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))])))
      assert.deepStrictEqual(logs.map((line) => line.includes("again") ? "back" : "away"), ["away", "back"])
    }).pipe(Effect.scoped))

  it.live("says why it is refused, without the password", () =>
    Effect.gen(function*() {
      const redis = yield* serverWith(["--requirepass", password])
      const url = `unix://${redis.path}`
      const refused = (options: RedisClient.Options) =>
        Effect.scoped(Effect.flatMap(clientOf(options), ({ send }) => Effect.map(Effect.flip(send("PING")), why)))
      assert.match(yield* refused({ url }), /NOAUTH/u)
      const wrong = yield* refused({ url, password: Redacted.make("letmein7") })
      assert.match(wrong, /WRONGPASS/u)
      assert.notInclude(wrong, "letmein7")
      const right = yield* clientOf({ url, password: Redacted.make(password) })
      assert.strictEqual(yield* right.send("PING"), "PONG")
    }).pipe(Effect.scoped))

  it.live("finds the primary again when its server has become a replica", () =>
    Effect.gen(function*() {
      const first = yield* serverWith([])
      const second = yield* serverWith([])
      const front = yield* frontOf(first.path)
      const { send } = yield* clientOf({ url: front.url })
      yield* send("SET", "a", "1")
      yield* send("REPLICAOF", "127.0.0.1", "1")
      front.leadTo(second.path)
      const failures = yield* until(send("SET", "a", "2"))
      assert.match(why(failures[0]!), /READONLY/u)
      assert.strictEqual(yield* send("GET", "a"), "2")
    }).pipe(Effect.scoped))

  it.live("replaces a connection on which nothing is answered", () =>
    Effect.gen(function*() {
      const first = yield* serverWith([])
      const second = yield* serverWith([])
      const front = yield* frontOf(first.path)
      const { send } = yield* clientOf({ url: front.url })
      yield* send("PING")
      yield* first.pause
      front.leadTo(second.path)
      const [took] = yield* Effect.timed(until(Effect.timeout(send("PING"), "100 millis")))
      assert.isBelow(Duration.toMillis(took), 8_000)
      yield* first.resume
    }).pipe(Effect.scoped))

  it.live("is that of the store that the environment and a file name, which can be looked at", () =>
    Effect.gen(function*() {
      const redis = yield* serverWith(["--requirepass", password])
      const file = yield* LlmConfig.decode({
        llm: { store: { redis: { url: "SHOP_URL", password: "SHOP_PASSWORD", prefix: "shop:", timeout: 5 } } }
      })
      const env = (variables: Record<string, string>) =>
        Layer.provideMerge(LlmConfig.layer(file), ConfigProvider.layer(ConfigProvider.fromUnknown(variables)))
      const right = env({ SHOP_URL: `unix://${redis.path}\n`, SHOP_PASSWORD: password })
      const found = yield* Effect.provide(ChainStoreConfig.inspect, right)
      assert.deepInclude(found, { server: "redis", cluster: false, tls: false, prefix: "shop:" })
      assert.match(found?.version ?? "", /^\d+\.\d+/u)
      yield* Effect.gen(function*() {
        const store = yield* ChainStore.ChainStore
        yield* store.reserve({ key: "user:1", window: Duration.hours(1), amount: 1, limit: 2 })
      }).pipe(Effect.provide(Layer.provide(ChainStoreConfig.layerConfig, right)))
      const { send } = yield* clientOf({ url: `unix://${redis.path}`, password: Redacted.make(password) })
      const keys = yield* send<ReadonlyArray<string>>("KEYS", "*")
      assert.deepStrictEqual(keys.filter((key) => !key.includes("inspected")), ["shop:sum:{user:1}:3600000"])

      const wrong = env({ SHOP_URL: `unix://${redis.path}`, SHOP_PASSWORD: "letmein7" })
      const refused = yield* Effect.flip(Effect.provide(ChainStoreConfig.inspect, wrong))
      assert.match(refused.message, /WRONGPASS/u)
      assert.notInclude(String(refused), "letmein7")
      const unset = yield* Effect.flip(Effect.provide(ChainStoreConfig.inspect, env({})))
      assert.include(unset.message, "set SHOP_URL to its URL")
      const failed = yield* Effect.flip(
        Effect.scoped(Layer.build(Layer.provide(ChainStoreConfig.layerConfig, env({}))))
      )
      assert.include(failed.message, "set SHOP_URL to its URL")
    }).pipe(Effect.scoped))
})
