/** Results that others have published, with theirs and our figures side by side. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { normalQuantile } from "../src/internal/model/sampler.ts"
import * as Limits from "../src/Limits.ts"
import * as Scenarios from "../src/Scenarios.ts"
import * as Simulation from "../src/Simulation.ts"
import type * as System from "../src/System.ts"
import * as VirtualTime from "../src/VirtualTime.ts"

/**
 * Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Clients contend for one row: each reads
 * its version, and writes if the version is still the same. The figures are those of the simulator that was published with it
 * (aws-samples/aws-arch-backoff-simulator, `src/backoff_simulator.py`), a mean of 100 runs: writes in all, and milliseconds until the last has succeeded.
 * The model was compared with that file, network and delays included; another 100 runs of it gave 2,420, 1,860, 813, 796
 * and 1,003 writes, in 2.0, 64.1, 6.7, 4.9 and 4.7 seconds.
 */
describe("AWS on jitter: a hundred clients contend for a row", () => {
  const delays = { initial: "10 millis", factor: 2, max: "2 seconds" } as const
  const strategies = {
    "no delay": { backoff: Backoff.constant({ delay: 0 }), calls: 2_422, time: 2_017 },
    "exponential, no jitter": {
      backoff: Backoff.exponential({ ...delays, jitter: Jitter.none }),
      calls: 1_848,
      time: 62_881
    },
    "equal jitter": { backoff: Backoff.exponential({ ...delays, jitter: Jitter.equal }), calls: 813, time: 6_631 },
    "full jitter": { backoff: Backoff.exponential({ ...delays, jitter: Jitter.full }), calls: 797, time: 4_900 },
    "decorrelated jitter": {
      backoff: Backoff.decorrelated({ initial: "5 millis", max: "2 seconds" }),
      calls: 1_002,
      time: 4_619
    }
  }

  /** Holdfast's own policy over the same store, in virtual time. */
  const contend = (backoff: Backoff.Backoff, seed: number) => {
    let version = 0
    let calls = 0
    const network = Effect.flatMap(Random.next, (random) => Effect.sleep(Math.abs(10 + 2 * normalQuantile(random))))
    const write = Effect.gen(function*() {
      yield* network
      const seen = version
      yield* network
      yield* network
      calls++
      const isLatest = seen === version
      if (isLatest) version++
      yield* network
      if (!isLatest) return yield* Effect.fail("conflict")
    })
    const program = Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: { times: 10_000, backoff } })
      yield* Effect.all(Array.from({ length: 100 }, () => policy.protect(write)), {
        concurrency: "unbounded",
        discard: true
      })
      return yield* Clock.currentTimeMillis
    })
    const exit = VirtualTime.run(program, { seed })
    return { calls, time: Exit.isSuccess(exit) ? exit.value : NaN }
  }

  const runs = 20
  const means = new Map<Backoff.Backoff, { readonly calls: number; readonly time: number }>()
  const mean = (backoff: Backoff.Backoff) => {
    const known = means.get(backoff)
    if (known !== undefined) return known
    const all = Array.from({ length: runs }, (_, i) => contend(backoff, i + 1))
    const made = {
      calls: all.reduce((sum, { calls }) => sum + calls, 0) / runs,
      time: all.reduce((sum, { time }) => sum + time, 0) / runs
    }
    means.set(backoff, made)
    return made
  }

  it.each(Object.entries(strategies))("%s", (_, { backoff, calls, time }) => {
    const measured = mean(backoff)
    assert.closeTo(measured.calls / calls, 1, 0.05)
    // The end of the last of a hundred clients is a matter of luck.
    assert.closeTo(measured.time / time, 1, 0.15)
  })

  it("full jitter takes less than half of the work of none, and a tenth of the time", () => {
    const [none, full] = [strategies["exponential, no jitter"], strategies["full jitter"]].map(({ backoff }) =>
      mean(backoff)
    )
    assert.isBelow(full!.calls, none!.calls / 2)
    assert.isBelow(full!.time, none!.time / 10)
  })
})

