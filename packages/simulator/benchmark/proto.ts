import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { Engine } from "../src/internal/engine/engine.ts"
import { build } from "../src/internal/model/network.ts"
import * as System from "../src/System.ts"

const policy = () => ({
  deadline: 3000,
  bulkhead: { limit: 1000, queue: 100 },
  retry: { times: 2, backoff: Backoff.exponential({ initial: 100 }), budget: { ratio: 0.1, minPerSecond: 1 } },
  circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.5 }), openFor: 5000 },
  attemptTimeout: 1000
})
const seconds = Number(process.argv[2] ?? 60)
const system: System.System = {
  duration: seconds * 1000,
  services: {
    web: { workers: 200, latency: { exponential: 5 }, calls: [{ to: "app", policy: policy() }] },
    app: { workers: 200, latency: { exponential: 10 }, calls: [{ to: "db", policy: policy() }] },
    db: { workers: 100, latency: { exponential: 20 } }
  },
  callers: { users: { to: "web", rate: 1000, policy: policy() } }
}
const checked = System.check("x", system)
const engine = new Engine()
const run = { engine, until: checked.duration, every: 1000, phase: 0 as const }
const network = build(checked, run, 1)
const c0 = process.cpuUsage(); const t0 = performance.now()
engine.advance(checked.duration)
const t = performance.now() - t0
const users = network.callers.get("users")!
console.log({ ms: t, calls: users.calls, us: t * 1000 / users.calls, ok: users.successes, events: engine.events, p50: users.latency[0].quantile(0.5), p99: users.latency[0].quantile(0.99), heap: process.memoryUsage().heapUsed / 1e6, cpuUs: process.cpuUsage(c0).user / users.calls })
