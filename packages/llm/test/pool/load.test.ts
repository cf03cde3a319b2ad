/** What a pool knows of a member, as closed formulas: its cost, its room, its warmth, and what another load hands on. */
import { assert, describe, it } from "@effect/vitest"
import * as Headers from "effect/http/Headers"
import { MemberLoad } from "../../src/internal/pool/load.ts"
import { remainingOf } from "../../src/internal/pool/remaining.ts"
import type { Candidate } from "../../src/internal/pool/strategy.ts"
import { order } from "../../src/internal/pool/strategy.ts"
import { SlidingWindow } from "../../src/internal/store/window.ts"
import { untroubled as state } from "../store/storeContract.ts"

const unlimited = { requestsPerMinute: undefined, tokensPerMinute: undefined }
const load = (limits: ConstructorParameters<typeof MemberLoad>[0] = unlimited) => new MemberLoad(limits, 30_000, 60_000)

const candidate = (name: string, own: Partial<Candidate> = {}): Candidate => ({
  name,
  weight: 1,
  price: undefined,
  load: load(),
  ...own
})

const names = (members: ReadonlyArray<Candidate>, strategy: Parameters<typeof order>[0], chance = 0.5) =>
  order(strategy, members, { now: 0, method: "streamText", input: 100, session: undefined, random: () => chance })
    .map(({ name }) => name)

describe("the cost of a member", () => {
  it("is a decayed mean of its durations, times the requests in flight and this one", () => {
    const member = load()
    assert.strictEqual(member.cost("streamText", 0), 0)
    member.answered("streamText", 0, 100)
    assert.strictEqual(member.cost("streamText", 0), 100)
    member.answered("streamText", 0, 200)
    assert.closeTo(member.cost("streamText", 0), 0.7 * 100 + 0.3 * 200, 1e-9)
    assert.closeTo(member.cost("streamText", 60_000), 65, 1e-9)
    member.gate.inFlight = 2
    assert.closeTo(member.cost("streamText", 0), 390, 1e-9)
    assert.strictEqual(member.cost("generateText", 0), 0)
  })

  it("rises when another was faster, and never falls by that", () => {
    const member = load()
    member.answered("streamText", 0, 100)
    member.outpaced("streamText", 0, 50)
    assert.strictEqual(member.cost("streamText", 0), 100)
    member.outpaced("streamText", 0, 200)
    assert.closeTo(member.cost("streamText", 0), 130, 1e-9)
  })
})

describe("the room of a member", () => {
  it("is what the vendor says is left, less what was sent since, until the vendor's instant", () => {
    const member = load()
    const expected = member.expected(0)
    member.learn({ requests: 2, requestsUntil: 5_000, tokens: expected + 60, tokensUntil: 7_000 })
    assert.strictEqual(member.room(0, 60), 0)
    assert.strictEqual(member.room(0, 61), 7_000)
    member.take(1, 30)
    assert.strictEqual(member.room(0, 30), 0)
    assert.strictEqual(member.room(0, 31), 7_000)
    assert.strictEqual(member.room(6_999, 31), 1)
    assert.strictEqual(member.room(7_000, 31), 0)
    member.take(1, 0)
    assert.strictEqual(member.room(0, 1), 5_000)
    assert.strictEqual(member.room(5_000, 1), 0)
  })

  it("is handed on with what was learnt", () => {
    const [before, after] = [load(), load()]
    before.answered("streamText", 0, 100)
    before.wrote(1_500)
    before.learn({ requests: 0, requestsUntil: 5_000, tokens: undefined, tokensUntil: 0 })
    after.resume(before)
    assert.deepStrictEqual(
      [after.cost("streamText", 0), after.expected(10), after.room(0, 1)],
      [100, 10 + Math.round(0.7 * 500 + 0.3 * 1_500), 5_000]
    )
  })

  it("is read from a vendor's headers, in each of its ways to write a time", () => {
    const now = Date.parse("2026-11-27T12:00:00Z")
    const until = (reset: string | undefined) =>
      (remainingOf(
        Headers.fromInput({
          "x-ratelimit-remaining-requests": "3",
          ...(reset === undefined ? {} : { "x-ratelimit-reset-requests": reset })
        }),
        now
      )?.requestsUntil ?? 0) - now
    assert.deepStrictEqual(
      ["1.5", "20ms", "6m0s", "1h2m3.5s", "2026-11-27T12:00:09Z", "soon", "2026-13-99T00:00", undefined].map(until),
      [1_500, 20, 360_000, 3_723_500, 9_000, 60_000, 60_000, 60_000]
    )
    assert.isUndefined(remainingOf(Headers.fromInput({ "x-ratelimit-remaining-requests": "many" }), now))
  })
})

