/** How responses are read: heads, every reading of a body, and what a second reading gives. */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ended, head, type Scenario, type Scenarios } from "./Scenario.ts"

type Response = HttpClientResponse.HttpClientResponse
type Read = (response: Response) => Effect.Effect<unknown, unknown>

const readings: Readonly<Record<string, Read>> = {
  text: (response) => response.text,
  json: (response) => response.json,
  bytes: (response) => Effect.map(response.arrayBuffer, (buffer) => [...new Uint8Array(buffer)].slice(0, 40)),
  parameters: (response) => Effect.map(response.urlParamsBody, ({ params }) => params),
  form: (response) => Effect.map(response.formData, (form) => [...form].map(([name, value]) => [name, typeof value])),
  stream: (response) => Stream.mkString(Stream.decodeText(response.stream))
}

const status = (url: string, code: number, query: Record<string, string> = {}) =>
  `${url}/status/${code}?${new URLSearchParams(query)}`

const of = (client: HttpClient.HttpClient, url: string, ...reads: ReadonlyArray<Read>) =>
  Effect.flatMap(client.get(url), (response) => Effect.forEach(reads, (read) => ended(read(response))))

const sources: Readonly<Record<string, (url: string) => string>> = {
  "a text": (url) => status(url, 200, { body: "grüße" }),
  "a text with a byte order mark": (url) => status(url, 200, { body: "\ufeffa" }),
  "JSON": (url) => status(url, 200, { body: "{\"a\":[1,null]}", "h-content-type": "application/json" }),
  "parameters": (url) => status(url, 200, { body: "?a=1&b=%C3%BC+x&a=2" }),
  "a form": (url) => `${url}/form`,
  "an empty body": (url) => status(url, 200),
  "a 204": (url) => status(url, 204),
  "a 304": (url) => status(url, 304),
  "a 404": (url) => status(url, 404, { body: "not here" }),
  "a 500": (url) => status(url, 500, { body: "broken" }),
  "chunks": (url) => `${url}/chunks?parts=a,bc,d`,
  "a body that is cut": (url) => `${url}/cut`
}

const reading: Scenarios = Object.fromEntries(
  Object.entries(sources).flatMap(([source, at]) =>
    Object.entries(readings).map(([name, read]): [string, Scenario] => [
      `${source} as ${name}`,
      (client, { url }) => of(client, at(url), read)
    ])
  )
)

/** A second reading of a body. Of a body that was streamed Effect's clients give different things; see the suite. */
const again: Scenarios = Object.fromEntries(
  Object.keys(readings).filter((name) => name !== "stream" && name !== "form").flatMap((first) =>
    ["text", "json", "bytes"].map((second): [string, Scenario] => [
      `${first} and then ${second}`,
      (client, { url }) =>
        of(client, status(url, 200, { body: "[1]" }), readings[first]!, readings[second]!, readings[second]!)
    ])
  )
)

const heads: Scenarios = {
  "status and headers": (client, { url }) =>
    Effect.map(client.get(status(url, 201, { "h-x-a": "1", "h-X-B": "ü" })), head),
  "a header that comes twice": (client, { url }) => Effect.map(client.get(`${url}/status/200?h-x-a=1&h-x-a=2`), head),
  "cookies": (client, { url }) =>
    Effect.map(
      client.get(
        `${url}/status/200?${new URLSearchParams([
          ["h-set-cookie", "a=1; Path=/; HttpOnly; Max-Age=60; SameSite=Lax"],
          ["h-set-cookie", "b=x%20y; Domain=example.com; Secure"],
          ["h-set-cookie", "broken"]
        ])}`
      ),
      head
    ),
  "a HEAD": (client, { url }) =>
    Effect.flatMap(
      client.head(status(url, 200, { body: "unsent" })),
      (response) => Effect.map(ended(response.text), (text) => [head(response), text])
    ),
  "an unknown status": (client, { url }) => Effect.map(client.get(status(url, 299)), head),
  "a large head": (client, { url }) =>
    Effect.map(
      client.get(status(url, 200, { "h-x-large": "x".repeat(8_000) })),
      ({ headers }) => headers["x-large"]?.length
    ),
  "what a response shows of itself": (client, { url }) =>
    Effect.map(client.get(status(url, 200)), (response) => {
      const shown = Object(response.toJSON())
      return [shown.status, shown.request.method, Object.keys(shown).includes("headers")]
    }),
  "what it is": (client, { url }) =>
    Effect.map(client.get(status(url, 200)), (response) => [
      HttpIncomingMessage.isHttpIncomingMessage(response),
      response[HttpClientResponse.TypeId],
      typeof response.pipe
    ]),
  "where it has come from": (client, { url }) =>
    Effect.map(client.get(status(url, 200)), ({ remoteAddress }) => remoteAddress._tag),
  "an upgrade that was not asked for": (client, { url }) =>
    Effect.flatMap(client.get(status(url, 200)), (response) => Effect.isFailure(response.upgrade)),
  "the request that it answers": (client, { url }) =>
    Effect.map(client.get(status(url, 200), { headers: { "x-a": "1" } }), ({ request }) => [
      request.method,
      request.headers["x-a"],
      request.url.endsWith("/status/200?")
    ])
}

