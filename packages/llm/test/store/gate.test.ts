/** What a gate has to tell its fleet reaches the store, whatever becomes of the request that tells it. */
import { assert, describe, it } from "@effect/vitest"
import type { MemberState } from "@holdfast/llm/ChainStore"
import { ChainStoreError } from "@holdfast/llm/ChainStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Gate } from "../../src/internal/store/gate.ts"
import { guarded } from "../../src/internal/store/guard.ts"
import { Purse } from "../../src/internal/store/purse.ts"
import type { ChainStore, Report } from "../../src/internal/store/store.ts"
import { untroubled as state } from "./storeContract.ts"

/** A store that takes reports as `report` says. */
const storeThat = (report: (report: Report) => Effect.Effect<MemberState, ChainStoreError>) => {
  const unused = () => Effect.die(new Error("not asked"))
  const store: ChainStore["Service"] = {
    enter: unused,
    look: unused,
    reserve: unused,
    settle: unused,
    spent: unused,
    report
  }
  return { store, chain: "c", member: "m", process: "p" }
}

describe("a purse", () => {
  it.effect("tells what was spent while the store was away, though a look at it is given up meanwhile", () =>
    Effect.gen(function*() {
      const told: Array<number> = []
      let how: "away" | "silent" | "there" = "away"
      const { store } = storeThat(() => Effect.succeed(state))
      const purse = new Purse({
        ...store,
        spent: () => Effect.succeed(0),
        reserve: ({ amount }) =>
          Effect.suspend(() => {
            if (how === "away") return Effect.fail(new ChainStoreError({ message: "away" }))
            if (how === "silent") return Effect.never
            told.push(amount)
            return Effect.succeed({ _tag: "Reserved" as const, slot: 1, sum: amount, madeAt: 1 })
          })
      })
      const account = { key: "user:1", window: Duration.hours(1) }
      yield* purse.reserve({ ...account, amount: 3, limit: 10 })
      how = "silent"
      const fiber = yield* Effect.forkChild(purse.spent(account), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      how = "there"
      yield* purse.spent(account)
      assert.deepStrictEqual(told, [3])
    }))
})

describe("a guarded store", () => {
  it.effect("that takes no writes is not taken to be back by what it lets read", () =>
    Effect.gen(function*() {
      let looks = 0
      let reports = 0
      const { store } = storeThat(() =>
        Effect.suspend(() =>
          ++reports < 3 ? Effect.fail(new ChainStoreError({ message: "READONLY" })) : Effect.succeed(state)
        )
      )
      const look = () => Effect.sync(() => [++looks, []][1] as ReadonlyArray<MemberState>)
      const { look: read, report: write } = guarded({ ...store, look }, 250)
      const report: Report = {
        chain: "c",
        member: "m",
        process: "p",
        inFlight: 0,
        lease: Duration.seconds(10),
        token: "",
        probe: "none",
        answered: false,
        settled: undefined,
        coolFor: 0,
        unasked: { requests: 0, tokens: 0 }
      }
      yield* read("c", [])
      yield* Effect.flip(write(report))
      yield* TestClock.adjust("2 seconds")
      yield* Effect.flip(read("c", []))
      assert.strictEqual(looks, 1)
      yield* Effect.flip(write(report))
      yield* TestClock.adjust("2 seconds")
      yield* write(report)
      yield* read("c", [])
      assert.deepStrictEqual([looks, reports], [2, 3])
    }))
})

describe("a gate", () => {
  it.effect.each(["fails", "never comes, and is interrupted"] as const)(
    "tells with the next report what was owed when a report %s",
    (how) =>
      Effect.gen(function*() {
        const now = () => 1_000
        const gate = new Gate()
        gate.limit({ requestsPerMinute: 10, tokensPerMinute: 100 })
        gate.owe(now(), { coolFor: 500, requests: 2, tokens: 30 })
        const silent = storeThat(() =>
          how === "fails" ? Effect.fail(new ChainStoreError({ message: "away" })) : Effect.never
        )
        const fiber = yield* Effect.forkChild(
          gate.tell(silent, now, { settled: { slot: 1, more: 5 } }),
          { startImmediately: true }
        )
        yield* Fiber.interrupt(fiber)
        assert.isTrue(gate.owes)
        const told: Array<Report> = []
        yield* gate.tell(
          storeThat((report) => {
            told.push(report)
            return Effect.succeed(state)
          }),
          now,
          {}
        )
        assert.deepStrictEqual(told.map(({ coolFor, unasked }) => ({ coolFor, unasked })), [
          { coolFor: 500, unasked: { requests: 2, tokens: 35 } }
        ])
        assert.isFalse(gate.owes)
      })
  )
})
