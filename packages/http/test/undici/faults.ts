/** Servers that misbehave: what each does, and what a call that meets it ends with. */
import type * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import type * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Net from "node:net"
import { generate } from "selfsigned"
import * as Server from "../server.ts"

/** What a case is tried on: where to send, and how many requests arrived there. */
interface Target {
  readonly url: string
  readonly requests: () => number
}

export interface Fault {
  readonly name: string
  readonly target: Effect.Effect<Target, never, Scope.Scope>
  /** What a call ends with when each of its requests meets the fault: these reasons, or this response. */
  readonly ends: ReadonlyArray<HttpFailure.Reason["_tag"] | "DeadlineExceeded" | "AttemptTimeout"> | number
  /** Whether it may be retried at all. */
  readonly isTransient: boolean
  /** Whether it comes after the head, so that a policy which commits at the head leaves it to the caller. */
  readonly isBehindHead?: boolean
  /** Whether the request may have arrived. */
  readonly arrives: boolean
  /** The transport's bounds, for what comes too late. */
  readonly transport?: UndiciTransport.Options
  /** The policy's bounds, for what comes too late. */
  readonly timeouts?: HttpPolicy.Timeouts
}

/** A server that does this to each request. */
const answers = (answer: (socket: Net.Socket) => void): Fault["target"] =>
  Effect.gen(function*() {
    let requests = 0
    const { url } = yield* Server.raw((socket, _, head) => {
      // The end of a chunked body looks like the end of a head.
      if (!head.includes("HTTP/1.1")) return
      requests++
      answer(socket)
    })
    return { url, requests: () => requests }
  })

/** Writes this a piece at a time, one in every `every` milliseconds, for as long as the connection lasts. */
const drip = (first: string, again: string, every: number) => (socket: Net.Socket) => {
  socket.write(first)
  const timer = setInterval(() => socket.write(again), every)
  socket.on("close", () => clearInterval(timer))
}

