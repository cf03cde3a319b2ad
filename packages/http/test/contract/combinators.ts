/** What Effect builds on a client: filters, retries, cookies, redirects, scopes, and what failures are called. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Cookies from "effect/http/Cookies"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ContractServer } from "../fetch/server.ts"
import * as Server from "../server.ts"
import { ended, head, json, type Scenario, type Scenarios, text } from "./Scenario.ts"

const combinators: Scenarios = {
  "filterStatusOk": (client, { url }) =>
    Effect.forEach(
      [200, 302, 404, 503],
      (code) =>
        ended(Effect.map(HttpClient.filterStatusOk(client).get(`${url}/status/${code}`), ({ status }) => status))
    ),
  "filterStatus": (client, { url }) =>
    ended(HttpClient.filterStatus(client, (status) => status === 404).get(`${url}/status/200`)),
  "filterOrFail": (client, { url }) =>
    ended(
      HttpClient.filterOrFail(client, ({ status }) => status === 200, ({ status }) => status).get(`${url}/status/404`)
    ),
  "catchTag": (client, { url }) =>
    HttpClient.filterStatusOk(client).pipe(
      HttpClient.catchTag(
        "HttpClientError",
        (error) => error.response === undefined ? Effect.fail(error) : Effect.succeed(error.response)
      ),
      (client) => text(client.get(`${url}/status/500?body=why`))
    ),
  "mapRequest and mapRequestInput": (client, { url }) =>
    client.pipe(
      HttpClient.mapRequest(HttpClientRequest.setHeader("x-custom", "last")),
      HttpClient.mapRequest(HttpClientRequest.appendUrl("/b")),
      HttpClient.mapRequestInput(HttpClientRequest.setHeader("x-custom", "first")),
      HttpClient.mapRequestInput(HttpClientRequest.prependUrl(url)),
      (client) => json(client.get("/echo/a"))
    ),
  "mapRequestEffect": (client, { url }) =>
    json(
      HttpClient.mapRequestEffect(client, (request) =>
        Effect.succeed(HttpClientRequest.setHeader(request, "x-custom", "e")))
        .get(`${url}/echo`)
    ),
  "transformResponse": (client, { url }) =>
    Effect.map(
      HttpClient.transformResponse(client, Effect.tap((response) => response.text)).get(`${url}/status/200`),
      ({ status }) => status
    ),
  "tap, tapError and tapRequest": (client, { url }) => {
    const seen: Array<unknown> = []
    const note = (what: unknown) => Effect.sync(() => void seen.push(what))
    return client.pipe(
      HttpClient.tap(({ status }) => note(status)),
      HttpClient.tapRequest(({ method }) => note(method)),
      HttpClient.filterStatusOk,
      HttpClient.tapError((error) => note(error.reason._tag)),
      (client) => Effect.all([ended(client.get(`${url}/status/404`)), Effect.sync(() => seen)])
    )
  },
  "retry": (client, { count, url }) =>
    HttpClient.filterStatusOk(client).pipe(
      HttpClient.retry({ times: 2 }),
      (client) => Effect.map(ended(client.get(`${url}/status/503`)), (end) => [end, count("/status/503")])
    ),
  "retryTransient": (client, { count, url }) =>
    HttpClient.retryTransient(client, { retryOn: "errors-and-responses", schedule: Schedule.recurs(2) }).pipe(
      (client) => Effect.map(client.get(`${url}/status/503`), ({ status }) => [status, count("/status/503")])
    ),
  "retryTransient of a lost connection": (client, { count, url }) =>
    HttpClient.retryTransient(client, { retryOn: "errors-only", times: 2 }).pipe(
      (client) => Effect.map(ended(client.get(`${url}/reset`)), (end) => [end, count("/reset")])
    ),
  "retryTransient of what stays": (client, { count, url }) =>
    HttpClient.retryTransient(client, { times: 2 }).pipe(
      (client) => Effect.map(client.get(`${url}/status/404`), ({ status }) => [status, count("/status/404")])
    )
}

const cookies: Scenarios = {
  "are kept and sent to where they belong": (client, { other, url }) =>
    Effect.gen(function*() {
      const jar = yield* Ref.make<ReadonlyArray<Cookies.Cookie>>([])
      const keeping = HttpClient.withCookiesRef(client, jar)
      yield* text(
        keeping.get(`${url}/status/200?h-set-cookie=a%3D1%3B%20Path%3D/echo&h-set-cookie=b%3D2%3B%20Path%3D/x`)
      )
      const first = yield* json(keeping.get(`${url}/echo`))
      yield* text(keeping.get(`${url}/status/200?h-set-cookie=a%3D%3B%20Path%3D/echo%3B%20Max-Age%3D0`))
      const second = yield* json(keeping.get(`${url}/echo`))
      return [first, second, (yield* Ref.get(jar)).map(({ name }) => name), other !== url]
    }),
  "are kept along redirects": (client, { url }) =>
    Effect.gen(function*() {
      const jar = yield* Ref.make<ReadonlyArray<Cookies.Cookie>>([])
      const keeping = HttpClient.followRedirects(HttpClient.withCookiesRef(client, jar))
      yield* keeping.get(`${url}/status/200?h-set-cookie=a%3D1%3B%20Path%3D/`)
      return yield* json(keeping.get(`${url}/redirect/302?to=/echo`))
    })
}

/** `fetch` follows redirects itself unless it is told not to. */
const manual = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, FetchHttpClient.RequestInit, { redirect: "manual" })

