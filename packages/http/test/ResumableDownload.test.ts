import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import * as DownloadError from "@holdfast/http/DownloadError"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import { law } from "../../../vitest.law.ts"
import * as Server from "./server.ts"

const url = "http://localhost/file"
const etag = "\"v1\""
const hello = new TextEncoder().encode("Hello World")
const { cut, respond } = TestTransport

const soon: ResumableDownload.Options = { retry: { backoff: Backoff.constant({ delay: 0 }) } }

const play = (script: ReadonlyArray<TestTransport.Step>) =>
  Layer.mergeAll(TestTransport.layer(script), NodeFileSystem.layer, Logger.layer([]))

/** What a download hands on, and how it ends. */
const collect = (source: ResumableDownload.Source, options: ResumableDownload.Options = soon) =>
  Effect.gen(function*() {
    const chunks: Array<Uint8Array> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(ResumableDownload.stream(source, options), (chunk) => Effect.sync(() => chunks.push(chunk)))
    )
    return { exit, bytes: Buffer.concat(chunks) }
  })

const refusal = (exit: Exit.Exit<unknown, unknown>): DownloadError.Reason["_tag"] | undefined => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return DownloadError.isDownloadError(error) ? error.reason._tag : undefined
}

const sha = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest()

const begins = (text: string, headers: Record<string, string> = {}) =>
  respond(200, { headers: { etag, "content-length": "11", ...headers }, body: cut(text) })
const rest = (from: number, headers: Record<string, string> = {}) =>
  respond(206, {
    headers: { etag, "content-range": `bytes ${from}-10/11`, ...headers },
    body: hello.subarray(from)
  })

