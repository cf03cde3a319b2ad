/** Servers on 127.0.0.1 and free ports, which end with the scope that they are made in. */
import { UndiciTransport } from "@holdfast/http/UndiciTransport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

export interface Server {
  readonly url: string
  /** How many connections were opened to it so far. */
  readonly accepted: () => number
  /** The connections that are open now. */
  readonly sockets: ReadonlySet<Net.Socket>
}

export const listen = (make: () => Net.Server): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server & { readonly close: Effect.Effect<void> }>((resume) => {
      const server = make()
      const sockets = new Set<Net.Socket>()
      let accepted = 0
      server.on("connection", (socket) => {
        accepted++
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
        socket.on("error", () => undefined)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") throw new Error("no port")
        const close = Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
        resume(Effect.succeed({ url: `http://127.0.0.1:${address.port}`, accepted: () => accepted, sockets, close }))
      })
    }),
    ({ close }) => close
  )

/** A server that answers each request head with what `answer` writes. `request` counts from 1 over all connections. */
export const raw = (answer: Answer) => tcp(heads(answer))

/** What is done with a request head. */
export type Answer = (socket: Net.Socket, request: number, head: string) => void

/** A server that does something with each connection. */
export const tcp = (connected: (socket: Net.Socket) => void) => listen(() => Net.createServer(connected))

/** {@link raw} behind TLS, with this certificate. */
export const tls = (certificate: { readonly key: string; readonly cert: string }, answer: Answer) =>
  Effect.map(
    listen(() => Tls.createServer(certificate, heads(answer)).on("tlsClientError", () => undefined)),
    (server): Server => ({ ...server, url: server.url.replace("http:", "https:") })
  )

const heads = (answer: Answer) => {
  let requests = 0
  return (socket: Net.Socket) => {
    let text = ""
    socket.on("data", (data) => {
      text += data.toString("latin1")
      let end: number
      while ((end = text.indexOf("\r\n\r\n")) !== -1) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        answer(socket, ++requests, head)
      }
    })
  }
}

/** A server as Node's own `http` module makes one. */
export const http = (
  handler: (request: Http.IncomingMessage, response: Http.ServerResponse, count: number) => void
) => {
  let requests = 0
  return listen(() => Http.createServer((request, response) => handler(request, response, ++requests)))
}

/** A port of 127.0.0.1 without a listener. */
export const closedPort: Effect.Effect<string> = Effect.scoped(Effect.map(raw(() => undefined), ({ url }) => url))

/** A whole response in one string. */
export const response = (status: number, body: string, headers: Record<string, string> = {}): string =>
  `HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
  Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("") + `\r\n${body}`

/** Waits until no exchange is under way. */
export const idle: Effect.Effect<void, never, UndiciTransport> = Effect.gen(function*() {
  const transport = yield* UndiciTransport
  while ((yield* transport.stats).running > 0) yield* turn
})

/** {@link idle}, while garbage is collected. */
export const idleByCollection: Effect.Effect<void, never, UndiciTransport> = Effect.gen(function*() {
  setFlagsFromString("--expose-gc")
  const collectGarbage: () => void = runInNewContext("gc")
  const transport = yield* UndiciTransport
  while ((yield* transport.stats).running > 0) {
    collectGarbage()
    yield* turn
  }
})

/** What keeps the process alive, and what listens to it: sockets, timers and listeners, by kind. */
const resources = (): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  const count = (kind: string, by = 1) => counts[kind] = (counts[kind] ?? 0) + by
  for (const kind of process.getActiveResourcesInfo()) {
    if (/TCP|TLS|Timeout|GetAddrInfo/.test(kind)) count(kind)
  }
  for (const event of process.eventNames()) count("listeners", process.listenerCount(event))
  return counts
}

/** Runs an effect, and then waits until it has left nothing of {@link resources}; dies of what is left. */
export const leavingNothing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const before = resources()
    const left = () => Object.entries(resources()).filter(([kind, count]) => count > (before[kind] ?? 0))
    // A timeout of Effect's would be one of the timers that are counted.
    const gone = Effect.gen(function*() {
      const since = yield* Clock.currentTimeMillis
      while (left().length > 0) {
        if ((yield* Clock.currentTimeMillis) - since > 10_000) {
          return yield* Effect.die(new Error(`left behind: ${JSON.stringify(left())}`))
        }
        yield* turn
      }
    })
    return Effect.flatMap(Effect.exit(effect), (exit) => Effect.andThen(gone, exit))
  })

/** Lets the event loop go round once. */
export const turn: Effect.Effect<void> = Effect.callback((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Waits, a turn of the event loop at a time, until something is so. */
export const until = (isSo: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => isSo() ? Effect.void : Effect.flatMap(turn, () => until(isSo)))

export const text = (url: string): Effect.Effect<string, unknown, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.get(url), (response) => response.text)
