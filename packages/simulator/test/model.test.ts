/** What each option of a system does, seen from its outcome. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Event } from "../src/Event.ts"
import * as Picture from "../src/Picture.ts"
import * as Simulation from "../src/Simulation.ts"
import type * as System from "../src/System.ts"

/** A minute of 20 calls a second to one service. */
const play = (
  service: Partial<System.Service>,
  caller: Partial<System.Caller> = {},
  events: ReadonlyArray<Event> = []
) =>
  Simulation.run({
    duration: "1 minute",
    services: { stock: { latency: 10, ...service } },
    callers: { users: { to: "stock", rate: 20, arrivals: "regular", ...caller } },
    events
  })

const during = { service: "stock", at: 20_000, for: 10_000 }

describe("what goes wrong", () => {
  it.each<[string, Event, (outcome: ReturnType<typeof play>) => void]>([
    ["an outage refuses", { type: "outage", ...during }, ({ figures, services }) => {
      assert.deepStrictEqual([figures.during?.success, figures.before?.success, figures.after?.success], [0, 1, 1])
      assert.deepStrictEqual([services["stock"]?.failures.refused, figures.during?.max], [200, 0])
    }],
    ["an outage that hangs answers never", { type: "outage", ...during, hang: 1 }, ({ callers, figures, services }) => {
      assert.deepStrictEqual([services["stock"]?.hung, callers["users"]?.unended], [200, 200])
      assert.strictEqual(figures.during?.success, 0)
    }],
    ["a slow refusal takes its time", { type: "outage", ...during, after: 500 }, ({ figures }) => {
      assert.deepStrictEqual([figures.during?.p50, figures.during?.max], [500, 500])
    }],
    ["a brown-out is slow", { type: "brownOut", ...during, slower: 7 }, ({ figures }) => {
      assert.deepStrictEqual([figures.before?.max, figures.during?.max, figures.after?.max], [10, 70, 10])
    }],
    ["a brown-out fails a share", { type: "brownOut", ...during, errors: 0.5 }, ({ figures }) => {
      assert.closeTo(figures.during!.success, 0.5, 0.1)
      assert.strictEqual(figures.after?.success, 1)
    }],
    ["packets are lost, half of them with the answer", { type: "lostPackets", ...during, share: 1 }, ({ services }) => {
      const { hung, phases } = services["stock"]!
      assert.closeTo(hung, 100, 25)
      assert.strictEqual(phases.during!.wasted + hung, 200)
    }],
    ["a rate limit admits its rate", { type: "rateLimit", ...during, rate: 5 }, ({ services }) => {
      assert.closeTo(services["stock"]!.phases.during!.served, 55, 2)
      assert.closeTo(services["stock"]!.failures.limited, 145, 2)
    }],
    [
      "a quota admits its number in each window",
      { type: "quota", ...during, requests: 30, window: 5_000 },
      (outcome) => {
        assert.closeTo(outcome.services["stock"]!.phases.during!.served, 60, 2)
      }
    ],
    ["a surge brings more calls", { type: "surge", at: 20_000, for: 10_000, times: 3 }, ({ figures }) => {
      assert.closeTo(figures.during!.calls, 600, 2)
      assert.closeTo(figures.after!.calls, 600, 2)
    }]
  ])("%s", (_, event, assertOutcome) => assertOutcome(play({}, {}, [event])))

  it("a slow node slows its share of the requests", () => {
    const { figures } = play({ instances: 4, balance: "roundRobin" }, {}, [{ type: "slowNode", ...during, slower: 10 }])
    assert.deepStrictEqual([figures.before?.max, figures.during?.max, figures.after?.max], [10, 100, 10])
    assert.closeTo(figures.during!.p50, 10, 0.1)
    assert.closeTo(figures.during!.p90, 100, 1)
  })

  it("a deployment takes one instance after the other, and each comes back cold", () => {
    const { figures } = play({ instances: 2 }, {}, [{ type: "deploy", ...during, slower: 5, warmUp: 5_000 }])
    assert.strictEqual(figures.whole.success, 1)
    assert.isAbove(figures.during!.max, 40)
    const alone = play({}, {}, [{ type: "deploy", ...during }])
    assert.strictEqual(alone.figures.during?.success, 0)
  })

  it("a cold cache fills again", () => {
    const { edges: [edge] } = play({}, { cache: { hits: 0.9, size: 100 } }, [
      { type: "coldCache", service: "stock", at: 20_000 }
    ])
    const rate = edge!.series.attempts
    const mean = (from: number, to: number) => rate.slice(from, to).reduce((sum, count) => sum + count, 0) / (to - from)
    assert.closeTo(mean(0, 20), 2, 1)
    assert.isAbove(mean(20, 24), 12)
    assert.closeTo(mean(45, 60), 2, 1)
  })
})

