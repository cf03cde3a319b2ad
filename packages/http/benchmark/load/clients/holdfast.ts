import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { type Client, common } from "./client.ts"

const HttpLive = ResilientHttpClient.layer({
  retry: { times: common.retries, budget: { ratio: 0.2, minPerSecond: 10 } },
  timeouts: { attempt: common.attemptMillis, total: 4 * common.attemptMillis },
  circuitBreaker: {
    trip: CircuitBreaker.rate({ threshold: 0.5, window: "2 seconds", minimumCalls: 20 }),
    openFor: "500 millis"
  }
}).pipe(
  Layer.provide(
    UndiciTransport.layer({ connections: common.connections, poolQueue: 200, poolWait: "500 millis" })
  )
)

export const make = (): Client => {
  // The warnings of thousands of retries, and of the circuit, are not what is measured.
  const runtime = ManagedRuntime.make(Layer.provideMerge(HttpLive, Logger.layer([])))
  return (url) =>
    runtime.runPromise(
      HttpClient.get(url).pipe(
        Effect.flatMap(HttpClientResponse.filterStatusOk),
        Effect.flatMap((response) => response.text),
        Effect.as(true)
      )
    )
}