describe("ResumableDownload.stream", () => {
  const refusals: ReadonlyArray<
    [name: string, tag: DownloadError.Reason["_tag"], script: ReadonlyArray<TestTransport.Step>, handedOn: string]
  > = [
    // undici 3356: "HHello World".
    ["a whole body after the first byte, without an ETag", "NoStrongValidator", [
      respond(200, { headers: { "content-length": "11" }, body: cut("H") })
    ], "H"],
    ["a cut body with a weak ETag", "NoStrongValidator", [begins("H", { etag: `W/${etag}` })], "H"],
    ["a cut body with an ETag that breaks the grammar", "NoStrongValidator", [begins("H", { etag: "v1" })], "H"],
    ["a whole body of another representation", "RepresentationChanged", [
      begins("H"),
      respond(200, { headers: { etag: "\"v2\"" }, body: "Hallo Welt!" })
    ], "H"],
    ["a whole body that does not say what it is of", "RepresentationChanged", [
      begins("H"),
      respond(200, { body: hello })
    ], "H"],
    ["a range of another representation", "RepresentationChanged", [begins("H"), rest(1, { etag: "\"v2\"" })], "H"],
    ["a range that does not say what it is of", "RepresentationChanged", [
      begins("H"),
      respond(206, { headers: { "content-range": "bytes 1-10/11" }, body: hello.subarray(1) })
    ], "H"],
    // undici 4970: the range is the one asked for, and the content longer.
    ["a 206 whose content is longer than its range", "WrongLength", [
      begins("use"),
      rest(3, { "content-length": "70" })
    ], "use"],
    ["a 206 whose content turns out longer than its range", "WrongLength", [
      begins("Hello Wor"),
      respond(206, { headers: { etag, "content-range": "bytes 9-10/11" }, body: "ldHTTP/1.1 302 Found" })
    ], "Hello Wor"],
    ["a 206 to a request without Range", "ForgedPartial", [rest(0)], ""],
    // undici PR 5610.
    ["a 206 of several ranges", "ForgedPartial", [
      begins("H"),
      respond(206, { headers: { etag, "content-type": "multipart/byteranges; boundary=x" }, body: "--x" })
    ], "H"],
    ["a range in another unit", "ForgedPartial", [begins("H"), rest(1, { "content-range": "lines 1-10/11" })], "H"],
    ["a range that starts earlier", "WrongRange", [begins("Hello"), rest(4)], "Hello"],
    ["a range that starts later", "WrongRange", [begins("Hello"), rest(6)], "Hello"],
    ["a range that ends before it starts", "WrongRange", [
      begins("Hello"),
      rest(5, { "content-range": "bytes 5-4/11" })
    ], "Hello"],
    ["a range that ends after the end", "WrongRange", [
      begins("Hello"),
      rest(5, { "content-range": "bytes 5-11/11" })
    ], "Hello"],
    [
      "a range of something longer",
      "WrongLength",
      [begins("Hello"), rest(5, { "content-range": "bytes 5-10/12" })],
      "Hello"
    ],
    ["a 416 in the middle", "WrongLength", [
      begins("Hello"),
      respond(416, { headers: { "content-range": "bytes */4" } })
    ], "Hello"],
    ["a 416 that does not say where the end is", "WrongRange", [begins("Hello"), respond(416)], "Hello"],
    ["a body longer than its length", "WrongLength", [
      respond(200, { headers: { "content-length": "5" }, body: TestTransport.chunked(["Hello", " World"]) })
    ], "Hello"],
    ["a whole body that is shorter than what is there", "WrongLength", [
      respond(200, { headers: { etag }, body: cut("Hello") }),
      respond(200, { headers: { etag }, body: "Hell" })
    ], "Hello"],
    ["a body that is coded", "ContentCoded", [begins("H", { "content-encoding": "gzip" })], ""],
    ["a range that is coded", "ContentCoded", [begins("H"), rest(1, { "content-encoding": "br" })], "H"],
    ["bytes that are not those of Repr-Digest", "DigestMismatch", [
      respond(200, {
        headers: { "repr-digest": `sha-256=:${sha("sha256", hello).toString("base64")}:` },
        body: "Hallo World"
      })
    ], "Hallo World"],
    ["a range that is not that of its Content-Digest", "DigestMismatch", [
      begins("Hello"),
      rest(5, { "content-digest": `md5=:AAAA:, sha-512=:${sha("sha512", hello).toString("base64")}:` })
    ], "Hello World"],
    ["a range of something with another digest", "DigestMismatch", [
      begins("Hello", { "repr-digest": `sha-256=:${sha("sha256", hello).toString("base64")}:` }),
      rest(5, { "repr-digest": `sha-256=:${sha("sha256", hello.subarray(1)).toString("base64")}:` })
    ], "Hello"]
  ]

  it.effect.each(refusals)("refuses %s with %s", ([, tag, script, handedOn]) =>
    Effect.gen(function*() {
      const { bytes, exit } = yield* collect(url)
      assert.strictEqual(refusal(exit), tag)
      assert.strictEqual(bytes.toString(), handedOn)
      assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
    }).pipe(Effect.provide(play(script))))

  const continuations: ReadonlyArray<[name: string, script: ReadonlyArray<TestTransport.Step>]> = [
    ["asks for the rest and appends it", [begins("Hello"), rest(5)]],
    // undici 3356, with an ETag: the server has no ranges.
    ["skips what is there when the server sends all of the same again", [
      begins("H"),
      respond(200, { headers: { etag, "content-length": "11" }, body: TestTransport.chunked(["Hell", "o World"]) })
    ]],
    // undici 5119.
    ["takes a range of a representation whose length the server does not know", [
      begins("Hello"),
      rest(5, { "content-range": "bytes 5-10/*" })
    ]],
    ["asks once more for the rest when the length is unknown", [
      respond(200, { headers: { etag }, body: cut("Hello") }),
      rest(5, { "content-range": "bytes 5-10/*" }),
      respond(416, { headers: { "content-range": "bytes */11" } })
    ]],
    ["goes on at once after less than it asked for", [
      begins("He"),
      respond(206, { headers: { etag, "content-range": "bytes 2-4/11" }, body: "llo" }),
      rest(5)
    ]],
    ["begins anew while nothing was handed on, whatever the representation is by then", [
      respond(200, { headers: { "content-length": "3" }, body: cut("") }),
      respond(200, { body: hello })
    ]],
    ["ends when all bytes are there and the connection is lost instead of closed", [begins("Hello World")]],
    ["continues a body that ends early as if it were whole", [
      respond(200, { headers: { etag, "content-length": "11" }, body: "Hello" }),
      rest(5)
    ]],
    ["waits out a server that is busy or away", [
      begins("Hello"),
      respond(503),
      TestTransport.fail("ConnectRefused"),
      rest(5)
    ]],
    ["verifies the digests it understands", [
      begins("Hello", {
        "repr-digest": `unixsum=:AA==:, sha-256=:${sha("sha256", hello).toString("base64")}:, ` +
          `sha-512=:${sha("sha512", hello).toString("base64")}:`
      }),
      rest(5, { "content-digest": `sha-256=:${sha("sha256", hello.subarray(5)).toString("base64")}:` })
    ]]
  ]

  it.effect.each(continuations)("%s", ([, script]) =>
    Effect.gen(function*() {
      const { bytes, exit } = yield* collect(url)
      assert.deepStrictEqual(exit, Exit.void)
      assert.strictEqual(bytes.toString(), "Hello World")
      const transport = yield* TestTransport.TestTransport
      assert.strictEqual((yield* transport.sent).length, script.length)
      assert.strictEqual(yield* transport.inUse, 0)
    }).pipe(Effect.provide(play(script))))

  it.effect("asks for identity, for the range by the strong ETag, and for nothing else", () =>
    Effect.gen(function*() {
      const source = HttpClientRequest.get(url, { headers: { authorization: "secret", "accept-encoding": "gzip" } })
      yield* collect(source)
      const sent = yield* (yield* TestTransport.TestTransport).sent
      assert.deepStrictEqual(sent.map(({ request }) => Object.fromEntries(Object.entries(request.headers))), [
        { authorization: "secret", "accept-encoding": "identity" },
        { authorization: "secret", "accept-encoding": "identity", range: "bytes=5-", "if-range": etag }
      ])
    }).pipe(Effect.provide(play([begins("Hello"), rest(5)]))))

  it.effect("verifies a given SHA-256 through interruptions", () =>
    Effect.gen(function*() {
      const right = sha("sha256", hello).toString("hex").toUpperCase()
      assert.deepStrictEqual((yield* collect(url, { ...soon, sha256: right })).exit, Exit.void)
      const wrong = sha("sha256", hello.subarray(1)).toString("hex")
      assert.strictEqual(refusal((yield* collect(url, { ...soon, sha256: wrong })).exit), "DigestMismatch")
    }).pipe(Effect.provide(play([begins("Hello"), rest(5), begins("Hello"), rest(5)]))))

  it.effect("gives up after so many interruptions without a byte between them", () =>
    Effect.gen(function*() {
      const { bytes, exit } = yield* collect(url, { retry: { times: 2, backoff: Backoff.constant({ delay: 0 }) } })
      assert.strictEqual(Option.getOrUndefined(Exit.findErrorOption(exit))?._tag, "HttpClientError")
      assert.strictEqual(bytes.toString(), "Hello")
      assert.strictEqual((yield* (yield* TestTransport.TestTransport).sent).length, 5)
    }).pipe(Effect.provide(play([
      begins("He"),
      TestTransport.fail("ConnectionReset"),
      // A byte sets the count back.
      respond(206, { headers: { etag, "content-range": "bytes 2-10/11" }, body: cut("llo") }),
      TestTransport.fail("ConnectionReset"),
      respond(206, { headers: { etag, "content-range": "bytes 5-10/11" }, body: cut("") })
    ]))))

  it.effect("does not go on for ever, a byte at a time", () =>
    Effect.gen(function*() {
      const { bytes, exit } = yield* collect(url, { ...soon, maxResumes: 3 })
      assert.strictEqual(refusal(exit), "TooManyResumes")
      assert.strictEqual(bytes.toString(), "Hell")
    }).pipe(Effect.provide(play([
      begins("H"),
      ...[1, 2, 3].map((from) =>
        respond(206, {
          headers: { etag, "content-range": `bytes ${from}-10/11` },
          body: cut(hello.subarray(from, from + 1))
        })
      )
    ]))))

  it.effect("fails as the client does when it is not to resume", () =>
    Effect.gen(function*() {
      const { exit } = yield* collect(url, { retry: false })
      assert.strictEqual(Option.getOrUndefined(Exit.findErrorOption(exit))?._tag, "HttpClientError")
    }).pipe(Effect.provide(play([begins("Hello")]))))

  it.effect("fails with a status that is neither bytes nor an outage", () =>
    Effect.gen(function*() {
      const { exit } = yield* collect(url)
      const error = Option.getOrUndefined(Exit.findErrorOption(exit))
      assert.isTrue(error?._tag === "HttpClientError" && error.response?.status === 410)
    }).pipe(Effect.provide(play([begins("Hello"), respond(410)]))))

  it.effect("waits as long as the server asks, and not past the deadline", () =>
    Effect.gen(function*() {
      const script = [begins("Hello"), respond(503, { headers: { "retry-after": "5" } }), rest(5)]
      const run = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(collect(url), { startImmediately: true })
        yield* TestClock.adjust("4999 millis")
        const early = fiber.pollUnsafe() !== undefined
        yield* TestClock.adjust("1 second")
        return { early, ...(yield* Fiber.join(fiber)) }
      })
      const patient = yield* Effect.provide(run, play(script))
      assert.isFalse(patient.early)
      assert.strictEqual(patient.bytes.toString(), "Hello World")
      const hurried = yield* Effect.provide(Deadline.within(run, "1 minute"), play(script))
      assert.strictEqual(hurried.bytes.toString(), "Hello World")
      const late = yield* Effect.provide(
        Effect.provideService(run, Deadline.Deadline, (yield* Effect.clockWith((c) => c.currentTimeMillis)) + 3000),
        play(script)
      )
      assert.isTrue(late.early)
      assert.isTrue(Exit.isFailure(late.exit))
    }))

  it.effect("reports bytes, total, resumes and rate", () =>
    Effect.gen(function*() {
      const seen: Array<ResumableDownload.Progress> = []
      const onProgress = (progress: ResumableDownload.Progress) => Effect.sync(() => seen.push(progress))
      const fiber = yield* Effect.forkChild(collect(url, { ...soon, onProgress }), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, [
        { received: 5, total: 11, resumes: 0, bytesPerSecond: 2.5 },
        { received: 11, total: 11, resumes: 1, bytesPerSecond: 2.75 }
      ])
    }).pipe(Effect.provide(play([
      respond(200, {
        headers: { etag, "content-length": "11" },
        body: cut(TestTransport.chunked(["Hello"], { every: "2 seconds" }))
      }),
      respond(206, {
        headers: { etag, "content-range": "bytes 5-10/11" },
        body: TestTransport.chunked([" World"], { every: "2 seconds" })
      })
    ]))))

  it.effect("goes on when the client's own total ends the body of one call", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(collect(url), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).bytes.toString(), "Hello World")
    }).pipe(
      Effect.provide(
        ResilientHttpClient.layer({ timeouts: { total: "5 seconds" }, commit: "head" }).pipe(Layer.provideMerge(play([
          respond(200, { headers: { etag, "content-length": "11" }, body: TestTransport.stalled("Hello") }),
          rest(5)
        ])))
      )
    ))

  it("refuses a request that is not a plain GET", () => {
    assert.throws(() => ResumableDownload.stream(HttpClientRequest.post(url)), RangeError, "must be a GET")
    // undici 2986: a range of the caller's own is not the whole.
    const range = HttpClientRequest.get(url, { headers: { range: "bytes=0-4" } })
    assert.throws(() => ResumableDownload.stream(range), RangeError, "without Range")
    assert.throws(() => ResumableDownload.stream(url, { sha256: "beef" }), RangeError, "sha256")
    assert.throws(() => ResumableDownload.stream(url, { maxResumes: -1 }), RangeError, "maxResumes")
  })
})

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** What the server does with one request; `size` is how many bytes it sends before it does. */
const Deed = Schema.Struct({
  deed: Schema.Literals([
    "cut",
    "cut",
    "cut",
    "early",
    "less",
    "ignoreRange",
    "whole",
    "busy",
    "reset",
    "change",
    "changeQuietly",
    "forge",
    "shift",
    "stretch",
    "pad",
    "nameless",
    "code"
  ]),
  size: between(0, 12)
})

