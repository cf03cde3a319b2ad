/** What every store of a fleet does, in memory or in Redis. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

const lease = Duration.seconds(10)

/** A request of a process at a member without limits. */
export const entry = (change: Partial<ChainStore.Entry> = {}): ChainStore.Entry => ({
  chain: "llm",
  member: "openai",
  process: "p1",
  inFlight: 1,
  lease,
  token: "t1",
  tokens: 0,
  requestsPerMinute: Infinity,
  tokensPerMinute: Infinity,
  anyway: false,
  ...change
})

export const report = (change: Partial<ChainStore.Report> = {}): ChainStore.Report => ({
  chain: "llm",
  member: "openai",
  process: "p1",
  inFlight: 0,
  lease,
  token: "t1",
  probe: "none",
  answered: false,
  coolFor: 0,
  settled: undefined,
  unasked: { requests: 0, tokens: 0 },
  ...change
})

/** A member of which a store knows nothing bad. */
export const untroubled: ChainStore.MemberState = {
  isDown: false,
  coolingFor: 0,
  isProbed: false,
  inFlight: 0,
  processes: 1,
  requests: 0,
  tokens: 0,
  madeAt: 1
}

const ask = <A, E>(use: (store: ChainStore.ChainStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(ChainStore.ChainStore, use)

const enter = (change?: Partial<ChainStore.Entry>) => ask((store) => store.enter(entry(change)))
const tell = (change?: Partial<ChainStore.Report>) => ask((store) => store.report(report(change)))

export const storeContract = (name: string, layer: Layer.Layer<ChainStore.ChainStore, unknown>): void => {
  const test = (what: string, body: Effect.Effect<void, unknown, ChainStore.ChainStore>) =>
    it.effect(what, () => Effect.provide(body, layer))

  describe(`a store ${name}`, () => {
    test(
      "skips a member that cools down, for all processes, and then lets one request in as its probe",
      Effect.gen(function*() {
        yield* tell({ coolFor: 30_000 })
        yield* TestClock.adjust("29999 millis")
        const cooling = yield* enter({ process: "p2", token: "t2" })
        assert.deepStrictEqual([cooling._tag, cooling.state.coolingFor, cooling.state.isProbed], [
          "CoolingDown",
          1,
          false
        ])
        yield* TestClock.adjust("1 millis")
        const probe = yield* enter({ process: "p2", token: "t2" })
        assert.isTrue(probe._tag === "Admitted" && probe.isProbe && probe.state.isProbed)
        const beside = yield* enter({ process: "p3", token: "t3" })
        assert.deepStrictEqual([beside._tag, beside.state.coolingFor, beside.state.isProbed], ["CoolingDown", 0, true])
        const answered = yield* tell({ process: "p2", token: "t2", probe: "released", answered: true })
        assert.deepStrictEqual([answered.isDown, answered.isProbed], [false, false])
        const after = yield* enter({ process: "p3", token: "t3" })
        assert.isTrue(after._tag === "Admitted" && !after.isProbe)
      })
    )

    test(
      "lets in a request that has nowhere else to go, and no second probe",
      Effect.gen(function*() {
        yield* tell({ coolFor: 1_000 })
        const anyway = yield* enter({ anyway: true })
        assert.isTrue(anyway._tag === "Admitted" && !anyway.isProbe)
        yield* TestClock.adjust("1 seconds")
        const probe = yield* enter({ anyway: true, token: "t2" })
        assert.isTrue(probe._tag === "Admitted" && probe.isProbe)
        const third = yield* enter({ anyway: true, token: "t3" })
        assert.isTrue(third._tag === "Admitted" && !third.isProbe)
      })
    )

    test(
      "keeps the longer of two cool-downs",
      Effect.gen(function*() {
        yield* tell({ coolFor: 30_000 })
        assert.strictEqual((yield* tell({ coolFor: 10_000 })).coolingFor, 30_000)
        assert.isAbove((yield* tell({ coolFor: Infinity })).coolingFor, 1e12)
      })
    )

    test(
      "frees a probe whose process is gone when its lease ends, and does not listen to it afterwards",
      Effect.gen(function*() {
        yield* tell({ coolFor: 1_000 })
        yield* TestClock.adjust("1 seconds")
        yield* enter({ token: "gone" })
        yield* TestClock.adjust("9 seconds")
        yield* tell({ token: "gone", probe: "held", inFlight: 1 })
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual((yield* enter({ process: "p2", token: "t2" }))._tag, "CoolingDown")
        yield* TestClock.adjust("1 millis")
        const next = yield* enter({ process: "p2", token: "t2" })
        assert.isTrue(next._tag === "Admitted" && next.isProbe)
        const late = yield* tell({ token: "gone", probe: "released", answered: true, coolFor: 60_000 })
        assert.deepStrictEqual([late.isDown, late.coolingFor, late.isProbed], [true, 0, true])
      })
    )

    test(
      "frees a probe that is never heard of when its lease ends, and not a millisecond before",
      Effect.gen(function*() {
        yield* tell({ coolFor: 1_000 })
        yield* TestClock.adjust("1 seconds")
        yield* enter({ token: "gone" })
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual((yield* enter({ process: "p2", token: "t2" }))._tag, "CoolingDown")
        yield* TestClock.adjust("1 millis")
        const next = yield* enter({ process: "p2", token: "t2" })
        assert.isTrue(next._tag === "Admitted" && next.isProbe)
      })
    )

    test(
      "counts the requests in flight of all processes that are heard of",
      Effect.gen(function*() {
        yield* enter({ process: "p1", inFlight: 2 })
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* enter({ process: "p2", inFlight: 3 })).state.inFlight, 5)
        yield* TestClock.adjust("5 seconds")
        const [known, unknown] = yield* ask((store) => store.look("llm", ["openai", "other"]))
        assert.deepStrictEqual([known?.inFlight, known?.processes, unknown?.inFlight], [3, 1, 0])
        assert.strictEqual((yield* tell({ process: "p2", inFlight: 0 })).inFlight, 0)
      })
    )

    test(
      "lets in as many requests and tokens in a minute as the limits say, and settles them by usage",
      Effect.gen(function*() {
        const limited = { requestsPerMinute: 3, tokensPerMinute: 100 }
        const first = yield* enter({ ...limited, tokens: 60 })
        assert.isTrue(first._tag === "Admitted")
        const second = yield* enter({ ...limited, tokens: 60 })
        assert.isTrue(second._tag === "Full" && second.wait > 60_000 && second.wait <= 61_000)
        const slot = first._tag === "Admitted" ? first.slot : 0
        assert.strictEqual((yield* tell({ settled: { slot, more: -50 } })).tokens, 10)
        assert.strictEqual((yield* enter({ ...limited, tokens: 60 }))._tag, "Admitted")
        yield* tell({ unasked: { requests: 1, tokens: 5 } })
        assert.strictEqual((yield* enter({ ...limited, tokens: 0 }))._tag, "Full")
        yield* TestClock.adjust("61 seconds")
        // Larger than the limit: alone.
        assert.strictEqual((yield* enter({ ...limited, tokens: 500 }))._tag, "Admitted")
        assert.strictEqual((yield* enter({ ...limited, tokens: 1 }))._tag, "Full")
      })
    )

    test(
      "adds to a sum what stays within its limit, by key and window",
      Effect.gen(function*() {
        const budget = { key: "tag:user:42", window: Duration.hours(1) }
        const first = yield* ask((store) => store.reserve({ ...budget, amount: 0.75, limit: 1 }))
        assert.deepStrictEqual([first._tag, first.sum], ["Reserved", 0.75])
        const second = yield* ask((store) => store.reserve({ ...budget, amount: 0.5, limit: 1 }))
        assert.isTrue(second._tag === "Refused" && second.sum === 0.75 && second.wait <= 3_660_000)
        const slot = first._tag === "Reserved" ? first.slot : 0
        assert.strictEqual(yield* ask((store) => store.settle({ ...budget, slot, more: -0.25 })), 0.5)
        assert.strictEqual(
          (yield* ask((store) => store.reserve({ ...budget, amount: 0.5, limit: 1 })))._tag,
          "Reserved"
        )
        assert.strictEqual(yield* ask((store) => store.spent({ ...budget, window: Duration.hours(2) })), 0)
        yield* TestClock.adjust("61 minutes")
        assert.strictEqual(yield* ask((store) => store.spent(budget)), 0)
      })
    )

    test(
      "keeps times and limits as they are when its clock goes back by an hour",
      Effect.gen(function*() {
        const budget = { key: "tag:user:42", window: Duration.hours(1) }
        yield* TestClock.adjust("2 hours")
        yield* tell({ coolFor: 30_000 })
        yield* enter({ anyway: true, member: "limited", requestsPerMinute: 1 })
        yield* ask((store) => store.reserve({ ...budget, amount: 1, limit: 1 }))
        yield* TestClock.adjust("1 seconds")
        yield* TestClock.setTime(3_601_000)
        const cooling = yield* enter({ process: "p2", token: "t2" })
        assert.strictEqual(cooling._tag, "CoolingDown")
        assert.isAtMost(cooling.state.coolingFor, 31_000)
        const full = yield* enter({ member: "limited", requestsPerMinute: 1 })
        assert.isTrue(full._tag === "Full" && full.wait <= 62_000)
        const spent = yield* ask((store) => store.reserve({ ...budget, amount: 1, limit: 1 }))
        assert.isTrue(spent._tag === "Refused" && spent.wait <= 62 * 60_000)
        yield* TestClock.adjust("62 seconds")
        const probe = yield* enter({ process: "p2", token: "t2" })
        assert.isTrue(probe._tag === "Admitted" && probe.isProbe)
        assert.strictEqual((yield* enter({ member: "limited", requestsPerMinute: 1 }))._tag, "Admitted")
      })
    )

    test(
      "says since when it keeps what it knows",
      Effect.gen(function*() {
        const [unknown] = yield* ask((store) => store.look("llm", ["openai"]))
        assert.strictEqual(unknown?.madeAt, 0)
        yield* TestClock.adjust("5 seconds")
        const { madeAt } = yield* tell()
        assert.isAbove(madeAt, 0)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* enter()).state.madeAt, madeAt)
        const sum = { key: "tag:user:42", window: Duration.hours(1), amount: 1, limit: 2 }
        const first = yield* ask((store) => store.reserve(sum))
        yield* TestClock.adjust("5 seconds")
        const made = [yield* ask((store) => store.reserve(sum)), yield* ask((store) => store.reserve(sum))]
        assert.deepStrictEqual(made.map(({ _tag, madeAt }) => [_tag, madeAt]), [
          ["Reserved", first.madeAt],
          ["Refused", first.madeAt]
        ])
      })
    )
  })
}
