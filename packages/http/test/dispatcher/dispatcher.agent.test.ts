/**
 * What a handler is told over the resilient dispatcher, beside what it is told over undici's own `Agent`: every event, in
 * order, with its arguments, while the handler pauses, aborts and throws.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as Effect from "effect/Effect"
import * as Http2 from "node:http2"
import { Agent, type Dispatcher } from "undici"
import { certificate, trust } from "../certificate.ts"
import * as Server from "../server.ts"
import { dispatching } from "./dispatching.ts"
import { type Recorded, recording } from "./recording.ts"
import { http2Scenarios, type Scenario, scenarios } from "./scenarios.ts"

type Steps = Pick<Scenario, "acts" | "options" | "ours">

// A call begins before it has a connection, and has a controller from the beginning: `onRequestStart` is told first, and
// `dispatch` takes what turns out to be invalid.
const beginning = (events: Recorded): Recorded =>
  events[0]?.[0] === "request start" ? events : [["request start", false, false], ...events]

/** The words of an error that is an argument's are ours, and so is when it is told. */
const inAnyWords = (events: Recorded): Recorded => {
  const error = events.find(([event, error]) =>
    event === "error" && /INVALID_ARG|NOT_SUPP|MISMATCH/.test(String(error))
  )
  return error === undefined ? events : [["error", ...(error[1] as ReadonlyArray<unknown>).slice(0, 2), error[2]]]
}

const compared = (origin: string, { acts, options, ours = (wanted) => wanted }: Steps, isHttp2 = false) =>
  Effect.gen(function*() {
    const told = (dispatcher: Dispatcher) =>
      recording(dispatcher, { origin, path: "/", method: "GET", ...options?.() }, acts)
    const agent = new Agent(isHttp2 ? { allowH2: true, connect: trust } : {})
    const wanted = yield* Effect.promise(() => told(agent))
    yield* Effect.promise(() => agent.destroy())
    // A policy waits for the beginning of the body, unless it commits at the head.
    const as: ResilientDispatcher.Options = { retry: false, commit: "head" }
    const seen = yield* dispatching(isHttp2 ? { ...as, transport: { http2: true, tls: trust } } : as, told)
    assert.deepStrictEqual(inAnyWords(seen), inAnyWords(beginning(ours(wanted))))
  })

describe.concurrent("a handler is told the same as over an Agent of", () => {
  it.live.each(Object.entries(scenarios))("%s", ([, { answer, ...steps }]) =>
    Effect.gen(function*() {
      const { sockets, url } = yield* Server.raw((socket, _, head) => answer(socket, head))
      yield* compared(url, steps)
      yield* Server.until(() => sockets.size === 0)
    }))
})

describe.concurrent("a handler is told the same over HTTP/2 as over an Agent of", () => {
  it.live.each(Object.entries(http2Scenarios))("%s", ([, { answer, ...steps }]) =>
    Effect.gen(function*() {
      const { sockets, url } = yield* Server.listen(() =>
        Http2.createSecureServer(certificate, (request, response) => {
          // The clock may go on between one client and the other.
          response.sendDate = false
          answer(request, response)
        })
      )
      yield* compared(url.replace("http:", "https:"), steps, true)
      yield* Server.until(() => sockets.size === 0)
    }))
})

describe("over several attempts", () => {
  it.live("a handler gets one beginning and one answer, and the steps of each attempt", () =>
    Effect.gen(function*() {
      const { url: origin } = yield* Server.raw((socket, count) =>
        socket.write(
          `HTTP/1.1 103 Early Hints\r\nLink: <${count}>\r\n\r\n${
            Server.response(count === 1 ? 503 : 200, `body ${count}`)
          }`
        )
      )
      const options: Dispatcher.DispatchOptions = { origin, path: "/", method: "PUT", body: "abc" }
      const events = yield* dispatching({}, (dispatcher) => recording(dispatcher, options))
      const attempt = (link: string) => [
        ["body sent", "abc"],
        ["request sent"],
        ["response started"],
        ["response start", 103, { link }, "Early Hints", ["Link", link]],
        ["response started"]
      ]
      assert.deepStrictEqual(events, [
        ["request start", false, false],
        ...attempt("<1>"),
        ...attempt("<2>"),
        ["response start", 200, { "content-length": "6" }, "X", ["content-length", "6"]],
        ["data", "body 2"],
        ["end", {}, []]
      ])
    }))

  it.live("interim responses without end are told, and end by `headersTimeout`", () =>
    Effect.gen(function*() {
      const { url: origin } = yield* Server.raw((socket) => {
        const timer = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n"), 20)
        socket.on("close", () => clearInterval(timer))
      })
      const events = yield* dispatching({ retry: false }, (dispatcher) =>
        recording(dispatcher, { origin, path: "/", method: "GET", headersTimeout: 200 }))
      assert.isAbove(
        events.filter(([, status]) =>
          status === 103
        ).length,
        2
      )
      assert.deepStrictEqual(events.at(-1), [
        "error",
        ["HeadersTimeoutError", "UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error"],
        false,
        undefined
      ])
    }))

  it.live("an abort between two attempts ends the call", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => socket.write(Server.response(503, "busy", { "retry-after": "30" })))
      const options: Dispatcher.DispatchOptions = { origin: server.url, path: "/", method: "GET" }
      const events = yield* dispatching({}, (dispatcher) =>
        recording(dispatcher, options, () => ({
          onRequestSent: (controller) => void setTimeout(() => controller.abort(new Error("enough")), 50)
        })))
      assert.deepStrictEqual(events.at(-1), ["error", ["Error", undefined, "enough"], true, "enough"])
      assert.strictEqual(events.filter(([event]) => event === "request sent").length, 1)
    }))
})

describe("an upgrade that is under way", () => {
  const upgrading = (end: (dispatcher: Dispatcher) => Promise<unknown>) => (dispatcher: Dispatcher, origin: string) => {
    const upgrade = dispatcher.upgrade({ origin, path: "/", protocol: "chat" } as Dispatcher.UpgradeOptions)
      .then(({ socket }) => {
        socket.on("error", () => undefined).destroy()
        return "upgraded"
      }, (error: unknown) => Object(error).message)
    // Once it is on its way, the dispatcher ends.
    return new Promise<unknown>((resolve) =>
      setTimeout(() => resolve(Promise.all([upgrade, end(dispatcher).then(() => "over")])), 20)
    )
  }

  const ends: Readonly<Record<string, (dispatcher: Dispatcher) => Promise<unknown>>> = {
    "is waited for by close": (dispatcher) => dispatcher.close(),
    "ends with the reason of destroy": (dispatcher) => dispatcher.destroy(new Error("enough"))
  }

  it.live.each(Object.entries(ends))("%s, as with an Agent", ([, end]) =>
    Effect.gen(function*() {
      const { url } = yield* Server.raw((socket) =>
        void setTimeout(
          () => socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n"),
          100
        )
      )
      const wanted = yield* Effect.promise(() => upgrading(end)(new Agent(), url))
      const seen = yield* dispatching({}, (dispatcher) => upgrading(end)(dispatcher, url))
      assert.deepStrictEqual(seen, wanted)
    }))
})
