/** The clients, and how each is set up: what its documentation offers, with retries on and timeouts set. */

import type { Client } from "./clients/client.ts"

export interface Candidate {
  readonly name: string
  /** How it is set up, for the report. */
  readonly settings: string
  /** Loads it: a process has the code of one client alone. */
  readonly load: () => Promise<{ readonly make: () => Client }>
}

export const candidates: ReadonlyArray<Candidate> = [
  {
    name: "Holdfast",
    settings: "UndiciTransport: 100 connections, a queue of 200 before them and at most 500 ms in it. " +
      "ResilientHttpClient: 3 retries with the default backoff (from 100 ms, full jitter), a budget of 20 % of the calls " +
      "and 10 a second, 1 s an attempt, 4 s in all, and a circuit breaker that opens for 500 ms when half of the attempts " +
      "within 2 s have failed.",
    load: () => import("./clients/holdfast.ts")
  },
  {
    name: "undici",
    settings: "request() on an Agent with 100 connections, headersTimeout and bodyTimeout of 1 s. It retries nothing.",
    load: () => import("./clients/undici.ts")
  },
  {
    name: "got",
    settings: "3 retries with the default delays (1 s, doubled each time), timeout.request of 1 s an attempt, " +
      "a keep-alive agent with 100 sockets.",
    load: () => import("./clients/got.ts")
  },
  {
    name: "ky",
    settings: "Node's fetch, which takes as many connections as it likes. 3 retries with the default delays (300 ms, " +
      "doubled each time) and full jitter, retryOnTimeout, timeout of 1 s an attempt, totalTimeout of 4 s.",
    load: () => import("./clients/ky.ts")
  },
  {
    name: "axios-retry",
    settings: "axios with a keep-alive agent with 100 sockets and a timeout of 1 s. axios-retry: 3 retries, " +
      "exponentialDelay (from 200 ms, doubled, a fifth of jitter), shouldResetTimeout, and timeouts are retried too.",
    load: () => import("./clients/axios.ts")
  },
  {
    name: "Effect",
    settings:
      "NodeHttpClient on undici with 100 connections, Effect.timeout of 1 s an attempt, then retryTransient with " +
      "3 times and a jittered exponential schedule from 100 ms.",
    load: () => import("./clients/effect.ts")
  }
]
