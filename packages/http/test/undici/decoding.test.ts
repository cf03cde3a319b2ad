/** Bodies in content codings, read as the platform's `fetch` reads them, and bounded. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Zlib from "node:zlib"
import * as Server from "../server.ts"

type Code = (bytes: Uint8Array) => Buffer

const codings: Readonly<Record<string, Code>> = {
  gzip: Zlib.gzipSync,
  "x-gzip": Zlib.gzipSync,
  deflate: Zlib.deflateSync,
  br: Zlib.brotliCompressSync,
  zstd: Zlib.zstdCompressSync
}
const raw: Code = Zlib.deflateRawSync

const bodies: Readonly<Record<string, Buffer>> = {
  "no byte": Buffer.alloc(0),
  "a few": Buffer.from(JSON.stringify({ left: 3 })),
  "many": Buffer.from(Array.from({ length: 40_000 }, (_, i) => `${i * 7919 % 10_007} `).join("")),
  "many times the same": Buffer.alloc(2_000_000, "again ")
}

/** The server answers every request with these bytes under these headers. */
const answering = (bytes: Uint8Array, headers: Record<string, string>, status = 200) =>
  Server.http((_, response) => {
    response.writeHead(status, headers)
    // In two packets, so that the decoder has to wait.
    response.write(bytes.subarray(0, bytes.length >> 1))
    response.end(bytes.subarray(bytes.length >> 1))
  })

const plain = UndiciTransport.layer({ connections: 1 })
const resilient = Layer.provideMerge(
  ResilientHttpClient.layer({ retry: false }),
  Layer.merge(UndiciTransport.layer({ connections: 1 }), Logger.layer([]))
)

/** What the platform makes of an answer. */
const byFetch = (url: string) =>
  Effect.promise(() => fetch(url)).pipe(
    Effect.flatMap((response) =>
      Effect.promise(async () => ({
        status: response.status,
        coding: response.headers.get("content-encoding"),
        length: response.headers.get("content-length"),
        text: await response.text()
      }))
    )
  )

const byUs = (url: string) =>
  Effect.flatMap(HttpClient.get(url), (response) =>
    Effect.map(response.text, (text) => ({
      status: response.status,
      coding: response.headers["content-encoding"] ?? null,
      length: response.headers["content-length"] ?? null,
      text
    })))

const reasonOf = (url: string, read: "text" | "stream" = "text") =>
  HttpClient.get(url).pipe(
    Effect.flatMap((response) => read === "text" ? response.text : Stream.runDrain(response.stream)),
    Effect.flip,
    Effect.map((error) => Option.getOrUndefined(HttpFailure.fromClientError(error))?.reason)
  )