const followed = (method: "GET" | "POST" | "PUT" | "HEAD", code: number): Scenarios[string] => (client, { url }) =>
  manual(Effect.flatMap(
    HttpClient.followRedirects(client).execute(
      HttpClientRequest.make(method)(`${url}/redirect/${code}?to=/echo`, {
        headers: { authorization: "Bearer t", "x-custom": "c" },
        ...(method === "POST" || method === "PUT" ? { body: HttpBody.text("body") } : {})
      })
    ),
    (response) => Effect.map(ended(response.text), (body) => [head(response).status, head(response).url, body])
  ))

const redirects: Scenarios = {
  ...Object.fromEntries(
    ([301, 302, 303, 307, 308] as const).flatMap((code) =>
      (["GET", "POST", "PUT", "HEAD"] as const).map((method) => [`${method} ${code}`, followed(method, code)])
    )
  ),
  "to another origin": (client, { url }) =>
    manual(
      json(
        HttpClient.followRedirects(client).get(`${url}/redirect/302?other=1&to=/echo`, {
          headers: { authorization: "Bearer t", cookie: "a=1", "x-custom": "c" }
        })
      )
    ),
  "in a row": (client, { url }) => manual(text(HttpClient.followRedirects(client).get(`${url}/hops/5`))),
  "too many": (client, { url }) =>
    manual(Effect.map(HttpClient.followRedirects(client, 3).get(`${url}/hops/9`), ({ status }) => status)),
  "without a Location": (client, { url }) =>
    manual(Effect.map(HttpClient.followRedirects(client).get(`${url}/redirect/302`), ({ status }) => status)),
  "to what is not a URL": (client, { url }) =>
    manual(
      Effect.map(HttpClient.followRedirects(client).get(`${url}/redirect/302?to=http://`), ({ status }) => status)
    ),
  "that are not followed": (client, { url }) =>
    manual(
      Effect.flatMap(client.get(`${url}/redirect/302?to=/echo`), (response) =>
        Effect.map(response.text, (text) => [response.status, response.headers["location"], text]))
    ),
  "with large bodies free their connections": (client, { aborted, url }) =>
    manual(text(HttpClient.followRedirects(client).get(`${url}/redirect/302?to=/echo&size=2000000`))).pipe(
      Effect.andThen(Effect.promise(() => aborted("/redirect/302"))),
      Effect.as("freed")
    )
}

/** What a use of the Web response under a response gives, if there is one. */
const web = (path: string, use: (web: Response, server: ContractServer) => unknown): Scenario => (client, server) =>
  Effect.flatMap(client.get(server.url + path), (response) => {
    const web = HttpClientResponse.toWeb(response)
    return Effect.promise(async () => web._tag === "None" ? "none" : await use(web.value, server))
  })

