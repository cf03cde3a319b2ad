import { assert, describe, it } from "@effect/vitest"
import { Limits, Simulation, type System } from "@holdfast/simulator"
import { Effect } from "effect"
import { CheckoutPolicy, options, pay } from "./CheckoutPolicy.ts"

/** The shop around the policy: measured latencies, the workers that payments have, and the share of visits that end in a checkout. */
const shop = (
  policy: System.PolicyOptions | undefined,
  event: NonNullable<System.System["events"]>[number]
): System.System => ({
  duration: "4 minutes",
  services: {
    shop: {
      workers: 200,
      latency: { median: "15 millis", p99: "80 millis" },
      calls: [{ to: "payments", probability: 0.2, policy }]
    },
    payments: { workers: 12, queue: 40, latency: { median: "90 millis", p99: "500 millis" } }
  },
  callers: { visitors: { to: "shop", rate: 300, within: "5 seconds" } },
  events: [event]
})

const during = { service: "payments", at: "1 minute", for: "30 seconds" } as const

describe("CheckoutPolicy", () => {
  it.effect("passes an answer on", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* pay(Effect.succeed("paid")), "paid")
    }).pipe(Effect.provide(CheckoutPolicy.layer)))

  it("adds little load to payments that are down, and is back when they are", () => {
    Simulation.expect(shop(options, { type: "outage", ...during, hang: 0.5, after: "200 millis" }), [
      "payments.amplification during <= 1.2",
      "success after >= 95%",
      "recovery <= 15s"
    ])
  })

  it("keeps the shop responsive while payments are slow: most visits do not pay", () => {
    Simulation.expect(shop(options, { type: "brownOut", ...during, slower: 20 }), [
      "success during >= 75%",
      "p99 <= 3100ms",
      "shop.utilisation <= 50%"
    ])
  })

  it("is what makes the difference: without it the visits of a slow minute are waited for in vain", () => {
    const { figures } = Simulation.run(shop(undefined, { type: "brownOut", ...during, slower: 20 }))
    assert.isAbove(figures.during!.p99, 5_000)
  })

  it.effect("leaves room for some more visitors", () =>
    Effect.gen(function*() {
      const system = { ...shop(options, { type: "outage", ...during }), duration: "2 minutes" } as const
      const { holdsAt } = yield* Limits.find(system, ["success before >= 99%", "success after >= 95%"], {
        from: 1,
        to: 2,
        precision: 0.4
      })
      assert.isAtLeast(holdsAt, 1.4)
    }))
})