const Body = Schema.Struct({ id: Schema.Finite })

const decoding: Scenarios = {
  "a body by its schema": (client, { url }) =>
    ended(
      Effect.flatMap(client.get(status(url, 200, { body: "{\"id\":1}" })), HttpClientResponse.schemaBodyJson(Body))
    ),
  "a body that does not fit": (client, { url }) =>
    ended(
      Effect.flatMap(client.get(status(url, 200, { body: "{\"id\":\"x\"}" })), HttpClientResponse.schemaBodyJson(Body))
    ),
  "status, headers and body by a schema": (client, { url }) =>
    ended(
      Effect.flatMap(
        client.get(status(url, 200, { body: "{\"id\":1}", "h-x-a": "b" })),
        HttpClientResponse.schemaJson(
          Schema.Struct({ status: Schema.Literal(200), headers: Schema.Struct({ "x-a": Schema.String }), body: Body })
        )
      )
    ),
  "a HEAD by a schema": (client, { url }) =>
    ended(
      Effect.flatMap(
        client.head(status(url, 200)),
        HttpClientResponse.schemaNoBody(Schema.Struct({ status: Schema.Literal(200) }))
      )
    ),
  "headers by a schema": (client, { url }) =>
    ended(
      Effect.flatMap(
        client.get(status(url, 200, { "h-x-a": "5" })),
        HttpClientResponse.schemaHeaders(Schema.Struct({ "x-a": Schema.FiniteFromString }))
      )
    ),
  "parameters by a schema": (client, { url }) =>
    ended(
      Effect.flatMap(
        client.get(status(url, 200, { body: "a=5" })),
        HttpClientResponse.schemaBodyUrlParams(Schema.Struct({ a: Schema.FiniteFromString }))
      )
    )
}

const matched = (response: Response) =>
  HttpClientResponse.matchStatus(response, {
    "2xx": ({ status }) => `fine ${status}`,
    404: () => "not here",
    orElse: ({ status }) => `other ${status}`
  })

const statuses: Scenarios = Object.fromEntries(
  [200, 204, 302, 404, 418, 500].flatMap((code): ReadonlyArray<[string, Scenario]> => [
    [`${code} matched`, (client, { url }) => Effect.map(client.get(status(url, code)), matched)],
    [
      `${code} filtered by itself`,
      (client, { url }) =>
        ended(
          Effect.map(
            Effect.flatMap(client.get(status(url, code)), HttpClientResponse.filterStatusOk),
            ({ status }) => status
          )
        )
    ],
    [
      `what the error for ${code} leads to`,
      (client, { url }) =>
        Effect.flatMap(client.get(status(url, code, { body: "why" })), HttpClientResponse.filterStatusOk).pipe(
          Effect.map(({ status }) => status),
          Effect.catchTag("HttpClientError", (error: HttpClientError.HttpClientError) =>
            Effect.map(
              error.response?.text ?? Effect.succeed("no response"),
              (text) => [error.reason._tag, error.response?.status, error.request.method, text]
            ))
        )
    ]
  ])
)

const streams: Scenarios = {
  "chunks as they come": (client, { url }) =>
    Effect.flatMap(
      client.get(`${url}/chunks?parts=a,bc,d`),
      ({ stream }) => Stream.mkString(Stream.decodeText(stream))
    ),
  "a stream that ends early": (client, { url }) =>
    Effect.flatMap(
      client.get(`${url}/endless`),
      ({ stream }) => Effect.map(Stream.runCollect(Stream.take(stream, 2)), (chunks) => chunks.length)
    ),
  "a stream of the response's effect": (client, { url }) =>
    Stream.mkString(Stream.decodeText(HttpClientResponse.stream(client.get(`${url}/chunks?parts=x,y`)))),
  "a stream that is cut": (client, { url }) =>
    Effect.flatMap(client.get(`${url}/cut`), ({ stream }) => ended(Stream.runDrain(stream))),
  "a stream that is given up frees its connection": (client, { aborted, url }) =>
    Effect.flatMap(client.get(`${url}/endless`), ({ stream }) => Stream.runHead(stream)).pipe(
      Effect.andThen(Effect.promise(() => aborted("/endless"))),
      Effect.as("freed")
    )
}

export const responses: Readonly<Record<string, Scenarios>> = { heads, reading, again, decoding, statuses, streams }
