/** Calls over HTTP are decided by the client that production has: what is repeated, when, and what counts as a failure. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Effect from "effect/Effect"
import * as Simulation from "../../src/Simulation.ts"
import * as System from "../../src/System.ts"
import * as SystemData from "../../src/SystemData.ts"

const policy: NonNullable<System.Http["policy"]> = {
  retry: { times: 2, backoff: Backoff.constant({ delay: 10 }), budget: { minPerSecond: 1_000 } }
}

/** A minute of ten calls a second to a service that fails for twenty seconds. */
const play = (
  http: System.Http,
  service: Partial<System.Service> = {},
  events: System.System["events"] = [
    { type: "brownOut", service: "stock", at: "20 seconds", for: "20 seconds", errors: 1 }
  ]
) => {
  const { edges: [edge], figures, services } = Simulation.run({
    duration: "1 minute",
    services: { stock: { latency: 5, ...service } },
    callers: { users: { to: "stock", rate: 10, arrivals: "regular", http } },
    events
  })
  return { edge: edge!, figures, stock: services["stock"]! }
}

const refused: System.System["events"] = [{ type: "outage", service: "stock", at: "20 seconds", for: "20 seconds" }]

describe("what is sent again", () => {
  it.each<[string, System.Http, Partial<System.Service>, System.System["events"], number]>([
    ["a GET that fails with 500, three times", { policy }, {}, undefined, 3],
    ["a POST never, since it may have been carried out", { method: "POST", policy }, {}, undefined, 1],
    ["a POST that is idempotent", { method: "POST", policy: { ...policy, idempotent: true } }, {}, undefined, 3],
    ["a POST with a key", { method: "POST", policy: { ...policy, idempotencyKey: "auto" } }, {}, undefined, 3],
    ["a POST of which nothing was written", { method: "POST", policy }, {}, refused, 3],
    ["a GET of a 404 never", { policy }, { statuses: { failed: 404 } }, undefined, 1],
    [
      "a GET of a 404 that the policy names",
      { policy: { ...policy, retryOn: [404] } },
      { statuses: { failed: 404 } },
      undefined,
      3
    ],
    [
      "an endpoint by its own policy",
      { url: "http://service/slow/1", policy: { ...policy, endpoints: { slow: { path: "/slow/:id", retry: false } } } },
      {},
      undefined,
      1
    ]
  ])("%s", (_, http, service, events, attempts) => {
    const { figures } = play(http, service, events)
    assert.closeTo(figures.during!.amplification, attempts, 0.05)
    assert.strictEqual(figures.during!.success, 0)
    assert.strictEqual(figures.after!.amplification, 1)
  })
})

it("a retry waits for the Retry-After of a full queue, in whole seconds", () => {
  const { figures, services } = Simulation.run({
    duration: "20 seconds",
    services: { stock: { workers: 1, queue: 0, latency: 200, retryAfter: 1_200 } },
    callers: {
      users: {
        to: "stock",
        rate: 6,
        arrivals: "regular",
        http: { policy: { ...policy, timeouts: { total: "30 seconds" } } }
      }
    }
  })
  assert.isAbove(services["stock"]!.failures.overloaded, 0)
  // 1.2 seconds are announced as 2.
  assert.isAtLeast(figures.whole.max, 2_000)
})

it("recovers from hints of a full queue, without a bulkhead", () => {
  const { figures } = Simulation.run({
    duration: "1 minute",
    services: {
      stock: { workers: 10, queue: 5, latency: { median: 40, p99: 200 }, retryAfter: "1 second" }
    },
    callers: {
      users: {
        to: "stock",
        rate: 110,
        http: { policy: { retry: { times: 2 }, timeouts: { attempt: "1 second", total: "5 seconds" } } }
      }
    },
    events: [{ type: "brownOut", service: "stock", at: "5 seconds", for: "10 seconds", errors: 0.5 }]
  })
  // All who have waited once returned within a tenth of a second, and filled the queue again: 14 %.
  assert.isAbove(figures.after!.success, 0.9)
})

it("the breaker of the client keeps its calls away from a service that fails", () => {
  const { edge, figures } = play({
    policy: { retry: false, circuitBreaker: { trip: CircuitBreaker.consecutive(5), openFor: "10 seconds" } }
  })
  assert.strictEqual(edge.opened, 2)
  // Five failures and a probe, of two hundred calls.
  assert.strictEqual(figures.during!.amplification, 6 / 200)
})

it("the same call as data is the same call", async () => {
  const data = {
    duration: 30,
    services: { stock: { latency: 0.005, errors: 0.3, statuses: { failed: 503 }, retryAfter: "1s" } },
    callers: {
      users: {
        to: "stock",
        rate: 20,
        http: { method: "GET", policy: { max_retries: 2, timeouts: { attempt: "1 second" } } }
      }
    }
  }
  const system: System.System = {
    duration: "30 seconds",
    services: { stock: { latency: 5, errors: 0.3, statuses: { failed: 503 }, retryAfter: 1_000 } },
    callers: {
      users: { to: "stock", rate: 20, http: { policy: { retry: { times: 2 }, timeouts: { attempt: 1_000 } } } }
    }
  }
  const decoded = SystemData.toSystem(await Effect.runPromise(SystemData.decode(data)))
  assert.deepStrictEqual(Simulation.run(decoded), Simulation.run(system))
})

describe("what is invalid is rejected by its path", () => {
  const assertRejects = (call: object, service: object, says: RegExp) =>
    assert.throws(
      () =>
        System.make({
          services: { stock: { latency: 5, ...service } },
          callers: { users: { to: "stock", rate: 1, ...call } }
        } as System.System),
      says
    )

  it.each<[string, object, object, RegExp]>([
    [
      "a fault of the client's policy",
      { http: { policy: { retry: { times: -1 } } } },
      {},
      /users\.http\.policy\.retry\.times must be/
    ],
    ["an unknown key", { http: { verb: "GET" } }, {}, /users\.http\.verb is not an option/],
    ["a method that there is not", { http: { method: "FETCH" } }, {}, /users\.http\.method must be/],
    ["a text that is not a URL", { http: { url: "stock" } }, {}, /users\.http\.url must be a URL, got "stock"/],
    ["two policies", { http: {}, policy: {} }, {}, /users\.http must not be beside a policy/],
    [
      "a status of success",
      {},
      { statuses: { failed: 200 } },
      /stock\.statuses\.failed must be a whole number of 400 or more/
    ]
  ])("%s", (_, call, service, says) => assertRejects(call, service, says))
})
