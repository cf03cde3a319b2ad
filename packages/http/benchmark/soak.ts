/**
 * Sends many requests, most of which go wrong or are given up, with tracing on, and prints what the process holds before
 * and after: `node --expose-gc packages/http/benchmark/soak.ts --help`. It fails when more is held after than before.
 */
import * as Backoff from "@holdfast/core/Backoff"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { fork } from "node:child_process"
import { createServer, type Socket } from "node:net"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { type Dispatcher, request } from "undici"

const usage = `Holds a client against many faults, and shows that nothing of them stays.

  node --expose-gc packages/http/benchmark/soak.ts [--requests N] [--at-once N]

  --requests N  how many requests (default 200,000)
  --at-once N   how many of them at the same time (default 64)
  --help        this text
`

const { positionals: [role], values } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: "string", default: "200000" },
    "at-once": { type: "string", default: "64" },
    help: { type: "boolean", default: false }
  }
})

const large = "x".repeat(150_000)
const zipped = gzipSync(large)
const response = (status: number, body: string | Buffer, headers = "") =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\n${headers}\r\n`),
    Buffer.from(body)
  ])

/** What the server does with a request, by its path. */
const answers: Readonly<Record<string, (socket: Socket) => void>> = {
  small: (socket) => socket.write(response(200, "small")),
  large: (socket) => socket.write(response(200, large)),
  zipped: (socket) => socket.write(response(200, zipped, "content-encoding: gzip\r\n")),
  "half-zipped": (socket) => socket.write(response(200, zipped.subarray(0, 100), "content-encoding: gzip\r\n")),
  interim: (socket) => socket.write(Buffer.concat([Buffer.from("HTTP/1.1 100 X\r\n\r\n"), response(200, "small")])),
  redirect: (socket) => socket.write(response(302, large, "location: /small\r\n")),
  busy: (socket) => socket.write(response(503, large)),
  ended: (socket) => socket.end(response(200, "small")),
  reset: (socket) => socket.resetAndDestroy(),
  cut: (socket) => socket.end(response(200, large).subarray(0, 100_000)),
  garbage: (socket) => socket.write("this is not HTTP\r\n\r\n"),
  endless: (socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${large}`),
  silence: () => undefined
}

const serve = (): void => {
  const server = createServer((socket) => {
    let text = ""
    socket.on("error", () => undefined).on("data", (data) => {
      text += data.toString("latin1")
      for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
        const path = / \/([a-z-]+)/.exec(text)?.[1]
        text = text.slice(end + 4)
        if (path !== undefined) answers[path]?.(socket)
      }
    })
  })
  server.listen(0, "127.0.0.1", () => process.send?.(server.address()))
}

/** The clients: Effect's own, a `fetch`, and a dispatcher of undici. */
interface Clients {
  readonly http: HttpClient.HttpClient
  readonly fetch: typeof globalThis.fetch
  readonly dispatcher: Dispatcher
}

/** A request, and what is done with its answer. */
type Way = (clients: Clients, url: string, uploads: boolean) => Effect.Effect<unknown, unknown>

type Get = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

const upload = new TextEncoder().encode("some")

const asked = (use: (get: Get) => Effect.Effect<unknown, unknown>): Way => ({ http }, url, uploads) =>
  use(
    http.execute(
      uploads
        ? HttpClientRequest.put(url).pipe(HttpClientRequest.bodyStream(Stream.make(upload)))
        : HttpClientRequest.get(url)
    )
  )

const fetched = (use: (response: Response) => unknown, after?: number): Way => ({ fetch }, url, uploads) =>
  Effect.tryPromise(async () => {
    const signal = after === undefined ? null : AbortSignal.timeout(after)
    return use(await fetch(url, { signal, ...(uploads && { method: "PUT", body: "some" }) }))
  })

const dispatched =
  (use: (body: Dispatcher.ResponseData["body"]) => unknown, after?: number): Way => ({ dispatcher }, url, uploads) =>
    Effect.tryPromise(async () => {
      const signal = after === undefined ? null : AbortSignal.timeout(after)
      const { body } = await request(url, { dispatcher, signal, ...(uploads && { method: "PUT", body: "some" }) })
      return use(body.on("error", () => undefined))
    })

/** How a response is used, or given up. */
const ways: ReadonlyArray<Way> = [
  asked((get) => Effect.flatMap(get, ({ text }) => text)),
  asked((get) => Effect.flatMap(get, ({ stream }) => Stream.runDrain(stream))),
  asked((get) => get),
  asked(Effect.scoped),
  asked((get) => Effect.flatMap(get, ({ stream }) => Stream.runDrain(Stream.take(stream, 1)))),
  asked((get) => Effect.timeoutOption(Effect.flatMap(get, ({ text }) => text), 5)),
  fetched((response) => response.text()),
  fetched(() => undefined),
  fetched((response) => response.body?.cancel()),
  fetched((response) => response.clone().text()),
  fetched((response) => response.text(), 5),
  dispatched((body) => body.text()),
  dispatched((body) => body.destroy()),
  dispatched((body) => body.dump()),
  dispatched((body) => body.text(), 5)
]

const collectGarbage: () => void = globalThis.gc ?? (() => undefined)

interface Held {
  readonly "heap, MB": number
  readonly "external, MB": number
  readonly sockets: number
  readonly timers: number
  readonly listeners: number
}

