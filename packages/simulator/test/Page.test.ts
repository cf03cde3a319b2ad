/** The page of an outcome: whole, without anything from elsewhere, and without markup from names. */
import { assert, describe, it } from "@effect/vitest"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Page from "../src/Page.ts"
import * as Scenarios from "../src/Scenarios.ts"
import * as Simulation from "../src/Simulation.ts"
import { anySystem } from "./systems.ts"

/** Whether each element that is opened is closed, in order. */
const assertBalanced = (html: string): void => {
  const open: Array<string> = []
  for (const [, close = "", name = "", rest = ""] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/gu)) {
    if (close === "/") assert.strictEqual(open.pop(), name)
    else if (!rest.endsWith("/") && name !== "meta") open.push(name)
  }
  assert.deepStrictEqual(open, [])
}

describe("Page.html", () => {
  it("is balanced, has a figure for each quantity, and asks nothing of the network, for any system", () => {
    for (let seed = 1; seed <= 12; seed++) {
      const html = Page.html({ one: Simulation.run({ ...anySystem(seed), duration: 5_000 }) })
      assertBalanced(html)
      assert.notMatch(html, /https?:|<script|<link|src=|NaN|undefined|Infinity/u)
      assert.strictEqual(html.split("<figure>").length - 1, 4)
    }
  })

  it("escapes the names of variants, services and callers", () => {
    const bad = "<b onclick=\"x\">&"
    const outcome = Simulation.run({
      duration: "5 seconds",
      services: { [bad]: { latency: 1 } },
      callers: { [bad]: { to: bad, rate: 5 } }
    })
    const html = Page.html({ [bad]: outcome, other: outcome }, { title: bad })
    assert.notInclude(html, "<b ")
    assertBalanced(html)
  })

  it("compares variants in a table and a plot of their own", () => {
    const html = Page.html({
      plain: Simulation.run({ ...Scenarios.threeTiers(), duration: "90 seconds", events: [] }),
      budget: Simulation.run({ ...Scenarios.threeTiers({ budget: 0.1 }), duration: "90 seconds", events: [] })
    })
    assert.include(html, "The variants")
    assert.strictEqual(html.split("<figure>").length - 1, 9)
  })

  it("says what the policy of each call decided, and nothing of what it did not", () => {
    const outcome = Simulation.run({
      duration: "1 minute",
      services: { stock: { latency: 10 } },
      callers: {
        careful: {
          to: "stock",
          rate: 20,
          policy: { retry: { times: 1 }, circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "5 seconds" } }
        },
        plain: { to: "stock", rate: 20 }
      },
      events: [{ type: "outage", service: "stock", at: "20 seconds", for: "10 seconds" }]
    })
    const { opened, retries } = outcome.edges.find(({ from }) => from === "careful")!
    assert.isAbove(Math.min(opened, retries), 0)
    const html = Page.html({ one: outcome })
    assert.include(html, `${retries} retries; `)
    assert.include(html, `; breaker opened ${opened} times`)
    assert.notMatch(html, /[ >]0 (retries|hedges|rejected|not retried|deadlines|times)|opened 0/u)
  })

  it("has the bill of language models", () => {
    const html = Page.html({
      chain: Simulation.run({ ...Scenarios.cloudAndOllama(), duration: "2 minutes", events: [] })
    })
    assert.match(html, /<th scope="row">first<\/th>.*\d+ in, \d+ out.*<td>0\.\d\d<\/td>/u)
  })

  it("stays small for a day of it", () => {
    const html = Page.html({
      day: Simulation.run({
        duration: "1 day",
        services: { stock: { latency: 1 } },
        callers: { users: { to: "stock", rate: 0.05 } }
      }, { every: "10 seconds" })
    })
    assert.isBelow(html.length, 100_000)
  })
})