const toWeb: Scenarios = {
  "a body that is read through it": web("/status/200?body=x", (web) => web.text()),
  "what it says beside its body": web(
    "/status/201?h-x-a=1",
    ({ headers, ok, status }) => [status, headers.get("x-a"), ok]
  ),
  "an answer without a body": web("/status/204", ({ body, status }) => [status, body]),
  "chunks": web("/chunks?parts=a,b", async (web) => [web.status, await web.text(), web.bodyUsed]),
  "a body that is cut": web("/cut", (web) => web.text().then(() => "whole", () => "cut")),
  "a body that is cancelled": web("/endless", async (web, { aborted }) => {
    await web.body?.cancel()
    await aborted("/endless")
    return "freed"
  })
}

const lifetimes: Scenarios = {
  "an interruption before the head frees the connection": (client, { aborted, arrived, url }) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(client.get(`${url}/silent`))
      yield* Effect.promise(() => arrived("/silent"))
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => aborted("/silent"))
      return "freed"
    }),
  "an interruption in the body frees the connection": (client, { aborted, url }) =>
    Effect.gen(function*() {
      const response = yield* client.get(`${url}/stall`)
      const begun = yield* Deferred.make<void>()
      const reading = Stream.runForEach(response.stream, () => Deferred.succeed(begun, undefined))
      const fiber = yield* Effect.forkChild(reading)
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => aborted("/stall"))
      return "freed"
    }),
  "an interruption while text is read frees the connection": (client, { aborted, url }) =>
    Effect.gen(function*() {
      const response = yield* client.get(`${url}/stall`)
      const fiber = yield* Effect.forkChild(response.text, { startImmediately: true })
      yield* Server.turn
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => aborted("/stall"))
      return "freed"
    }),
  "a scope that closes before the body is read frees the connection": (client, { aborted, url }) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const response = yield* Scope.provide(HttpClient.withScope(client).get(`${url}/endless`), scope)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => aborted("/endless"))
      return [response.status, yield* Effect.isFailure(response.text)]
    }),
  "a scope that closes before the head frees the connection": (client, { aborted, arrived, url }) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.scoped(HttpClient.withScope(client).get(`${url}/silent`)))
      yield* Effect.promise(() => arrived("/silent"))
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => aborted("/silent"))
      return "freed"
    }),
  "a body that is read in its scope is whole": (client, { url }) =>
    Effect.scoped(text(HttpClient.withScope(client).get(`${url}/chunks?parts=a,b`))),
  "an interruption ends an upload": (client, { arrived, url }) =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<string>()
      const source = Stream.concat(Stream.make(new Uint8Array(10)), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(closed, "closed"))
      )
      const fiber = yield* Effect.forkChild(client.post(`${url}/size`, { body: HttpBody.stream(source) }))
      yield* Effect.promise(() => arrived("/size"))
      yield* Fiber.interrupt(fiber)
      return yield* Deferred.await(closed)
    }),
  "many at once": (client, { count, url }) =>
    Effect.map(
      Effect.forEach(Array.from({ length: 60 }), (_, i) => text(client.get(`${url}/status/200?body=${i}`)), {
        concurrency: "unbounded"
      }),
      (texts) => [texts.length, new Set(texts).size, count("/status/200")]
    )
}

const failures: Scenarios = {
  "a connection that is lost": (client, { url }) => ended(client.get(`${url}/reset`)),
  "a connection that is refused": (client) => Effect.flatMap(Server.closedPort, (url) => ended(client.get(url))),
  "a name that is not known": (client) => ended(client.get("http://no-such-host.invalid/")),
  "broken JSON": (client, { url }) => ended(json(client.get(`${url}/status/200?body={`))),
  "what an error leads to": (client, { url }) =>
    Effect.map(Effect.flip(client.post(`${url}/reset`, { body: HttpBody.text("x") })), (error) => [
      error._tag,
      error.reason._tag,
      error.request.method,
      error.request.url === `${url}/reset`,
      error.response === undefined,
      error.message.includes(" (POST http://127.0.0.1:"),
      error.cause !== undefined
    ])
}

export const rest: Readonly<Record<string, Scenarios>> = { combinators, cookies, redirects, toWeb, lifetimes, failures }
