/** What haproxy does to its clients, and that nothing is lost or sent twice by it. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Server from "../server.ts"
import * as Daemon from "./daemon.ts"
import { client, send, through, watched } from "./traffic.ts"

/** haproxy, a master with a worker, before an upstream and before servers that fail. */
const haproxy = Effect.gen(function*() {
  const command = yield* Daemon.binary("haproxy")
  const upstream = yield* Daemon.upstream
  const dead = yield* Daemon.freePort
  let asked = 0
  const count = () => void asked++
  const silent = yield* Server.raw(count)
  const garbage = yield* Server.raw((socket) => {
    asked++
    socket.end("SSH-2.0-OpenSSH_9.6\r\n")
  })
  const path = yield* Daemon.folder
  const port = yield* Daemon.freePort
  const config = join(path, "haproxy.cfg")
  yield* Daemon.write(
    config,
    `global
  maxconn 256
  stats socket ${path}/admin.sock level admin expose-fd listeners
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  timeout http-keep-alive 10s
frontend front
  bind 127.0.0.1:${port}
  http-response set-header x-worker %pid
  http-request return status 503 hdr Retry-After 1 if { path /busy }
  use_backend dead if { path /dead }
  use_backend silent if { path /silent }
  use_backend garbage if { path /garbage }
  use_backend limited if { path /limited }
  default_backend inventory
backend inventory
  server one 127.0.0.1:${upstream.port}
backend dead
  server one 127.0.0.1:${dead}
backend silent
  timeout server 50ms
  server one ${silent.url.replace("http://", "")}
backend garbage
  server one ${garbage.url.replace("http://", "")}
backend limited
  stick-table type ip size 1k expire 10s store http_req_rate(200ms)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 10 }
  server one 127.0.0.1:${upstream.port}
`
  )
  const master = yield* Daemon.start(command, ["-W", "-db", "-f", config], port, join(path, "none"))
  return {
    url: `http://127.0.0.1:${port}`,
    upstream,
    /** How many requests came to the servers that fail. */
    asked: () => asked,
    reload: Effect.sync(() => void master.kill("SIGUSR2"))
  }
})

describe("haproxy", () => {
  it.live.each([["/dead", 503, false], ["/silent", 504, true], ["/garbage", 502, true]] as const)(
    "answers %s with %i, which a GET gets after its retries and a POST at once",
    ([path, status, arrives]) =>
      Effect.gen(function*() {
        const { asked, url } = yield* haproxy
        for (const [kind, requests] of [["GET", 3], ["POST", 1], ["keyed", 3]] as const) {
          const before = asked()
          const { delays, exit } = yield* watched(send(url + path, kind, "1"))
          assert.isTrue(exit._tag === "Success" && exit.value.status === status)
          assert.strictEqual(delays.length, requests - 1)
          assert.strictEqual(asked() - before, arrives ? requests : 0)
        }
        yield* Server.idle
      }).pipe(Effect.provide(client({ retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }) } })))
  )

  it.live("is waited for as long as Retry-After says", () =>
    Effect.gen(function*() {
      const { url } = yield* haproxy
      const { delays } = yield* watched(send(`${url}/busy`, "GET", "1"))
      assert.strictEqual(delays.length, 1)
      assert.isAtLeast(delays[0] ?? 0, 1000)
      assert.isAtMost(delays[0] ?? 0, 1100)
    }).pipe(Effect.provide(client({ retry: { times: 1 } }))))

  it.live("lets everyone through in the end who is over its rate", () =>
    Effect.gen(function*() {
      const { upstream, url } = yield* haproxy
      const ids = Array.from({ length: 20 }, (_, i) => `${i}`)
      const answers = yield* Effect.forEach(ids, (id) => send(`${url}/limited`, "GET", id), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers.map(({ text }) => text), ids)
      assert.strictEqual(upstream.total(), 20)
    }).pipe(Effect.provide(client({
      retry: { times: 20, backoff: Backoff.exponential({ initial: "100 millis", max: "400 millis" }) }
    }))))

  it.live("is reloaded three times in the middle of traffic, with nothing lost and nothing sent twice", () =>
    Effect.gen(function*() {
      const { reload, upstream, url } = yield* haproxy
      yield* through(url, upstream, reload)
    }).pipe(Effect.provide(client())))
})
