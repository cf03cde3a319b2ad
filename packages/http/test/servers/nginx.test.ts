/** What nginx does to its clients, and that nothing is lost or sent twice by it. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Server from "../server.ts"
import * as Daemon from "./daemon.ts"
import { client, send, through, watched } from "./traffic.ts"

const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]

/** nginx before an upstream. `settings` go into the server block. */
const nginx = (settings: (upstream: Daemon.Upstream) => string) =>
  Effect.gen(function*() {
    const command = yield* Daemon.binary("nginx")
    const upstream = yield* Daemon.upstream
    const dead = yield* Server.closedPort
    const silent = yield* Server.raw(() => undefined)
    const path = yield* Daemon.folder
    const port = yield* Daemon.freePort
    const log = join(path, "error.log")
    const config = join(path, "nginx.conf")
    yield* Daemon.write(
      config,
      `${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${log} warn;
events { worker_connections 256; }
http {
  log_format connections "$connection";
  access_log ${path}/access.log connections;
  ${temporary.map((kind) => `${kind}_temp_path ${path}/${kind};`).join("\n  ")}
  limit_req_zone $server_port zone=calls:1m rate=10r/s;
  upstream inventory { server 127.0.0.1:${upstream.port}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    add_header x-worker $pid;
    location / { proxy_pass http://inventory; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location /dead { proxy_pass ${dead}; }
    location /silent { proxy_pass ${silent.url}; proxy_read_timeout 50ms; }
    location /busy { add_header Retry-After 1 always; return 503; }
    ${settings(upstream)}
  }
}
`
    )
    const at = ["-p", path, "-c", config, "-e", log]
    yield* Daemon.start(command, [...at, "-g", "daemon off;"], port, log)
    return {
      url: `http://127.0.0.1:${port}`,
      upstream,
      reload: Daemon.run(command, [...at, "-s", "reload"]),
      /** The connection of each request that was answered, in the order of the answers: `least` or more, for nginx logs after it answers. */
      connections: (least: number) =>
        Effect.repeat(
          Effect.delay(Effect.sync(() => readFileSync(`${path}/access.log`, "utf8").trim().split("\n")), "5 millis"),
          { until: (lines) => lines.length >= least }
        )
    }
  })

const plain = nginx(() => "")

describe("nginx", () => {
  it.live.each([["/dead", 502], ["/silent", 504], ["/busy", 503]] as const)(
    "answers %s with %i, which a GET gets after its retries and a POST at once",
    ([path, status]) =>
      Effect.gen(function*() {
        const { connections, url } = yield* plain
        const get = yield* send(url + path, "GET", "1")
        assert.strictEqual(get.status, status)
        assert.strictEqual((yield* send(url + path, "POST", "2")).status, status)
        assert.strictEqual((yield* send(url + path, "keyed", "3")).status, status)
        yield* Server.idle
        assert.strictEqual((yield* connections(3 + 1 + 3)).length, 3 + 1 + 3)
      }).pipe(Effect.provide(client({
        retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }), retryAfter: { max: "1 millis" } }
      })))
  )

  it.live("is waited for as long as Retry-After says", () =>
    Effect.gen(function*() {
      const { url } = yield* plain
      const { delays } = yield* watched(send(`${url}/busy`, "GET", "1"))
      assert.strictEqual(delays.length, 1)
      assert.isAtLeast(delays[0] ?? 0, 1000)
      assert.isAtMost(delays[0] ?? 0, 1100)
    }).pipe(Effect.provide(client({ retry: { times: 1 } }))))

  it.live.each([429, 503])(
    "lets everyone through in the end who is over its rate, with %i",
    (status) =>
      Effect.gen(function*() {
        const { connections, upstream, url } = yield* nginx(({ port }) =>
          `location /limited { limit_req zone=calls; limit_req_status ${status}; proxy_pass http://127.0.0.1:${port}; }`
        )
        const ids = Array.from({ length: 10 }, (_, i) => `${i}`)
        const answers = yield* Effect.forEach(ids, (id) => send(`${url}/limited`, "GET", id), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(answers.map(({ text }) => text), ids)
        assert.strictEqual(upstream.total(), 10)
        assert.isAbove((yield* connections(11)).length, 10)
      }).pipe(Effect.provide(client()))
  )

  it.live("closes each connection after three requests, without a failure", () =>
    Effect.gen(function*() {
      const { connections, upstream, url } = yield* nginx(() => "keepalive_requests 3;")
      for (let i = 0; i < 9; i++) {
        const { delays, exit } = yield* watched(send(url, "POST", `${i}`))
        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(delays, [])
      }
      assert.strictEqual(upstream.total(), 9)
      assert.strictEqual(new Set(yield* connections(9)).size, 3)
    }).pipe(Effect.provide(client({}, { connections: 1 }))))

  it.live("closes idle connections around the time of the next request, and nothing arrives twice", () =>
    Effect.gen(function*() {
      const { upstream, url } = yield* nginx(() => "keepalive_timeout 10ms;")
      for (let i = 0; i < 60; i++) {
        // Each gap is a little longer than the one before, so that some meet the close.
        yield* Effect.sleep(5 + i / 6)
        const kind = i % 2 === 0 ? "keyed" : "POST"
        const id = `${kind}-${i}`
        const exit = yield* Effect.exit(send(url, kind, id))
        if (kind === "keyed") assert.isTrue(Exit.isSuccess(exit), String(exit))
        assert.isAtMost(upstream.seen.get(id) ?? 0, 1)
        if (Exit.isSuccess(exit)) assert.strictEqual(upstream.seen.get(id), 1)
      }
    }).pipe(Effect.provide(client({}, { connections: 1 }))))

  it.live("is reloaded three times in the middle of traffic, with nothing lost and nothing sent twice", () =>
    Effect.gen(function*() {
      const { reload, upstream, url } = yield* plain
      yield* through(url, upstream, reload)
    }).pipe(Effect.provide(client())))
})
