/** The strategies of a pool, as the pure functions that they are. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { law } from "../../../../vitest.law.ts"
import { MemberLoad } from "../../src/internal/pool/load.ts"
import type { Candidate, Situation } from "../../src/internal/pool/strategy.ts"
import { order, strategies } from "../../src/internal/pool/strategy.ts"
import { Ticket } from "../../src/internal/store/ticket.ts"

const candidate = (name: string, { price, weight = 1 }: { weight?: number; price?: number } = {}): Candidate => ({
  name,
  weight,
  price,
  load: new MemberLoad({ requestsPerMinute: undefined, tokensPerMinute: undefined }, 30_000, 60_000)
})

const situation: Situation = { now: 0, method: "streamText", input: 100, session: undefined, random: () => 0.5 }

const first = (...given: Parameters<typeof order<Candidate>>): string | undefined => order(...given)[0]?.name

const drawing = Effect.map(Random.Random, (random) => () => random.nextDoubleUnsafe()).pipe(Random.withSeed("pool"))

/** A request that stays in flight. */
const letIn = ({ gate }: MemberLoad) => Effect.runSync(new Ticket(gate, () => 0).enter(1, false, Scope.makeUnsafe()))

describe("a strategy", () => {
  law(
    "asks each member once, whatever it knows of them",
    {
      strategy: Schema.Literals(["inOrder", "weighted", "leastBusy", "fastest", "cheapest", "sticky"]),
      weights: Schema.Array(Schema.Literals([0.5, 1, 2, 10])),
      session: Schema.optional(Schema.String)
    },
    ({ session, strategy, weights }) =>
      Effect.map(drawing, (random) => {
        const members = weights.map((weight, i) => candidate(`m${i}`, { weight }))
        const names = order(strategy, members, { ...situation, session, random }).map(({ name }) => name)
        assert.deepStrictEqual(names.toSorted(), members.map(({ name }) => name).toSorted())
      })
  )

  it.effect("weighted and sticky share the requests by weight", () =>
    Effect.gen(function*() {
      const random = yield* drawing
      const members = [candidate("a"), candidate("b", { weight: 2 }), candidate("c", { weight: 7 })]
      for (const strategy of ["weighted", "sticky"] as const) {
        const times = { a: 0, b: 0, c: 0 }
        for (let i = 0; i < 10_000; i++) {
          const name = first(strategy, members, { ...situation, random, session: `session ${i}` })
          times[name as "a" | "b" | "c"]++
        }
        // Ten standard deviations of a binomial draw are below 0.05.
        assert.closeTo(times.a / 10_000, 0.1, 0.05, strategy)
        assert.closeTo(times.b / 10_000, 0.2, 0.05, strategy)
        assert.closeTo(times.c / 10_000, 0.7, 0.05, strategy)
      }
    }))

  law(
    "sticky moves only the sessions of a member that is gone",
    { session: Schema.String, members: Schema.Literals([2, 3, 5, 8]), gone: Schema.Literals([0, 1]) },
    ({ gone, members: count, session }, reach) =>
      Effect.sync(() => {
        const members = Array.from({ length: count }, (_, i) => candidate(`m${i}`))
        const before = first("sticky", members, { ...situation, session })
        const rest = members.filter((_, i) => i !== gone)
        const after = first("sticky", rest, { ...situation, session })
        if (before === `m${gone}`) reach("moves")
        else assert.strictEqual(after, before)
      }),
    { reaches: ["moves"] }
  )

  it("leastBusy asks the member with the fewest requests for its weight", () => {
    const [a, b] = [candidate("a", { weight: 2 }), candidate("b")]
    letIn(a.load)
    assert.strictEqual(first("leastBusy", [a, b], situation), "b")
    letIn(b.load)
    assert.strictEqual(first("leastBusy", [a, b], situation), "a")
  })

  it("fastest asks the one that answers soonest, tries one that it does not know, and a slow one again in time", () => {
    const [slow, fast, fresh] = [candidate("slow"), candidate("fast"), candidate("fresh")]
    slow.load.answered("streamText", 0, 2_000)
    fast.load.answered("streamText", 0, 100)
    assert.strictEqual(first("fastest", [slow, fast], situation), "fast")
    assert.strictEqual(first("fastest", [slow, fast, fresh], situation), "fresh")
    const later = 10 * 60_000
    fast.load.answered("streamText", later, 100)
    assert.strictEqual(first("fastest", [slow, fast], { ...situation, now: later }), "slow")
  })

  it("cheapest asks by price, and a member without a price last", () => {
    const members = [candidate("unknown"), candidate("dear", { price: 20 }), candidate("cheap", { price: 1 })]
    assert.deepStrictEqual(order("cheapest", members, situation).map(({ name }) => name), ["cheap", "dear", "unknown"])
  })

  it.effect("gives a member that is back a share that grows to its whole share", () =>
    Effect.gen(function*() {
      const random = yield* drawing
      const [back, other] = [candidate("back"), candidate("other")]
      const share = (now: number): number => {
        let times = 0
        for (let i = 0; i < 2_000; i++) {
          times += Number(first("inOrder", [back, other], { ...situation, now, random }) === "back")
        }
        return times / 2_000
      }
      assert.strictEqual(share(0), 1)
      back.load.returned(0)
      assert.isBelow(share(0), 0.1)
      assert.closeTo(share(15_000), 0.5, 0.1)
      assert.strictEqual(share(30_000), 1)
    }))

  it("puts a member without room last, whatever the strategy", () => {
    for (const strategy of strategies) {
      const full = {
        ...candidate("full", { price: 0 }),
        load: new MemberLoad({ requestsPerMinute: 1, tokensPerMinute: undefined }, 0, 60_000)
      }
      letIn(full.load)
      assert.strictEqual(first(strategy, [full, candidate("free", { price: 1 })], situation), "free", strategy)
    }
  })
})
