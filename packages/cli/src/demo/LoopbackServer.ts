/**
 * A `node:http` server on 127.0.0.1 and a free port, in a scope, whose handler may break the protocol.
 *
 * **When to use**
 *
 * Use it to test a client against connections that reset, bodies that end early and servers that stay silent.
 *
 * **Details**
 *
 * The handler has the raw response, so it can destroy the socket, stop in the middle of a body, or wait. Closing the scope ends
 * every handler, with its timers, and every connection before it returns.
 *
 * **Gotchas**
 *
 * It listens on 127.0.0.1 only, and its port is different each time.
 *
 * **Example**
 *
 * See {@link make}: pass a handler, and send requests to the `url` of the server.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo, Socket } from "node:net"

/** One request, read to its end, and the raw response that answers it. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
  /** Sends the body as JSON, and the exchange is done. */
  readonly json: (status: number, body: unknown, headers?: Record<string, string>) => Effect.Effect<void>
  /** Starts an answer that comes in pieces; `write` adds one, `end` ends it in good order. */
  readonly start: (status: number, headers: Record<string, string>) => Effect.Effect<void>
  readonly write: (text: string) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  /** Breaks the connection with a TCP reset. */
  readonly reset: Effect.Effect<void>
}

export interface LoopbackServer {
  /** `http://127.0.0.1:<port>`; the port stays the same when the server closes its listener and opens it again. */
  readonly url: string
  readonly port: number
  /** How many requests arrived so far. */
  readonly requests: Effect.Effect<number>
  /** Starts to accept connections. The server does when it is made; this is for after a `close`. */
  readonly open: Effect.Effect<void>
  /** Refuses connections from now on and breaks those that are open. */
  readonly close: Effect.Effect<void>
}

const readBody = (request: Http.IncomingMessage): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
  })

const exchange = (request: Http.IncomingMessage, response: Http.ServerResponse, body: string): Exchange => {
  const head = request.method === "HEAD"
  return {
    method: request.method ?? "GET",
    path: new URL(request.url ?? "/", "http://127.0.0.1").pathname,
    headers: request.headers,
    body,
    json: (status, value, headers) =>
      Effect.sync(() => {
        const text = JSON.stringify(value)
        response.writeHead(status, {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(text),
          ...headers
        })
        response.end(head ? undefined : text)
      }),
    start: (status, headers) =>
      Effect.sync(() => {
        response.writeHead(status, headers)
        response.flushHeaders()
      }),
    write: (text) =>
      Effect.callback((resume) => {
        if (head) {
          return resume(Effect.void)
        }
        response.write(text, () => resume(Effect.void))
      }),
    end: Effect.sync(() => {
      response.end()
    }),
    reset: Effect.sync(() => {
      request.socket.resetAndDestroy()
    })
  }
}

/** Opens a server; `handler` runs once a request, and is interrupted when the client goes away. */
export const make = Effect.fnUntraced(function*(
  handler: (exchange: Exchange) => Effect.Effect<void>
): Effect.fn.Return<LoopbackServer, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<never, void>()
  const sockets = new Set<Socket>()
  let requests = 0

  const server = Http.createServer((request, response) => {
    requests++
    const fiber = run(
      Effect.flatMap(readBody(request), (body) => handler(exchange(request, response, body)))
    )
    response.on("close", () => {
      fiber.interruptUnsafe()
    })
  })
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    // A client that resets the connection is part of the play, and no error of ours.
    socket.on("error", () => {})
  })

  const listen = (port: number) =>
    Effect.callback<number>((resume) => {
      const failed = (cause: Error) => resume(Effect.die(cause))
      server.once("error", failed)
      server.listen(port, "127.0.0.1", () => {
        server.removeListener("error", failed)
        resume(Effect.succeed((server.address() as AddressInfo).port))
      })
    })
  const close = Effect.suspend(() => {
    if (!server.listening) {
      return Effect.void
    }
    return Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of sockets) {
        socket.destroy()
      }
    })
  })

  const port = yield* Effect.acquireRelease(listen(0), () => close)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: Effect.sync(() => requests),
    open: Effect.suspend(() => server.listening ? Effect.void : Effect.asVoid(listen(port))),
    close
  }
})
