/** Valid systems, and the faults of invalid ones. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Simulation from "../src/Simulation.ts"
import * as System from "../src/System.ts"
import * as SystemData from "../src/SystemData.ts"

const stock: System.Service = { latency: 10 }
const users: System.Caller = { to: "stock", rate: 10 }
const valid: System.System = { services: { stock }, callers: { users } }

const service = (change: object): object => ({ ...valid, services: { stock: { ...stock, ...change } } })
const caller = (change: object): object => ({ ...valid, callers: { users: { ...users, ...change } } })
const event = (change: object): object => ({
  ...valid,
  events: [{ type: "outage", service: "stock", at: 0, for: 1, ...change }]
})

describe("System.make", () => {
  it.each<[string, object, RegExp]>([
    ["no services", { ...valid, services: {} }, /services must have at least one service/],
    ["no callers", { ...valid, callers: {} }, /callers must have at least one caller/],
    ["an unknown key", { ...valid, duraton: 1 }, /duraton is not an option \(`duraton`: did you mean `duration`\?\)/],
    ["an unknown key of a service", service({ worker: 1 }), /services\.stock\.worker is not an option/],
    ["no latency", { ...valid, services: { stock: {} } }, /services\.stock\.latency must be a finite duration/],
    ["a latency below zero", service({ latency: -1 }), /services\.stock\.latency must be/],
    ["an unknown distribution", service({ latency: { gamma: 1 } }), /services\.stock\.latency/],
    ["a p99 below the median", service({ latency: { median: 5, p99: 1 } }), /latency\.p99 must be at least the median/],
    ["a range that ends before it begins", service({ latency: { uniform: [5, 1] } }), /uniform must be two durations/],
    ["no samples", service({ latency: { samples: [] } }), /samples must have at least one duration/],
    ["a slow-down without workers", service({ slowdown: 1 }), /slowdown needs workers/],
    ["half a worker", service({ workers: 0.5 }), /workers must be a whole number/],
    ["a share above one", service({ errors: 1.5 }), /errors must be a number of 0 or more, at most 1/],
    [
      "a call to nowhere",
      service({ calls: [{ to: "stok" }] }),
      /calls\.0\.to must be "stock", got "stok": did you mean/
    ],
    ["a service that calls itself", service({ calls: [{ to: "stock" }] }), /in a circle, got stock -> stock/],
    ["neither a rate nor users", caller({ rate: undefined }), /callers\.users must have either a rate/],
    ["a rate and users", caller({ users: 1 }), /callers\.users must have either a rate/],
    [
      "a counted rate that changes",
      caller({ arrivals: "counted", daily: { peak: 2 } }),
      /arrivals must not be "counted"/
    ],
    [
      "a burst longer than its period",
      caller({ bursts: { every: 1, for: 2, times: 2 } }),
      /bursts\.for must be at most every/
    ],
    ["a cache that never misses", caller({ cache: { hits: 1 } }), /cache\.hits must be below 1, got 1/],
    ["an invalid policy", caller({ policy: { retry: { times: -1 } } }), /users\.policy\.retry\.times must be/],
    ["a number for a policy", caller({ policy: 3 }), /users\.policy must be the options of Policy\.make/],
    ["null for a chain", { ...valid, chains: { main: null } }, /chains\.main must be the options of a chain, got null/],
    [
      "null in a pool",
      { ...valid, chains: { main: { providers: [{ pool: [null] }] } } },
      /chains\.main\.providers\.0\.pool\.0 must be .*got null/
    ],
    ["an unknown event", event({ type: "outrage" }), /events\.0\.type must be .*did you mean "outage"/],
    ["an event of no service", event({ service: "db" }), /events\.0\.service must be "stock", got "db"/],
    ["an event without an end", event({ for: undefined }), /events\.0\.for must be a finite duration/]
  ])("rejects %s", (_, system, says) => {
    assert.throws(() => System.make(system as System.System), says)
    assert.throws(() => Simulation.run(system as System.System), RangeError)
  })

  it("lists all faults at once, by path", () => {
    const broken = {
      ...service({ workers: 0, queue: -1 }),
      duration: "soon",
      events: [{ type: "surge", at: 0, for: 1 }]
    }
    assert.throws(
      () => System.make(broken as unknown as System.System),
      /4 options are invalid: .*duration.*workers.*queue.*times/s
    )
  })

  it("rejects a circle of several services, and names it", () => {
    const circle = {
      ...valid,
      services: {
        stock: { ...stock, calls: [{ to: "price" }] },
        price: { latency: 1, calls: [{ parallel: [{ to: "stock" }] }] }
      }
    }
    assert.throws(() => System.make(circle), /in a circle, got stock -> price -> stock/)
  })

  it("lets people ask once more after two seconds, unless the system says when", () => {
    const asking = (again: System.Caller["again"]) =>
      Simulation.run({
        ...valid,
        duration: "30 seconds",
        callers: { users: { ...users, again } },
        events: [{ type: "outage", service: "stock", at: "5 seconds", for: "10 seconds" }]
      })
    assert.deepStrictEqual(asking({}), asking({ share: 1, times: 1, after: "2 seconds" }))
    assert.notDeepEqual(asking({}), asking({ after: "1 second" }))
    assert.notDeepEqual(asking({}), asking({ times: 2 }))
  })

  it("returns the system itself", () => assert.strictEqual(System.make(valid), valid))
})

describe("SystemData.decode", () => {
  const data = {
    duration: "1 minute",
    services: {
      web: {
        latency: 0.01,
        calls: [{ parallel: [{ to: "stock", policy: { retry: { times: 2 } } }, { to: "price" }] }]
      },
      stock: { workers: 5, latency: { median: 0.01, p99: "50 millis" } },
      price: { latency: { samples: [0.001, 0.002] } }
    },
    callers: { users: { to: "web", rate: 20, again: { after: { exponential: 2 } }, policy: { attemptTimeout: 1 } } },
    events: [{ type: "surge", at: 10, for: 5, times: 3 }, {
      type: "lostPackets",
      service: "stock",
      at: 20,
      for: 5,
      share: 0.5
    }]
  }

  it("means what the same system in code means", async () => {
    const system = SystemData.toSystem(await Effect.runPromise(SystemData.decode(data)))
    const inCode: System.System = {
      duration: "1 minute",
      services: {
        web: {
          latency: 10,
          calls: [{ parallel: [{ to: "stock", policy: { retry: { times: 2 } } }, { to: "price" }] }]
        },
        stock: { workers: 5, latency: { median: 10, p99: 50 } },
        price: { latency: { samples: [1, 2] } }
      },
      callers: {
        users: { to: "web", rate: 20, again: { after: { exponential: 2_000 } }, policy: { attemptTimeout: "1 second" } }
      },
      events: [
        { type: "surge", at: 10_000, for: 5_000, times: 3 },
        { type: "lostPackets", service: "stock", at: 20_000, for: 5_000, share: 0.5 }
      ]
    }
    assert.deepStrictEqual(Simulation.run(system), Simulation.run(inCode))
  })

  it("means the policy of an HTTP client that the file has", async () => {
    const of = (times: number) => ({
      ...data,
      callers: { users: { to: "web", rate: 20, http: { policy: { retry: { times } } } } },
      events: [{ type: "outage", service: "web", at: 20, for: 5 }]
    })
    const decoded = SystemData.toSystem(await Effect.runPromise(SystemData.decode(of(0))))
    const { http: _, ...plain } = decoded.callers["users"]!
    const inCode = (times: number) =>
      Simulation.run({ ...decoded, callers: { users: { ...plain, http: { policy: { retry: { times } } } } } })
    assert.deepStrictEqual(Simulation.run(decoded), inCode(0))
    assert.notDeepEqual(Simulation.run(decoded), inCode(3))
  })

  it.each<[object, RegExp]>([
    [{ ...data, event: [] }, /event/],
    [{ ...data, services: { web: { latency: "soon" } } }, /latency/],
    [
      { ...data, callers: { users: { to: "wbe", rate: 1 } } },
      /did you mean "web"\?\n +at \["callers"\]\["users"\]\["to"\]/
    ],
    [
      { ...data, callers: { users: { to: "web", rate: 1, policy: { retry: { times: -1 } } } } },
      /whole number of 0 or more, got -1\n +at \["callers"\]\["users"\]\["policy"\]\["retry"\]\["times"\]/
    ]
  ])("rejects an invalid system with the path", async (input, says) => {
    const error = await Effect.runPromise(Effect.flip(SystemData.decode(input)))
    assert.match(error.message, says)
  })
})
