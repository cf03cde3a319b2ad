/**
 * What is tried in every runtime, as one module that is bundled once and needs nothing but what all of them have: `fetch`, timers
 * and streams. Each scenario gives a value; that of Node is what the others are held to.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { runner } from "./runner.ts"

const backoff = Backoff.constant({ delay: "1 millis" })
const twice = { retry: { times: 2, backoff } } satisfies HttpPolicy.Options

/** How a call ended: what it gave, or that it failed and with what error of a policy. */
const ending = (error: unknown): unknown => {
  const cause = isPolicyError(error) ? error : error instanceof Error && "reason" in error
    ? Reflect.get(Object(error.reason), "cause")
    : undefined
  return isPolicyError(cause) ? cause.reason._tag : "failed"
}

/** Runs calls through a client over fetch, and says how they ended and how often fetch was called. */
const calls = <A, E>(
  options: HttpPolicy.Options,
  use: (client: HttpClient.HttpClient.With<E>) => Effect.Effect<A, unknown>
) =>
  Effect.suspend(() => {
    let sent = 0
    const fetch: typeof globalThis.fetch = (input, init) => {
      sent++
      return globalThis.fetch(input, init)
    }
    return Effect.flatMap(ResilientHttpClient.make(options), (client) =>
      use(client as unknown as HttpClient.HttpClient.With<E>)).pipe(
        Effect.catch((error) =>
          Effect.succeed(ending(error))
        ),
        Effect.map((ended) => ({ ended, sent })),
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(FetchHttpClient.Fetch, fetch),
        // A browser would ask the server first whether it takes them.
        Effect.provideService(HttpClient.TracerPropagationEnabled, false)
      )
  })

const get = (options: HttpPolicy.Options, url: string) =>
  calls(options, (client) => Effect.flatMap(client.get(url), (response) => response.text))

const model = (server: string, name: string) =>
  Effect.provide(
    OpenAiProvider.make({ name, model: "any", apiKey: Redacted.make("k"), baseUrl: `${server}/${name}` }),
    FetchHttpClient.layer
  )

const chain = <A, E>(server: string, use: Effect.Effect<A, E, LanguageModel.LanguageModel>) =>
  Effect.gen(function*() {
    const providers = [yield* model(server, "down"), yield* model(server, "up")] as const
    return yield* Effect.provide(use, ProviderChain.layer({ providers, retry: { times: 1, backoff } }))
  }).pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false)
  )

/** The scenarios, by what they show. `server` is the URL of the failing server. */
export const scenarios: Readonly<Record<string, (server: string) => Effect.Effect<unknown, unknown>>> = {
  "a timeout ends an attempt, and a retry gives the answer": () => {
    let attempts = 0
    const slowOnce = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed("answered"))
    return Effect.flatMap(
      Policy.make({ attemptTimeout: "50 millis", retry: { times: 1, backoff } }),
      (policy) => policy.protect(slowOnce)
    )
  },
  "a deadline ends a call": () =>
    Effect.flatMap(Policy.make({ deadline: "50 millis" }), (policy) => policy.protect(Effect.never)).pipe(
      Effect.catch((error) => Effect.succeed(error.reason._tag))
    ),
  "a lost connection is retried": (server) => get(twice, `${server}/reset`),
  "a lost connection is retried until an answer comes": (server) => get(twice, `${server}/reset-once`),
  "a name that does not resolve is retried": () => get(twice, "http://host.invalid/"),
  "a refused connection is retried": () => get(twice, "http://127.0.0.1:1025/"),
  "a cut body is retried": (server) => get(twice, `${server}/cut-once`),
  "a 503 with Retry-After is waited for": (server) => get(twice, `${server}/busy-once`),
  "a POST is not repeated": (server) =>
    calls(twice, (client) => client.post(`${server}/reset`, { body: HttpBody.text("pay") })),
  "a POST with a key is repeated": (server) =>
    calls(twice, (client) => client.post(`${server}/reset`, { headers: { "idempotency-key": "k" } })),
  "a head that does not come times out": (server) =>
    get({ retry: false, timeouts: { attempt: "100 millis" } }, `${server}/silent`),
  "a body that stalls times out": (server) =>
    get({ retry: false, timeouts: { total: "200 millis" } }, `${server}/stall`),
  "a breaker opens": (server) =>
    calls({ retry: false, circuitBreaker: { trip: CircuitBreaker.consecutive(2) } }, (client) => {
      const call = Effect.catch(client.get(`${server}/reset`), (error) => Effect.succeed(ending(error)))
      return Effect.all([call, call, call])
    }),
  "a hedge answers for a slow server": (server) =>
    get({ retry: false, hedge: { after: "50 millis" } }, `${server}/slow-once`).pipe(
      // Browsers send one request for a URL at a time, unless its answer is to be kept nowhere.
      Effect.provideService(FetchHttpClient.RequestInit, { cache: "no-store" })
    ),
  "a stream that is left half-read is given up": (server) =>
    calls(
      twice,
      (client) =>
        Effect.flatMap(client.get(`${server}/endless`), (response) =>
          Stream.runCollect(Stream.take(response.stream, 2)).pipe(Effect.map((chunks) => chunks.length)))
    ),
  "an interrupted call ends": (server) =>
    calls(twice, (client) => Effect.timeoutOption(client.get(`${server}/silent`), "50 millis")).pipe(
      Effect.map(({ sent }) => sent)
    ),
  "a fetch is retried": (server) =>
    Effect.promise(async () => {
      const fetch = ResilientFetch.createFetch(twice)
      const response = await fetch(`${server}/busy-once`, { method: "PUT", body: "stock" })
      const text = await response.text()
      await fetch.close()
      return [response.status, text, response.redirected]
    }),
  "a fetch follows redirects": (server) =>
    Effect.promise(async () => {
      const response = await ResilientFetch.createFetch(twice)(`${server}/moved`)
      return [
        response.status,
        response.redirected,
        new URL(response.url).pathname.endsWith("/there"),
        await response.text()
      ]
    }),
  "a fetch is aborted": (server) =>
    Effect.promise(async () => {
      const controller = new AbortController()
      const reason = (promise: Promise<unknown>) => promise.catch((reason: unknown) => reason)
      const before = reason(ResilientFetch.createFetch(twice)(`${server}/silent`, { signal: controller.signal }))
      controller.abort("reason")
      const body = new AbortController()
      const response = await ResilientFetch.createFetch(twice)(`${server}/stall`, { signal: body.signal })
      const text = reason(response.text())
      body.abort("reason")
      return Promise.all([before, text])
    }),
  "a chain goes to the next provider": (server) =>
    Effect.map(chain(server, LanguageModel.generateText({ prompt: "Hello" })), ({ text }) => text),
  "a chain streams": (server) =>
    chain(
      server,
      LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)
      )
    )
}

export const { names, run } = runner(scenarios)
