/**
 * Calls over HTTP: the client of `@holdfast/http` over a transport that makes a response of what a service answers.
 *
 * Guarded by `test/endpoint/endpoint.test.ts`.
 */
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as CallFailure from "../../CallFailure.ts"
import type { Protector } from "../../Protection.ts"
import type { Statuses } from "./statuses.ts"

type Call = Effect.Effect<void, CallFailure.CallFailure>

/** The call of the model that a request stands for. */
const CurrentCall = Context.Reference<Call>("@holdfast/simulator/CurrentCall", { defaultValue: () => Effect.void })

const headersOf = (retryAfter: Duration.Duration | undefined): Record<string, string> =>
  // A `Retry-After` has whole seconds.
  retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(Duration.toSeconds(retryAfter))) }

const transport = (statuses: Statuses): HttpClient.HttpClient =>
  HttpClient.make((request) =>
    Effect.flatMap(CurrentCall, (call) =>
      Effect.matchEffect(call, {
        onSuccess: () => Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 200 }))),
        onFailure: ({ reason, retryAfter }) => {
          if (reason === "refused" || reason === "cut") {
            const code = reason === "refused" ? "ECONNREFUSED" : "ECONNRESET"
            const cause = Object.assign(new Error(reason), { code })
            return Effect.fail(
              new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
            )
          }
          const response = new Response(null, { status: statuses[reason], headers: headersOf(retryAfter) })
          return Effect.succeed(HttpClientResponse.fromWeb(request, response))
        }
      }))
  )

export interface Endpoint {
  readonly method: HttpMethod
  readonly url: string
  readonly policy: HttpPolicy.Options
}

/** A client for each client of the model. A call fails if the status of its last response is 400 or more. */
export const endpoint = ({ method, policy, url }: Endpoint, name: string, statuses: Statuses): Protector =>
  Effect.map(
    Effect.provideService(ResilientHttpClient.make({ name, ...policy }), HttpClient.HttpClient, transport(statuses)),
    (client) => {
      const request = Effect.flatMap(
        client.execute(HttpClientRequest.make(method)(url)),
        ({ status }) => status < 400 ? Effect.void : Effect.fail(`HTTP ${status}`)
      )
      return { protect: (call) => Effect.provideService(request, CurrentCall, call) }
    }
  )