describe("A coded body", () => {
  const cases: ReadonlyArray<readonly [name: string, coding: string, code: Code]> = [
    ...Object.entries(codings).map(([coding, code]) => [coding, coding, code] as const),
    ["deflate without its wrapper", "deflate", raw],
    ["GZIP in capitals", "GZIP", codings["gzip"]!],
    ["gzip in br", "gzip, br", (bytes) => codings["br"]!(codings["gzip"]!(bytes))],
    ["three times gzip", "gzip,gzip ,gzip", (bytes) => Zlib.gzipSync(Zlib.gzipSync(Zlib.gzipSync(bytes)))],
    ["zstd in deflate", "zstd, deflate", (bytes) => Zlib.deflateSync(Zlib.zstdCompressSync(bytes))],
    ["a coding that is not known", "snappy", (bytes) => Buffer.from(bytes)],
    ["a known coding in one that is not", "gzip, snappy", (bytes) => Zlib.gzipSync(bytes)],
    ["identity", "identity", (bytes) => Buffer.from(bytes)]
  ]
  for (const [name, coding, code] of cases) {
    for (const [what, body] of Object.entries(bodies)) {
      for (const [client, layer] of [["UndiciTransport", plain], ["ResilientHttpClient", resilient]] as const) {
        it.live(`of ${what}, in ${name}, is what fetch makes of it, by ${client}`, () =>
          Effect.gen(function*() {
            for (const status of [200, 404]) {
              const server = yield* answering(code(body), { "content-encoding": coding }, status)
              assert.deepStrictEqual(yield* byUs(server.url), yield* byFetch(server.url))
            }
            yield* Server.idle
          }).pipe(Effect.provide(layer as Layer.Layer<HttpClient.HttpClient | UndiciTransport.UndiciTransport>)))
      }
    }
  }

  it.live("is refused if it names more codings than fetch takes", () =>
    Effect.gen(function*() {
      for (const coding of ["gzip, gzip, gzip, gzip, gzip, gzip", "a, b, c, d, e, gzip"]) {
        const server = yield* answering(Zlib.gzipSync(bodies["a few"]!), { "content-encoding": coding })
        const reason = yield* reasonOf(server.url)
        assert.strictEqual(reason?._tag === "ProtocolError" && reason.code, "TOO_MANY_CODINGS")
        assert.strictEqual((yield* Effect.exit(byFetch(server.url)))._tag, "Failure")
      }
      yield* Server.idle
    }).pipe(Effect.provide(plain)))

  it.live("keeps the headers that it came with", () =>
    Effect.gen(function*() {
      const bytes = Zlib.gzipSync(bodies["a few"]!)
      const server = yield* answering(bytes, { "content-encoding": "gzip", "content-length": `${bytes.length}` })
      assert.deepStrictEqual(yield* byUs(server.url), yield* byFetch(server.url))
    }).pipe(Effect.provide(plain)))

  it.live.each([[204, "GET"], [304, "GET"], [200, "HEAD"]] as const)(
    "is not expected of a response without a body: %s to %s",
    ([status, method]) =>
      Effect.gen(function*() {
        const server = yield* Server.http((_, response) => {
          response.writeHead(status, { "content-encoding": "gzip" }).end()
        })
        const response = yield* (method === "GET" ? HttpClient.get(server.url) : HttpClient.head(server.url))
        assert.strictEqual(yield* response.text, "")
      }).pipe(Effect.provide(plain))
  )

  for (const [coding, code] of Object.entries({ ...codings, "deflate without its wrapper": raw })) {
    it.live(`that ends too soon is cut, in ${coding}`, () =>
      Effect.gen(function*() {
        const bytes = code(bodies["many"]!)
        for (const length of [1, bytes.length >> 1, bytes.length - 1]) {
          const server = yield* answering(bytes.subarray(0, length), { "content-encoding": coding.split(" ")[0]! })
          const reason = yield* reasonOf(server.url)
          assert.strictEqual(reason?._tag, "BodyCut")
          assert.isTrue(reason?.isRetryable)
        }
        yield* Server.idle
      }).pipe(Effect.provide(plain)))

    it.live(`that is something else breaks the protocol, in ${coding}`, () =>
      Effect.gen(function*() {
        const server = yield* answering(Buffer.alloc(100_000, 0xff), { "content-encoding": coding.split(" ")[0]! })
        assert.strictEqual((yield* reasonOf(server.url))?._tag, "ProtocolError")
        assert.strictEqual((yield* reasonOf(server.url, "stream"))?._tag, "ProtocolError")
        yield* Server.idle
      }).pipe(Effect.provide(plain)))
  }

  it.live("gives its connection up when it is read in part", () =>
    Effect.gen(function*() {
      const server = yield* answering(Zlib.gzipSync(bodies["many times the same"]!), { "content-encoding": "gzip" })
      const response = yield* HttpClient.get(server.url)
      yield* Stream.runDrain(Stream.take(response.stream, 1))
      yield* Server.idle
    }).pipe(Effect.provide(plain)))
})

