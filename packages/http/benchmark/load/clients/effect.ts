import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import { type Client, common } from "./client.ts"

export const make = (): Client => {
  const runtime = ManagedRuntime.make(NodeHttpClient.layerUndiciOptions({ connections: common.connections }))
  const client = Effect.map(HttpClient.HttpClient, (client) =>
    client.pipe(
      HttpClient.transformResponse(Effect.timeout(common.attemptMillis)),
      HttpClient.retryTransient({
        times: common.retries,
        schedule: Schedule.exponential("100 millis").pipe(Schedule.jittered)
      })
    ))
  return (url) =>
    runtime.runPromise(
      Effect.gen(function*() {
        const response = yield* (yield* client).get(url)
        yield* response.text
        return response.status === 200
      })
    )
}
