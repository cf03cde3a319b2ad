/** Language models under a chain: who is asked, what it costs, and what the chain makes of limits, outages and slow answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Hedge from "@holdfast/core/Hedge"
import * as Effect from "effect/Effect"
import type { Chain, Model } from "../../src/Llm.ts"
import * as Scenarios from "../../src/Scenarios.ts"
import * as Simulation from "../../src/Simulation.ts"
import * as System from "../../src/System.ts"
import * as SystemData from "../../src/SystemData.ts"

const model = (change: Partial<Model> = {}, service: Partial<System.Service> = {}): System.Service => ({
  latency: 400,
  ...service,
  model: { tokensPerSecond: 100, price: { input: 2, output: 10 }, ...change }
})

/** Two minutes of a call a second to a chain over `cloud` and what else there is. */
const play = (
  services: System.System["services"],
  chain: Chain,
  options: Partial<System.System> & { readonly caller?: Partial<System.Caller> } = {}
) => {
  const { caller, ...rest } = options
  return Simulation.run({
    duration: "2 minutes",
    services,
    chains: { assistant: { prompt: 1_000, answer: 200, ...chain } },
    callers: { people: { to: "assistant", rate: 1, arrivals: "regular", ...caller } },
    ...rest
  })
}

const edgeTo = ({ edges }: ReturnType<typeof play>, name: string) => edges.find(({ to }) => to === name)!

describe("an answer", () => {
  it.each([true, false])(
    "takes the time to its first token and that of the others, and costs its tokens (streamed: %s)",
    (stream) => {
      const { figures: { whole }, services } = play({ cloud: model() }, { providers: ["cloud"], stream })
      // 0.4 seconds, and 200 tokens at 100 a second; 1,000 tokens at 2 and 200 at 10 a million.
      assert.deepStrictEqual([whole.calls, whole.success, whole.p50, whole.max], [119, 1, 2_400, 2_400])
      assert.deepStrictEqual(services["cloud"]!.tokens, { input: 119_000, output: 23_800 })
      // The last two answers end when callers have stopped.
      assert.closeTo(services["cloud"]!.cost, 119 * (1_000 * 2 + 200 * 10) / 1e6, 1e-9)
      assert.closeTo(whole.cost, 117 * (1_000 * 2 + 200 * 10) / 1e6, 1e-9)
    }
  )

  it("that breaks off is a failure if its begin was seen, and is tried again if not", () => {
    const cut = { cloud: model({ cuts: 0.3 }) }
    const streamed = play(cut, { providers: ["cloud"], cooldown: 0 })
    const whole = play(cut, { providers: ["cloud"], cooldown: 0, stream: false, retry: { times: 8 } })
    assert.closeTo(streamed.figures.whole.success, 0.7, 0.1)
    assert.strictEqual(whole.figures.whole.success, 1)
    assert.closeTo(edgeTo(whole, "cloud").attempts / 119, 1 / 0.7, 0.2)
  })

  it("that is long shows signs of life, so its stream is not taken for silent", () => {
    const { figures: { whole } } = play({ cloud: model({ tokensPerSecond: 1 }) }, {
      providers: ["cloud"],
      answer: 150,
      timeouts: { betweenChunks: "5 seconds" }
    })
    assert.strictEqual(whole.success, 1)
    assert.strictEqual(whole.max, 150_400)
  })

  it("that begins too late goes to the next provider", () => {
    const outcome = play({ cloud: model({}, { latency: 20_000 }), local: model({ location: "local" }) }, {
      providers: ["cloud", "local"],
      timeouts: { firstContent: "5 seconds" },
      retry: false,
      cooldown: 0
    })
    assert.strictEqual(outcome.figures.whole.success, 1)
    assert.strictEqual(outcome.figures.whole.p50, 7_400)
    assert.strictEqual(edgeTo(outcome, "local").answered, 119)
  })

  it("whose client gives up is billed to its end, or as far as it came where the server notices", () => {
    const given = { providers: ["cloud"], deadline: "1 second", retry: false, cooldown: 0 } as const
    // When the last call is given up there is nothing left to simulate: two answers are on their way.
    const [served, stopped] = (["served", "stopped"] as const).map((abandoned) =>
      play({ cloud: model({}, { abandoned }) }, given).services["cloud"]!
    )
    assert.strictEqual(served!.tokens.output, 117 * 200)
    // A second less 0.4 of 2 seconds: 60 of 200 tokens.
    assert.closeTo(stopped!.tokens.output, 119 * 60, 60)
    assert.strictEqual(stopped!.skipped, 119)
  })
})

