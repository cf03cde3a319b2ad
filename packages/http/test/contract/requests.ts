/** How requests are sent: methods, URLs, headers, and every kind of body. */
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { all as allMethods } from "effect/http/HttpMethod"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ended, head, json, type Scenario, type Scenarios } from "./Scenario.ts"

const utf8 = new TextEncoder()

const methods: Scenarios = Object.fromEntries(
  [...allMethods].filter((method) => method !== "TRACE").map((method): [string, Scenario] => [
    `the method ${method}`,
    (client, { url }) =>
      Effect.flatMap(
        client.execute(HttpClientRequest.make(method)(`${url}/echo?a=1`)),
        (response) => Effect.map(ended(response.text), (text) => [head(response), text])
      )
  ])
)

const urls: Scenarios = {
  "a URL object": (client, { url }) => json(client.get(new URL("/echo?q=a%20b&c=ü#frag", url))),
  "a path that is odd": (client, { url }) => json(client.get(`${url}/echo/a%2Fb/../c%zz?x=1&&y=%zz&z=[]'"`)),
  "no path": (client, { url }) => Effect.map(client.get(url), head),
  "parameters beside a query": (client, { url }) =>
    json(client.get(`${url}/echo?a=1`, { urlParams: { a: "2 &=+", b: ["x", "y"], c: undefined } })),
  "an empty parameter": (client, { url }) => json(client.get(`${url}/echo`, { urlParams: { "": "", e: "" } })),
  "a secret parameter": (client, { url }) =>
    json(client.execute(HttpClientRequest.get(`${url}/echo`, { urlParams: { key: Redacted.make("k e") } }))),
  "a hash": (client, { url }) => Effect.map(client.get(`${url}/echo`, { hash: "part" }), head),
  "a base that is put before": (client, { url }) =>
    json(client.execute(HttpClientRequest.prependUrl(HttpClientRequest.get("/echo/x"), url))),
  "a path that is put behind": (client, { url }) =>
    json(client.execute(HttpClientRequest.appendUrl(HttpClientRequest.get(`${url}/echo`), "/x"))),
  "a text that is not a URL": (client) => ended(client.get("not a url")),
  "a URL without a host": (client) => ended(client.get("http://")),
  "a port out of range": (client) => ended(client.get("http://127.0.0.1:99999/"))
}

const headers: Scenarios = {
  "headers of its own": (client, { url }) =>
    json(client.get(`${url}/echo`, { headers: { "X-Custom": "a b", accept: "text/css" } })),
  "a list in a header": (client, { url }) => json(client.get(`${url}/echo`, { headers: { "x-list": ["1", "2"] } })),
  "an accept that is set by name": (client, { url }) => json(client.get(`${url}/echo`, { acceptJson: true })),
  "basic credentials": (client, { url }) =>
    json(client.execute(HttpClientRequest.basicAuth(HttpClientRequest.get(`${url}/echo`), "me", Redacted.make("ü")))),
  "a bearer": (client, { url }) =>
    json(client.execute(HttpClientRequest.bearerToken(HttpClientRequest.get(`${url}/echo`), Redacted.make("t")))),
  "a header that is removed": (client, { url }) =>
    json(
      client.execute(
        HttpClientRequest.removeHeader(HttpClientRequest.get(`${url}/echo`, { acceptJson: true }), "accept")
      )
    ),
  "a line break in a header": (client, { url }) =>
    Effect.map(Effect.isFailure(client.get(`${url}/echo`, { headers: { "x-custom": "a\r\nb: c" } })), String)
}

const post = (body: HttpBody.HttpBody, headers = {}): Scenario => (client, { url }) =>
  json(client.post(`${url}/echo`, { body, headers }))

/** Whether the length of a stream is known in time is chance, and either framing says the same. */
const posted = (stream: Stream.Stream<Uint8Array>, contentType?: string): Scenario => (client, server) =>
  Effect.map(post(HttpBody.stream(stream, contentType))(client, server), (told) => {
    const { headers: { "content-length": _, ...headers }, ...others } = Object(told)
    return { ...others, headers }
  })

