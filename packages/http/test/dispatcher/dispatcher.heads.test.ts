/** What a handler of undici's sees of a response over the resilient dispatcher: what it sees over undici's own `Agent`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Agent, type Dispatcher, request } from "undici"
import * as Server from "../server.ts"
import { dispatching } from "./dispatching.ts"

/** Names, values and bodies as text, whether they came as bytes or not. */
const words = (raw: unknown): unknown => Array.isArray(raw) ? raw.map((one) => String(one)) : raw

/** All that a handler is told, in order. */
const told = (dispatcher: Dispatcher, origin: string, method: Dispatcher.HttpMethod): Promise<ReadonlyArray<unknown>> =>
  new Promise((resolve) => {
    const seen: Array<unknown> = []
    let body = ""
    dispatcher.dispatch({ origin, path: "/", method }, {
      onRequestStart: () => undefined,
      onResponseStart: (controller, status, headers, statusText) => {
        if (status >= 200) seen.push(status, { ...headers }, statusText, words(controller.rawHeaders))
      },
      onResponseData: (_, chunk) => void (body += chunk.toString("latin1")),
      onResponseEnd: (controller, trailers) => {
        seen.push(body, { ...trailers }, words(controller.rawTrailers))
        resolve(seen)
      },
      onResponseError: (_, error) => {
        seen.push(body, error.name, "code" in error ? error.code : undefined)
        resolve(seen)
      }
    })
  })

const heads: ReadonlyArray<readonly [name: string, message: string, method?: Dispatcher.HttpMethod]> = [
  ["a header that is repeated", "200 OK\r\nVary: a\r\nVary: b\r\nContent-Length: 2\r\n\r\nok"],
  [
    "one that is repeated three times in another case",
    "200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-a: 3\r\nContent-Length: 0\r\n\r\n"
  ],
  ["cookies", "200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"],
  ["one cookie", "200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"],
  ["a value with a comma", "200 OK\r\nWarning: 199 a \"x, y\"\r\nWarning: 199 b \"z\"\r\nContent-Length: 0\r\n\r\n"],
  ["an empty value", "200 OK\r\nX-Empty:\r\nX-Empty: 1\r\nContent-Length: 0\r\n\r\n"],
  ["a value in latin-1", "200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n"],
  ["a name like a property of objects", "200 OK\r\nConstructor: 1\r\nContent-Length: 0\r\n\r\n"],
  ["a reason of its own", "200 Fine By Me\r\nContent-Length: 0\r\n\r\n"],
  ["no reason", "200 \r\nContent-Length: 0\r\n\r\n"],
  [
    "trailers",
    "200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"
  ],
  [
    "an interim response before",
    "103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
  ],
  ["no content", "204 No Content\r\nX-A: 1\r\n\r\n"],
  ["not modified", "304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 5\r\n\r\n"],
  ["the head alone", "200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\n", "HEAD"],
  ["a coding that is left as it is", "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"],
  ["a redirect that is not followed", "302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"],
  // A policy waits for a body of up to 64 KiB, and one that is cut is a failure of the attempt.
  ["a body that is cut", `200 OK\r\nContent-Length: 200000\r\n\r\n${"x".repeat(100_000)}`],
  ["a body that ends with the connection", "200 OK\r\nConnection: close\r\n\r\nabc"]
]

describe("a handler of undici's", () => {
  it.live.each(heads)("sees %s as over an Agent", ([, message, method = "GET"]) =>
    Effect.gen(function*() {
      const { url: origin } = yield* Server.tcp((socket) => {
        socket.once("data", () => socket.end(`HTTP/1.1 ${message}`, "latin1"))
      })
      const agent = new Agent()
      const wanted = yield* Effect.promise(() => told(agent, origin, method))
      yield* Effect.promise(() => agent.destroy())
      const seen = yield* dispatching({ retry: false }, (dispatcher) => told(dispatcher, origin, method))
      assert.deepStrictEqual(seen, wanted)
    }))

  it.live("sees the values of a repeated header in `undici.request`", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.http((_, response) => response.setHeader("vary", ["accept", "origin"]).end("ok"))
      const headers = yield* dispatching({}, async (dispatcher) => {
        const { body, headers } = await request(url, { dispatcher })
        await body.dump()
        return headers
      })
      assert.deepStrictEqual(headers["vary"], ["accept", "origin"])
    }))
})
