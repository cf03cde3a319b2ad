/** What goes wrong with a Redis that is there: its data, its memory, its scripts, its connections and its rights. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { freePort, serverWith } from "../../../../vitest.redis.ts"
import { makePurse } from "../../src/internal/store/purse.ts"
import { entry, report } from "../store/storeContract.ts"

const scope = Scope.makeUnsafe()
/** A client beside those of the stores. */
let send: Redis.Redis["Service"]["send"]

let port: number

const client = (user = "") =>
  Layer.unwrap(Effect.sync(() => RedisClient.layer({ url: `redis://${user}127.0.0.1:${port}` })))

beforeAll(async () => {
  port = await freePort()
  const options = ["--port", `${port}`, "--enable-debug-command", "yes", "--busy-reply-threshold", "50"]
  await Effect.runPromise(Scope.provide(serverWith(options), scope))
  const context = await Effect.runPromise(Scope.provide(Layer.build(client()), scope))
  send = Context.get(context, Redis.Redis).send
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

let tests = 0

/** Runs a test over a store of its own, and what was logged of its coming and going. */
const over = <A, E>(
  use: (store: ChainStore.ChainStore["Service"], prefix: string) => Effect.Effect<A, E, Scope.Scope>,
  user?: string
) =>
  Effect.gen(function*() {
    const logs: Array<string> = []
    const prefix = `faults${++tests}:`
    yield* Effect.scoped(Effect.gen(function*() {
      const layer = ChainStoreRedis.layer({ prefix }).pipe(Layer.provide(client(user)))
      const store = Context.get(yield* Layer.build(layer), ChainStore.ChainStore)
      yield* use(store, prefix)
    })).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => {
      const [text] = Array.isArray(message) ? message : [message]
      logs.push(String(text).includes("again") ? "back" : "away")
    })])))
    return logs
  })

const until = <A, E>(ask: Effect.Effect<A, E>) =>
  Effect.timeout(Effect.retry(ask, Schedule.spaced("50 millis")), "10 seconds")

const budget = { key: "user:1", window: Duration.hours(1), amount: 1, limit: 2 }

describe("what is at a key of a store", () => {
  it.live.each<readonly [string, (key: string) => ReadonlyArray<string>]>([
    ["a list", (key: string) => ["RPUSH", key, "a"]],
    ["a hash", (key: string) => ["HSET", key, "a", "1"]],
    ["text", (key: string) => ["SET", key, "what is this?"]],
    ["JSON", (key: string) => ["SET", key, "{\"until\":1}"]],
    ["nothing at all", (key: string) => ["SET", key, ""]],
    ["a number in MessagePack", (key: string) => ["SET", key, "\u0001"]],
    ["a map in MessagePack", (key: string) => ["SET", key, "\u0081\u00a1a\u0001"]],
    ["what an earlier version wrote", (key: string) => ["SET", key, "\u0095\u0000\u00a0\u0000\u0080\u0090"]]
  ])("counts as nothing if it is %s, and is overwritten", ([, write]) =>
    Effect.gen(function*() {
      const logs = yield* over((store, prefix) =>
        Effect.gen(function*() {
          for (const key of [`${prefix}chain:{llm}:openai`, `${prefix}sum:{user:1}:3600000`]) {
            const [command = "", ...args] = write(key)
            yield* send(command, ...args)
          }
          const [unknown] = yield* store.look("llm", ["openai"])
          assert.deepInclude(unknown, { isDown: false, inFlight: 0, requests: 0, madeAt: 0 })
          assert.strictEqual(yield* store.spent(budget), 0)
          assert.strictEqual((yield* store.enter(entry()))._tag, "Admitted")
          assert.isTrue((yield* store.report(report({ coolFor: 30_000 }))).isDown)
          assert.strictEqual((yield* store.reserve(budget)).sum, 1)
          assert.strictEqual(yield* store.spent(budget), 1)
        })
      )
      assert.deepStrictEqual(logs, [])
    }))
})