describe("a service", () => {
  it("whose clients give up works on, drops what waits, or stops, as it says", () => {
    const [served, skipped, stopped] = (["served", "skipped", "stopped"] as const).map((abandoned) => {
      const outcome = play({ workers: 1, latency: 60, abandoned }, { policy: { attemptTimeout: 100 } })
      return { skipped: outcome.services["stock"]!.skipped, wasted: outcome.figures.whole.wasted }
    })
    assert.strictEqual(served!.skipped, 0)
    assert.isAbove(served!.wasted, 0.9)
    assert.isAbove(skipped!.skipped, 100)
    assert.strictEqual(stopped!.wasted, 0)
  })

  it("with a full queue rejects, and its own timeout ends what waits and what runs", () => {
    assert.closeTo(play({ workers: 1, latency: 100, queue: 2 }).figures.whole.success, 0.5, 0.02)
    const timed = play({ latency: 100, timeout: 50 })
    assert.deepStrictEqual([timed.services["stock"]?.failures.timeout, timed.figures.whole.p50], [
      timed.figures.whole.calls,
      50
    ])
  })

  it("slows down with the share of its workers that are busy", () => {
    assert.strictEqual(play({ workers: 1, slowdown: 2 }).figures.whole.p50, 30)
    assert.strictEqual(play({ workers: 2, slowdown: 2 }).figures.whole.p50, 20)
  })

  it("costs its price for each request that it serves", () => {
    assert.closeTo(play({ price: 0.5 }).figures.whole.cost, 600, 1)
  })

  it("makes its calls in order, those of a step at the same time, and may do without an optional one", () => {
    const outcome = Simulation.run({
      duration: "10 seconds",
      services: {
        web: {
          latency: 1,
          calls: [{ to: "a" }, { parallel: [{ to: "b", times: 3 }, { to: "c", network: 4 }] }, {
            to: "d",
            optional: true
          }]
        },
        a: { latency: 10 },
        b: { latency: 20 },
        c: { latency: 30 },
        d: { latency: 5, errors: 1 }
      },
      callers: { users: { to: "web", rate: 5, arrivals: "regular" } }
    })
    // 1 + 10, then the slower of 20 and 4 + 30, then 5 that fail.
    assert.deepStrictEqual([outcome.figures.whole.success, outcome.figures.whole.max], [1, 50])
    assert.strictEqual(outcome.services["b"]?.phases.whole?.arrived, 3 * outcome.figures.whole.calls)
  })
})

describe("policies", () => {
  it("each client has a breaker of its own, unless it is shared", () => {
    const policy: System.PolicyOptions = { circuitBreaker: { openFor: "1 minute" } }
    const opened = (shared: boolean) => play({ errors: 1 }, { clients: 3, shared, policy }).edges[0]!.opened
    assert.deepStrictEqual([opened(false), opened(true)], [3, 1])
  })

  it("any effect that makes something to protect a call with will do", () => {
    let made = 0
    const own: System.Protector = Effect.sync(() => {
      made++
      return { protect: (call) => Effect.retry(call, { times: 4 }) }
    })
    const { edges: [edge], figures } = play({ errors: 0.5 }, { clients: 2, policy: own })
    assert.strictEqual(made, 2)
    assert.closeTo(edge!.amplification.whole!, 1.94, 0.1)
    assert.closeTo(figures.whole.success, 1 - 0.5 ** 5, 0.03)
  })

  it("a defect in one ends the simulation with it", () => {
    const broken: System.Protector = Effect.succeed({ protect: () => Effect.die(new Error("a bug")) })
    assert.throws(() => play({}, { policy: broken }), /a call of users died/)
  })

  it("a hint is waited for: a policy that reads retryAfter has no second rejection", () => {
    const limited: Event = { type: "quota", ...during, requests: 0 }
    const { edges: [edge], figures } = play({}, {
      policy: { retry: { times: 1, retryAfter: { mode: "wait" } } }
    }, [limited])
    assert.strictEqual(figures.whole.success, 1)
    assert.strictEqual(edge?.retries, 200)
  })

  it("people try again, as often as they say", () => {
    const { callers } = play({ errors: 1 }, { again: { share: 1, times: 2, after: 100 } })
    assert.closeTo(callers["users"]!.again, 2_400, 10)
  })
})

describe("Picture", () => {
  it("draws an outcome in lines that fit", () => {
    const lines = Picture.lines(play({}, {}, [{ type: "outage", ...during }]), { width: 20 })
    assert.deepStrictEqual(lines.slice(2, 9), [
      "during    200      0 %       0.0  1.00 x  0 ms  0 ms     0 %",
      "after     600    100 %      20.0  1.00 x  10ms  10ms     0 %",
      "",
      "recovery: 0 ms",
      "",
      "users calls     ████████████████████  20/s",
      "users succeed   ██████▆   ██████████  20/s"
    ])
  })
})
