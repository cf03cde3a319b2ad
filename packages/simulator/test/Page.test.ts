/** The page of an outcome: whole, without anything from elsewhere, and without markup from names. */
import { assert, describe, it } from "@effect/vitest"
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