const honest: ReadonlySet<string> = new Set(["cut", "early", "less", "ignoreRange", "whole", "busy", "reset"])

/** The script of a server that does this, and whether a download must survive it. */
const scriptOf = (
  bytes: Uint8Array,
  tag: string | undefined,
  announced: boolean,
  deeds: ReadonlyArray<typeof Deed.Type>
) => {
  const other = bytes.map((byte) => byte ^ 0xff)
  const total = bytes.length
  const etagged = (value: string | undefined): Record<string, string> => value === undefined ? {} : { etag: value }
  const full = (body: TestTransport.Body | Uint8Array, tagged: string | undefined = tag) =>
    respond(200, { headers: { ...etagged(tagged), ...(announced ? { "content-length": `${total}` } : {}) }, body })
  const part = (
    from: number,
    to: number,
    body: TestTransport.Body | Uint8Array,
    headers: Record<string, string> = {}
  ) =>
    respond(206, {
      headers: { ...etagged(tag), "content-range": `bytes ${from}-${to - 1}/${total}`, ...headers },
      body
    })
  const beyond = respond(416, { headers: { ...etagged(tag), "content-range": `bytes */${total}` } })

  const script: Array<TestTransport.Step> = []
  let offset = 0
  let failures = 0
  let survives = tag?.startsWith("\"") === true
  /** An interruption after a byte is the first failure of a new count of four. */
  const moved = (to: number, interrupted = true) => {
    failures = (to > offset ? 0 : failures) + (interrupted ? 1 : 0)
    offset = to
    if (failures > 3) survives = false
  }
  for (const { deed, size } of deeds) {
    const to = Math.min(total, offset + size)
    const some = bytes.subarray(offset, to)
    const left = bytes.subarray(offset)
    if (!honest.has(deed)) survives = false
    switch (deed) {
      case "cut":
        script.push(offset === 0 ? full(cut(some)) : offset === total ? beyond : part(offset, total, cut(some)))
        moved(to)
        break
      case "early":
        // Without a length, an early end is the end.
        if (offset === 0 && !announced) break
        script.push(offset === 0 ? full(some) : offset === total ? beyond : part(offset, total, some))
        moved(to)
        break
      case "less":
        if (offset === 0 || to === offset) break
        script.push(part(offset, to, some))
        moved(to, false)
        break
      case "ignoreRange":
        script.push(full(cut(bytes.subarray(0, to))))
        moved(to)
        break
      case "whole":
        script.push(offset === 0 ? full(left) : offset === total ? beyond : part(offset, total, left))
        moved(total)
        break
      case "busy":
        script.push(respond(503))
        moved(offset)
        break
      case "reset":
        script.push(TestTransport.fail("ConnectionReset"))
        moved(offset)
        break
      case "change":
        script.push(full(other, "\"v2\""))
        break
      case "changeQuietly":
        script.push(part(offset, total, other.subarray(offset), { etag: "\"v2\"" }))
        break
      case "forge":
        script.push(respond(206, { headers: etagged(tag), body: other }))
        break
      case "shift": {
        const from = size % 2 === 0 ? offset + 1 : offset - 1
        if (from < 0 || from >= total) break
        script.push(part(from, total, other.subarray(from)))
        break
      }
      case "stretch":
        // Nothing contradicts the first length that is said.
        if (!announced) break
        script.push(
          part(offset, total + 1, other.subarray(offset), { "content-range": `bytes ${offset}-${total}/${total + 1}` })
        )
        break
      case "pad":
        // Without a length, whatever comes is the first one's body.
        if (offset === 0 && !announced) break
        script.push(
          offset === 0
            ? full(Buffer.concat([bytes, other, other.subarray(0, 1)]))
            : part(offset, total, Buffer.concat([left, other]))
        )
        break
      case "nameless":
        script.push(respond(206, {
          headers: { "content-range": `bytes ${offset}-${total - 1}/${total}` },
          body: other.subarray(offset)
        }))
        break
      case "code":
        script.push(respond(200, { headers: { ...etagged(tag), "content-encoding": "gzip" }, body: other }))
        break
    }
  }
  script.push(offset === 0 ? full(bytes) : offset === total ? beyond : part(offset, total, bytes.subarray(offset)))
  return { script, other, survives: survives && (announced || total > 0) }
}

