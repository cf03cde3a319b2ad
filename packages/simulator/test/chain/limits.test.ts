/** What models say of their limits, and what a pool, a hedge and a budget make of it. */
import { assert, describe, it } from "@effect/vitest"
import { limitHeaders } from "../../src/internal/chain/limitHeaders.ts"
import { Account } from "../../src/internal/model/limiters.ts"
import type { Chain, Model } from "../../src/Llm.ts"
import * as Simulation from "../../src/Simulation.ts"
import type * as System from "../../src/System.ts"

const model = (change: Partial<Model> = {}, latency: System.Service["latency"] = 400): System.Service => ({
  latency,
  model: { tokensPerSecond: 100, price: { input: 2, output: 10 }, ...change }
})

const play = (services: System.System["services"], chain: Chain, caller: Partial<System.Caller> = {}) =>
  Simulation.run({
    duration: "5 minutes",
    services,
    chains: { assistant: { prompt: 1_000, answer: 200, ...chain } },
    callers: { people: { to: "assistant", rate: 1, arrivals: "regular", ...caller } }
  })

describe("the headers of a response", () => {
  const account = () => {
    const made = new Account(60, 90_000)
    // A request of 90,000 tokens 500 ms ago: half a request and 750 tokens have come back.
    made.admit(1_000, 90_000)
    return made
  }

  it("say what is left in OpenAI's words, and how long until all of it is", () => {
    assert.deepStrictEqual(limitHeaders("openai", account(), 1_500), {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "500ms",
      "x-ratelimit-limit-tokens": "90000",
      "x-ratelimit-remaining-tokens": "750",
      "x-ratelimit-reset-tokens": "59.5s"
    })
    const [minute] = [new Account(1, Infinity)]
    minute.admit(0, 0)
    assert.strictEqual(limitHeaders("openai", minute, 0)["x-ratelimit-reset-requests"], "1m0s")
  })

  it("or in Anthropic's, with the second in which all of it is", () => {
    assert.deepStrictEqual(limitHeaders("anthropic", account(), 1_500), {
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "59",
      "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:02Z",
      "anthropic-ratelimit-tokens-limit": "90000",
      "anthropic-ratelimit-tokens-remaining": "750",
      "anthropic-ratelimit-tokens-reset": "1970-01-01T00:01:01Z"
    })
  })

  it("have none for a limit that does not exist", () => {
    assert.deepStrictEqual(limitHeaders("openai", undefined, 0), {})
    assert.deepStrictEqual(limitHeaders(false, account(), 0), {})
    assert.sameMembers(
      Object.keys(limitHeaders("openai", new Account(Infinity, 10), 0)),
      ["limit", "remaining", "reset"].map((what) => `x-ratelimit-${what}-tokens`)
    )
  })
})

describe.each(["openai", "anthropic"] as const)("a pool that reads the limits in headers (%s)", (headers) => {
  // The key takes 20 requests a minute, of the 60 that come.
  const chain: Chain = { providers: [{ pool: ["key"], strategy: "inOrder" }, "other"], retry: false, cooldown: 0 }
  const limited = (told: Model["headers"]) =>
    play({ key: model({ requestsPerMinute: 20, headers: told }), other: model() }, chain)

  it.each([true, false])("skips a member without room before it refuses (streamed: %s)", (stream) => {
    const told = play(
      { key: model({ requestsPerMinute: 20, headers }), other: model() },
      { ...chain, stream }
    )
    const untold = limited(false)
    // Answers come a second after their requests: what is in flight when the last one is spent is refused at most.
    assert.isAtMost(told.services["key"]!.failures.limited, 20)
    assert.isAbove(untold.services["key"]!.failures.limited, 60)
    assert.strictEqual(told.figures.whole.success, 1)
    assert.isAbove(told.edges.find(({ to }) => to === "key")!.skipped["limited"]!, 100)
  })

  it("spends the limit of every member before it asks the next provider", () => {
    const keys = { a: model({ requestsPerMinute: 20, headers }), b: model({ requestsPerMinute: 20, headers }) }
    const { services } = play({ ...keys, other: model() }, {
      providers: [{ pool: ["a", "b"], strategy: "inOrder" }, "other"],
      retry: false,
      cooldown: 0
    })
    // A limit of 20 that is full at the start lets at most 20 and 20 a minute through in five minutes. A member that has said
    // that nothing is left waits until its limit is whole, which takes the minute.
    for (const name of ["a", "b"]) {
      assert.isAtLeast(services[name]!.phases.whole!.served, 50)
      assert.isAtMost(services[name]!.phases.whole!.served, 120)
    }
    assert.isAtMost(services["other"]!.phases.whole!.served, 200)
  })
})

it("a hedge asks the next provider when the first is late, and the answers come in its time", () => {
  const services = { slow: model({ tokensPerSecond: Infinity }, { samples: [300, 300, 300, 8_000] }), quick: model() }
  const chain: Chain = { providers: ["slow", "quick"], cooldown: 0, answer: 20 }
  const alone = play(services, chain)
  const hedged = play(services, { ...chain, hedge: { after: "1 second" }, hedgeBudget: false })
  assert.isAtLeast(alone.figures.whole.p90, 8_000)
  // A second, 0.4 to the first token, 0.2 for 20 of them.
  assert.isAtMost(hedged.figures.whole.p90, 1_610)
  assert.closeTo(hedged.services["quick"]!.phases.whole!.served / hedged.figures.whole.calls, 0.25, 0.06)
})

describe("a budget", () => {
  it("of tokens lets no more through than it and what is in flight, and the rest fails at once", () => {
    const { figures: { whole }, services } = play({ cloud: model() }, {
      providers: ["cloud"],
      budgets: [{ limit: { tokens: 60_000 }, window: "1 hour" }]
    })
    const { input, output } = services["cloud"]!.tokens
    assert.isAtLeast(input + output, 50_000)
    assert.isAtMost(input + output, 66_000)
    assert.closeTo(whole.success, 50 / 299, 0.01)
    assert.strictEqual(whole.p50, 0)
  })

  it("by caller is each caller's own", () => {
    const system = (by: "caller" | undefined): System.System => ({
      duration: "5 minutes",
      services: { cloud: model() },
      chains: {
        assistant: {
          providers: ["cloud"],
          prompt: 1_000,
          answer: 200,
          budgets: [{ by, limit: { tokens: 60_000 }, window: "1 hour" }]
        }
      },
      callers: { eager: { to: "assistant", rate: 2, shared: true }, calm: { to: "assistant", rate: 0.1, shared: true } }
    })
    const { callers } = Simulation.run(system("caller"))
    assert.isAtMost(callers["eager"]!.phases.whole!.success, 0.12)
    assert.strictEqual(callers["calm"]!.phases.whole!.success, 1)
  })

  it("of money asks the cheapest when it is spent, which may be free", () => {
    const { figures: { whole }, services } = play(
      { cloud: model(), ollama: model({ price: undefined, location: "local" }) },
      {
        providers: ["cloud", "ollama"],
        budgets: [{ limit: { cost: 0.2 }, window: "1 hour", whenSpent: "cheapest" }]
      }
    )
    assert.closeTo(whole.cost, 0.2, 0.01)
    assert.strictEqual(whole.success, 1)
    assert.isAbove(services["ollama"]!.phases.whole!.served, 200)
  })
})
