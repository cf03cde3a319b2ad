/**
 * State by key: against a naive list in the order of use, with what each key would lose set by the test.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Hedge from "@holdfast/core/Hedge"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"
import { Keyed, type Loss } from "../src/internal/keyed.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

interface Entry {
  readonly key: string
  loss: Loss
}

/** Eight values are kept for each new key, and sixty-four looked at. */
const looks = 8
const most = 64

/** What a new key evicts, as the rule is written: from the least recently used on. */
const evictions = (entries: ReadonlyArray<Entry>, maxKeys: number): ReadonlyArray<string> => {
  const stale: Array<Entry> = []
  const kept: Array<Entry> = []
  for (const entry of entries) {
    if (kept.length === looks || stale.length + kept.length === most) break
    ;(entry.loss === "nothing" ? stale : kept).push(entry)
  }
  const candidates = [...kept.filter(({ loss }) => loss === "little"), ...kept.filter(({ loss }) => loss === "much")]
  const over = Math.max(0, entries.length - stale.length - maxKeys + 1)
  return [...stale, ...candidates.slice(0, over)].map(({ key }) => key)
}

const Losses = Schema.Literals(["nothing", "little", "little", "little", "much", "much", "use", "use"])

describe("Keyed", () => {
  law(
    "evicts what would lose least, the least recently used first, and never what is in use",
    {
      maxKeys: between(1, 12),
      moves: Schema.Array(Schema.Struct({ key: between(0, 40), loss: Losses })).check(
        Schema.isMinLength(10),
        Schema.isMaxLength(120)
      )
    },
    ({ maxKeys, moves }, reach) =>
      Effect.sync(() => {
        let model: Array<Entry> = []
        let evicted: Array<string> = []
        let looked = 0
        const keyed = new Keyed<Entry>(maxKeys, {
          create: (key) => ({ key, loss: "little" }),
          lossOf: ({ loss }) => {
            looked++
            return loss
          },
          evicted: ({ key }) => evicted.push(key)
        })
        for (const { key: number, loss } of moves) {
          const key = `${number}`
          const known = model.find((entry) => entry.key === key)
          const gone = known === undefined ? evictions(model, maxKeys) : []
          evicted = []
          looked = 0
          const value = keyed.get(key, 0)
          assertTrue(looked <= most)
          deepStrictEqual(evicted, gone)
          if (gone.length > 0) reach("an eviction")
          if (inUse(model).some(({ key }) => !gone.includes(key)) && model.length > maxKeys) {
            reach("more in use than allowed")
          }
          if (known !== undefined) strictEqual(value, known)
          // Values in use that were looked at stand behind the others.
          const seen = known === undefined ? inUse(model) : []
          model = [
            ...model.filter((entry) => entry !== known && !gone.includes(entry.key) && !seen.includes(entry)),
            ...seen,
            value
          ]
          value.loss = loss
          deepStrictEqual([...keyed.values()], model)
          strictEqual(keyed.size, model.length)
        }
      }),
    { reaches: ["an eviction", "more in use than allowed"] }
  )

  /** The values in use among those that a new key looks at. */
  const inUse = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> => {
    const seen: Array<Entry> = []
    let kept = 0
    for (const [index, entry] of entries.entries()) {
      if (kept === looks || index === most) break
      if (entry.loss !== "nothing") kept++
      if (entry.loss === "use") seen.push(entry)
    }
    return seen
  }

  it("looks at a bounded number of values, however many there are", () => {
    let looked = 0
    const keyed = new Keyed<object>(100_000, {
      create: () => ({}),
      lossOf: () => {
        looked++
        return "little"
      }
    })
    for (let i = 0; i < 100_000; i++) keyed.get(`${i}`, 0)
    looked = 0
    for (let i = 0; i < 1_000; i++) keyed.get(`new ${i}`, 0)
    strictEqual(looked, 8_000)
    strictEqual(keyed.size, 100_000)
  })

  it("evicts nothing for a key that is known, and does not move the one that was used last", () => {
    const keyed = new Keyed<{ readonly key: string }>(2, { create: (key) => ({ key }), lossOf: () => "little" })
    const a = keyed.get("a", 0)
    const b = keyed.get("b", 0)
    strictEqual(keyed.get("b", 0), b)
    strictEqual(keyed.get("a", 0), a)
    keyed.get("c", 0)
    deepStrictEqual([...keyed.values()].map(({ key }) => key), ["a", "c"])
  })

  it("shares values both ways, evictions included", () => {
    const rule = { create: (key: string) => ({ key }), lossOf: (): Loss => "little" }
    const one = new Keyed(1, rule)
    const other = new Keyed(2, rule)
    const a = one.get("a", 0)
    other.share(one)
    strictEqual(other.get("a", 0), a)
    const b = one.get("b", 0)
    strictEqual(other.peek("a"), undefined)
    strictEqual(other.get("b", 0), b)
    assertTrue(other.get("a", 0) !== a)
    strictEqual(one.size, 2)
  })

  it("does not evict what is taken out", () => {
    const evicted: Array<string> = []
    const keyed = new Keyed<{ readonly key: string }>(1, {
      create: (key) => ({ key }),
      lossOf: () => "little",
      evicted: ({ key }) => evicted.push(key)
    })
    const a = keyed.get("a", 0)
    keyed.take("a")
    deepStrictEqual(evicted, [])
    assertTrue(keyed.get("a", 0) !== a)
  })
})

describe("a key that was not used for long", () => {
  it.effect("starts over with the limit of a new adaptive bulkhead, and keeps its rejections", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.adaptive({ initial: 100, window: 10, idleTimeToLive: "1 minute" })
      const call = (takes: number) => Effect.sleep(takes).pipe(bulkhead.protect({ key: "eu" }))
      const crowd = (takes: number) =>
        Effect.gen(function*() {
          yield* Effect.forkChild(Effect.forEach(Array.from({ length: 100 }), () => Effect.exit(call(takes)), {
            concurrency: "unbounded"
          }))
          yield* TestClock.adjust(takes)
        })
      yield* crowd(1)
      for (let i = 0; i < 20; i++) yield* crowd(1_000)
      const { limit, rejections } = yield* bulkhead.stats({ key: "eu" })
      assertTrue(limit !== 100 && rejections > 0, `${limit}, ${rejections}`)
      yield* TestClock.adjust("58 seconds")
      yield* bulkhead.protect({ key: "eu" })(Effect.void)
      assertTrue((yield* bulkhead.stats({ key: "eu" })).limit !== 100)
      yield* TestClock.adjust("1 minute")
      yield* bulkhead.protect({ key: "eu" })(Effect.void)
      const after = yield* bulkhead.stats({ key: "eu" })
      deepStrictEqual([after.limit, after.rejections], [100, rejections])
    }))

  it.effect("starts over with no measured latency", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({
        after: Hedge.quantile({ quantile: 0.5, minimumCalls: 2 }),
        idleTimeToLive: "1 minute"
      })
      const call = (takes: number) =>
        Effect.gen(function*() {
          yield* Effect.forkChild(Hedge.idempotent(Effect.sleep(takes)).pipe(hedge.protect({ key: "eu" })))
          yield* TestClock.adjust(takes)
          return (yield* hedge.stats({ key: "eu" })).after
        })
      deepStrictEqual([yield* call(20), yield* call(20)], [undefined, 20])
      yield* TestClock.adjust("1 minute")
      deepStrictEqual([yield* call(7), yield* call(7)], [undefined, 7])
    }))
})
