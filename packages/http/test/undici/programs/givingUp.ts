/**
 * Takes responses in every combination of a client, a request, an answer and a way to give the body up, with tracing on,
 * and prints what is left of each combination: `node --expose-gc givingUp.ts`. A test runs it and reads what it prints.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import { brotliCompressSync, createGzip, gzipSync } from "node:zlib"

type Given = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

const large = Buffer.alloc(200_000, 65)
const zipped = gzipSync(large)
const brotli = brotliCompressSync(large)

const answers: Readonly<Record<string, (response: Http.ServerResponse) => void>> = {
  small: (response) => response.end("small"),
  large: (response) => response.end(large),
  // Comes whole with its head, and is large once it is decoded.
  zipped: (response) => response.writeHead(200, { "content-encoding": "gzip" }).end(zipped),
  endless: (response) => void response.write(large),
  "endless and zipped": (response) => {
    const zip = createGzip().on("error", () => undefined)
    response.writeHead(200, { "content-encoding": "gzip" }).on("close", () => zip.destroy())
    zip.pipe(response)
    zip.write(large)
    zip.flush()
  },
  "cut and zipped": (response) => response.writeHead(200, { "content-encoding": "br" }).end(brotli.subarray(0, 9)),
  "no content": (response) => response.writeHead(204).end(),
  cut: (response) => {
    response.writeHead(200, { "content-length": 300_000 })
    response.write(large, () => response.destroy())
  },
  busy: (response) => response.writeHead(503).end(large),
  redirect: (response) => response.writeHead(302, { location: "/small" }).end(large)
}

const requests: Readonly<Record<string, (url: string) => HttpClientRequest.HttpClientRequest>> = {
  get: HttpClientRequest.get,
  head: HttpClientRequest.head,
  upload: (url) => HttpClientRequest.post(url).pipe(HttpClientRequest.bodyStream(Stream.make(large, large)))
}

/** The response as a standard one, where a client has one to give. */
const web = (response: Given) => Option.getOrElse(HttpClientResponse.toWeb(response), () => new Response(null))

const first = (response: Given) => Stream.runDrain(Stream.take(response.stream, 1))

const ways: Readonly<Record<string, (get: Effect.Effect<Given, Failure>) => Effect.Effect<unknown, Failure>>> = {
  "unread": (get) => get,
  "unread in a scope": Effect.scoped,
  "read for as long as it takes": (get) => Effect.timeoutOption(Effect.flatMap(get, ({ text }) => text), 20),
  "read by its first chunk": (get) => Effect.flatMap(get, first),
  "read by its first chunk in a scope": (get) => Effect.scoped(Effect.flatMap(get, first)),
  "interrupted while a chunk is looked at": (get) =>
    Effect.flatMap(get, ({ stream }) => Effect.timeoutOption(Stream.runForEach(stream, () => Effect.never), 5)),
  "interrupted at once": (get) => Effect.timeoutOption(Effect.flatMap(get, ({ text }) => text), 0),
  "handed over and dropped": (get) => Effect.map(get, web),
  "handed over and cancelled": (get) =>
    Effect.flatMap(get, (response) => Effect.promise(async () => web(response).body?.cancel())),
  "asked for twice": (get) =>
    Effect.timeoutOption(Effect.flatMap(get, (response) => Effect.andThen(first(response), response.text)), 20)
}

const transport = UndiciTransport.layer({ gracePeriod: 0 })
const resilient = ResilientHttpClient.layer({ retry: { times: 1, backoff: Backoff.constant({ delay: "1 millis" }) } })
const clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = {
  "UndiciTransport": transport,
  "ResilientHttpClient over it": Layer.provide(resilient, transport),
  "ResilientHttpClient over fetch": Layer.provide(resilient, FetchHttpClient.layer)
}

const server = Http.createServer((request, response) => {
  request.resume().on("end", () => {
    const answer = decodeURI(request.url ?? "/").slice(1)
    // Node keeps a head without a body back until its end.
    if (request.method === "HEAD" && answer.startsWith("endless")) response.end()
    else answers[answer]?.(response)
  })
})
const url = await new Promise<string>((resolve) =>
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    resolve(typeof address === "string" || address === null ? "" : `http://127.0.0.1:${address.port}/`)
  })
)

const collectGarbage: () => void = globalThis.gc ?? (() => undefined)
const turn = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Both ends of each connection are in this process. */
const connections = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length
const times = 3

for (const [client, layer] of Object.entries(clients)) {
  const before = connections()
  const runtime = ManagedRuntime.make(Layer.merge(layer, Logger.layer([])))
  const seen = new Map<string, Array<WeakRef<Given>>>()
  const one = (answer: string, request: string, way: string) => {
    const refs: Array<WeakRef<Given>> = []
    seen.set(`${way}: ${request} of ${answer} by ${client}`, refs)
    const get = Effect.gen(function*() {
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      const response = yield* client.execute(requests[request]!(url + encodeURI(answer)))
      refs.push(new WeakRef(response))
      return response
    })
    return HttpClient.HttpClient.pipe(
      Effect.flatMap((client) => ways[way]!(Effect.provideService(get, HttpClient.HttpClient, client))),
      Effect.exit,
      Effect.asVoid,
      Effect.repeat({ times: times - 1 })
    )
  }
  const all = Object.keys(answers).flatMap((answer) =>
    Object.keys(requests).flatMap((request) => Object.keys(ways).map((way) => one(answer, request, way)))
  )
  await runtime.runPromise(Effect.forEach(all, (one) => one, { concurrency: 12, discard: true }))
  const left = () =>
    Array.from(seen, ([what, refs]) => [what, refs.filter((ref) => ref.deref() !== undefined).length] as const)
      .filter(([, count]) => count > 0)
  // A connection is kept for the next request, and one for each that was under way at once.
  for (let i = 0; i < 100 && (left().length > 0 || connections() - before > 24); i++) {
    await turn(10)
    collectGarbage()
  }
  const responses = Object.fromEntries(left())
  const open = connections() - before
  await runtime.dispose()
  const isClosed = () => client.endsWith("fetch") || connections() <= before
  for (let i = 0; i < 100 && !isClosed(); i++) await turn(10)
  console.log(JSON.stringify({ client, combinations: all.length, times, responses, open, isClosed: isClosed() }))
}
process.exit(0)
