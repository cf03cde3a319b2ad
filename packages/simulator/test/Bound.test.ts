import { assert, describe, it } from "@effect/vitest"
import * as Bound from "../src/Bound.ts"
import * as Simulation from "../src/Simulation.ts"

const outcome = Simulation.run({
  duration: "1 minute",
  services: { stock: { workers: 10, latency: "50 millis", price: 0.01 } },
  callers: { users: { to: "stock", rate: 50, arrivals: "regular", policy: { retry: { times: 1 } } } },
  events: [{ type: "outage", service: "stock", at: "20 seconds", for: "10 seconds" }]
})

const verdictOf = (text: string) => Bound.check(outcome, [text])[0]!

describe("Bound.parse", () => {
  it.each<[string, Partial<Bound.Bound>]>([
    ["amplification <= 1.3", { figure: "amplification", comparison: "<=", value: 1.3 }],
    ["recovery<2m", { figure: "recovery", comparison: "<", value: 120_000 }],
    ["success >= 99.5%", { figure: "success", comparison: ">=", value: 0.995 }],
    ["success after > .9", { figure: "success", phase: "after", comparison: ">", value: 0.9 }],
    ["my.stock.queue during <= 10", { name: "my.stock", figure: "queue", phase: "during", value: 10 }],
    ["p99 <= 1 second", { figure: "p99", value: 1_000 }],
    ["max <= 1m 30s", { figure: "max", value: 90_000 }]
  ])("%s", (text, expected) => {
    assert.deepInclude(Bound.parse(text), { name: undefined, phase: undefined, ...expected })
  })

  it.each([
    ["amplification", /must be a figure, a comparison \(<=, >=, < or >\) and a value/],
    ["", /must be a figure, a comparison .* and a value/],
    ["recovry <= 2m", /^Bound.parse: figure must be .* got "recovry": did you mean "recovery"\?$/],
    ["recovery <= 2", /value must be a finite duration of zero or more, such as "30 seconds"/],
    ["amplification <= 2m", /value must be a number, got "2m"/],
    ["success >= lots", /value must be a number or a percentage, got "lots"/],
    ["success later >= 9%", /phase must be .* got "later"/]
  ])("rejects %s", (text, says) => {
    assert.throws(() => Bound.parse(text), says)
    assert.throws(() => Bound.parse(text), RangeError)
  })
})

describe("Bound.check", () => {
  it("holds in every phase unless one is named, and reports the worst", () => {
    const { actual, holds, phase } = verdictOf("amplification <= 1.5")
    assert.deepStrictEqual([holds, phase], [false, "during"])
    assert.closeTo(actual, 2, 0.1)
    assert.isTrue(verdictOf("amplification after <= 1.5").holds)
    assert.isTrue(verdictOf("amplification >= 0.9").holds)
    assert.strictEqual(verdictOf("success >= 10%").phase, "during")
  })

  it.each(["<=", "<", ">=", ">"] as const)("%s compares as it reads", (comparison) => {
    const { recovery } = outcome
    assert.strictEqual(recovery, 0)
    assert.strictEqual(verdictOf(`recovery ${comparison} 0 seconds`).holds, comparison.length === 2)
  })

  it("knows each figure of all calls, of a service and of a caller", () => {
    for (const figure of ["utilisation", "queue", "wasted", "rejected", "cost", "opened", "unended", "goodput"]) {
      assert.isFinite(verdictOf(`${figure} whole >= 0`).actual, figure)
    }
    for (const figure of ["amplification", "utilisation", "queue", "wasted", "rejected"]) {
      assert.isFinite(verdictOf(`stock.${figure} whole >= 0`).actual, figure)
    }
    for (const figure of ["success", "goodput"]) assert.isFinite(verdictOf(`users.${figure} whole >= 0`).actual)
    for (const figure of ["p50", "p90", "p99", "max"]) assert.isFinite(verdictOf(`users.${figure} whole <= 1m`).actual)
    assert.closeTo(verdictOf("rejected during >= 50%").actual, 1, 0.01)
    assert.closeTo(verdictOf("cost whole <= 100").actual, 25, 0.5)
  })

  it.each([
    ["a share above all of it", "success >= 101%", /value must be at most 1, which is 100 %, got 101%/],
    ["a comparison without a value", "p99 <= ", /must be a figure, a comparison \(<=, >=, < or >\) and a value/],
    ["two comparisons", "p99 <= 1s <= 2s", /must be a figure, a comparison/],
    ["a comparison of another language", "p99 =< 5s", /must be a figure, a comparison/]
  ])("rejects %s", (_, text, says) => {
    assert.throws(() => Bound.parse(text), says)
  })

  it("rejects a name that is not there, and a figure that the named one does not have", () => {
    assert.throws(
      () => verdictOf("stok.queue <= 1"),
      /names no service or caller: it must be "stock" or "users", got "stok": did you mean "stock"\?/
    )
    assert.throws(() => verdictOf("stock.recovery <= 1s"), /the service stock has no recovery: leave out the name/)
    assert.throws(() => verdictOf("users.queue <= 1"), /the caller users has no queue: there is one of stock/)
  })

  it("a bound of nothing holds: there was no call whose latency could break it", () => {
    const quiet = Simulation.run({
      duration: "1 second",
      services: { stock: { latency: 1 } },
      callers: { users: { to: "stock", rate: 0.001 } }
    })
    assert.deepInclude(Bound.check(quiet, ["p99 <= 1ms"])[0], { holds: true, actual: NaN })
  })
})

