/**
 * The same systems twice: in virtual time, and as real servers on loopback with real sockets, real timers and the same
 * policies. All systems are measured at the same time: together they make some 400 requests a second, and their latencies
 * are so long that the milliseconds which a busy machine adds do not change the figures by more than the bounds below.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { beforeAll } from "vitest"
import type * as System from "../../src/System.ts"
import { measure, type Side, simulate } from "./servers.ts"

/**
 * Three tiers of three attempts, as in `Scenarios.threeTiers`, with a database that serves 13 requests a second instead of
 * 200. It is busy to 70 %, and fails every request for ten seconds. Its queue is longer than its clients' patience: a
 * request that is last in it waits 1.8 seconds, and its client gives up after one.
 */
const threeTiers = (budget: number | undefined): System.System => {
  const policy = (attemptTimeout: number): System.PolicyOptions => ({
    retry: {
      times: 2,
      backoff: Backoff.constant({ delay: 50 }),
      budget: budget === undefined ? undefined : { ratio: budget, minPerSecond: 0.1 }
    },
    attemptTimeout
  })
  return {
    duration: 28_000,
    services: {
      web: { latency: 5, calls: [{ to: "app", policy: policy(4_000) }] },
      app: { latency: 5, calls: [{ to: "database", policy: policy(1_000) }] },
      database: { workers: 4, queue: 24, latency: { uniform: [150, 450] } }
    },
    callers: { users: { to: "web", rate: 9.33, policy: policy(15_000) } },
    events: [{ type: "brownOut", service: "database", at: 6_000, for: 10_000, errors: 1 }]
  }
}

/** A dependency that refuses for six seconds, under retries and a breaker that lets one call in two seconds try. */
const breaker: System.System = {
  duration: 24_000,
  services: { stock: { workers: 6, queue: 20, latency: { uniform: [100, 300] }, errors: 0.02 } },
  callers: {
    users: {
      to: "stock",
      rate: 20,
      policy: {
        retry: { times: 2, backoff: Backoff.constant({ delay: 100 }) },
        circuitBreaker: {
          trip: CircuitBreaker.rate({ threshold: 0.5, window: "4 seconds", minimumCalls: 10 }),
          openFor: "2 seconds"
        },
        attemptTimeout: "1 second"
      }
    }
  },
  events: [{ type: "outage", service: "stock", at: 6_000, for: 6_000 }]
}

const systems = { unbounded: threeTiers(undefined), budgeted: threeTiers(0.1), breaker }

describe("the same system on real sockets", () => {
  const sides = {} as Record<
    keyof typeof systems,
    { readonly measured: Side; readonly simulated: Side; readonly text: string }
  >

  beforeAll(async () => {
    const names = Object.keys(systems) as Array<keyof typeof systems>
    const simulated = names.map((name) => simulate(systems[name]))
    // A machine that stands still measures that: of three turns at most, the one in which it stood still the least counts.
    const delay = monitorEventLoopDelay({ resolution: 20 })
    let least = Infinity
    for (let turn = 1; turn <= 3 && least > 200; turn++) {
      delay.reset()
      delay.enable()
      const all = await Promise.all(names.map((name) => measure(systems[name])))
      delay.disable()
      const stood = delay.max / 1e6
      console.log(`turn ${turn}: the event loop stood still for ${stood.toFixed(0)} ms at most`)
      if (stood >= least) continue
      least = stood
      for (const [i, name] of names.entries()) {
        const side = { measured: all[i]!, simulated: simulated[i]! }
        sides[name] = { ...side, text: `${name}\n${JSON.stringify(side, null, 1)}` }
      }
    }
    for (const { text } of Object.values(sides)) console.log(text)
  }, 150_000)

  it.each(Object.keys(systems) as Array<keyof typeof systems>)(
    "%s: the calls are the same, and take as long",
    (name) => {
      const { measured, simulated, text } = sides[name]
      assert.strictEqual(measured.calls, simulated.calls, text)
      // Three timers and three connections ring and answer some milliseconds late, and later on a busy machine, which lengthens queues too.
      for (const quantile of ["p50", "p90"] as const) {
        assert.isAtLeast(measured[quantile], simulated[quantile] - 30, text)
        assert.isAtMost(measured[quantile], simulated[quantile] + 100, text)
      }
      // A call at the edge of the failure falls on the other side of it when a timer is late: four calls of 56 at most.
      assert.closeTo(measured.success.before, simulated.success.before, 0.07, text)
    }
  )

  it("three tiers of three attempts without a budget: 27 times the load, and no recovery", () => {
    const { measured, simulated, text } = sides.unbounded
    for (const { load, recovery, success } of [measured, simulated]) {
      assert.closeTo(load.after["database"]!, 27, 2.7, text)
      assert.isBelow(success.after, 0.15, text)
      assert.strictEqual(recovery, Infinity, text)
    }
    // Which of the thousands of requests meet a free place in the queue is a matter of milliseconds, how many there are is not.
    for (const phase of ["during", "after"] as const) {
      for (const tier of ["web", "app", "database"]) {
        assert.closeTo(measured.load[phase][tier]! / simulated.load[phase][tier]!, 1, 0.1, text)
      }
    }
  })

  it("with a budget of a tenth at each tier: at most 1.8 times the load, and it recovers", () => {
    const { measured, simulated, text } = sides.budgeted
    for (const { load, recovery, success } of [measured, simulated]) {
      assert.isAtMost(load.during["database"]!, 1.8, text)
      assert.isAbove(success.after, 0.97, text)
      assert.isAtMost(recovery, 10_000, text)
    }
    // A budget counts over ten seconds: a call more or less at the begin of its window allows another retry or two.
    assert.closeTo(measured.load.during["database"]!, simulated.load.during["database"]!, 0.1, text)
  })

  it("a breaker keeps most of the load of an outage away, and lets it come back", () => {
    const { measured, simulated, text } = sides.breaker
    for (const { load, recovery, success } of [measured, simulated]) {
      // Nearly half of it comes in the second before the breaker opens. Without a breaker it would be three times the calls.
      assert.isBelow(load.during["stock"]!, 0.7, text)
      assert.isAbove(success.after, 0.5, text)
      // Two seconds until the next probe, and recovery is told in groups of 50 calls.
      assert.isAtMost(recovery, 8_000, text)
    }
    // One probe more or less: it is sent two seconds after the last one failed. If it is the one at the end of the outage,
    // the breaker closes two seconds, or 40 calls, earlier or later.
    assert.closeTo(measured.load.during["stock"]!, simulated.load.during["stock"]!, 0.1, text)
    assert.closeTo(measured.success.after, simulated.success.after, 0.2, text)
  })
})