describe("who is asked", () => {
  const outage = { events: [{ type: "outage", service: "first", at: "30 seconds", for: "30 seconds" }] } as const

  it("the next provider, while the first is down and cools down", () => {
    const outcome = play({ first: model(), second: model() }, {
      providers: ["first", "second"],
      cooldown: "10 seconds"
    }, outage)
    assert.strictEqual(outcome.figures.whole.success, 1)
    const { during } = outcome.services["first"]!.phases
    // Three attempts for each of the calls that find it down before it cools down, and for each probe after that.
    assert.isAtMost(during!.arrived, 18)
    assert.isAtLeast(edgeTo(outcome, "first").skipped["cooling"]!, 20)
    assert.isAtLeast(outcome.services["first"]!.phases.after!.served, 45)
  })

  it("a cool-down is each client's own, unless the call is shared", () => {
    const attempts = ([{ clients: 10 }, { clients: 10, shared: true }] as const).map((caller) =>
      play({ first: model(), second: model() }, { providers: ["first", "second"], cooldown: "10 minutes" }, {
        ...outage,
        caller
      })
        .services["first"]!.phases.during!.arrived
    )
    // Those of the three calls that find it down before the first of them has given up.
    assert.isAtMost(attempts[1]!, 9)
    assert.isAtLeast(attempts[0]!, 27)
  })

  it("members of a pool by their weights, and each one of the limits it is known to have", () => {
    const services = { a: model(), b: model(), c: model({ requestsPerMinute: 6 }) }
    const weighted = play(services, {
      providers: [{ pool: [{ service: "a", weight: 3 }, "b"], strategy: "weighted" }]
    }, { duration: "20 minutes" })
    assert.closeTo(edgeTo(weighted, "a").calls / 1_199, 0.75, 0.05)

    const known = play(services, {
      providers: [{ pool: [{ service: "c", limits: { requestsPerMinute: 6 } }], strategy: "inOrder" }, "b"]
    })
    assert.strictEqual(known.services["c"]!.failures.limited, 0)
    assert.isAbove(edgeTo(known, "c").skipped["limited"]!, 100)
    const silent = { ...services, c: model({ requestsPerMinute: 6, headers: false }) }
    const unknown = play(silent, { providers: [{ pool: ["c"], strategy: "inOrder" }, "b"], retry: false })
    assert.isAbove(unknown.services["c"]!.failures.limited, 2)
    assert.strictEqual(unknown.figures.whole.success, 1)
  })

  it("the cheapest first, if the pool goes by prices", () => {
    const services = {
      dear: model({ price: { input: 9, output: 9 } }),
      cheap: model({ price: { input: 1, output: 1 } })
    }
    const outcome = play(services, { providers: [{ pool: ["dear", "cheap"], strategy: "cheapest" }] })
    assert.deepStrictEqual([edgeTo(outcome, "dear").attempts, edgeTo(outcome, "cheap").attempts], [0, 119])
  })
})

describe("limits", () => {
  it("of tokens a minute answer 429 with the time to wait, and no minute uses more than twice of them", () => {
    // A full bucket and what flows into it in the first minute, then what flows.
    const { services } = play({ cloud: model({ tokensPerMinute: 12_000 }) }, {
      providers: ["cloud"],
      retry: false,
      cooldown: 0
    }, {
      duration: "5 minutes"
    })
    const { failures, phases } = services["cloud"]!
    assert.isAbove(failures.limited, 200)
    assert.closeTo(phases.whole!.inputTokens + phases.whole!.outputTokens, 6 * 12_000, 3_000)
  })

  it("of a local machine are its workers: two answers at a time", () => {
    const { services } = play(
      { local: model({ location: "local", tokensPerSecond: 50 }, { workers: 2, queue: 100 }) },
      {
        providers: ["local"],
        retry: false,
        cooldown: 0
      }
    )
    // 4.4 seconds each: two of them serve 27 a minute.
    assert.closeTo(services["local"]!.phases.whole!.served, 2 * 120 / 4.4, 3)
    assert.closeTo(services["local"]!.phases.whole!.utilisation, 1, 0.02)
  })
})

it("the scenario falls back to the dearer vendor and to the local model, and pays for it", () => {
  const { figures: { before, during }, services } = Simulation.expect({
    ...Scenarios.cloudAndOllama(),
    duration: "14 minutes"
  }, [
    "success during >= 80%",
    "success after >= 99%",
    "ollama.cost <= 0",
    "cost <= 5"
  ])
  assert.isAbove(during!.cost / during!.calls, 3 * before!.cost / before!.calls)
  assert.isAbove(services["ollama"]!.phases.during!.served, 10)
}, 120_000)

