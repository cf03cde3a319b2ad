/** Policies and networks of queues whose figures are known. Tolerances are four standard errors, or twice that where samples are correlated. */
import { assert, describe, it } from "@effect/vitest"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Simulation from "../src/Simulation.ts"
import type * as System from "../src/System.ts"

/** One service and one caller for so many calls. */
const play = (calls: number, rate: number, service: System.Service, caller: Partial<System.Caller> = {}) =>
  Simulation.run({
    duration: calls / rate * 1_000,
    services: { queue: service },
    callers: { users: { to: "queue", rate, ...caller } }
  })

describe("a queue", () => {
  it.each([[1, 0, 0.9], [2, 3, 0.8], [4, 6, 1.2], [3, 12, 2]])(
    "of %d workers and %d places at %d of its capacity agrees with the M/M/c/K formula in its rejections and its length",
    (workers, queue, utilisation) => {
      const rate = utilisation * workers * 1_000 / 50
      const { services } = play(100_000, rate, { workers, queue, latency: { exponential: 50 } })
      // The weights of n requests at the service: a^n / n! up to c, then by a / c for each more.
      const weights = [1]
      for (let n = 1; n <= workers + queue; n++) {
        weights.push(weights[n - 1]! * utilisation * workers / Math.min(n, workers))
      }
      const sum = weights.reduce((sum, weight) => sum + weight)
      const blocked = weights.at(-1)! / sum
      const waiting = weights.reduce((all, weight, n) => all + Math.max(0, n - workers) * weight, 0) / sum
      const { arrived, queue: measured, rejected } = services["queue"]!.phases.whole!
      assert.closeTo(rejected / arrived, blocked, 8 * Math.sqrt(blocked * (1 - blocked) / 100_000))
      assert.closeTo(measured, waiting, 0.03 * waiting + 1e-9)
    }
  )

  it("of log-normal times waits as long as Pollaczek and Khinchine's formula says", () => {
    const sigma = Math.log(5) / 2.3263478740408408
    const mean = 20 * Math.exp(sigma ** 2 / 2)
    const second = 400 * Math.exp(2 * sigma ** 2)
    const perMilli = 0.6 / mean
    const { services } = play(150_000, perMilli * 1_000, { workers: 1, latency: { median: 20, p99: 100 } })
    assert.closeTo(services["queue"]!.latency.mean / (mean + perMilli * second / (2 * 0.4)), 1, 0.05)
  })

  it("and another, asked in turn by users who think, have the throughput of mean value analysis", () => {
    const [users, think, times] = [8, 1_000, [100, 150]]
    // Reiser and Lavenberg (1980): an arriving request finds the queues as they are with one user less.
    let queues = times.map(() => 0)
    let throughput = 0
    for (let n = 1; n <= users; n++) {
      const stays = times.map((time, i) => time * (1 + queues[i]!))
      throughput = n / (think + stays.reduce((sum, stay) => sum + stay))
      queues = stays.map((stay) => throughput * stay)
    }
    const { figures, services } = Simulation.run({
      duration: "4 hours",
      services: {
        front: { latency: 0, calls: [{ to: "first" }, { to: "second" }] },
        first: { workers: 1, latency: { exponential: times[0]! } },
        second: { workers: 1, latency: { exponential: times[1]! } }
      },
      callers: { people: { to: "front", users, think: { exponential: think } } }
    })
    assert.closeTo(figures.whole.goodput / (throughput * 1_000), 1, 0.015)
    for (const [i, name] of ["first", "second"].entries()) {
      const { queue, utilisation } = services[name]!.phases.whole!
      assert.closeTo(queue + utilisation, queues[i]!, 0.04 * queues[i]!)
    }
  })
})

describe("a policy", () => {
  it.each([[0.1, 2], [0.3, 2], [0.5, 4]])(
    "without a budget makes (1 - p^n) / (1 - p) attempts at an error rate of %d with %d retries",
    (errors, times) => {
      const { edges: [edge], figures: { whole } } = play(50_000, 500, { latency: 1, errors }, {
        policy: { retry: { times } }
      })
      const n = times + 1
      const failed = errors ** n
      assert.closeTo(edge!.attempts / edge!.calls, (1 - failed) / (1 - errors), 4 * 1.5 / Math.sqrt(whole.calls))
      assert.closeTo(whole.success, 1 - failed, 4 * Math.sqrt(failed * (1 - failed) / whole.calls) + 1e-4)
    }
  )

  it("that hedges takes the least of two exponential times from then on", () => {
    const { edges: [edge], figures: { whole } } = play(50_000, 200, { latency: { exponential: 100 } }, {
      policy: { hedge: { after: "50 millis", max: 1 } }
    })
    // P(T > t) is exp(-t / m) until the hedge, and exp(-(2t - d) / m) after it.
    const quantile = (share: number) => (-100 * Math.log(1 - share) + 50) / 2
    assert.closeTo(edge!.attempts / edge!.calls, 1 + Math.exp(-0.5), 4 * 0.5 / Math.sqrt(whole.calls))
    for (const share of [0.5, 0.9, 0.99] as const) {
      const measured = { 0.5: whole.p50, 0.9: whole.p90, 0.99: whole.p99 }[share]
      // The standard error of a quantile is sqrt(q (1 - q) / n) over the density; the histogram adds 0.4 %.
      const error = Math.sqrt(share * (1 - share) / whole.calls) * 50 / (1 - share)
      assert.closeTo(measured, quantile(share), 4 * error + 0.004 * quantile(share))
    }
  })

  it("with a breaker asks a service that is down five times, and then once each time that it is open no more", () => {
    const { edges: [edge] } = Simulation.run({
      duration: "200 seconds",
      services: { queue: { latency: 1 } },
      callers: {
        users: {
          to: "queue",
          rate: 10,
          arrivals: "regular",
          policy: { circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "10 seconds" } }
        }
      },
      events: [{ type: "outage", service: "queue", at: "20 seconds", for: "100 seconds" }]
    })
    // Open for ten seconds, and until the next of ten calls a second.
    const failures = edge!.attempts - edge!.answered
    assert.isAtLeast(failures, 5 + Math.floor(99.5 / 10.2))
    assert.isAtMost(failures, 5 + Math.floor(99.5 / 10))
    assert.strictEqual(edge!.opened, failures - 4)
  })
})

it("a rate limit admits its bucket and what flows into it, and rejects the rest", () => {
  const { services } = Simulation.run({
    duration: "140 seconds",
    services: { queue: { latency: 1 } },
    callers: { users: { to: "queue", rate: 30 } },
    events: [{ type: "rateLimit", service: "queue", at: "20 seconds", for: "100 seconds", rate: 10 }]
  })
  const { served } = services["queue"]!.phases.during!
  // A bucket of one second, full when it begins. The bucket is never full again, so nothing of it is lost.
  assert.closeTo(served, 10 + 10 * 100, 2)
})
