/** Random systems, to try laws on. */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type { Event } from "../src/Event.ts"
import type { Latency } from "../src/Latency.ts"
import type { Chain, Pool } from "../src/Llm.ts"
import type * as System from "../src/System.ts"

/** A small generator, so that a failure repeats by its seed. */
const chances = (seed: number) => {
  let state = seed * 7_919 + 1
  const next = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor(state / 65_536) / 32_768
  }
  return {
    next,
    is: (share: number) => next() < share,
    of: <A>(...values: ReadonlyArray<A>): A => values[Math.floor(next() * values.length)]!,
    between: (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  }
}

type Chances = ReturnType<typeof chances>

const policy = ({ between, is, of }: Chances): System.PolicyOptions => ({
  ...(is(0.3) ? { deadline: between(500, 5_000) } : {}),
  ...(is(0.3) ? { bulkhead: { limit: between(1, 50), queue: of(0, 10), maxWait: of(50, 1_000) } } : {}),
  ...(is(0.2) ? { rateLimit: { limit: between(5, 60), window: 1_000, maxWait: of(0, 200) } } : {}),
  ...(is(0.7)
    ? {
      retry: {
        times: between(0, 3),
        backoff: of(Backoff.constant({ delay: of(0, 10, 100) }), Backoff.exponential({ initial: 50 })),
        ...(is(0.4) ? { budget: { ratio: 0.2, minPerSecond: 1 } } : {})
      }
    }
    : {}),
  ...(is(0.6)
    ? { circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.3, minimumCalls: 5 }), openFor: of(100, 2_000) } }
    : {}),
  ...(is(0.2) ? { hedge: { after: of(20, 100), max: 1 } } : {}),
  ...(is(0.7) ? { attemptTimeout: between(50, 500) } : {})
})

const latency = ({ between, of }: Chances): Latency =>
  of<Latency>(
    between(0, 50),
    { exponential: between(1, 50) },
    { median: between(1, 30), p99: between(40, 300) },
    { uniform: [5, between(5, 80)] },
    { samples: [1, 2, 3, 100] }
  )

const event = (chances: Chances, service: string): Event => {
  const { between, next, of } = chances
  const during = { service, at: between(0, 12_000), for: between(1, 8_000) }
  return of<() => Event>(
    () => ({ type: "outage", ...during, hang: of(0, 0.5, 1), after: of(0, 100) }),
    () => ({ type: "brownOut", ...during, slower: of(1, 5, 50), errors: next() }),
    () => ({ type: "slowNode", ...during, slower: 10 }),
    () => ({ type: "deploy", ...during, slower: 3, warmUp: 2_000 }),
    () => ({ type: "coldCache", service, at: during.at }),
    () => ({ type: "lostPackets", ...during, share: of(0.1, 1) }),
    () => ({ type: "rateLimit", ...during, rate: between(1, 50) }),
    () => ({ type: "quota", ...during, requests: between(0, 100), window: of(1_000, 5_000) }),
    () => ({ type: "surge", at: during.at, for: during.for, times: of(0, 3) })
  )()
}

/** A system of up to four services in a row or a fan, with any policies and events. */
const randomSystem = (seed: number): System.System => {
  const chances_ = chances(seed)
  const { between, is, next, of } = chances_
  const names = ["a", "b", "c", "d"].slice(0, between(1, 4))
  const call = (to: string): System.Call => ({
    to,
    ...(is(0.7) ? { policy: policy(chances_) } : {}),
    ...(is(0.2) ? { shared: true } : {}),
    ...(is(0.2) ? { probability: 0.5 } : {}),
    ...(is(0.2) ? { times: 2 } : {}),
    ...(is(0.2) ? { optional: true } : {}),
    ...(is(0.3) ? { network: of(1, 10) } : {}),
    ...(is(0.2) ? { cache: { hits: 0.8, size: 50 } } : {})
  })
  const services = names.map((name, i): readonly [string, System.Service] => {
    const below = names.slice(i + 1)
    const workers = is(0.7) ? between(1, 20) : undefined
    return [name, {
      instances: between(1, 3),
      balance: of("random", "roundRobin", "leastBusy"),
      workers,
      ...(is(0.5) ? { queue: between(0, 30) } : {}),
      order: of("fifo", "lifo"),
      latency: latency(chances_),
      ...(workers !== undefined && is(0.3) ? { slowdown: next() } : {}),
      ...(is(0.3) ? { errors: next() * 0.2 } : {}),
      ...(is(0.3) ? { timeout: between(20, 500) } : {}),
      abandoned: of("served", "skipped", "stopped"),
      calls: below.length === 0 ? [] : is(0.3) ? [{ parallel: below.map(call) }] : [call(below[0]!)],
      price: 0.001
    }]
  })
  const again = is(0.3) ? { again: { share: 0.5, times: 2, after: { exponential: 500 } } } : {}
  return {
    duration: 15_000,
    services: Object.fromEntries(services),
    callers: {
      open: {
        ...call("a"),
        ...again,
        rate: between(1, 60),
        clients: of(1, 3),
        arrivals: of("poisson", "regular"),
        ...(is(0.2) ? { daily: { peak: 2, period: "10 seconds" } } : {}),
        ...(is(0.2) ? { bursts: { every: "5 seconds", for: "1 second", times: 4 } } : {})
      },
      ...(is(0.5)
        ? { closed: { ...call(of(...names)), ...again, users: between(1, 20), think: { exponential: 300 } } }
        : {})
    },
    events: Array.from({ length: between(0, 3) }, () => event(chances_, of(...names)))
  }
}