describe("the order of a pool", () => {
  it("has the fewest requests for the weight first", () => {
    const [small, large] = [candidate("small"), candidate("large", { weight: 4 })]
    small.load.gate.inFlight = 1
    large.load.gate.inFlight = 2
    assert.deepStrictEqual(names([small, large], "leastBusy"), ["large", "small"])
  })

  it("has members that warm up after warm ones, and before those without room", () => {
    const [full, cold, warm] = [candidate("full"), candidate("cold"), candidate("warm")]
    full.load.learn({ requests: 0, requestsUntil: 1_000, tokens: undefined, tokensUntil: 0 })
    cold.load.returned(0)
    assert.deepStrictEqual(names([full, cold, warm], "inOrder"), ["warm", "cold", "full"])
    // A member that has just come back is asked now and then, so that it can prove itself.
    assert.deepStrictEqual(names([cold, warm], "inOrder", 0.04), ["cold", "warm"])
    assert.deepStrictEqual(names([cold, warm], "inOrder", 0.06), ["warm", "cold"])
  })
})

describe("a member that a fleet shares", () => {
  it("has a share of its limits while the store is away, and counts what others have in flight", () => {
    const { gate } = load({ requestsPerMinute: 8, tokensPerMinute: 100 })
    gate.inFlight = 2
    gate.follow(0, { ...state, processes: 4, inFlight: 5 })
    assert.deepStrictEqual(gate.share, { requestsPerMinute: 2, tokensPerMinute: 25 })
    assert.strictEqual(gate.busy, 5)
    gate.follow(0, { ...state, processes: 16, inFlight: 1 })
    assert.deepStrictEqual(gate.share, { requestsPerMinute: 1, tokensPerMinute: 6.25 })
    assert.strictEqual(gate.busy, 2)
  })

  it("has no room for as long as the store has just said, and is asked again soon after", () => {
    const { gate } = load({ requestsPerMinute: 8, tokensPerMinute: undefined })
    gate.refused(0, 9_000)
    assert.deepStrictEqual([0, 249, 250].map((now) => gate.room(now, 1)), [9_000, 8_751, 0])
  })

  it("cools down for a store that has not been told yet", () => {
    const { gate } = load()
    gate.local.cool(0, 500)
    gate.owe(0, { coolFor: 500 })
    gate.follow(100, state)
    assert.deepStrictEqual(gate.peek(100), { because: "cooling", left: 400 })
  })
})

describe("a window", () => {
  it("has room when enough of what was counted has left, the oldest first", () => {
    const window = new SlidingWindow(60_000)
    const limits = { requests: Infinity, amount: 100, alone: true }
    window.add(0, 1, 40)
    window.add(10_000, 1, 50)
    assert.strictEqual(window.wait(10_000, 10, limits), 0)
    assert.strictEqual(window.wait(10_000, 50, limits), 51_000)
    assert.strictEqual(window.wait(10_000, 60, limits), 61_000)
  })

  it("counts more than was estimated when that has left, and gives nothing back then", () => {
    const window = new SlidingWindow(60_000)
    const slot = window.add(0, 1, 40)
    window.correct(90_000, slot, -30)
    assert.strictEqual(window.amount, 0)
    window.correct(90_000, slot, 7)
    assert.strictEqual(window.amount, 7)
  })
})
