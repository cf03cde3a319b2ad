/**
 * Systems to start from. Each shows one way in which a policy makes an outage worse or better.
 *
 * **When to use**
 *
 * Take one, and change it until it looks like yours. To compare policies, run one of them under each of {@link policies}.
 *
 * **Details**
 *
 * - {@link oneDependency}: an outage that hangs and refuses.
 * - {@link threeTiers}: retries that multiply from tier to tier, and an overload that outlasts its cause.
 * - {@link fanOut}: one slow node in twenty, behind a page that needs all of them.
 * - {@link herd}: clients that come back at the same moment.
 * - {@link coldCache}: a store that gets the calls which its cache used to answer.
 * - {@link cloudAndOllama}: two vendors of language models and a local one, of which the first is down for a while.
 *
 * **Gotchas**
 *
 * Their figures are made up to show an effect. Conclude nothing about your system before it has your own.
 *
 * **Example**
 *
 * ```ts import.meta.vitest
 * import { Scenarios, Simulation } from "@holdfast/simulator"
 *
 * const { figures } = Simulation.run(Scenarios.oneDependency(Scenarios.policies["timeout alone"]))
 * figures.before!.success > figures.during!.success // => true
 * ```
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as Policy from "@holdfast/core/Policy"
import type { Chain } from "./Llm.ts"
import type * as System from "./System.ts"

/** One dependency that is down for two of ten minutes: half of what it gets hangs, the rest is refused after a second. */
export const oneDependency = (policy?: System.PolicyOptions): System.System => ({
  duration: "10 minutes",
  services: { stock: { workers: 20, queue: 100, latency: { median: "40 millis", p99: "200 millis" } } },
  callers: { users: { to: "stock", rate: 50, policy } },
  events: [{ type: "outage", service: "stock", at: "2 minutes", for: "2 minutes", hang: 0.5, after: "1 second" }]
})

/**
 * Three tiers that all retry. The last one is busy to 70 %, and fails every request for ten seconds. Attempts multiply:
 * `attempts` each at three tiers is `attempts` to the third power of requests at the last.
 *
 * Without a budget, its workers are soon busy with requests whose clients have given up, and stay so when it is well again.
 *
 * - `attempts`: how many attempts each tier makes. Default: 3.
 * - `budget`: the share of retries that each tier allows itself. Default: no limit.
 */
export const threeTiers = (
  { attempts = 3, budget }: { readonly attempts?: number | undefined; readonly budget?: number | undefined } = {}
): System.System => {
  const policy = (attemptTimeout: number): System.PolicyOptions => ({
    retry: {
      times: attempts - 1,
      backoff: Backoff.constant({ delay: "50 millis" }),
      budget: budget === undefined ? undefined : { ratio: budget, minPerSecond: 0.1 }
    },
    attemptTimeout
  })
  return {
    duration: "3 minutes",
    services: {
      web: { latency: "1 millis", calls: [{ to: "app", policy: policy(4_000) }] },
      app: { latency: "1 millis", calls: [{ to: "database", policy: policy(1_000) }] },
      database: { workers: 10, latency: { exponential: "50 millis" } }
    },
    callers: { users: { to: "web", rate: 140, policy: policy(15_000) } },
    events: [{ type: "brownOut", service: "database", at: "1 minute", for: "10 seconds", errors: 1 }]
  }
}

/**
 * A page that asks twenty shards at once and needs all of them. One shard in twenty is slow for a minute: then nearly every page is.
 * A `hedge` sends a second request where the first is late.
 */
export const fanOut = (policy?: System.PolicyOptions): System.System => ({
  duration: "5 minutes",
  services: {
    page: { latency: "2 millis", calls: [{ to: "shards", times: 20, policy }] },
    shards: { instances: 20, workers: 16, latency: { median: "5 millis", p99: "40 millis" } }
  },
  callers: { users: { to: "page", rate: 20 } },
  events: [{ type: "slowNode", service: "shards", at: "2 minutes", for: "1 minute", slower: 20 }]
})

/** A herd: a hundred clients that all wait for a service to come back, and call it at the same moment when it does. */
export const herd = (jitter: System.PolicyOptions["retry"]): System.System => ({
  duration: "4 minutes",
  services: { login: { workers: 8, queue: 200, latency: { exponential: "60 millis" } } },
  callers: {
    clients: {
      to: "login",
      users: 400,
      clients: 100,
      think: { exponential: "5 seconds" },
      policy: { retry: jitter, attemptTimeout: "2 seconds" }
    }
  },
  events: [{ type: "outage", service: "login", at: "1 minute", for: "1 minute" }]
})

/**
 * A store behind a look-aside cache that is empty after a deployment. The cache fills only by answers that come in time,
 * and the store, which serves one call in ten when the cache is warm, gets all of them.
 */
export const coldCache = (policy?: System.PolicyOptions): System.System => ({
  duration: "5 minutes",
  services: {
    site: { latency: "1 millis", calls: [{ to: "store", policy, cache: { hits: 0.9, size: 20_000 } }] },
    store: { workers: 10, latency: { exponential: "50 millis" } }
  },
  callers: { users: { to: "site", rate: 300 } },
  events: [{ type: "coldCache", service: "store", at: "1 minute" }]
})

/**
 * An assistant that asks a vendor with a limit of tokens a minute, another vendor that costs more, and a local model that
 * answers two at a time. The first vendor is down for five minutes.
 */
export const cloudAndOllama = (options: Omit<Chain, "providers"> = {}): System.System => ({
  duration: "20 minutes",
  services: {
    first: {
      latency: { median: "600 millis", p99: "3 seconds" },
      model: { tokensPerSecond: 80, price: { input: 0.25, output: 2 }, tokensPerMinute: 150_000 }
    },
    second: {
      latency: { median: "800 millis", p99: "4 seconds" },
      model: { tokensPerSecond: 60, price: { input: 3, output: 15 }, tokensPerMinute: 60_000 }
    },
    ollama: {
      workers: 2,
      queue: 20,
      latency: { median: "1 second", p99: "4 seconds" },
      abandoned: "stopped",
      model: { tokensPerSecond: 40, location: "local" }
    }
  },
  chains: {
    assistant: {
      providers: ["first", "second", "ollama"],
      prompt: { median: 600, p99: 4_000 },
      answer: { median: 200, p99: 900 },
      ...options
    }
  },
  callers: { people: { to: "assistant", rate: 1.5 } },
  events: [{ type: "outage", service: "first", at: "5 minutes", for: "5 minutes" }]
})

const retry: Policy.Options["retry"] = { times: 3, backoff: Backoff.exponential({ initial: "1 second" }) }

/** Policies to compare: each has all of the one before it, and a part more. */
export const policies: Readonly<Record<string, Omit<Policy.Options, "hedge">>> = {
  "timeout alone": { attemptTimeout: "2 seconds" },
  "retries": { retry, attemptTimeout: "2 seconds" },
  "retries, budget": { retry: { ...retry, budget: { ratio: 0.2, minPerSecond: 0.1 } }, attemptTimeout: "2 seconds" },
  "and a breaker": {
    retry: { ...retry, budget: { ratio: 0.2, minPerSecond: 0.1 } },
    attemptTimeout: "2 seconds",
    bulkhead: { limit: 64, queue: 64 },
    circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.5 }), openFor: "30 seconds" }
  }
}
