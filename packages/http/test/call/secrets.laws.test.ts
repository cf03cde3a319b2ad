/** No secret of a request is in anything that a call emits, whatever happens to it. */
import { assert, describe, it } from "@effect/vitest"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Emitted } from "../Emitted.ts"

const secret = "S3CRET"

/** The secret as it is, and within the header that names and passwords are sent in. */
const forms = [secret, btoa(`name:${secret}`), btoa(`${secret}:`).slice(0, 8)]

const isIn = (text: string) => forms.some((form) => text.includes(form))

/** Where a secret stands in a request. `url` is what the request asks for, and `init` what it has beside. */
const places = {
  token: { query: `token=${secret}&page=1` },
  accessToken: { query: `accessToken=${secret}` },
  encodedName: { query: `a=1&%74oken=${secret}%2F7` },
  apiKey: { query: `q=a%20b&api_key=${secret}` },
  key: { query: `key=${secret}` },
  code: { query: `code=${secret}` },
  signature: { query: `X-Amz-Signature=${secret}&x=1` },
  brackets: { query: `auth[password]=${secret}` },
  semicolons: { query: `a=1;token=${secret};more=${secret}` },
  nested: { query: `next=${encodeURIComponent(`https://x/?a=1&token=${secret}`)}` },
  nestedTwice: { query: `next=${encodeURIComponent(encodeURIComponent(`https://u:${secret}@x/`))}` },
  nestedRaw: { query: `next=https://u:${secret}@x/&b` },
  own: { query: `mine=${secret}` },
  fragment: { query: "a=1", hash: `#access_token=${secret}&b` },
  user: { user: `${secret}:` },
  password: { user: `name:${secret}@${secret}` },
  encodedPassword: { user: `name:%40${secret}%3A` },
  questionMark: { query: `token=a?${secret}` },
  tabInName: { query: `to\tk\nen=${secret}` },
  indexed: { query: `tokens[0]=${secret}&api_key2=${secret}` },
  spaceAfterName: { query: `token%20=${secret}` },
  json: { query: `where=${encodeURIComponent(JSON.stringify({ id: 1, "api_key": secret }))}` },
  parameters: { query: `body=${encodeURIComponent(`a=1&token=${secret}`)}` },
  authorization: { query: `headers=Bearer%20${secret}` },
  nestedBroken: { query: `next=%zz${encodeURIComponent(`https://x/?token=${secret}`)}` },
  nestedOften: { query: `next=${"%25".repeat(1)}${"25".repeat(30)}3Ftoken=${secret}` },
  assertion: { query: `client_assertion=${secret}&code_verifier=${secret}&SAMLResponse=${secret}` },
  slashInPassword: { user: `name:a/${secret}` },
  basicHeader: { init: { headers: { authorization: `Basic ${btoa(`name:${secret}`)}` } } },
  segment: { path: `;jsessionid=${secret}` },
  bot: { path: `/bot123456789:AAE${secret}-abcdefghijklmnop/sendMessage` },
  webhook: { path: `/services/T00000000/B00000000/${secret}abcdefghijklmnop` },
  apiKeySegment: { path: `/keys/sk-proj-1${secret}abcdefghijklmnop/usage` },
  webToken: { path: `/verify/eyJhbGciOiJI.eyJzdWIiOiIx.${secret}` },
  param: { init: { urlParams: { token: secret } } },
  ownParam: { init: { urlParams: [["mine", secret], ["a", "1"]] } },
  redactedParam: { init: { urlParams: { any: Redacted.make(secret) } } },
  nestedParam: { init: { urlParams: { next: `https://x/?token=${secret}` } } },
  header: { init: { headers: { "x-api-key": secret, cookie: `a=${secret}` } } },
  invalidHeader: { init: { headers: { "x-api-key": `${secret}\r\nx` } } },
  nothing: {}
} as const

type Place = {
  readonly query?: string
  readonly user?: string
  readonly path?: string
  readonly hash?: string
  readonly init?: HttpClientRequest.Options.NoUrl
}

const headers = {
  "set-cookie": secret,
  location: `/next?token=${secret}`,
  link: `<https://x/?token=${secret}>; rel=next`,
  "x-next": `https://name:${secret}@x/?api_key=${secret}`
}

const answers: Record<string, (url: string) => Promise<Response> | Response> = {
  ok: () => new Response("ok", { headers: { "set-cookie": secret } }),
  json: () => new Response("{", { headers: { "content-type": "application/json" } }),
  busy: () => new Response("busy", { status: 503, headers: { "set-cookie": secret } }),
  gone: () => new Response("gone", { status: 410, headers }),
  moved: () => new Response("", { status: 302, headers }),
  away: () =>
    new Response("", { status: 307, headers: { location: `https://u:${secret}@away.example/?key=${secret}` } }),
  same: () => new Response("", { status: 307, headers: { location: "" } }),
  nowhere: () => new Response("", { status: 307, headers: { location: `http://x:y/?token=${secret}` } }),
  reset: (url) => Promise.reject(new TypeError("fetch failed", { cause: failure(`reset ${url}`, "ECONNRESET", url) })),
  refused: (url) => Promise.reject(new TypeError(`fetch failed: ${url}`, { cause: failure(url, "ECONNREFUSED", url) })),
  several: (url) => Promise.reject(new AggregateError([failure(url, "ECONNREFUSED", url)], `no way to ${url}`)),
  foreign: (url) => Promise.reject(new DOMException(`cannot fetch ${url}`, "NetworkError")),
  cut: (url) =>
    new Response(
      new ReadableStream({
        pull: (controller) =>
          controller.error(new TypeError(`terminated ${url}`, { cause: failure(url, "EPIPE", url) }))
      })
    ),
  half: (url) => {
    let chunks = 0
    return new Response(
      new ReadableStream({
        pull: (controller) =>
          chunks++ === 0
            ? controller.enqueue(new Uint8Array(70_000))
            : controller.error(new TypeError(`terminated ${url}`, { cause: failure(url, "ECONNRESET", url) }))
      }, { highWaterMark: 0 }),
      { headers: { etag: `"v1"`, "content-length": "140000" } }
    )
  },
  silent: () => new Promise(() => {}),
  stalled: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }, { highWaterMark: 0 }))
}

