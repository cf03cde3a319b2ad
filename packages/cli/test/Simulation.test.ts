import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import * as Candidates from "../src/simulate/Candidates.ts"
import * as Report from "../src/simulate/Report.ts"
import * as Simulation from "../src/simulate/Simulation.ts"
import * as SimulationScreen from "../src/simulate/SimulationScreen.ts"
import { plain } from "../src/terminal/style.ts"

const scenario: Simulation.Scenario = {
  minutes: 20,
  callsPerMinute: 60,
  downFrom: 5,
  downTo: 15,
  hang: 0.5,
  latency: 50,
  seed: 1
}

const live = (candidate: Simulation.Candidate, change?: Partial<Simulation.Scenario>) => {
  const changed = { ...scenario, ...change }
  return Effect.map(
    Simulation.run(changed, candidate, () => {}),
    (outcome) => ({ outcome, summary: Simulation.summarise(outcome) })
  )
}

describe("Simulation.run", () => {
  it.effect("shows that plain retries multiply the load, a budget bounds it, and a breaker takes it away", () =>
    Effect.gen(function*() {
      const [timeout, retries, budget, breaker] = yield* Effect.forEach(Candidates.all, (candidate) => live(candidate))
      assert.strictEqual(timeout?.summary.amplification, 1)
      assert.isAbove(retries?.summary.amplification ?? NaN, 3.8)
      assert.isAtMost(budget?.summary.amplification ?? NaN, 1.35)
      assert.isBelow(breaker?.summary.amplification ?? NaN, 0.1)
      assert.isBelow(breaker?.summary.median ?? NaN, 1)
      for (const { summary } of [timeout!, retries!, budget!, breaker!]) {
        assert.strictEqual(summary.calls, 1_200)
        assert.strictEqual(summary.unended, 0)
        assert.isAbove(summary.succeededOutside, 0.95)
      }
    }))

  it.effect("spreads the calls over the minutes, and counts each where it began", () =>
    Effect.gen(function*() {
      const { outcome } = yield* live(Candidates.all[0]!)
      for (const { attempts, calls, median } of outcome.minutes) {
        assert.isAbove(calls, 25)
        assert.isBelow(calls, 110)
        assert.strictEqual(attempts, calls)
        assert.isAtLeast(median, 50)
      }
    }))

  it.effect("goes the same way when the seed is the same, and another when it is not", () =>
    Effect.gen(function*() {
      const { outcome } = yield* live(Candidates.all[3]!)
      assert.deepStrictEqual((yield* live(Candidates.all[3]!)).outcome, outcome)
      assert.notDeepEqual((yield* live(Candidates.all[3]!, { seed: 2 })).outcome, outcome)
    }))

  it.effect("has no figure for a time without calls", () =>
    Effect.gen(function*() {
      const candidate = Candidates.all[0]!
      const { summary } = yield* live(candidate, { downFrom: 0, downTo: 20 })
      const [, row = ""] = SimulationScreen.table([summary], plain)
      assert.match(row, / - +1\.00 x/u)
      assert.notInclude(row, "NaN")
    }))

  it.effect("reports calls that never end", () =>
    Effect.gen(function*() {
      const { summary } = yield* live({ name: "none", options: {} }, { hang: 1 })
      assert.isAbove(summary.unended, 400)
    }))
})

describe("docs/testing-an-outage.md", () => {
  it.effect("quotes the table of `holdfast simulate`", () =>
    Effect.gen(function*() {
      const usual = { minutes: 60, callsPerMinute: 200, downFrom: 10, downTo: 50 }
      const outcomes = yield* Effect.forEach(Candidates.all, (candidate) => live(candidate, usual))
      const table = SimulationScreen.table(outcomes.map(({ summary }) => summary), plain)
      const docs = readFileSync(new URL("../../../docs/testing-an-outage.md", import.meta.url), "utf8")
      assert.include(docs, table.join("\n"))
    }))
})

describe("Report.html", () => {
  it.effect("needs nothing from anywhere, and shows a name as it is written", () =>
    Effect.gen(function*() {
      const { outcome, summary } = yield* live({ name: "<stock> & \"co\"", options: {} }, { hang: 0 })
      const page = Report.html(scenario, [{ outcome, summary, words: ["retry: <none>"] }])
      assert.notMatch(page, /https?:|src=|href=|@import|url\(|<script/u)
      assert.include(page, "&lt;stock&gt; &amp; &quot;co&quot;")
      assert.notInclude(page, "<stock>")
      assert.notInclude(page, "NaN")
      assert.strictEqual(page.match(/<svg class="plot"/gu)?.length, 3)
      assert.strictEqual(page.match(/<ul class="legend">/gu)?.length, 3)
    }))
})
