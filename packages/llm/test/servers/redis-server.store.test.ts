/** The store of a fleet in a real Redis, by the clock of the tests: its contract, and that it answers as the one in memory does. */
import { afterAll, assert, beforeAll, describe } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { layerClock, type Server, server } from "../../../../vitest.redis.ts"
import { makeMemory } from "../../src/internal/store/memory.ts"
import { entry, report, storeContract } from "../store/storeContract.ts"

const at = { process: Schema.Literals(["p1", "p2", "p3"]), token: Schema.Literals(["t1", "t2", "t3"]) }
const member = Schema.Literals(["openai", "openai", "ollama"])
const tokens = Schema.Literals([0, 1, 40, 60, 500])

const Step = Schema.Union([
  Schema.Struct({
    _tag: Schema.tag("enter"),
    ...at,
    member,
    tokens,
    inFlight: Schema.Literals([0, 1, 2]),
    requestsPerMinute: Schema.Literals([2, 5, 0]),
    tokensPerMinute: Schema.Literals([100, 0]),
    anyway: Schema.Boolean
  }),
  Schema.Struct({
    _tag: Schema.tag("report"),
    ...at,
    member,
    inFlight: Schema.Literals([0, 1, 2]),
    probe: Schema.Literals(["none", "held", "released"]),
    answered: Schema.Boolean,
    coolFor: Schema.Literals([0, 0, 1, 900, 30_000]),
    more: Schema.Literals([0, -40, 60]),
    requests: Schema.Literals([0, 0, 1]),
    tokens: Schema.Literals([0, 0, 40])
  }),
  Schema.Struct({ _tag: Schema.tag("look") }),
  Schema.Struct({
    _tag: Schema.tag("sum"),
    key: Schema.Literals(["user:1", "user:2"]),
    window: Schema.Literals([1_000, 60_000, 86_400_000]),
    amount: Schema.Literals([0, 0.25, 0.5, 2]),
    limit: Schema.Literals([1, 3, 0]),
    more: Schema.Literals([-0.25, 0, 1.5])
  })
])

/** No limit is written as 0. */
const limitOf = (limit: number): number => limit === 0 ? Infinity : limit

const Script = Schema.Array(Schema.Struct({
  after: Schema.Literals([0, 0, 1, 17, 500, 1_000, 9_999, 10_001, 30_000, 61_000]),
  step: Step
})).check(Schema.isMinLength(20), Schema.isMaxLength(40))

describe("A store in Redis", () => {
  const scope = Scope.makeUnsafe()
  let redis: Server
  let stored: ChainStore.ChainStore["Service"]
  const emptied = Layer.unwrap(
    Effect.sync(() =>
      Layer.effectDiscard(Effect.flatMap(Redis.Redis, ({ send }) => send("FLUSHALL"))).pipe(
        Layer.provideMerge(redis.layer)
      )
    )
  )
  const underClock = ChainStoreRedis.layer({ timeout: "20 seconds" }).pipe(
    Layer.provide(layerClock),
    Layer.provide(emptied)
  )
  beforeAll(async () => {
    redis = await Effect.runPromise(Scope.provide(server, scope))
    stored = Context.get(await Effect.runPromise(Scope.provide(Layer.build(underClock), scope)), ChainStore.ChainStore)
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  storeContract("in Redis", underClock)

  let scripts = 0
  law(
    "answers as the one in memory does, whatever it is told, and when",
    { script: Script },
    ({ script }, reach) =>
      Effect.gen(function*() {
        const chain = `law ${++scripts}`
        const memory = makeMemory()
        const slots: Array<number> = []
        const same = <A>(
          ask: (store: ChainStore.ChainStore["Service"]) => Effect.Effect<A, ChainStore.ChainStoreError>
        ) =>
          Effect.gen(function*() {
            const expected = yield* ask(memory)
            assert.deepStrictEqual(yield* ask(stored), expected)
            return expected
          })
        for (const { after, step } of script) {
          yield* TestClock.adjust(after)
          switch (step._tag) {
            case "enter": {
              const requestsPerMinute = limitOf(step.requestsPerMinute)
              const tokensPerMinute = limitOf(step.tokensPerMinute)
              const asked = entry({ ...step, requestsPerMinute, tokensPerMinute, chain })
              const answer = yield* same((store) => store.enter(asked))
              reach(answer._tag)
              if (answer._tag !== "Admitted") break
              slots.push(answer.slot)
              if (answer.isProbe) reach("probe")
              break
            }
            case "report": {
              const { more, requests, tokens, ...rest } = step
              const settled = more === 0 ? undefined : { slot: slots.shift() ?? 1, more }
              yield* same((store) => store.report(report({ ...rest, chain, settled, unasked: { requests, tokens } })))
              break
            }
            case "look":
              yield* same((store) => store.look(chain, ["ollama", "openai", "other"]))
              break
            case "sum": {
              const { amount, more } = step
              const account = { key: `${chain}:${step.key}`, window: Duration.millis(step.window) }
              const answer = yield* same((store) => store.reserve({ ...account, amount, limit: limitOf(step.limit) }))
              if (answer._tag === "Refused") reach("spent")
              else yield* same((store) => store.settle({ ...account, slot: answer.slot, more }))
              yield* same((store) => store.spent(account))
            }
          }
        }
      }).pipe(Effect.orDie),
    { cases: 100, reaches: ["Admitted", "CoolingDown", "Full", "probe", "spent"] }
  )
})