const failure = (message: string, code: string, input: string) => Object.assign(new Error(message), { code, input })

const ways: Record<
  string,
  (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<unknown, unknown, HttpClient.HttpClient>
> = {
  text: (request) => Effect.tap(HttpClient.execute(request), (response) => response.text),
  json: (request) => Effect.tap(HttpClient.execute(request), (response) => response.json),
  stream: (request) => Effect.tap(HttpClient.execute(request), ({ stream }) => Stream.runDrain(stream)),
  filtered: (request) =>
    Effect.flatMap(HttpClient.execute(request), HttpClientResponse.filterStatusOk).pipe(
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ a: Schema.Finite })))
    ),
  logged: (request) =>
    Effect.tapCause(
      Effect.tap(HttpClient.execute(request), (response) => Effect.log(response)),
      (cause) => Effect.logError("failed", cause)
    ),
  redirects: (request) =>
    Effect.flatMap(HttpClient.HttpClient, (client) => HttpClient.followRedirects(client).execute(request)),
  fetch: (request) =>
    Effect.flatMap(ResilientFetch.make(), (fetch) =>
      Effect.promise(async () => {
        const url = HttpClientRequest.toUrl(request)
        const response = await fetch(
          url._tag === "Some" ? url.value : request.url,
          { method: request.method, headers: request.headers }
        ).then((response) => response.json()).catch((error: unknown) => error)
        return response
      })),
  download: (request) => Stream.runDrain(ResumableDownload.stream(request, { retry: { times: 2 } }))
}

const policies: Record<string, HttpPolicy.Options> = {
  secretHeaders: { bearer: Redacted.make(secret), headers: { "x-token": Redacted.make(secret) }, retry: { times: 1 } },
  retries: { retry: { times: 2 }, timeouts: { attempt: "2 seconds", total: "9 seconds" } },
  hedged: { hedge: { after: "1 second" }, timeouts: { total: "9 seconds" } },
  rejecting: {
    retry: { times: 3 },
    bulkhead: { limit: 1 },
    circuitBreaker: { trip: CircuitBreaker.consecutive(1) },
    timeouts: { attempt: "1 second" }
  },
  named: { retry: { times: 1 }, endpoints: { any: { methods: ["GET"], path: "/:id" } } }
}

