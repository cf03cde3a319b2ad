/**
 * What the budgets of Finagle and tower grant. The figures are those of their own suites:
 *
 * - Finagle, `RetryBudgetTest.scala`, commit 34167989: in 10,000 requests, each with a deposit and an attempt to withdraw,
 *   the retries are `10,000 * percent + ttl * minimum`, within one for the rounding of its tokens.
 * - tower, `tps_budget.rs`, commit 0918d77f: deposits and withdrawals at instants of a window of a second.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { RetryBudget } from "../../src/internal/budget/memory.ts"

describe("Finagle", () => {
  it.each([
    // seconds, minimum a second, share
    [60, 0, 0.1],
    [60, 0, 0.5],
    [60, 0, 0.25],
    [60, 0, 0.75],
    [60, 0, 0.99],
    [60, 0, 0.999],
    [60, 0, 0.9999],
    [60, 0, 0.01],
    [60, 0, 0.001],
    [60, 0, 0.0001],
    [1, 10, 0],
    [2, 5, 0],
    [1, 10, 0.1],
    [2, 5, 0.5]
  ])("a window of %d s, at least %d a second and a share of %d", (seconds, minPerSecond, share) => {
    const now = 1_000_000
    const reserve = seconds * minPerSecond
    const budget = new RetryBudget(share, reserve, seconds * 1_000)
    strictEqual(budget.balance(now), reserve)
    if (reserve === 0) strictEqual(budget.tryWithdraw(now), false)
    let retries = 0
    for (let request = 0; request < 10_000; request++) {
      budget.deposit(now)
      if (budget.tryWithdraw(now)) retries++
      else strictEqual(budget.balance(now), 0)
    }
    // Finagle allows for an error of one. This budget makes no error.
    strictEqual(retries, Math.floor(10_000 * share) + reserve)
  })

  it("a share above 1", () => {
    const budget = new RetryBudget(2, 0, 60_000)
    assertTrue(!budget.tryWithdraw(0))
    budget.deposit(0, 10_000)
    strictEqual(budget.balance(0), 20_000)
  })
})

type Step = "deposit" | "granted" | "refused" | number

const tower: ReadonlyArray<readonly [name: string, share: number, minPerSecond: number, steps: ReadonlyArray<Step>]> = [
  ["empty", 1, 0, ["refused"]],
  ["leaky", 1, 0, ["deposit", 3_000, "refused"]],
  ["slots", 0.5, 0, [
    "deposit",
    "deposit",
    901,
    "granted",
    2_001,
    "deposit",
    301,
    "deposit",
    801,
    "deposit",
    "granted"
  ]],
  ["reserve", 1, 5, ["granted", "granted", "granted", "granted", "granted", "refused"]]
]

describe("tower", () => {
  it.each(tower)("%s", (_, share, minPerSecond, steps) => {
    // At the begin of a slot and within one.
    for (const start of [1_000_000, 1_000_037]) {
      const budget = new RetryBudget(share, minPerSecond, 1_000)
      let now = start
      const went = steps.map((step): Step => {
        if (step === "deposit") budget.deposit(now)
        else if (typeof step === "number") now += step
        else return budget.tryWithdraw(now) ? "granted" : "refused"
        return step
      })
      deepStrictEqual(went, steps)
    }
  })
})