describe("Bound.show and Bound.describe", () => {
  it.each<[Bound.Figure, number, string]>([
    ["success", 1, "100 %"],
    ["success", 0.123_456, "12.35 %"],
    ["goodput", 1_234.5, "1235"],
    ["goodput", 0.123_45, "0.1235"],
    ["amplification", Number.NaN, "-"],
    ["amplification", Infinity, "unbounded"],
    ["recovery", Infinity, "never"],
    ["p99", 0.123, "0.12 ms"],
    ["p99", 1_499.6, "1s 500ms"]
  ])("shows a %s of %s as %s", (figure, value, text) => {
    assert.strictEqual(Bound.show(figure, value), text)
  })

  it.each<[string, number, string]>([
    ["success >= 100%", 0.999_99, "99.999 %"],
    ["goodput >= 100", 99.999, "99.999"],
    ["p99 <= 10ms", 10.4, "10.4 ms"],
    ["p99 < 10ms", 10, "10 ms"],
    ["amplification <= 1", 1.000_01, "1.00001"],
    ["p99 <= 10ms", 12.4, "12ms"],
    ["recovery <= 1s", Infinity, "never"],
    ["recovery < 1s", 1_000.4, "1000.4 ms"]
  ])("tells a figure that breaks %s by a little from the limit: %s is %s", (text, actual, shown) => {
    const said = Bound.describe({ bound: Bound.parse(text), actual, phase: "whole", holds: false })
    assert.strictEqual(said, `${text}: ${shown}, which breaks it`)
  })

  it("rounds a figure that holds", () => {
    const verdict = { bound: Bound.parse("success >= 99%"), actual: 0.990_001, phase: "whole", holds: true } as const
    assert.strictEqual(Bound.describe(verdict), "success >= 99%: 99 %")
  })
})

describe("Simulation.expect", () => {
  it("throws every bound with its figure, kept and broken", () => {
    const system = {
      duration: "30 seconds",
      services: { stock: { latency: 10 } },
      callers: { users: { to: "stock", rate: 10 } }
    } as const
    assert.strictEqual(Simulation.expect(system, ["p99 <= 10ms"]).figures.whole.success, 1)
    assert.throws(
      () => Simulation.expect(system, ["p99 <= 10ms", "goodput >= 100"]),
      /^1 of 2 bounds is broken\n {2}holds {3}p99 <= 10ms: 10ms\n {2}BROKEN {2}goodput >= 100: \d+(\.\d+)?, which breaks it$/
    )
  })
})