describe("a server", () => {
  const spent = TestProvider.failure(new AiError.QuotaExhaustedError({}))
  const chainOver = (store: ChainStore.ChainStore["Service"], options: ProviderChain.Options) =>
    Effect.provideService(ProviderChain.make(options), ChainStore.ChainStore, store)
  const hello = (chain: LanguageModel.LanguageModel) => Effect.asVoid(chain.generateText({ prompt: "hello" }))
  const up = (name: string) => TestProvider.make(name, () => Effect.succeed(TestProvider.text("hi")))

  it.live("that has lost its data is told again of cool-downs, by those who know", () =>
    Effect.gen(function*() {
      const first = TestProvider.make("first", () => Effect.succeed(spent))
      const logs = yield* over((store, prefix) =>
        Effect.gen(function*() {
          const make = chainOver(store, { providers: [first, up("spare")], retry: false })
          const here = yield* make
          yield* hello(here)
          yield* Effect.sleep("300 millis")
          yield* hello(here)
          yield* send("DEL", `${prefix}chain:{llm}:first`)
          yield* Effect.sleep("300 millis")
          yield* hello(here)
          yield* Effect.sleep("300 millis")
          yield* hello(here)
          // One that begins now learns it from the store.
          yield* hello(yield* make)
          assert.strictEqual(first.requests.length, 1)
        })
      )
      assert.deepStrictEqual(logs.filter((line) => line === "back"), [])
    }))

  it.live("that has lost its data is told again of the last minute, and of what is spent", () =>
    Effect.asVoid(
      over((store, prefix) =>
        Effect.gen(function*() {
          const first = up("first")
          const limited = Pool.make({ members: [{ provider: first, limits: { requestsPerMinute: 6 } }] })
          const chain = yield* chainOver(store, { providers: [limited, up("spare")], retry: false })
          for (let i = 0; i < 4; i++) yield* hello(chain)
          const purse = yield* Effect.provideService(makePurse, ChainStore.ChainStore, store)
          for (const _ of [1, 2]) assert.strictEqual((yield* purse.reserve({ ...budget, limit: 4 }))._tag, "Reserved")
          yield* send("DEL", `${prefix}chain:{llm}:first`, `${prefix}sum:{user:1}:3600000`)
          for (let i = 0; i < 6; i++) {
            yield* hello(chain)
            yield* Effect.sleep("100 millis")
          }
          // The request that finds it out is let in by the store as it is.
          assert.isAtMost(first.requests.length, 7)
          assert.isAtLeast(first.requests.length, 6)
          assert.strictEqual((yield* purse.reserve({ ...budget, limit: 4 }))._tag, "Reserved")
          assert.strictEqual(yield* purse.spent(budget), 3)
          assert.strictEqual((yield* purse.reserve({ ...budget, limit: 4 }))._tag, "Reserved")
          assert.strictEqual((yield* purse.reserve({ ...budget, limit: 4 }))._tag, "Refused")
        })
      )
    ))

  it.live("that has forgotten the scripts is given them again, and one that has dropped its clients is asked again", () =>
    Effect.gen(function*() {
      const logs = yield* over((store) =>
        Effect.gen(function*() {
          yield* store.report(report({ coolFor: 30_000 }))
          yield* send("SCRIPT", "FLUSH")
          assert.strictEqual((yield* store.enter(entry()))._tag, "CoolingDown")
          yield* Effect.ignore(send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"))
          yield* Effect.sleep("200 millis")
          yield* until(store.report(report()))
          assert.strictEqual((yield* store.enter(entry()))._tag, "CoolingDown")
        })
      )
      assert.deepStrictEqual(logs.slice(0, 2).toSorted(), logs.length === 0 ? [] : ["away", "back"])
    }))

  it.live.each<readonly [string, ReadonlyArray<ReadonlyArray<string>>, ReadonlyArray<ReadonlyArray<string>>]>([
    ["out of memory", [["CONFIG", "SET", "maxmemory", "1"]], [["CONFIG", "SET", "maxmemory", "0"]]],
    ["a replica", [["REPLICAOF", "127.0.0.1", "1"]], [["REPLICAOF", "NO", "ONE"]]],
    [
      "short of replicas",
      [["CONFIG", "SET", "min-replicas-to-write", "1"]],
      [["CONFIG", "SET", "min-replicas-to-write", "0"]]
    ]
  ])(
    "that is %s is away, which is said once, and back when it takes writes again",
    ([, breaking, mending]) =>
      Effect.gen(function*() {
        const logs = yield* over((store) =>
          Effect.gen(function*() {
            const provider = up("openai")
            const chain = yield* chainOver(store, { providers: [provider], retry: false })
            yield* hello(chain)
            for (const [command = "", ...args] of breaking) yield* send(command, ...args)
            for (let i = 0; i < 8; i++) {
              yield* hello(chain)
              yield* Effect.sleep("300 millis")
            }
            for (const [command = "", ...args] of mending) yield* until(send(command, ...args))
            yield* until(store.report(report()))
            yield* hello(chain)
            assert.strictEqual(provider.requests.length, 10)
          })
        )
        assert.deepStrictEqual(logs, ["away", "back"])
      })
  )

  it.live("that is busy with a script of another program, or asleep, is waited for no longer than a step", () =>
    Effect.gen(function*() {
      const logs = yield* over((store) =>
        Effect.gen(function*() {
          const chain = yield* chainOver(store, { providers: [up("openai")], retry: false })
          yield* hello(chain)
          const asleep = yield* Effect.forkChild(send("DEBUG", "SLEEP", "1.5"), { startImmediately: true })
          yield* Effect.sleep("20 millis")
          const [took] = yield* Effect.timed(hello(chain))
          assert.isBelow(Duration.toMillis(took), 1_000)
          yield* Fiber.join(asleep)
          yield* until(store.report(report()))
          const busy = yield* Effect.forkChild(Effect.ignore(send("EVAL", "while true do end", "0")), {
            startImmediately: true
          })
          yield* Effect.sleep("100 millis")
          yield* Effect.timeout(hello(chain), "1 second")
          yield* until(Effect.scoped(Effect.flatMap(Layer.build(client()), (context) =>
            Context.get(context, Redis.Redis).send("SCRIPT", "KILL"))))
          yield* Fiber.join(busy)
          yield* until(store.report(report()))
        })
      )
      assert.deepStrictEqual(logs, ["away", "back", "away", "back"])
    }))

  it.live("that lets a user run no scripts is away, and its words are told", () =>
    Effect.gen(function*() {
      yield* send("ACL", "SETUSER", "reader", "on", ">hunter2", "~*", "+ping", "+get", "+script|load")
      const logs = yield* over((store) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(store.enter(entry()))
          assert.match(String(error.cause), /NOPERM/u)
          assert.notInclude(String(error.cause), "hunter2")
          yield* hello(yield* chainOver(store, { providers: [up("openai")], retry: false }))
        }), "reader:hunter2@")
      assert.deepStrictEqual(logs, ["away"])
    }))

  it.live("has the members of a chain in one slot, whatever the chain is called", () =>
    over((store, prefix) =>
      Effect.gen(function*() {
        for (const chain of ["}", "{}", "a}b", "{a}", "%7D", " ", "ключ"]) {
          yield* store.enter(entry({ chain }))
          const keys = yield* send<ReadonlyArray<string>>("KEYS", `${prefix}chain:*`)
          for (const key of keys) assert.match(key, /^[^{}]+\{[^{}]+\}:openai$/u)
        }
        assert.strictEqual((yield* send<ReadonlyArray<string>>("KEYS", `${prefix}chain:*`)).length, 7)
      })
    ))
})
