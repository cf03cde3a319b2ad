/** The spans of a client, and the headers that carry them. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import type { IncomingHttpHeaders } from "node:http"
import { recorder } from "../../../../vitest.tracer.ts"
import type { ContractServer } from "../fetch/server.ts"
import * as Server from "../server.ts"
import { ended, type Scenario, type Scenarios } from "./Scenario.ts"

/** The client spans that an effect makes, without ports and in the order in which they began. */
const spansOf = <A, E, R>(server: ContractServer, effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const { spans, tracer } = recorder()
    const port = new URL(server.url).port
    return ended(effect).pipe(
      Effect.withSpan("caller"),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.map(() =>
        spans.filter(({ kind }) => kind === "client").map((span) => ({
          name: span.name,
          kind: span.kind,
          attributes: [...span.attributes].filter(([name]) => !name.startsWith("http.response.header.date")).map((
            [name, value]
          ) => [name, name === "server.port" ? "port" : String(value).replaceAll(port, "port")]).toSorted(),
          hasParent: span.parent._tag === "Some",
          parentIsOwn: spans.some((other) => span.parent._tag === "Some" && other.spanId === span.parent.value.spanId),
          ended: span.status._tag === "Ended" ? span.status.exit._tag : "open",
          events: span.events.map(([name]) => name)
        }))
      )
    )
  })

const traced = (
  path: string,
  alter: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = (effect) => effect
): Scenario =>
(client, server) =>
  spansOf(
    server,
    alter(Effect.flatMap(client.get(`${server.url}${path}`, { headers: { authorization: "Bearer t", "x-a": "1" } }), (
      response
    ) => response.text))
  )

/** Whether the tracing headers of a request lead to the span of the client. */
const propagated = (alter: (client: HttpClient.HttpClient) => HttpClient.HttpClient): Scenario => (client) =>
  Effect.gen(function*() {
    const { spans, tracer } = recorder()
    let headers: IncomingHttpHeaders = {}
    const { url } = yield* Server.http((request, response) => {
      headers = request.headers
      response.end()
    })
    yield* Effect.provideService(Effect.withSpan(alter(client).get(url), "caller"), Tracer.Tracer, tracer)
    const span = spans.find(({ kind }) => kind === "client")
    return {
      hasTraceparent: headers["traceparent"] !== undefined,
      leadsToSpan: span !== undefined && headers["traceparent"] === `00-${span.traceId}-${span.spanId}-01`,
      b3: span !== undefined && String(headers["b3"]).includes(span.spanId)
    }
  })

const provided =
  <S>(reference: Context.Reference<S>, value: S) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, reference, value)

const wrapped = (provide: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
  HttpClient.transformResponse<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(provide)

const tracing: Scenarios = {
  "an answer": traced("/status/200?a=b"),
  "no query": traced("/echo"),
  "a failure of the server": traced("/status/500"),
  "a mistake of the client": traced("/status/404"),
  "a redirect": traced("/status/304"),
  "a connection that is lost": traced("/reset"),
  "a secret in the query": (client, server) =>
    spansOf(
      server,
      client.get(`${server.url}/echo?page=1`, { urlParams: { key: Redacted.make("secret"), size: "2" } })
    ),
  "names of secrets in the query": traced(
    "/status/200?page=1&mine=secret",
    provided(UrlParams.CurrentRedactedNames, ["mine"])
  ),
  "headers, where they are asked for": traced(
    "/status/200?h-x-b=2&h-set-cookie=a%3D1",
    provided(
      HttpClient.TracerHeaderFilter,
      (name: string) => ["authorization", "x-a", "x-b", "set-cookie"].includes(name)
    )
  ),
  "names of secret headers": traced("/status/200?h-x-b=2", (effect) =>
    effect.pipe(
      provided(HttpClient.TracerHeaderFilter, (name: string) => name === "x-a" || name === "x-b"),
      provided(Headers.CurrentRedactedNames, ["x-b"])
    )),
  "a name of the span": traced("/status/200", provided(HttpClient.SpanNameGenerator, () => "asking")),
  "no tracing of some": traced("/status/200", provided(HttpClient.TracerDisabledWhen, () => true)),
  "no tracing at all": traced("/status/200", provided(Tracer.DisablePropagation, true)),
  "headers that carry the span": propagated((client) => client),
  "no headers of a span where they are off": propagated(
    wrapped(provided(HttpClient.TracerPropagationEnabled, false))
  ),
  "no headers of a span where tracing is off": propagated(
    wrapped(provided(HttpClient.TracerDisabledWhen, () => true))
  )
}

export const spans: Readonly<Record<string, Scenarios>> = { tracing }
