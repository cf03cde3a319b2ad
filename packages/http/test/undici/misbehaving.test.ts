/**
 * What the laws say of servers that misbehave: fault x method x policy, on undici and on fetch. After every case no
 * socket, timer or listener is left, and the server has seen what it may see: nothing twice that must not be.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import { generate } from "selfsigned"
import * as Server from "../server.ts"

/** What a case is tried on: where to send, and how many requests arrived there. */
interface Target {
  readonly url: string
  readonly requests: () => number
}

interface Fault {
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
const faults: ReadonlyArray<Fault> = [
  {
    name: "a port that is closed",
    target: Effect.map(Server.closedPort, (url) => ({ url, requests: () => 0 })),
    ends: ["ConnectRefused"],
    isTransient: true,
    arrives: false
  },
  {
    name: "a name that does not resolve",
    // A label of 64 letters is no name, which the resolver knows without asking anyone.
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
const undiciFaults: ReadonlyArray<Fault> = [
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
const tlsFaults: ReadonlyArray<Fault> = ([
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

const policies: ReadonlyArray<readonly [name: string, options: HttpPolicy.Options, times: number]> = [
  ["without retries", { retry: false }, 0],
  ["with two retries", {}, 2],
  ["with two retries up to the head", { commit: "head" }, 2]
]

const body = () => HttpBody.stream(Stream.make(new TextEncoder().encode("the only copy")))

const methods: ReadonlyArray<
  readonly [name: string, request: () => HttpClientRequest.HttpClientRequest, repeatable: boolean]
> = [
  ["GET", () => HttpClientRequest.get("/"), true],
  ["PUT", () => HttpClientRequest.put("/", { body: HttpBody.text("state") }), true],
  ["POST", () => HttpClientRequest.post("/", { body: HttpBody.text("pay") }), false],
  [
    "POST with a key",
    () => HttpClientRequest.post("/", { body: HttpBody.text("pay"), headers: { "idempotency-key": "k" } }),
    true
  ],
  ["PUT of a stream", () => HttpClientRequest.put("/", { body: body() }), false]
]

/** What an exit says in one word: a status, or the reason of its failure. */
const endOf = (exit: Exit.Exit<number, unknown>): number | string => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (!HttpClientError.isHttpClientError(error)) return String(exit)
  const { cause } = error.reason
  if (isPolicyError(cause)) return cause.reason._tag
  return Option.match(HttpFailure.fromClientError(error), { onNone: () => error.message, onSome: (f) => f.reason._tag })
}

const clients = {
  undici: (fault: Fault) => UndiciTransport.layer({ connections: 1, ...fault.transport }),
  fetch: () => FetchHttpClient.layer
}

/** One case: a call, what it ended with, and what the server saw. */
const call = (
  fault: Fault,
  client: keyof typeof clients,
  options: HttpPolicy.Options,
  times: number,
  request: HttpClientRequest.HttpClientRequest
) =>
  Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
    const { requests, url } = yield* fault.target
    const live = ResilientHttpClient.layer({
      retry: { times, backoff: Backoff.constant({ delay: "1 millis" }) },
      ...options,
      // An attempt that ends with the head does not bound the body.
      timeouts: options.commit === "head" && fault.isBehindHead
        ? { ...fault.timeouts, total: "300 millis" }
        : fault.timeouts
    }).pipe(Layer.provide(clients[client](fault)))
    const send = Effect.flatMap(
      HttpClient.execute(HttpClientRequest.prependUrl(request, url.replace(/\/$/, ""))),
      // Of the body of a 503, which may be large and never end, only the first chunk is read.
      (response) =>
        Effect.as(
          Stream.runDrain(response.status === 503 ? Stream.take(response.stream, 1) : response.stream),
          response.status
        )
    )
    const exit = yield* Effect.exit(Effect.scoped(Effect.provide(send, Layer.merge(live, Logger.layer([])))))
    return { end: endOf(exit), requests: requests() }
  })))

const check = (
  fault: Fault,
  client: keyof typeof clients,
  [policy, options, times]: typeof policies[number],
  [method, request, repeatable]: typeof methods[number]
) =>
  Effect.gen(function*() {
    const { end, requests } = yield* call(fault, client, options, times, request())
    const which = `${method}, ${policy}, ended with ${end} after ${requests} requests`
    // Whether a failure that comes in the packet of the head is one of the head or of the body, the packets decide.
    const isAmbiguous = options.commit === "head" && fault.isBehindHead === true
    if (typeof fault.ends === "number") assert.strictEqual(end, fault.ends, which)
    else assert.include(isAmbiguous ? [...fault.ends, "DeadlineExceeded"] : [...fault.ends], end, which)
    const most = !fault.arrives ? 0 : fault.isTransient && repeatable ? 1 + times : 1
    // What ends by the clock may end before it has arrived, on a machine that is busy.
    if (isAmbiguous || isTimed(fault)) assert.isAtMost(requests, most, which)
    else assert.strictEqual(requests, most, which)
  })

const isTimed = ({ timeouts, transport }: Fault): boolean =>
  timeouts !== undefined || transport?.headersTimeout !== undefined || transport?.bodyTimeout !== undefined

/** undici's own clock ticks so slowly that what goes by it is tried on one method that is repeatable and one that is not. */
const methodsFor = ({ transport }: Fault) =>
  transport?.headersTimeout === undefined && transport?.bodyTimeout === undefined
    ? methods
    : methods.filter(([method]) => method === "GET" || method === "POST")

const suite = (client: keyof typeof clients, faults: ReadonlyArray<Fault>) =>
  describe.each(faults.map((fault) => [fault.name, fault] as const))(`%s, over ${client}`, (_, fault) => {
    it.live.each(policies)(
      "%s, sends nothing twice that must not be and leaves nothing behind",
      (policy) => Effect.forEach(methodsFor(fault), (method) => check(fault, client, policy, method))
    )
  })

suite("undici", [...faults, ...undiciFaults, ...tlsFaults])
suite("fetch", [...faults, ...tlsFaults.slice(0, 1)])