it("the same chain as data is the same chain", async () => {
  const data = {
    duration: "2 minutes",
    services: {
      cloud: {
        latency: 0.4,
        model: { tokensPerSecond: 100, price: { input: 2, output: 10 }, tokensPerMinute: 60_000 }
      },
      local: { latency: "1 second", workers: 2, model: { tokensPerSecond: 30, location: "local" } }
    },
    chains: {
      assistant: {
        providers: [
          { pool: [{ service: "cloud", limits: { tokensPerMinute: 60_000 } }], strategy: "inOrder" },
          "local"
        ],
        prompt: { median: 500, p99: 3_000 },
        answer: { exponential: 100 },
        retry: { times: 1, backoff: { type: "constant", delay: 2 }, maxRetryAfter: "5s" },
        timeouts: { firstContent: 5 },
        cooldown: 10,
        hedge: { after: { quantile: 0.9, minimumCalls: 10, min: 1 }, max: 1 },
        hedgeBudget: { ratio: 0.2, minPerSecond: 0.5 },
        budgets: [{ limit: { tokens: 1_000_000 }, window: "1 hour" }],
        overrides: { local: { retry: false, hedge: false } }
      }
    },
    callers: { people: { to: "assistant", rate: 2 } }
  }
  const decoded = SystemData.toSystem(await Effect.runPromise(SystemData.decode(data)))
  const inCode: System.System = {
    duration: "2 minutes",
    services: {
      cloud: {
        latency: 400,
        model: { tokensPerSecond: 100, price: { input: 2, output: 10 }, tokensPerMinute: 60_000 }
      },
      local: { latency: 1_000, workers: 2, model: { tokensPerSecond: 30, location: "local" } }
    },
    chains: {
      assistant: {
        ...decoded.chains!["assistant"]!,
        timeouts: { firstContent: 5_000 },
        cooldown: 10_000,
        hedge: { after: Hedge.quantile({ quantile: 0.9, minimumCalls: 10, min: 1_000 }), max: 1 },
        hedgeBudget: { ratio: 0.2, minPerSecond: 0.5 },
        budgets: [{ limit: { tokens: 1_000_000 }, window: 3_600_000 }],
        overrides: { local: { retry: false, hedge: false } }
      }
    },
    callers: { people: { to: "assistant", rate: 2 } }
  }
  const outcome = Simulation.run(decoded)
  assert.deepStrictEqual(outcome, Simulation.run(inCode))
  assert.isAbove(outcome.services["local"]!.tokens.output, 0)
})

describe("what is invalid is rejected by its path", () => {
  const services = { cloud: model(), stock: { latency: 1 } }
  const system = (change: object): object => ({
    services,
    chains: { assistant: { providers: ["cloud"], ...change } },
    callers: { people: { to: "assistant", rate: 1 } }
  })

  it.each<[string, object, RegExp]>([
    [
      "a provider that is not a model",
      system({ providers: ["stock"] }),
      /chains\.assistant\.providers\.0 must be "cloud", got "stock"/
    ],
    [
      "no provider",
      system({ providers: [] }),
      /chains\.assistant\.providers must be an array of providers, at least one/
    ],
    ["a provider twice", system({ providers: ["cloud", "cloud"] }), /must name a service once, got "cloud" twice/],
    ["a fault of the chain", system({ retry: { times: -1 } }), /chains\.assistant\.retry\.times must be/],
    [
      "a misspelt option",
      system({ cooldwon: 1 }),
      /assistant\.cooldwon is not an option \(`cooldwon`: did you mean `cooldown`\?\)/
    ],
    [
      "an override of no provider",
      system({ overrides: { cluod: {} } }),
      /assistant\.overrides\.cluod is not a provider/
    ],
    ["an empty pool", system({ providers: [{ pool: [] }] }), /providers\.0\.pool must have a member/],
    [
      "a fault of the pool",
      system({ providers: [{ pool: ["cloud"], strategy: "best" }] }),
      /providers\.0\.strategy must be/
    ],
    [
      "a member's fault",
      system({ providers: [{ pool: [{ service: "cloud", weight: 0 }] }] }),
      /providers\.0\.pool\.0\.weight must be/
    ],
    ["a hedge after nothing", system({ hedge: { after: -1 } }), /chains\.assistant\.hedge\.after must be/],
    [
      "a budget of nothing",
      system({ budgets: [{ window: "1 day", limit: {} }] }),
      /assistant\.budgets\.0\.limit must have `cost` or `tokens`/
    ],
    ["headers of a vendor that is not known", {
      ...system({}),
      services: { cloud: model({ headers: "acme" as "openai" }) }
    }, /cloud\.model\.headers must be/],
    ["answers below zero", system({ answer: -1 }), /chains\.assistant\.answer must be/],
    ["the name of a service", {
      services,
      chains: { stock: { providers: ["cloud"] } },
      callers: { people: { to: "stock", rate: 1 } }
    }, /chains\.stock must have a name that no service has/],
    [
      "HTTP to a chain",
      { ...system({}), callers: { people: { to: "assistant", rate: 1, http: {} } } },
      /people\.http must call a service/
    ],
    ["a model that writes nothing", {
      ...system({}),
      services: { cloud: { latency: 1, model: { tokensPerSecond: 0 } } }
    }, /cloud\.model\.tokensPerSecond must be/],
    ["a model that calls", {
      ...system({}),
      services: { ...services, cloud: { ...model(), calls: [{ to: "stock" }] } }
    }, /cloud\.calls must not be made by a service that is a model/]
  ])("%s", (_, invalid, says) => {
    assert.throws(() => System.make(invalid as System.System), says)
  })
})
