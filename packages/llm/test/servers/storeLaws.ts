/** Laws of a store in a real server: what several clients are answered is what one store in memory answers, in some order. */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest"
import type * as ChainStore from "@holdfast/llm/ChainStore"
import * as RedisClient from "@holdfast/llm/RedisClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { layerClock, serverWith } from "../../../../vitest.redis.ts"
import { makeMemory } from "../../src/internal/store/memory.ts"
import { makeRedis } from "../../src/internal/store/redis/store.ts"
import { make, Step } from "../store/storeSteps.ts"

type Store = ChainStore.ChainStore["Service"]

/** How much later than it was sent a step may come, in milliseconds. */
const late = 1_000

const Script = Schema.Array(Schema.Struct({
  after: Schema.Literals([0, 0, 1, 17, 500, 1_000, 9_999, 10_001, 30_000, 61_000]),
  /** What each client does at the same moment; some do nothing. */
  steps: Schema.Tuple([Step, Schema.Union([Step, Schema.Null]), Schema.Union([Step, Schema.Null])]),
  /** Held back on their way for so long. */
  delay: Schema.Literals([0, 0, 0, 0, 999, 1_001, 20_000]),
  fault: Schema.Literals([
    "none",
    "none",
    "none",
    "none",
    "scripts are forgotten",
    "connections are dropped",
    "data is lost"
  ])
})).check(Schema.isMinLength(10), Schema.isMaxLength(20))

interface Made {
  readonly at: number
  readonly step: Step
}

/** The clock of an instant. */
const clockAt = (now: number): Clock.Clock => ({
  ...Effect.runSync(Clock.Clock),
  currentTimeMillisUnsafe: () => now,
  currentTimeMillis: Effect.succeed(now)
})

/** A store in memory answers at once. */
const runSync = Effect.runSyncWith(Context.empty())

/** All orders of a few values. */
const orders = <A>(values: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  values.length < 2
    ? [values]
    : values.flatMap((value, i) => orders(values.toSpliced(i, 1)).map((rest) => [value].concat(rest)))

export const storeLaws = (program: string): void => {
  describe(`A store in ${program}`, () => {
    const scope = Scope.makeUnsafe()
    const delays = [0, 0, 0]
    let clients: ReadonlyArray<Store> = []
    let raw: ReadonlyArray<Redis.Redis["Service"]> = []

    beforeAll(async () => {
      const build = Effect.gen(function*() {
        const server = yield* serverWith([], program)
        raw = yield* Effect.forEach(
          delays,
          () =>
            Effect.map(
              Layer.build(RedisClient.layer({ url: `unix://${server.path}` })),
              (context) => Context.get(context, Redis.Redis)
            )
        )
        clients = yield* Effect.forEach(raw, (redis, i) =>
          Effect.gen(function*() {
            // The clock is read where the step is made, and that of the server where it arrives.
            const timed = yield* Layer.build(Layer.provide(layerClock, Layer.succeed(Redis.Redis, redis)))
            const clocked = Context.get(timed, Redis.Redis)
            const slow = Redis.Redis.of({
              ...clocked,
              eval: (script) => {
                const run = clocked.eval(script)
                return (...params) => {
                  const delay = delays[i] ?? 0
                  return delay === 0 ? run(...params) : Effect.andThen(Effect.sleep(delay), run(...params))
                }
              }
            })
            return yield* Effect.provideService(makeRedis({ prefix: "law:", late }), Redis.Redis, slow)
          }))
      })
      await Effect.runPromise(Scope.provide(build, scope))
    })
    afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

    const onServer = (...command: readonly [string, ...ReadonlyArray<string>]) => {
      const [name, ...args] = command
      return Effect.flatMap(
        Effect.sync(() => raw[0]),
        (redis) => redis === undefined ? Effect.void : redis.send(name, ...args)
      )
    }

    /** Waits, by the clock of the machine, until every client is connected again. */
    const connected = Effect.forEach([0, 1, 2], (i) =>
      Effect.promise(async () => {
        for (;;) {
          const exit = await Effect.runPromiseExit(raw[i]?.send("PING") ?? Effect.void)
          if (Exit.isSuccess(exit)) return
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }), { discard: true })

    let scripts = 0
    law(
      "M13, M14: several clients at once are answered as one store in memory answers them in some order, whatever befalls the server",
      { script: Script },
      ({ script }, reach) =>
        Effect.gen(function*() {
          const chain = `law ${++scripts}`
          // Each knows the clock of the server from its last answer.
          yield* Effect.forEach(clients, (store) => store.look(chain, ["openai"]))
          const start = yield* Clock.currentTimeMillis
          let memory = makeMemory()
          const made: Array<Made> = []
          const answerOf = (store: Store, { at, step }: Made): unknown =>
            runSync(Effect.provideService(make(step, chain, start, store), Clock.Clock, clockAt(at)))
          const replay = (): Store => {
            const store = makeMemory()
            for (const one of made) answerOf(store, one)
            return store
          }
          for (const { after, delay, fault, steps } of script) {
            yield* TestClock.adjust(after)
            if (fault !== "none") reach(fault)
            if (fault === "scripts are forgotten") yield* onServer("SCRIPT", "FLUSH")
            if (fault === "connections are dropped") {
              yield* Effect.ignore(onServer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"))
              yield* connected
            }
            if (fault === "data is lost") {
              yield* onServer("FLUSHALL")
              memory = makeMemory()
              made.length = 0
            }
            const meant = steps.flatMap((step, i) => {
              const store = clients[i]
              return step === null || store === undefined ? [] : [{ step, store }]
            })
            delays.fill(delay)
            const running = yield* Effect.forEach(meant, ({ step, store }) =>
              Effect.forkChild(Effect.result(make(step, chain, start, store)), { startImmediately: true }))
            yield* TestClock.adjust(delay)
            const ends = yield* Effect.forEach(running, Fiber.join)
            delays.fill(0)
            if (delay > late) {
              reach("too late")
              for (const end of ends) {
                assert.strictEqual(end._tag, "Failure")
              }
              continue
            }
            const at = yield* Clock.currentTimeMillis
            const answers = ends.map((end) =>
              end._tag === "Success" ? end.success : assert.fail(String(end.failure.cause))
            )
            const expected = meant.map(({ step }, i) => ({ one: { at, step }, answer: answers[i] }))
            if (expected.length > 1) {
              reach("at once")
            }
            const [only] = expected
            if (expected.length === 1 && only !== undefined) {
              assert.deepStrictEqual(only.answer, answerOf(memory, only.one))
              made.push(only.one)
              continue
            }
            const order = orders(expected).find((order) => {
              const store = replay()
              try {
                for (const { answer, one } of order) {
                  assert.deepStrictEqual(answer, answerOf(store, one))
                }
              } catch {
                return false
              }
              memory = store
              return true
            })
            assert.isDefined(order, "no order of the steps gives these answers")
            made.push(...(order ?? []).map(({ one }) =>
              one
            ))
          }
        }).pipe(Effect.orDie),
      {
        cases: 60,
        reaches: ["at once", "too late", "scripts are forgotten", "connections are dropped", "data is lost"]
      }
    )
  })
}
