/** A server on 127.0.0.1 that plays a script of replies, byte by byte, and keeps what it was sent. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: unknown
}

/** What is done with the body: whole, or in pieces as they are, then ended, cut, reset or left open. */
export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly pieces?: ReadonlyArray<string | Uint8Array>
  readonly after?: "end" | "cut" | "reset" | "hang"
}

export interface LoopbackServer {
  readonly url: string
  readonly received: Array<Received>
  /** Completes when a client has gone away before its answer was over. */
  readonly abandoned: Deferred.Deferred<void>
}

const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const pieces: Array<Buffer> = []
  for await (const piece of request) pieces.push(Buffer.from(piece as Uint8Array))
  const text = Buffer.concat(pieces).toString("utf8")
  return text === "" ? undefined : JSON.parse(text)
}

const write = (response: ServerResponse, piece: string | Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    // A turn between writes, so that each is a packet and a chunk of its own.
    response.write(piece, () => setImmediate(resolve))
  })

const play = async (response: ServerResponse, reply: Reply): Promise<void> => {
  const json = reply.pieces === undefined && typeof reply.body !== "string"
  response.writeHead(reply.status ?? 200, {
    "content-type": json ? "application/json" : "text/event-stream",
    ...reply.headers
  })
  response.flushHeaders()
  const body = reply.body === undefined ? "" : typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body)
  for (const piece of reply.pieces ?? (body === "" ? [] : [body])) await write(response, piece)
  if (reply.after === "cut") response.destroy()
  else if (reply.after === "reset") response.socket?.resetAndDestroy()
  else if (reply.after !== "hang") response.end()
}

/** Starts a server whose replies are made by `respond`; `index` counts the requests from 0. */
export const make = (
  respond: (request: Received, index: number) => Reply
): Effect.Effect<LoopbackServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function*() {
      const received: Array<Received> = []
      const abandoned = yield* Deferred.make<void>()
      const server = createServer((request, response) => {
        response.on("close", () => {
          if (!response.writableEnded) Deferred.doneUnsafe(abandoned, Effect.void)
        })
        void readBody(request).then((body) => {
          const record = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body }
          const index = received.push(record) - 1
          return play(response, respond(record, index))
        })
      })
      yield* Effect.promise(() => {
        server.listen(0, "127.0.0.1")
        return once(server, "listening")
      })
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, url: `http://127.0.0.1:${port}`, received, abandoned }
    }),
    ({ server }) =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
  )

/** A server that gives every request the same reply. */
export const always = (reply: Reply) => make(() => reply)

/** The body of the last request, which was JSON. */
export const lastBody = (server: LoopbackServer): Readonly<Record<string, unknown>> => {
  const body = server.received.at(-1)?.body
  if (typeof body !== "object" || body === null) throw new Error("the server was sent no body")
  return { ...body }
}

/** A port on which nothing listens. */
export const closedPort = Effect.scoped(Effect.map(always({}), (server) => server.url))