const held = (): Held => {
  const { external, heapUsed } = process.memoryUsage()
  const active = process.getActiveResourcesInfo()
  const count = (kind: string) => active.filter((one) => one === kind).length
  return {
    "heap, MB": heapUsed / 1e6,
    "external, MB": external / 1e6,
    sockets: count("TCPSocketWrap"),
    timers: count("Timeout"),
    listeners: process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0)
  }
}

/** Says how far the run is, and what the process holds meanwhile. */
const progress = (done: number): void => {
  if (done % 20_000 !== 0) return
  const { external, heapUsed } = process.memoryUsage()
  const size = (bytes: number) => (bytes / 1e6).toFixed(0)
  console.log(
    `${done.toLocaleString("en").padStart(9)} requests, heap ${size(heapUsed)} MB and external ${
      size(external)
    } MB uncollected`
  )
}

/** What is held once nothing of the requests before is under way, and what can be collected is. */
const settled = async (transport: UndiciTransport.UndiciTransport["Service"]): Promise<Held> => {
  for (let i = 0; i < 200; i++) {
    await new Promise((resolve) => setTimeout(resolve, 25))
    collectGarbage()
    const { running } = await Effect.runPromise(transport.stats)
    if (running === 0 && i >= 40) break
  }
  return held()
}

const soak = async (): Promise<void> => {
  const child = fork(import.meta.filename, ["serve"], { execArgv: [] })
  const address = await new Promise<{ readonly port: number }>((resolve) => child.once("message", resolve))
  const url = `http://127.0.0.1:${address.port}/`
  const transport = UndiciTransport.layer({ connections: 100, idleConnections: 10, gracePeriod: 0 })
  const policy = {
    retry: { times: 1, backoff: Backoff.constant({ delay: "1 millis" }) },
    timeouts: { attempt: "100 millis" }
  } satisfies HttpPolicy.Options
  const client = ResilientHttpClient.layer(policy)
  const runtime = ManagedRuntime.make(Layer.mergeAll(Layer.provideMerge(client, transport), Logger.layer([])))
  const pools = await runtime.runPromise(UndiciTransport.UndiciTransport)
  const fetch = await runtime.runPromise(
    Effect.provideService(ResilientFetch.make(policy), HttpClient.HttpClient, pools.client)
  )
  const dispatcher = ResilientDispatcher.createDispatcher({
    ...policy,
    transport: { connections: 100, gracePeriod: 0 }
  })
  const paths = Object.keys(answers)
  let done = 0
  const run = (requests: number) =>
    runtime.runPromise(Effect.gen(function*() {
      const http = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      yield* Effect.forEach(
        Array.from({ length: requests }, (_, i) => i),
        (i) => {
          // Silence takes its time, so it is rare.
          const path = i % 100 === 0 ? "silence" : paths[i % (paths.length - 1)] ?? "small"
          // Every way meets every answer, with and without an upload.
          const round = Math.floor(i / (paths.length - 1))
          const way = ways[round % ways.length]
          const uploads = Math.floor(round / ways.length) % 4 === 0
          const ended = Effect.exit(way?.({ http, fetch, dispatcher }, url + path, uploads) ?? Effect.void)
          return Effect.andThen(ended, Effect.sync(() => progress(++done)))
        },
        { concurrency: Number(values["at-once"]), discard: true }
      )
    }))
  const requests = Number(values.requests)
  await run(Math.min(5_000, requests))
  const before = await settled(pools)
  const startedAt = performance.now()
  await run(requests)
  const seconds = (performance.now() - startedAt) / 1000
  const after = await settled(pools)
  const { running } = await Effect.runPromise(pools.stats)
  await Promise.all([runtime.dispose(), dispatcher.destroy()])
  await new Promise((resolve) => setTimeout(resolve, 200))
  const closed = held()
  child.kill()
  const rows = (Object.keys(before) as Array<keyof Held>).map((name) => {
    const figure = (value: number) => name.endsWith("MB") ? value.toFixed(1) : String(value)
    return `${name.padEnd(14)}${[before, after, closed].map((one) => figure(one[name]).padStart(12)).join("")}`
  })
  console.log(
    `${done.toLocaleString("en")} requests in ${
      seconds.toFixed(0)
    } s, of ${paths.length} kinds, given up in ${ways.length} ways, traced\n`
  )
  console.log(
    `${"".padEnd(14)}${["before", "after", "closed"].map((name) => name.padStart(12)).join("")}\n${rows.join("\n")}\n`
  )
  const grown = [
    after["heap, MB"] > before["heap, MB"] * 1.2 + 5 && "the heap has grown",
    after["external, MB"] > before["external, MB"] * 1.2 + 5 && "external memory has grown",
    running > 0 && `${running} requests are under way`,
    after.sockets > before.sockets + 10 && "sockets are left",
    after.timers > before.timers + 10 && "timers are left",
    after.listeners > before.listeners && "listeners are left",
    closed.sockets > 0 && "sockets are left by the layer that was closed"
  ].filter((one) => one !== false)
  console.log(grown.length === 0 ? "Nothing stays." : `Not right: ${grown.join(", ")}.`)
  process.exit(grown.length === 0 ? 0 : 1)
}

if (values.help) console.log(usage)
else if (role === "serve") serve()
else await soak()