const transient = { isTransient: true, arrives: true }
const behindHead = { ...transient, isBehindHead: true }
const broken = { isTransient: false, arrives: true, ends: ["ProtocolError"] } as const
const lengthOf = (length: number) => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`
const chunkedHead = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
const reset = (text: string) => (socket: Net.Socket) => void socket.write(text, () => socket.resetAndDestroy())

/** What every client sees alike. */
export const faults: ReadonlyArray<Fault> = [
  {
    name: "a port that is closed",
    target: Effect.map(Server.closedPort, (url) => ({ url, requests: () => 0 })),
    ends: ["ConnectRefused"],
    isTransient: true,
    arrives: false
  },
  {
    name: "a name that does not resolve",
    // A label of 64 letters is not a name, which the resolver knows without asking anyone.
    target: Effect.succeed({ url: `http://${"x".repeat(64)}.invalid/`, requests: () => 0 }),
    ends: ["DnsFailure"],
    isTransient: true,
    arrives: false
  },
  {
    name: "a reset before the head",
    target: answers((socket) => socket.resetAndDestroy()),
    ends: ["ConnectionReset"],
    ...transient
  },
  {
    name: "a close before the head",
    target: answers((socket) => socket.end()),
    ends: ["ConnectionReset"],
    ...transient
  },
  {
    name: "a reset in the head",
    target: answers(reset("HTTP/1.1 200 OK\r\ncontent-le")),
    ends: ["ConnectionReset"],
    ...transient
  },
  {
    name: "a reset after the head",
    target: answers(reset(lengthOf(10))),
    ends: ["BodyCut", "ConnectionReset"],
    ...behindHead
  },
  {
    name: "half a body and a reset",
    target: answers(reset(`${lengthOf(10)}half`)),
    ends: ["BodyCut", "ConnectionReset"],
    ...behindHead
  },
  {
    name: "a length that is too long",
    target: answers((socket) => socket.end(`${lengthOf(10)}half`)),
    ends: ["BodyCut"],
    ...behindHead
  },
  {
    name: "chunks that end too soon",
    target: answers((socket) => socket.end(`${chunkedHead}8\r\nhalf`)),
    ends: ["BodyCut"],
    // Its first byte is the caller's.
    isTransient: false,
    arrives: true
  },
  {
    name: "a protocol that is not HTTP",
    target: answers((socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n")),
    ...broken
  },
  {
    name: "a version that does not exist",
    target: answers((socket) => socket.write("HTTP/9.7 200 OK\r\n\r\n")),
    ...broken
  },
  {
    name: "a head of 5 MB",
    target: answers((socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(5_000_000)}\r\n\r\n`)),
    ...broken
  },
  {
    name: "two lengths that differ",
    target: answers((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok")),
    ends: ["BodyCut"],
    ...behindHead
  },
  {
    name: "a length that is not a number",
    target: answers((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: -4\r\n\r\nok")),
    ...broken
  },
  {
    name: "a chunk without a length",
    target: answers((socket) => socket.write(`${chunkedHead}garbage\r\n`)),
    ...broken
  },
  {
    name: "a 503 with a body of 5 MB",
    target: answers((socket) => socket.write(Server.response(503, "x".repeat(5_000_000)))),
    ends: 503,
    ...transient
  },
  {
    name: "a 503 whose body stalls",
    target: answers((socket) => socket.write("HTTP/1.1 503 X\r\ncontent-length: 100000\r\n\r\nhalf")),
    ends: 503,
    ...transient
  },
  {
    name: "a 503 before the request was read",
    target: answers((socket) => socket.end(Server.response(503, "", { connection: "close" }))),
    ends: 503,
    ...transient
  },
  {
    name: "a head that does not come",
    target: answers(() => undefined),
    ends: ["AttemptTimeout"],
    timeouts: { attempt: "100 millis" },
    ...transient
  },
  {
    name: "a head that comes a byte at a time",
    target: answers(drip("HTTP/1.1 200 OK\r\nx-slow: ", "x", 5)),
    ends: ["AttemptTimeout"],
    timeouts: { attempt: "100 millis" },
    ...transient
  },
  {
    name: "a small body that comes a byte at a time",
    target: answers(drip(lengthOf(50_000), "x", 5)),
    ends: ["AttemptTimeout"],
    timeouts: { attempt: "100 millis" },
    ...behindHead
  },
  {
    name: "a large body that comes a byte at a time",
    target: answers(drip(lengthOf(5_000_000), "x", 5)),
    ends: ["DeadlineExceeded"],
    isTransient: false,
    arrives: true,
    timeouts: { total: "200 millis" }
  }
]

/** What only a transport with bounds of its own sees. */
export const undiciFaults: ReadonlyArray<Fault> = [
  {
    name: "a head that the transport will not wait for",
    target: answers(() => undefined),
    ends: ["HeadersTimeout"],
    transport: { headersTimeout: "100 millis" },
    ...transient
  },
  {
    name: "a head that the transport will not wait for, a byte at a time",
    target: answers(drip("HTTP/1.1 200 OK\r\nx-slow: ", "x", 5)),
    ends: ["HeadersTimeout"],
    transport: { headersTimeout: "100 millis" },
    ...transient
  },
  {
    name: "a body that the transport will not wait for",
    target: answers((socket) => socket.write(`${lengthOf(10)}half`)),
    ends: ["BodyTimeout"],
    transport: { bodyTimeout: "100 millis" },
    ...behindHead
  }
]

const certificate = async (host: string, until: string) => {
  const { cert, private: key } = await generate([{ name: "commonName", value: host }], {
    algorithm: "sha256",
    notBeforeDate: new Date("2000-01-01"),
    notAfterDate: new Date(until),
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: host }, { type: 7, ip: "127.0.0.2" }] }]
  })
  return { key, cert }
}

/** Certificates that must not be accepted. The request is never written. */
export const tlsFaults: ReadonlyArray<Fault> = ([
  ["a certificate from an unknown issuer", "2100-01-01", false],
  ["a certificate for another address", "2100-01-01", true],
  ["a certificate that has expired", "2001-01-01", true]
] as const).map(([name, until, isTrusted]): Fault => {
  const authority = { ca: "" }
  return {
    name,
    ends: ["TlsFailure"],
    isTransient: false,
    arrives: false,
    transport: isTrusted ? { tls: authority } : {},
    target: Effect.gen(function*() {
      const made = yield* Effect.promise(() => certificate("inventory.example.com", until))
      authority.ca = made.cert
      let requests = 0
      const { url } = yield* Server.tls(made, (socket) => {
        requests++
        socket.write(Server.response(200, "ok"))
      })
      return { url, requests: () => requests }
    })
  }
})