/** A web service over HTTP before two vendors of a language model and a local one, under a chain or a pool. */
const randomProviders = (seed: number): System.System => {
  const { between, is, next, of } = chances(seed)
  const model = (location: "cloud" | "local"): System.Service => ({
    latency: of<Latency>({ exponential: between(10, 500) }, between(10, 2_000)),
    ...(location === "local" ? { workers: between(1, 3), queue: between(0, 5) } : {}),
    ...(is(0.3) ? { errors: next() * 0.3 } : {}),
    ...(is(0.3) ? { timeout: between(500, 3_000) } : {}),
    abandoned: of("served", "skipped", "stopped"),
    model: {
      tokensPerSecond: between(20, 200),
      location,
      price: { input: between(0, 5), output: between(1, 20) },
      ...(is(0.4) ? { requestsPerMinute: between(10, 300) } : {}),
      ...(is(0.4) ? { tokensPerMinute: between(1_000, 100_000) } : {}),
      ...(is(0.3) ? { cuts: next() * 0.3 } : {}),
      // A pool that reads a limit in headers seldom meets it.
      headers: of<false | "openai" | "anthropic">(false, "openai", "anthropic")
    }
  })
  const pool: Pool = {
    pool: ["first", { service: "second", weight: between(1, 3) }],
    strategy: of("inOrder", "weighted", "leastBusy", "fastest", "cheapest", "sticky")
  }
  const chain: Chain = {
    providers: is(0.5) ? [pool, "local"] : ["first", "second", "local"],
    prompt: { exponential: between(50, 1_000) },
    answer: { median: between(5, 50), p99: between(60, 400) },
    stream: is(0.6),
    ...(is(0.3) ? { deadline: between(500, 5_000) } : {}),
    ...(is(0.5) ? { timeouts: { firstContent: between(200, 2_000), answer: between(500, 4_000) } } : {}),
    ...(is(0.5) ? { cooldown: of(0, 1_000, 5_000) } : {}),
    ...(is(0.3) ? { bulkhead: { limit: between(1, 5), queue: between(0, 3), maxWait: 500 } } : {}),
    ...(is(0.3) ? { retry: { times: between(0, 3), maxRetryAfter: of(1_000, 10_000) } } : {})
  }
  const http: System.Http = {
    method: of("GET", "POST"),
    policy: {
      retry: is(0.3) ? false : { times: between(0, 3) },
      timeouts: { attempt: between(200, 4_000), total: 10_000 },
      ...(is(0.4) ? { bulkhead: { limit: between(1, 30), queue: between(0, 5) } } : {}),
      ...(is(0.4) ? { circuitBreaker: { openFor: of(500, 2_000) } } : {})
    }
  }
  const service = of("web", "first", "second", "local")
  return {
    duration: 15_000,
    services: {
      web: {
        workers: between(1, 40),
        queue: between(0, 20),
        latency: 5,
        ...(is(0.5) ? { retryAfter: between(100, 2_000) } : {}),
        calls: [{ to: "assistant", ...(is(0.3) ? { policy: { attemptTimeout: between(500, 5_000) } } : {}) }]
      },
      first: model("cloud"),
      second: model("cloud"),
      local: model("local")
    },
    chains: { assistant: chain },
    callers: {
      people: { to: "web", rate: between(1, 10), clients: of(1, 3), http },
      ...(is(0.5) ? { batch: { to: "assistant", users: between(1, 5), shared: is(0.5) } } : {})
    },
    events: Array.from({ length: between(0, 3) }, () => event(chances(seed + 1), service))
  }
}

/** A system of any kind: one in four has language models. */
export const anySystem = (seed: number): System.System => seed % 4 === 0 ? randomProviders(seed) : randomSystem(seed)
