/**
 * An hour of 1,000 calls a second through three tiers under full policies: how long it takes, and how much memory.
 * `node packages/simulator/benchmark/hour.ts 600` simulates ten minutes.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Simulation from "../src/Simulation.ts"
import type * as System from "../src/System.ts"

const policy: System.PolicyOptions = {
  deadline: "3 seconds",
  bulkhead: { limit: 1_000, queue: 100 },
  retry: {
    times: 2,
    backoff: Backoff.exponential({ initial: "100 millis" }),
    budget: { ratio: 0.1, minPerSecond: 1 }
  },
  circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.5 }), openFor: "5 seconds" },
  attemptTimeout: "1 second"
}

const seconds = Number(process.argv[2] ?? 3_600)

const running = Simulation.start({
  duration: seconds * 1_000,
  services: {
    web: { workers: 200, latency: { exponential: "5 millis" }, calls: [{ to: "app", policy }] },
    app: { workers: 200, latency: { exponential: "10 millis" }, calls: [{ to: "db", policy }] },
    db: { workers: 100, latency: { exponential: "20 millis" }, errors: 0.01 }
  },
  callers: { users: { to: "web", rate: 1_000, policy } }
})

const cpu = process.cpuUsage()
const start = performance.now()
let most = 0
for (let minute = 0; !running.isOver; minute++) {
  running.advanceTo(minute * 60_000)
  most = Math.max(most, process.memoryUsage().heapUsed)
}
const { calls, p50, p99, success } = running.outcome().figures.whole
const { system, user } = process.cpuUsage(cpu)
const wall = (performance.now() - start) / 1_000
console.log(
  `${seconds} s with ${calls} calls, ${
    (success * 100).toFixed(2)
  } % of which succeed (p50 ${p50} ms, p99 ${p99} ms)\n` +
    `${wall.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of them on a core: ` +
    `${((user + system) / calls).toFixed(1)} us a call, heap at most ${(most / 1e6).toFixed(0)} MB`
)