describe("ResumableDownload", () => {
  law(
    "hands on exactly the bytes of one representation, or a prefix of them and a typed refusal",
    {
      size: between(1, 40),
      tag: Schema.Literals(["\"v1\"", "\"v1\"", "\"v1\"", "W/\"v1\"", "none"]),
      announced: Schema.Boolean,
      deeds: Schema.Array(Deed).check(Schema.isMaxLength(8)),
      take: Schema.Literals(["all", "all", "all", 1, 7])
    },
    ({ announced, deeds, size, tag, take }) => {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i * 37 % 256)
      const { other, script, survives } = scriptOf(bytes, tag === "none" ? undefined : tag, announced, deeds)
      return Effect.gen(function*() {
        const got: Array<number> = []
        const download = ResumableDownload.stream(url, { retry: { backoff: Backoff.constant({ delay: "1 second" }) } })
          .pipe(Stream.flattenIterable, Stream.take(take === "all" ? Infinity : take))
        const fiber = yield* Effect.forkChild(
          Effect.exit(Stream.runForEach(download, (byte) => Effect.sync(() => got.push(byte)))),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 hour")
        const exit = yield* Fiber.join(fiber)
        assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
        const isPrefix = [bytes, other].some((whole) => got.every((byte, i) => byte === whole[i]))
        assert.isTrue(isPrefix, `${got}`)
        if (Exit.isSuccess(exit)) {
          assert.strictEqual(got.length, Math.min(size, take === "all" ? size : take))
        } else {
          const error = Option.getOrUndefined(Exit.findErrorOption(exit))
          assert.isTrue(error?._tag === "HttpClientError" || error?._tag === "DownloadError", String(exit))
          assert.isFalse(survives, `${String(exit)} after ${got.length}`)
        }
      }).pipe(Effect.provide(play(script)))
    },
    { cases: 4000 }
  )

  /** A server that sends `Hello World` in pieces of `size` bytes and resets the connection after each. */
  const pieces = (size: number, ranges: boolean) =>
    Server.raw((socket, request, head) => {
      const from = ranges ? Number(/^range: bytes=(\d+)-$/im.exec(head)?.[1] ?? 0) : 0
      const to = Math.min(11, ranges ? from + size : request * size)
      socket.write(
        `HTTP/1.1 ${from === 0 ? "200 OK" : `206 X\r\ncontent-range: bytes ${from}-10/11`}\r\n` +
          `etag: ${etag}\r\ncontent-length: ${11 - from}\r\n\r\n`
      )
      socket.write(hello.subarray(from, to), () => to === 11 ? socket.end() : socket.resetAndDestroy())
    })

  describe.each([
    ["undici", UndiciTransport.layer({ connections: 1 })],
    ["fetch", FetchHttpClient.layer],
    [
      "a client that retries",
      ResilientHttpClient.layer({
        commit: "head",
        retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }) }
      }).pipe(Layer.provide(UndiciTransport.layer({ connections: 1 })))
    ]
  ])("over %s, on sockets", (_, client) => {
    it.live.each(Array.from({ length: 11 }, (_, i) => i + 1))(
      "survives a reset after every %i bytes",
      (size) =>
        Effect.gen(function*() {
          for (const ranges of [true, false]) {
            const server = yield* pieces(size, ranges)
            // What came before a reset may be lost with it, and then nothing of that attempt counts.
            const { bytes, exit } = yield* collect(server.url, {
              retry: { times: 50, backoff: Backoff.constant({ delay: "1 millis" }) },
              sha256: sha("sha256", hello).toString("hex")
            })
            assert.deepStrictEqual(exit, Exit.void)
            assert.strictEqual(bytes.toString(), "Hello World")
            yield* Server.until(() => server.sockets.size === 0)
          }
        }).pipe(Effect.provide(Layer.merge(client, Logger.layer([]))))
    )
  })
})