/**
 * Bronson, Aghayev, Charapko and Zhu, "Metastable Failures in Distributed Systems", HotOS 2021, section 2.1: a database that
 * serves 300 queries a second, clients that retry once after a timeout of a second, and an outage of the network of ten
 * seconds. Below half of its capacity, 150 queries a second, the system recovers by itself; above, the retries keep it
 * down: at 280 a second it gets 560. The 300 queries and the section on caches were read in a quotation of the paper, the 560
 * beside the 300 in K. Jingyang's account of it (k-jingyang.github.io, "Metastable Failures", 2022): twice the load, which the
 * database cannot serve, so 280 is what is asked. The 150 was not found in a text that we could read. It follows: half of 300.
 */
describe("Bronson et al. 2021: a retry makes an outage of ten seconds permanent", () => {
  const database = (rate: number, retry: System.PolicyOptions["retry"]): System.System => ({
    duration: "4 minutes",
    services: { database: { workers: 30, latency: { exponential: "100 millis" } } },
    callers: {
      app: {
        to: "database",
        rate,
        within: "5 seconds",
        policy: { attemptTimeout: "1 second", retry }
      }
    },
    // While the network is down nothing is answered; what was sent is delivered when it is back.
    events: [{ type: "brownOut", service: "database", at: "1 minute", for: "10 seconds", slower: 100 }]
  })
  const once = { times: 1, backoff: Backoff.constant({ delay: 0 }) }

  it("at 280 queries a second the load is twice that for good, and nothing useful is done", () => {
    const { figures: { after }, recovery } = Simulation.run(database(280, once))
    assert.strictEqual(recovery, Infinity)
    assert.isAbove(after!.amplification, 1.95)
    assert.isBelow(after!.success, 0.02)
    assert.isAbove(after!.wasted, 0.95)
  })

  it("at 120 queries a second it recovers", () => {
    const { figures: { after }, recovery } = Simulation.run(database(120, once))
    assert.isBelow(recovery!, 90_000)
    assert.isAbove(after!.success, 0.5)
  })

  it("a budget makes it recover at 260 too, where plain retries do not", () => {
    assert.strictEqual(Simulation.run(database(260, once)).recovery, Infinity)
    const budgeted = { ...once, budget: { ratio: 0.05, minPerSecond: 1 } }
    assert.isBelow(Simulation.run({ ...database(260, budgeted), duration: "12 minutes" }).recovery!, 10 * 60_000)
  })

  it("the region in which it runs on luck is from half of its capacity to all of it", async () => {
    // Loads are multiples of 100 queries a second.
    const { from, to } = await Effect.runPromise(
      Limits.metastable({ ...database(100, once), duration: "5 minutes" }, { from: 1, to: 4, precision: 0.12 })
    )
    assert.closeTo(from * 100, 150, 20)
    assert.closeTo(to * 100, 300, 35)
  }, 180_000)

  /**
   * Section 2.2: the same database behind a look-aside cache that answers nine of ten queries serves 3,000 a second, and is
   * vulnerable above 300: once the cache is lost the queries of all time out, and it stays empty. Here a tenth of both.
   */
  it("a cache of 90 % makes it vulnerable from its own capacity to ten times that", async () => {
    const system: System.System = {
      duration: "6 minutes",
      services: {
        web: {
          latency: 0,
          calls: [{ to: "database", cache: { hits: 0.9, size: 3_000 }, policy: { attemptTimeout: "1 second" } }]
        },
        database: { workers: 3, latency: { uniform: ["50 millis", "150 millis"] } }
      },
      callers: { users: { to: "web", rate: 30 } },
      events: [{ type: "coldCache", service: "database", at: "1 minute" }]
    }
    const { from, to } = await Effect.runPromise(Limits.metastable(system, { from: 0.8, to: 12, precision: 0.12 }))
    // A cache that fills while the queue grows forgives some load above the capacity.
    assert.isAtLeast(from, 1)
    assert.isAtMost(from, 1.4)
    assert.closeTo(to, 10, 1.2)
  }, 180_000)
})

/**
 * Huang et al., "Metastable Failures in the Wild", OSDI 2022: a trigger that lowers the capacity, and a look-aside cache that lost
 * its content and cannot fill again, since the answers come too late. The experiment with retries is that of the paper's
 * artifact (lexiangh/Metastability, `Retry_Metastability`), of which the settings and the four outcomes are given there.
 */