const names = <A>(record: Readonly<Record<string, A>>) => Schema.Literals(Object.keys(record))

const Hosts = Schema.Literals(["https://api.example", "http://[::1]:8080", "http://x:y", "//relative"])

describe("no secret of a request", () => {
  const reached = { cases: 0, sent: 0, planted: 0, failed: 0, spans: 0 }
  it.effect.prop(
    "is in a span, log, metric, event, error, response or message (500 cases)",
    {
      place: names(places),
      host: Hosts,
      script: Schema.Array(names(answers)).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
      method: Schema.Literals(["GET", "GET", "POST"]),
      policy: names(policies),
      way: names(ways),
      transport: Schema.Literals(["fetch", "script"])
    },
    (input) =>
      Effect.gen(function*() {
        const place: Place = places[input.place as keyof typeof places]
        const { hash = "", init, path = "", query, user = "" } = place
        const host = input.host.replace("//", `//${user === "" ? "" : `${user}@`}`)
        const url = `${host}/item${path}${query === undefined ? "" : `?${query}`}${hash}`
        const request = HttpClientRequest.make(input.method)(url, init)
        const seen: Array<string> = []
        let calls = 0
        const fetch: typeof globalThis.fetch = async (input_, init) => {
          const script = input.script
          seen.push(`${String(input_)} ${JSON.stringify([...new Headers(init?.headers)])}`)
          // What the platform's own refuses, this one does, in its words.
          void new Request(input_, init)
          const response = await answers[script[calls++ % script.length]!]!(String(input_))
          if (input.policy === "secretHeaders") response.headers.set("x-token", secret)
          return response
        }
        const emitted = new Emitted()
        const way = ways[input.method === "POST" && input.way === "download" ? "text" : input.way]!
        const fiber = yield* Effect.forkChild(
          emitted.of(way(request)).pipe(
            Effect.provide(Layer.provide(
              ResilientHttpClient.layer(policies[input.policy]),
              input.transport === "fetch" ? FetchHttpClient.layer : scripted(fetch)
            )),
            Effect.provideService(FetchHttpClient.Fetch, fetch),
            Effect.provideService(UrlParams.CurrentRedactedNames, ["X-Amz-Signature", /^mine$/]),
            Effect.scoped
          ),
          { startImmediately: true }
        )
        for (let turn = 0; turn < 40 && fiber.pollUnsafe() === undefined; turn++) {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* TestClock.adjust("1 second")
        }
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)
        reached.cases++
        if (seen.length > 0) reached.sent++
        if (seen.some((text) => text.includes(secret))) reached.planted++
        if (String(exit).includes("Failure")) reached.failed++
        if (emitted.clientSpans > 0) reached.spans++
        const found = (yield* emitted.shown).filter(isIn)
        assert.deepStrictEqual(
          found.map((text) => around(text)),
          [],
          `${JSON.stringify({ ...input, url })}\n${around(found[0] ?? "")}`
        )
      }),
    { arbitrary: { runs: 500, seed: "no secret" }, timeout: 120_000 }
  )

  it("was sent, failed and traced in a tenth of the cases each", () => {
    assert.isAtLeast(Math.min(reached.sent, reached.planted, reached.failed, reached.spans), reached.cases / 10)
  })
})

const around = (text: string): string => {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 200), at + 100)
}

/** A client that is neither Effect's nor ours, with the failures of the same script. */
const scripted = (fetch: typeof globalThis.fetch) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url, signal) =>
      Effect.map(
        Effect.tryPromise({
          try: () => fetch(url, { method: request.method, headers: request.headers, signal }),
          catch: (cause) =>
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, cause, description: String(cause) })
            })
        }),
        (response) => HttpClientResponse.fromWeb(request, response)
      )
    )
  )
