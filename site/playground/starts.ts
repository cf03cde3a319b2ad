/** Systems to start from, as a visitor edits them. */
export interface Start {
  readonly name: string
  readonly about: string
  readonly text: string
}

export const starts: readonly [Start, ...ReadonlyArray<Start>] = [
  {
    name: "One dependency",
    about:
      "A dependency is down for two of ten minutes. Retries send it more than it can take; a budget and a breaker do not.",
    text: `duration: 10 minutes
services:
  stock:
    workers: 20
    queue: 100
    latency: { median: 40 millis, p99: 200 millis }
callers:
  users:
    to: stock
    rate: 50
    policy:
      retry:
        times: 3
        backoff: { type: exponential, initial: 1 second }
      circuitBreaker:
        trip: { type: rate, threshold: 0.5, window: 30 seconds }
        openFor: 15 seconds
      attemptTimeout: 2 seconds
events:
  - { type: outage, service: stock, at: 2 minutes, for: 2 minutes, hang: 0.5, after: 1 second }
`
  },
  {
    name: "Three tiers of retries",
    about:
      "Three tiers make three attempts each: 27 times the load at the last, which does not recover from ten seconds of failure. Set a budget.",
    text: `duration: 3 minutes
services:
  web:
    latency: 1 millis
    calls:
      - to: app
        policy: { retry: { times: 2, backoff: { type: constant, delay: 50 millis } }, attemptTimeout: 4 seconds }
  app:
    latency: 1 millis
    calls:
      - to: database
        policy: { retry: { times: 2, backoff: { type: constant, delay: 50 millis } }, attemptTimeout: 1 second }
  database:
    workers: 10
    latency: { exponential: 50 millis }
callers:
  users:
    to: web
    rate: 140
    policy: { retry: { times: 2, backoff: { type: constant, delay: 50 millis } }, attemptTimeout: 15 seconds }
events:
  - { type: brownOut, service: database, at: 1 minute, for: 10 seconds, errors: 1 }
`
  },
  {
    name: "A fan-out",
    about: "A page needs twenty shards. One of them is slow for a minute, and nearly every page with it.",
    text: `duration: 5 minutes
services:
  page:
    latency: 2 millis
    calls:
      - { to: shards, times: 20 }
  shards:
    instances: 20
    workers: 16
    latency: { median: 5 millis, p99: 40 millis }
callers:
  users: { to: page, rate: 20 }
events:
  - { type: slowNode, service: shards, at: 2 minutes, for: 1 minute, slower: 20 }
`
  },
  {
    name: "Cloud and Ollama",
    about:
      "A pool of two vendors of language models, and a local one under the same chain. The first vendor is down for five minutes, and then has a small quota for a minute: the second costs more and has a limit, and the local one is slow. The table below the plots has the bill.",
    text: `duration: 20 minutes
services:
  first:
    latency: { median: 600 millis, p99: 3 seconds } # to the first token
    model: { tokensPerSecond: 80, price: { input: 0.25, output: 2 }, tokensPerMinute: 150000 }
  second:
    latency: { median: 800 millis, p99: 4 seconds }
    model: { tokensPerSecond: 60, price: { input: 3, output: 15 }, tokensPerMinute: 60000 }
  ollama:
    workers: 2
    queue: 20
    latency: { median: 1 second, p99: 4 seconds }
    abandoned: stopped
    model: { tokensPerSecond: 40, location: local }
chains:
  assistant:
    providers:
      - pool: [{ service: first, weight: 4 }, { service: second, weight: 1 }]
        strategy: weighted
      - ollama
    prompt: { median: 600, p99: 4000 } # tokens
    answer: { median: 200, p99: 900 }
    cooldown: 30 seconds
    hedge: { after: 8 seconds }
callers:
  people: { to: assistant, rate: 1.5 }
events:
  - { type: outage, service: first, at: 5 minutes, for: 5 minutes }
  - { type: quota, service: first, at: 14 minutes, for: 1 minute, requests: 20, window: 1 minute }
`
  },
  {
    name: "A herd after an outage",
    about:
      "A hundred clients wait for a login service, and call it at the same moment when it is back. Jitter spreads them.",
    text: `duration: 4 minutes
services:
  login:
    workers: 8
    queue: 200
    latency: { exponential: 60 millis }
callers:
  clients:
    to: login
    users: 400
    clients: 100
    think: { exponential: 5 seconds }
    policy:
      retry: { times: 6, backoff: { type: exponential, initial: 1 second, jitter: none } }
      attemptTimeout: 2 seconds
events:
  - { type: outage, service: login, at: 1 minute, for: 1 minute }
`
  }
]