describe("Huang et al. 2022: triggers and what sustains them", () => {
  /**
   * MongoDB under clients that give up after 3 seconds and ask again up to 4 times, at once. The trigger takes 78 or 80 % of
   * its processors for 9 or 10 seconds. They say that the load has to be tuned until all four come out; here they do from
   * 35 to 37 % of the capacity, without chance.
   */
  it.each([
    ["ten seconds with 78 % less: it recovers", 0.22, 10, 1, true],
    ["ten seconds with 80 % less: it does not", 0.2, 10, 1, false],
    ["nine seconds with 80 % less: it recovers", 0.2, 9, 1, true],
    ["ten seconds with 80 % less at three quarters of the load: it recovers", 0.2, 10, 0.75, true]
  ])("retries over MongoDB: %s", (_, left, seconds, load, recovers) => {
    const { recovery } = Simulation.run({
      duration: "70 seconds",
      services: { primary: { workers: 20, latency: "100 millis" } },
      callers: {
        client: {
          to: "primary",
          rate: 0.36 * 200 * load,
          arrivals: "regular",
          policy: { attemptTimeout: "3 seconds", retry: { times: 4, backoff: Backoff.constant({ delay: 0 }) } }
        }
      },
      events: [{ type: "brownOut", service: "primary", at: "20 seconds", for: seconds * 1_000, slower: 1 / left }]
    })
    assert.strictEqual(Number.isFinite(recovery), recovers)
  })

  it("a cold cache: the store is overloaded for good, though it needs less than a fifth of its capacity when the cache is warm", () => {
    const system = Scenarios.coldCache({ attemptTimeout: "1 second" })
    const { figures: { after, before }, recovery, services } = Simulation.run(system)
    assert.isBelow(services["store"]!.phases.before!.utilisation, 0.2)
    assert.isAbove(before!.success, 0.99)
    assert.strictEqual(recovery, Infinity)
    assert.isBelow(after!.success, 0.5)
  })

  it("shedding what the store cannot serve lets the cache fill, and it recovers", () => {
    const { figures: { after }, recovery } = Simulation.run(
      Scenarios.coldCache({ attemptTimeout: "1 second", bulkhead: { limit: 15, queue: 0 } })
    )
    assert.isBelow(recovery!, 180_000)
    assert.isAbove(after!.success, 0.8)
  })

  it("the deeper the trigger, the less load it takes: a slow-down of 20 seconds fells what one of half a second does not", () => {
    const storm = (seconds: number) => {
      const system = Scenarios.threeTiers()
      return Simulation.run({
        ...Limits.withLoad(system, 0.6),
        duration: "2 minutes",
        events: [{ type: "brownOut", service: "database", at: "1 minute", for: seconds * 1_000, slower: 5 }]
      }).recovery
    }
    assert.isBelow(storm(0.5)!, 20_000)
    assert.strictEqual(storm(20), Infinity)
  })
})

describe("three tiers of three attempts", () => {
  it("while the last one is down for long, it gets 27 requests for each call", () => {
    const system = Scenarios.threeTiers()
    const { figures: { during } } = Simulation.run({
      ...Limits.withLoad(system, 0.1),
      events: [{ type: "outage", service: "database", at: "1 minute", for: "2 minutes" }]
    })
    assert.closeTo(during!.amplification, 27, 0.5)
  })

  it("without a budget, ten seconds of errors at 70 % utilisation take it down for good", () => {
    const { figures: { after, before }, recovery, services } = Simulation.run({
      ...Scenarios.threeTiers(),
      duration: "2 minutes"
    })
    assert.closeTo(services["database"]!.phases.before!.utilisation, 0.7, 0.02)
    assert.isAbove(before!.success, 0.99)
    assert.strictEqual(recovery, Infinity)
    assert.isAbove(after!.amplification, 22)
    assert.isBelow(after!.success, 0.01)
  })

  it("with a budget of a tenth, the load is at most 1.8 times as high, and it recovers within a minute", () => {
    const bounds = ["amplification <= 1.8", "recovery <= 1m", "success after >= 99%"] as const
    assert.isBelow(Simulation.expect(Scenarios.threeTiers({ budget: 0.1 }), bounds).figures.during!.amplification, 1.5)
  })
})