describe("A bound on the body", () => {
  const limit = 100_000
  const bounded = (options: UndiciTransport.Options) => UndiciTransport.layer({ connections: 1, ...options })

  for (const [coding, code] of Object.entries(codings)) {
    it.live(`ends a bomb in ${coding} in flat memory`, () =>
      Effect.gen(function*() {
        // A thousandfold and more, once more in gzip: 1 GB.
        const megabyte = code(Buffer.alloc(1_000_000))
        const bomb = Zlib.gzipSync(Buffer.concat(Array.from({ length: 1000 }, () => megabyte)))
        const server = yield* answering(
          coding.endsWith("gzip") ? bomb : code(Buffer.alloc(100_000_000)),
          { "content-encoding": coding.endsWith("gzip") ? "gzip, gzip" : coding }
        )
        const before = process.memoryUsage().rss
        const reason = yield* reasonOf(server.url)
        assert.deepStrictEqual(
          reason,
          new HttpFailure.ResponseTooLarge({ limit: 10_000_000, isDecoded: true })
        )
        assert.isFalse(reason?.isRetryable)
        assert.isBelow(process.memoryUsage().rss - before, 300_000_000)
        yield* Server.idle
      }).pipe(Effect.provide(bounded({ maxDecodedSize: 10_000_000 }))))
  }

  for (const size of [limit - 1, limit, limit + 1, 50 * limit]) {
    for (const read of ["text", "stream"] as const) {
      it.live(`of ${limit} bytes holds for a ${read} of ${size}`, () =>
        Effect.gen(function*() {
          const server = yield* answering(Buffer.alloc(size, 65), {})
          if (size <= limit) return assert.strictEqual((yield* byUs(server.url)).text.length, size)
          assert.deepStrictEqual(
            yield* reasonOf(server.url, read),
            new HttpFailure.ResponseTooLarge({ limit, isDecoded: false })
          )
          yield* Server.idle
        }).pipe(Effect.provide(bounded({ maxResponseSize: limit }))))
    }
  }

  it.live("counts what comes and what it decodes to apart", () =>
    Effect.gen(function*() {
      const coded = Zlib.gzipSync(Buffer.alloc(50_000))
      const server = yield* answering(coded, { "content-encoding": "gzip" })
      assert.strictEqual((yield* byUs(server.url)).text.length, 50_000)
      const uncoded = yield* answering(Buffer.alloc(50_001), {})
      assert.deepStrictEqual(
        yield* reasonOf(uncoded.url),
        new HttpFailure.ResponseTooLarge({ limit: 50_000, isDecoded: true })
      )
    }).pipe(Effect.provide(bounded({ maxResponseSize: 60_000, maxDecodedSize: 50_000 }))))

  it.live("is not tried again", () =>
    Effect.gen(function*() {
      let requests = 0
      const server = yield* Server.http((_, response) => {
        requests++
        response.end(Buffer.alloc(200_000))
      })
      assert.strictEqual((yield* reasonOf(server.url))?._tag, "ResponseTooLarge")
      assert.strictEqual(requests, 1)
    }).pipe(Effect.provide(
      Layer.merge(
        Layer.provide(ResilientHttpClient.layer(), bounded({ maxResponseSize: limit })),
        Logger.layer([])
      )
    )))
})

describe("a body of several members or frames", () => {
  const texts = ["one", "", "two ".repeat(50_000), "three"]
  // RFC 8878 section 3.1.2: a decoder skips these.
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
  const join = (code: Code, between: Buffer) =>
    Buffer.concat(texts.flatMap((text) => [between, code(Buffer.from(text))]))
  const joined: ReadonlyArray<readonly [string, string, Buffer]> = [
    ["gzip", "gzip", join(Zlib.gzipSync, Buffer.alloc(0))],
    ["zstd", "zstd", join(Zlib.zstdCompressSync, Buffer.alloc(0))],
    ["zstd with frames to skip", "zstd", join(Zlib.zstdCompressSync, skippable)]
  ]

  it.live.each(joined)(
    "is read whole, however it is cut into packets: %s",
    ([, coding, body]) =>
      Effect.gen(function*() {
        const sizes = [1, 2, 3, 7, 11, 12, 13, 24, 25, 100, body.length]
        const server = yield* Server.http((request, response) => {
          response.writeHead(200, { "content-encoding": coding })
          const size = Number(request.url?.slice(1))
          const send = (from: number): unknown =>
            from >= body.length
              ? response.end()
              : response.write(body.subarray(from, from + size), () => setImmediate(send, from + size))
          send(0)
        })
        const read = yield* Effect.forEach(sizes, (size) => Server.text(`${server.url}/${size}`), { concurrency: 4 })
        assert.deepStrictEqual(read.map((text) => text === texts.join("")), sizes.map(() => true))
      }).pipe(Effect.provide(UndiciTransport.layer()))
  )

  it.live.each(joined)(
    "fails when its last member is cut or is garbage: %s",
    ([, coding, body]) =>
      Effect.gen(function*() {
        const cut = yield* answering(body.subarray(0, -3), { "content-encoding": coding })
        assert.strictEqual((yield* reasonOf(cut.url))?._tag, "BodyCut")
        const garbage = yield* answering(Buffer.concat([body, Buffer.from("garbage that is longer")]), {
          "content-encoding": coding
        })
        assert.strictEqual((yield* reasonOf(garbage.url))?._tag, "ProtocolError")
      }).pipe(Effect.provide(plain))
  )
})
