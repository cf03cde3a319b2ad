import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import * as DownloadError from "@holdfast/http/DownloadError"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { begins, collect, etag, hello, play, refusal, rest, sha, soon, url } from "./download/downloading.ts"

const { cut, respond } = TestTransport

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
