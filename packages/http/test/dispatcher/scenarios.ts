/** What a server answers, what is dispatched, and what the handler does meanwhile. */
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Socket } from "node:net"
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import * as Server from "../server.ts"
import { type Acts, pausing, type Recorded } from "./recording.ts"

export interface Scenario {
  /** What the server does with the head of the request. */
  readonly answer: (socket: Socket, head: string) => void
  /** The dispatch, but for its origin. */
  readonly options?: () => Partial<Dispatcher.DispatchOptions>
  readonly acts?: (record: (event: string) => void) => Acts
  /** What is told over the resilient dispatcher, where that differs by design, of what is told over an `Agent`. */
  readonly ours?: (wanted: Recorded) => Recorded
}

const reason = new Error("enough")

const says = (text: string): Scenario["answer"] => (socket) =>
  void socket.write(text.replaceAll("\n", "\r\n"), "latin1")
const ok = says("HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok")
const stalls = says("HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf")
const without = (...events: ReadonlyArray<string>) => (wanted: Recorded): Recorded =>
  wanted.filter(([event]) => !events.includes(String(event)))
const large = (socket: Socket) => {
  socket.write("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
  socket.write("x".repeat(300_000))
}
const text = (parts: ReadonlyArray<string>) => Readable.from(parts, { objectMode: false })
const put = (body: () => unknown, headers?: Dispatcher.DispatchOptions["headers"]) => () =>
  ({ method: "PUT", body: body(), headers: headers ?? null }) as Partial<Dispatcher.DispatchOptions>
async function* endless() {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    yield Buffer.from("chunk ")
  }
}
const echo: Scenario["answer"] = (socket, head) => {
  const sent = head.split("\r\n").slice(1).map((line) => line.toLowerCase()).filter((line) => !line.startsWith("host:"))
  socket.write(Server.response(200, sent.toSorted().join("\n")))
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  "a response": { answer: ok },

  // Interim responses.
  "early hints": {
    answer: says("HTTP/1.1 103 Early Hints\nLink: </a.css>\nLink: </b.js>\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok")
  },
  "several interim responses": {
    answer: says(
      "HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nX-A: caf\xe9\n\nHTTP/1.1 199 \n\nHTTP/1.1 204 No Content\n\n"
    )
  },
  "an interim response in two parts": {
    answer: (socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nX-A: 1")
      setTimeout(() => socket.write(`2\r\nLink: </a>\r\n\r\n${Server.response(200, "ok")}`), 20)
    }
  },
  "an abort at an interim response": {
    answer: says("HTTP/1.1 103 Early Hints\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    acts: () => ({ onResponseStart: (controller) => controller.abort(reason) })
  },
  "a handler that throws at an interim response": {
    answer: says("HTTP/1.1 103 Early Hints\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    acts: () => ({
      onResponseStart: () => {
        throw reason
      }
    })
  },
  "an interim response after which the connection ends": {
    answer: (socket) => socket.end("HTTP/1.1 103 Early Hints\r\n\r\n")
  },

  // Aborts.
  "an abort at the start": { answer: ok, acts: () => ({ onRequestStart: (controller) => controller.abort(reason) }) },
  "an abort when the request is sent": {
    answer: () => undefined,
    acts: () => ({ onRequestSent: (controller) => void setTimeout(() => controller.abort(reason), 10) })
  },
  "an abort at the head": { answer: ok, acts: () => ({ onResponseStart: (controller) => controller.abort(reason) }) },
  "an abort at the head of a body that never ends": {
    answer: stalls,
    acts: () => ({ onResponseStart: (controller) => controller.abort(reason) })
  },
  "an abort in the body": {
    answer: stalls,
    acts: () => ({ onResponseData: (controller) => controller.abort(reason) })
  },
  "an abort twice": {
    answer: stalls,
    acts: () => ({
      onResponseData: (controller) => {
        controller.abort(reason)
        controller.abort(new Error("other"))
      }
    })
  },
  "an abort while paused": {
    answer: stalls,
    acts: () => ({
      onResponseStart: (controller) => {
        controller.pause()
        setTimeout(() => controller.abort(reason), 10)
      }
    })
  },
  "an abort at the end": { answer: ok, acts: () => ({ onResponseEnd: (controller) => controller.abort(reason) }) },
  "an abort in a body that is sent": {
    answer: () => undefined,
    options: put(endless),
    acts: () => ({ onBodySent: (controller) => controller.abort(reason) })
  },

  // Handlers that throw.
  "a handler that throws at the start": {
    answer: ok,
    acts: () => ({
      onRequestStart: () => {
        throw reason
      }
    })
  },
  "a handler that throws at the head": {
    answer: stalls,
    acts: () => ({
      onResponseStart: () => {
        throw reason
      }
    })
  },
  "a handler that throws in the body": {
    answer: stalls,
    acts: () => ({
      onResponseData: () => {
        throw reason
      }
    })
  },
  "a handler that throws at the end": {
    answer: ok,
    acts: () => ({
      onResponseEnd: () => {
        throw reason
      }
    })
  },
  "a handler that throws when a body is sent": {
    answer: ok,
    options: put(() => "abc"),
    acts: () => ({
      onBodySent: () => {
        throw reason
      }
    }),
    // undici goes on telling.
    ours: without("request sent")
  },

  // Pauses.
  "a pause at the head": {
    answer: ok,
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a pause at the head of an empty body": {
    answer: says("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a pause at the head of no content": {
    answer: says("HTTP/1.1 204 No Content\n\n"),
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a pause at the head of an answer to HEAD": {
    answer: says("HTTP/1.1 200 OK\nContent-Length: 9\n\n"),
    options: () => ({ method: "HEAD" }),
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a pause at the last byte": {
    answer: ok,
    acts: (record) => ({ onResponseData: (controller) => pausing(controller, record) })
  },
  "pauses in a long body": {
    answer: large,
    acts: (record) => ({ onResponseData: (controller, count) => count === 1 && pausing(controller, record) })
  },
  "a pause and a resume in one step": {
    answer: ok,
    acts: () => ({
      onResponseStart: (controller) => {
        controller.pause()
        controller.resume()
      }
    })
  },
  "a resume without a pause": { answer: ok, acts: () => ({ onResponseStart: (controller) => controller.resume() }) },
  "a pause before a body that is cut": {
    answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a pause at the start of a request": {
    answer: ok,
    acts: () => ({
      onRequestStart: (controller) => controller.pause(),
      onResponseStart: (controller) => controller.resume()
    })
  },

  // Requests.
  "a body of text": { answer: ok, options: put(() => "grüße") },
  "a body of bytes": { answer: ok, options: put(() => Buffer.from("abc")) },
  "an empty body": { answer: ok, options: put(() => "") },
  "a body from a stream": { answer: ok, options: put(() => text(["ab", "c"])) },
  "a body of a known length from a stream": {
    answer: ok,
    options: put(() => text(["ab", "c"]), { "content-length": "3" })
  },
  "a stream that fails": {
    answer: ok,
    options: put(() =>
      Readable.from(
        (async function*() {
          yield Buffer.from("ab")
          throw reason
        })(),
        { objectMode: false }
      )
    )
  },
  "a stream that is shorter than it says": {
    answer: ok,
    options: put(() => text(["ab"]), { "content-length": "3" }),
    ours: without("body sent", "request sent")
  },
  "a text that is longer than it says": { answer: ok, options: put(() => "abcd", { "content-length": "3" }) },
  "HEAD": { answer: says("HTTP/1.1 200 OK\nContent-Length: 9\n\n"), options: () => ({ method: "HEAD" }) },
  "an answer before the request is whole": {
    answer: says("HTTP/1.1 413 Too Large\nContent-Length: 0\nConnection: close\n\n"),
    options: put(endless)
  },

  // Headers.
  "headers as a record": {
    answer: echo,
    options: () => ({ headers: { "X-A": "1", "x-b": ["2", "3"] } }),
    ours: (wanted) =>
      wanted.map(([event, ...rest]) =>
        event === "data"
          ? [event, "connection: keep-alive\nx-a: 1\nx-b: 2, 3"]
          : event === "response start"
          ? [event, 200, { "content-length": "39" }, "X", ["content-length", "39"]]
          : [event, ...rest]
      )
  },
  "a header that is null": { answer: echo, options: () => ({ headers: { "x-a": null, "x-b": undefined } as never }) },
  "a header that is an object": { answer: echo, options: () => ({ headers: { "x-a": {} } as never }) },
  "a header that is a number": { answer: echo, options: () => ({ headers: { "x-a": 1 } as never }) },
  "a header with a line break": { answer: echo, options: () => ({ headers: { "x-a": "a\r\nb" } }) },
  "a header name with a space": { answer: echo, options: () => ({ headers: { "x a": "1" } }) },
  "headers of an odd length": { answer: echo, options: () => ({ headers: ["x-a"] }) },
  "headers that are text": { answer: echo, options: () => ({ headers: "x-a: 1" as never }) },
  "pairs of three": { answer: echo, options: () => ({ headers: [["x-a", "1", "2"]][Symbol.iterator]() as never }) },
  "two hosts": { answer: echo, options: () => ({ headers: ["host", "a", "host", "b"] }) },
  "two lengths": {
    answer: echo,
    options: () => ({ headers: ["content-length", "1", "content-length", "1"], method: "PUT", body: "a" })
  },
  "Expect: 100-continue": { answer: echo, options: put(() => "abc", { expect: "100-continue" }) },
  "Transfer-Encoding": { answer: echo, options: put(() => "abc", { "transfer-encoding": "chunked" }) },
  "Connection: close": { answer: echo, options: () => ({ headers: { connection: "close" } }) },
  "Upgrade as a header": { answer: echo, options: () => ({ headers: { upgrade: "chat" } }) },
  "reset": { answer: echo, options: () => ({ reset: true }) },

  // Options.
  "a method that is not one": { answer: echo, options: () => ({ method: "a b" }) },
  "no method": { answer: echo, options: () => ({ method: undefined as never }) },
  "a path with a space": { answer: echo, options: () => ({ path: "/a b" }) },
  "an origin with a path": { answer: echo, options: () => ({ origin: "http://127.0.0.1:1/a" }) },
  "an origin with a query": { answer: echo, options: () => ({ origin: "http://127.0.0.1:1/?a" }) },
  "a path without a slash": { answer: echo, options: () => ({ path: "a" }) },
  "a query in two places": {
    answer: echo,
    options: () => ({ path: "/?a=1", query: { b: 2 } }),
    ours: () => [["error", ["InvalidArgumentError", "UND_ERR_INVALID_ARG", ""], false]]
  },
  "a query": {
    answer: (socket, head) => void socket.write(Server.response(200, head.split("\r\n")[0]!)),
    options: () => ({ query: { a: [1, 2], b: "x y&", c: null, d: true } })
  },
  "throwOnError": { answer: echo, options: () => ({ throwOnError: true }) as never },
  "maxRedirections": { answer: echo, options: () => ({ maxRedirections: 1 }) as never },
  "a dispatcher in the options": { answer: echo, options: () => ({ dispatcher: {} }) as never },
  "a headersTimeout that is negative": { answer: echo, options: () => ({ headersTimeout: -1 }) },
  "a body that is a number": { answer: echo, options: put(() => 1) },
  "a headersTimeout": { answer: () => undefined, options: () => ({ headersTimeout: 50 }) },
  "a bodyTimeout": { answer: stalls, options: () => ({ bodyTimeout: 50 }) },

  // Responses.
  "trailers": { answer: says("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\nX-Sum: 1\nX-Sum: 2\n\n") },
  "a chunk that is not one": { answer: says("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nzz\nok\n") },
  "no content": { answer: says("HTTP/1.1 204 No Content\nX-A: 1\n\n") },
  "reset content": { answer: says("HTTP/1.1 205 Reset Content\nContent-Length: 0\n\n") },
  "not modified": { answer: says("HTTP/1.1 304 Not Modified\nETag: \"1\"\nContent-Length: 5\n\n") },
  "a body up to the end of the connection": { answer: (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nabc") },
  "a body that is cut": { answer: (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") },
  "a connection that is reset": { answer: (socket) => socket.resetAndDestroy() },
  "a connection that ends before the head": { answer: (socket) => socket.end() },
  "no HTTP": { answer: (socket) => socket.end("SSH-2.0-x\r\n") },
  "a head that is too long": { answer: says(`HTTP/1.1 200 OK\nX-A: ${"x".repeat(20_000)}\n\n`) },
  "a 101 that nothing asked for": {
    answer: says("HTTP/1.1 101 Switching Protocols\nUpgrade: chat\nConnection: upgrade\n\n")
  },

  // Upgrades and tunnels.
  "an upgrade": {
    answer: says("HTTP/1.1 101 Switching Protocols\nUpgrade: chat\nConnection: upgrade\n\n"),
    options: () => ({ upgrade: "chat" })
  },
  "an upgrade that is not granted": { answer: ok, options: () => ({ upgrade: "chat" }) },
  "a tunnel": { answer: says("HTTP/1.1 200 OK\n\n"), options: () => ({ method: "CONNECT", path: "host:1" }) },
  "a tunnel that is refused": {
    answer: says("HTTP/1.1 403 No\nContent-Length: 0\n\n"),
    options: () => ({ method: "CONNECT", path: "host:1" })
  },
  "an upgrade that is aborted": {
    answer: () => undefined,
    options: () => ({ upgrade: "chat" }),
    acts: () => ({ onRequestSent: (controller) => void setTimeout(() => controller.abort(reason), 10) })
  }
}

/** A scenario over HTTP/2. */
export interface Http2Scenario extends Omit<Scenario, "answer"> {
  readonly answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void
}

export const http2Scenarios: Readonly<Record<string, Http2Scenario>> = {
  "a response": { answer: (_, response) => void response.end("ok") },
  "early hints": {
    answer: (_, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" })
      setTimeout(() => response.end("ok"), 20)
    }
  },
  "an abort at an interim response": {
    answer: (_, response) => void response.writeEarlyHints({ link: "</a.css>; rel=preload" }),
    acts: () => ({ onResponseStart: (controller) => controller.abort(reason) })
  },
  "an abort in the body": {
    answer: (_, response) => void response.write("half"),
    acts: () => ({ onResponseData: (controller) => controller.abort(reason) })
  },
  "a handler that throws at the head": {
    answer: (_, response) => void response.write("half"),
    acts: () => ({
      onResponseStart: () => {
        throw reason
      }
    })
  },
  "trailers": {
    answer: (_, response) => {
      response.write("ok")
      response.addTrailers({ "x-sum": "1" })
      response.end()
    }
  },
  "no content": { answer: (_, response) => void response.writeHead(204).end() },
  "HEAD": { answer: (_, response) => void response.end("ok"), options: () => ({ method: "HEAD" }) },
  "a pause at the head": {
    answer: (_, response) => void response.end("ok"),
    acts: (record) => ({ onResponseStart: (controller) => pausing(controller, record) })
  },
  "a body": {
    answer: (request, response) => void request.pipe(response),
    options: put(() => "abc")
  },
  "a body after Expect: 100-continue": {
    answer: (request, response) => void request.pipe(response),
    options: () => ({ ...put(() => "abc")(), expectContinue: true })
  },
  "a stream that the server resets": { answer: (_, response) => void response.stream.close(2) }
}
