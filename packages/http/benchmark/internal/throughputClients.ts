/**
 * The clients that are compared. Each gets answers of 200 and reads their bodies as text; a 503 is tried again at once,
 * or after the shortest delay that the client knows, by the client's own means where it has any, and in a loop by hand
 * where it has none. All may open 100 connections, but those on fetch, which opens as many as it likes.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import axios from "axios"
import axiosRetry from "axios-retry"
import * as cockatiel from "cockatiel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as EffectBreaker from "effect/persistence/CircuitBreaker"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import got from "got"
import ky from "ky"
import { Agent as HttpAgent } from "node:http"
import pRetry from "p-retry"
import { Agent, type Dispatcher, Pool, request, RetryAgent } from "undici"

const connections = 100
const retries = 10

/** Gets one answer after the other while it is told to go on. */
export type Worker = (url: string, goOn: () => boolean) => Promise<void>

const byPromises = (get: (url: string) => Promise<string>): Worker => (url, goOn) =>
  new Promise((resolve, reject) => {
    const next = () => {
      if (goOn()) get(url).then(next, reject)
      else resolve()
    }
    next()
  })

const agent = () => new Agent({ connections })

/** A request that fails for a 503, for what retries failures. */
const throwing = (dispatcher: Dispatcher) => async (url: string): Promise<string> => {
  const { body, statusCode } = await request(url, { dispatcher })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(String(statusCode))
  return text
}

const raw = (): Worker => {
  const dispatcher = agent()
  const get = async (url: string): Promise<string> => {
    const { body, statusCode } = await request(url, { dispatcher })
    const text = await body.text()
    return statusCode === 200 ? text : get(url)
  }
  return byPromises(get)
}

/** The least that undici can be asked to do. */
const handler = (): Worker => {
  let pool: Pool | undefined
  const get = (url: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { origin, pathname } = new URL(url)
      pool ??= new Pool(origin, { connections })
      let text = ""
      let status = 0
      pool.dispatch({ path: pathname, method: "GET" }, {
        onRequestStart: () => undefined,
        onResponseStart: (_, code) => void (status = code),
        onResponseData: (_, chunk) => void (text += chunk.toString()),
        onResponseEnd: () => status === 200 ? resolve(text) : queueMicrotask(() => get(url).then(resolve, reject)),
        onResponseError: (_, error) => reject(error)
      })
    })
  return byPromises(get)
}

const retryAgent = (): Worker => {
  const dispatcher = new RetryAgent(agent(), { maxRetries: retries, minTimeout: 0, maxTimeout: 0 })
  return byPromises(throwing(dispatcher))
}

const underPRetry = (): Worker => {
  const get = throwing(agent())
  return byPromises((url) => pRetry(() => get(url), { retries, minTimeout: 0 }))
}

const underCockatiel = (): Worker => {
  const { handleAll, SamplingBreaker, TimeoutStrategy } = cockatiel
  const four = cockatiel.wrap(
    cockatiel.bulkhead(1000, 0),
    cockatiel.retry(handleAll, { maxAttempts: retries, backoff: new cockatiel.ConstantBackoff(0) }),
    cockatiel.circuitBreaker(handleAll, {
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
      halfOpenAfter: 30_000
    }),
    cockatiel.timeout(10_000, TimeoutStrategy.Aggressive)
  )
  const get = throwing(agent())
  return byPromises((url) => four.execute(() => get(url)))
}

const fetched = (): Worker => {
  const get = async (url: string): Promise<string> => {
    const response = await fetch(url)
    const text = await response.text()
    return response.ok ? text : get(url)
  }
  return byPromises(get)
}

const kys = (): Worker => {
  const client = ky.create({ retry: { limit: retries, delay: () => 0 } })
  return byPromises((url) => client.get(url).text())
}

const httpAgent = () => new HttpAgent({ keepAlive: true, maxSockets: connections })

const gots = (): Worker => {
  const client = got.extend({ agent: { http: httpAgent() }, retry: { limit: retries, backoffLimit: 1, noise: 0 } })
  return byPromises((url) => client.get(url).text())
}

const axioses = (): Worker => {
  const client = axios.create({ httpAgent: httpAgent(), responseType: "text" })
  axiosRetry(client, { retries })
  return byPromises(async (url) => (await client.get<string>(url)).data)
}

type Protect = (
  call: Effect.Effect<string, HttpClientError.HttpClientError | Busy>
) => Effect.Effect<string, unknown>

class Busy extends Error {}
const busy = new Busy()

/** One answer: whatever retries is in the layer, or around the call. */
const byEffects = (layer: Layer.Layer<HttpClient.HttpClient>, isTraced: boolean, protect?: Protect): Worker => {
  const runtime = ManagedRuntime.make(Layer.merge(layer, Logger.layer([])))
  return (url, goOn) =>
    runtime.runPromise(
      Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        const get = Effect.flatMap(client.get(url), (response) =>
          Effect.filterOrFail(response.text, () => response.status === 200, () => busy))
        if (protect !== undefined) {
          while (goOn()) {
            yield* protect(get)
          }
          return
        }
        while (goOn()) {
          let status = 0
          while (status !== 200) {
            const response = yield* client.get(url)
            yield* response.text
            status = response.status
          }
        }
      }).pipe(
        Effect.orDie,
        Effect.provideService(HttpClient.TracerDisabledWhen, () =>
          !isTraced)
      )
    )
}

const effectFour = (): Protect => {
  const breaker = Effect.runSync(
    EffectBreaker.make({
      tripPolicy: EffectBreaker.rate({ threshold: 0.5, size: 100, minimumCalls: 20 }),
      openDuration: "30 seconds"
    }).pipe(
      Effect.provide(EffectBreaker.layerStoreMemory()),
      Effect.provideService(Scope.Scope, Scope.makeUnsafe())
    )
  )
  const semaphore = Semaphore.makeUnsafe(1000)
  return (call) =>
    call.pipe(
      Effect.timeout("10 seconds"),
      breaker.execute({ key: "stock" }),
      Effect.retry({ times: retries }),
      semaphore.withPermit
    )
}

// The others keep what they have opened from one turn to the next as well.
const transport = UndiciTransport.layer({ connections, idleConnections: connections })

const holdfast = ResilientHttpClient.layer({
  retry: { times: retries, backoff: Backoff.constant({ delay: 0 }) },
  timeouts: { attempt: "10 seconds", total: "30 seconds" }
}).pipe(Layer.provide(transport))

const effect = NodeHttpClient.layerUndiciOptions({ connections })

/** The first is what the others are compared with. */
export const clients: Readonly<Record<string, () => Worker>> = {
  "undici.request": raw,
  "undici, a bare handler": handler,
  "Holdfast": () => byEffects(holdfast, false),
  "Holdfast, traced": () => byEffects(holdfast, true),
  "UndiciTransport alone": () => byEffects(transport, false),
  "UndiciTransport alone, traced": () => byEffects(transport, true),
  "undici under p-retry": underPRetry,
  "undici's RetryAgent": retryAgent,
  "undici under cockatiel's four": underCockatiel,
  "Effect's undici client": () => byEffects(effect, false),
  "Effect's undici client, traced": () => byEffects(effect, true),
  "Effect's undici client, its four": () => byEffects(effect, false, effectFour()),
  "fetch": fetched,
  "ky": kys,
  "axios with axios-retry": axioses,
  "got": gots
}