const form = () => {
  const form = new FormData()
  form.append("a", "1")
  form.append("a", "zwei ü \"x\"")
  form.append("f", new File(["content"], "name ü.txt", { type: "text/plain" }))
  return form
}

const Item = Schema.Struct({ id: Schema.Finite, at: Schema.FiniteFromString })

const bodies: Scenarios = {
  "a text": post(HttpBody.text("grüße")),
  "a text of another type": post(HttpBody.text("<a/>", "application/xml")),
  "an empty text": post(HttpBody.text("")),
  "no body": post(HttpBody.empty),
  "bytes": post(HttpBody.uint8Array(utf8.encode("abcdef").subarray(1, 4), "image/png")),
  "JSON": post(HttpBody.jsonUnsafe({ a: [1, "ü"] })),
  "JSON of a schema": (client, { url }) =>
    HttpClientRequest.schemaBodyJson(Item)(HttpClientRequest.put(`${url}/echo`), { id: 1, at: 2 }).pipe(
      Effect.flatMap((request) => json(client.execute(request)))
    ),
  "a value that JSON does not have": (client, { url }) =>
    ended(
      HttpClientRequest.bodyJson(HttpClientRequest.put(`${url}/echo`), { n: 1n }).pipe(Effect.flatMap(client.execute))
    ),
  "parameters": (client, { url }) =>
    json(
      client.execute(
        HttpClientRequest.bodyUrlParams(HttpClientRequest.post(`${url}/echo`), { a: "1 2", b: ["x", "ü"] })
      )
    ),
  "a form": post(HttpBody.formData(form())),
  "a form of a record": (client, { url }) =>
    json(
      client.execute(
        HttpClientRequest.bodyFormDataRecord(HttpClientRequest.post(`${url}/echo`), { a: "1", b: ["2", 3] })
      )
    ),
  "a stream": posted(Stream.make(utf8.encode("ab"), utf8.encode("c")), "text/css"),
  "a stream of a known length": post(HttpBody.stream(Stream.make(utf8.encode("abc")), "text/css", 3)),
  "an empty stream": posted(Stream.empty),
  "a stream with empty chunks": posted(Stream.make(utf8.encode("a"), utf8.encode(""), utf8.encode("b"))),
  "a stream of many chunks": (client, { url }) =>
    Effect.flatMap(
      client.post(`${url}/size`, {
        body: HttpBody.stream(Stream.map(Stream.range(1, 200), () => new Uint8Array(10_000)))
      }),
      (response) => response.text
    ),
  "a stream that fails": (client, { url }) =>
    Effect.map(
      Effect.isFailure(client.post(`${url}/echo`, { body: HttpBody.stream(Stream.fail(new Error("no"))) })),
      String
    ),
  "a stream that fails later": (client, { url }) =>
    Effect.map(
      Effect.isFailure(
        client.post(`${url}/echo`, {
          body: HttpBody.stream(Stream.concat(Stream.make(utf8.encode("ab")), Stream.fail(new Error("no"))))
        })
      ),
      String
    ),
  "a body on GET": (client, { url }) =>
    ended(json(client.execute(HttpClientRequest.bodyText(HttpClientRequest.query(`${url}/echo`), "asked")))),
  "a compressed body": (client, { url }) =>
    HttpClientRequest.post(`${url}/size`).pipe(
      HttpClientRequest.bodyText("a".repeat(50_000)),
      HttpClientRequest.compressBody("gzip"),
      Effect.flatMap(client.execute),
      Effect.flatMap((response) => response.text)
    ),
  "a content type of its own": post(HttpBody.text("x"), { "content-type": "text/x" }),
  "a server that answers without a look at a body": (client, { url }) =>
    Effect.flatMap(
      client.post(`${url}/hasty`, { body: HttpBody.uint8Array(new Uint8Array(1000)) }),
      (response) => response.text
    ),
  "a body in both directions": (client, { url }) =>
    Effect.flatMap(
      client.post(`${url}/mirror`, { body: HttpBody.stream(Stream.make(utf8.encode("ab"), utf8.encode("c"))) }),
      (response) => Stream.mkString(Stream.decodeText(response.stream))
    )
}

export const requests: Readonly<Record<string, Scenarios>> = { methods, urls, headers, bodies }
