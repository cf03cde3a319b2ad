/** Queues whose figures are known: closed formulas say what is right. */
import { assert, describe, it } from "@effect/vitest"
import type { Latency } from "../src/Latency.ts"
import * as Simulation from "../src/Simulation.ts"

/** How many calls each figure is measured on. */
const calls = 200_000

/** One service under a Poisson stream of calls: an M/G/c queue. */
const queue = (rate: number, workers: number, latency: Latency, service: object = {}) => {
  const outcome = Simulation.run({
    duration: calls / rate * 1_000,
    services: { queue: { workers, latency, ...service } },
    callers: { users: { to: "queue", rate } }
  })
  const { latency: { mean }, phases: { whole } } = outcome.services["queue"]!
  return { outcome, mean, ...whole! }
}

/** The share of arrivals that wait in an M/M/c queue with `load` erlangs: Erlang's C formula. */
const erlangC = (workers: number, load: number): number => {
  let term = 1
  let sum = 1
  for (let k = 1; k < workers; k++) sum += term *= load / k
  const all = term * load / workers * (workers / (workers - load))
  return all / (sum + all)
}

describe("an M/M/c queue against Erlang's C formula", () => {
  it.each([[0.5, 1], [0.8, 1], [0.5, 4], [0.8, 4], [0.9, 4], [0.9, 20]])(
    "at %d of its capacity with %d workers",
    (utilisation, workers) => {
      const service = 50
      const rate = utilisation * workers * 1_000 / service
      const { mean, queue: waiting, utilisation: measured } = queue(rate, workers, { exponential: service })
      const waits = erlangC(workers, utilisation * workers) * service / (workers * (1 - utilisation))
      // Means of a correlated series: they scatter more, the busier the queue is.
      const within = 0.02 + 0.2 * utilisation ** 8
      assert.closeTo(measured, utilisation, 0.01 * utilisation)
      assert.closeTo(mean / (waits + service), 1, within)
      // Little's law for the queue alone.
      assert.closeTo(waiting / (rate * waits / 1_000), 1, 0.02 + 4 * within)
    }
  )
})

it("an M/D/1 queue waits half as long as an M/M/1 queue: Pollaczek and Khinchine's formula", () => {
  const { mean } = queue(14, 1, 50)
  // rho s / 2 (1 - rho) for a constant time of service.
  assert.closeTo(mean / (50 + 0.7 * 50 / (2 * 0.3)), 1, 0.03)
})

it("an M/G/1 queue of two sizes agrees with Pollaczek and Khinchine's formula", () => {
  // 10 ms, and 100 ms for one in ten: a mean of 19 ms and a second moment of 1,090 ms2.
  const samples = [10, 10, 10, 10, 10, 10, 10, 10, 10, 100]
  const { mean } = queue(30, 1, { samples })
  assert.closeTo(mean / (19 + 0.03 * 1_090 / (2 * (1 - 0.57))), 1, 0.05)
})

it("an M/M/c/c queue without room to wait loses what Erlang's B formula says", () => {
  const { arrived, rejected } = queue(100, 4, { exponential: 40 }, { queue: 0 })
  let blocked = 1
  for (let k = 1; k <= 4; k++) blocked = 4 * blocked / (k + 4 * blocked)
  assert.closeTo(rejected / arrived, blocked, 0.02 * blocked)
})

it("without a bound on workers nothing waits: requests in service are rate times time, and the mean is that of one request", () => {
  const { mean, queue: waiting } = queue(50, Infinity, { uniform: [20, 60] })
  assert.closeTo(mean, 40, 0.2)
  assert.strictEqual(waiting, 0)
})

it("the last in first out order has the same mean as the first in first out order, and a longer tail", () => {
  const fifo = queue(16, 1, { exponential: 50 })
  const lifo = queue(16, 1, { exponential: 50 }, { order: "lifo" })
  assert.closeTo(lifo.mean / fifo.mean, 1, 0.03)
  assert.isAbove(lifo.outcome.figures.whole.p99, 1.5 * fifo.outcome.figures.whole.p99)
})

it("a closed system has the throughput that the machine repairman model says", () => {
  // 10 users who think for 1 s, one worker of 200 ms: the probability that no request is there follows from the weights
  // 10! / (10 - n)! (0.2)^n of n requests.
  let weight = 1
  let sum = 1
  for (let n = 1; n <= 10; n++) sum += weight *= (10 - n + 1) * 0.2
  const outcome = Simulation.run({
    duration: "6 hours",
    services: { queue: { workers: 1, latency: { exponential: 200 } } },
    callers: { users: { to: "queue", users: 10, think: { exponential: 1_000 } } }
  })
  assert.closeTo(outcome.figures.whole.goodput, (1 - 1 / sum) / 0.2, 0.02 * 5)
})

it("a rate that follows the day has the mean of the day, and is twice as high at noon", () => {
  const outcome = Simulation.run({
    duration: "1 day",
    services: { queue: { latency: 1 } },
    callers: { users: { to: "queue", rate: 1, daily: { peak: 3 } } }
  }, { every: "1 hour" })
  const calls = outcome.callers["users"]!.series.calls
  assert.closeTo(outcome.figures.whole.calls, 2 * 86_400, 2_000)
  assert.closeTo(calls[12]! / calls[0]!, 2.95, 0.2)
})
