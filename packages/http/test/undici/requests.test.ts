/** What a request may be: URLs, headers and bodies of every kind, and what is refused before anything is sent. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { law } from "../../../../vitest.law.ts"
import { InvalidTarget, Targets } from "../../src/internal/undici/target.ts"
import * as Server from "../server.ts"

const one = UndiciTransport.layer({ connections: 1 })

const bytes = (text: string) => new TextEncoder().encode(text)

/** Says what it got, and whether it came whole. */
const echo = Server.http((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    response.end(JSON.stringify({
      type: request.headers["content-type"],
      length: request.headers["content-length"],
      body: Buffer.concat(chunks).toString()
    }))
  })
})

const Echo = Schema.Struct({
  type: Schema.optional(Schema.String),
  length: Schema.optional(Schema.String),
  body: Schema.String
})

const post = (url: string, body: HttpBody.HttpBody, headers?: Record<string, string>) =>
  Effect.flatMap(
    HttpClient.execute(HttpClientRequest.setHeaders(HttpClientRequest.post(url, { body }), headers ?? {})),
    (response) => Effect.flatMap(response.json, Schema.decodeUnknownEffect(Echo))
  )

describe("raw bodies", () => {
  const form = new FormData()
  form.append("name", "value")

  const kinds: ReadonlyArray<readonly [name: string, body: () => unknown, type: RegExp | undefined]> = [
    ["a string", () => "häuser", undefined],
    ["bytes", () => bytes("häuser"), undefined],
    ["a window on bytes", () => bytes("xxhäuser").subarray(2), undefined],
    ["a buffer", () => bytes("häuser").buffer, undefined],
    ["a view on a buffer", () => new DataView(bytes("häuser").buffer), undefined],
    ["a blob", () => new Blob(["häu", "ser"], { type: "text/x" }), /^text\/x$/],
    ["a Node stream", () => Readable.from([Buffer.from("häu"), Buffer.from("ser")]), undefined],
    ["a web stream", () => new Blob(["häuser"]).stream(), undefined],
    ["a generator", () =>
      (function*() {
        yield bytes("häu")
        yield bytes("ser")
      })(), undefined],
    ["an async generator", () =>
      (async function*() {
        yield bytes("häu")
        yield bytes("ser")
      })(), undefined],
    ["a form", () => form, /^multipart\/form-data; boundary=/],
    ["nothing", () => undefined, undefined]
  ]

  it.live.each(kinds)("may be %s", ([name, body, type]) =>
    Effect.gen(function*() {
      const server = yield* echo
      const seen = yield* post(server.url, HttpBody.raw(body()))
      if (type !== undefined) assert.match(seen.type ?? "", type)
      if (name === "a form") assert.include(seen.body, "name=\"name\"\r\n\r\nvalue")
      else assert.strictEqual(seen.body, name === "nothing" ? "" : "häuser")
      yield* Server.idle
    }).pipe(Effect.provide(one)))

  it.live.each([["a number", 17], ["an object", { a: 1 }], ["a function", () => "body"]])(
    "that are %s are refused before anything is sent",
    ([, body]) =>
      Effect.gen(function*() {
        const server = yield* echo
        const error = yield* Effect.flip(HttpClient.post(server.url, { body: HttpBody.raw(body) }))
        assert.strictEqual(error.reason._tag, "EncodeError")
        assert.include(error.message, "body")
        assert.strictEqual(server.accepted(), 0)
        yield* Server.idle
      }).pipe(Effect.provide(one))
  )

  it.live("set the content type of a form themselves, whatever the request says", () =>
    Effect.gen(function*() {
      const server = yield* echo
      const form = new FormData()
      form.append("name", "value")
      const seen = yield* post(server.url, HttpBody.formData(form), { "content-type": "multipart/form-data" })
      assert.match(seen.type ?? "", /boundary=/)
    }).pipe(Effect.provide(one)))
})

describe("a body that is not what its content-length says", () => {
  const known: ReadonlyArray<readonly [name: string, body: HttpBody.HttpBody, has: number]> = [
    ["none", HttpBody.empty, 0],
    ["text", HttpBody.text("four"), 4],
    ["bytes", HttpBody.uint8Array(bytes("four")), 4],
    ["a raw string", HttpBody.raw("four"), 4],
    ["a blob", HttpBody.raw(new Blob(["four"])), 4]
  ]
  it.live.each(known)("is refused before anything is sent: %s", ([, body, has]) =>
    Effect.gen(function*() {
      const server = yield* echo
      for (const said of ["3", "5"]) {
        const error = yield* Effect.flip(post(server.url, body, { "content-length": said }))
        assert.include(error.message, `The request body has ${has} bytes, and its content-length says ${said}`)
        assert.isTrue("reason" in error && error.reason._tag === "EncodeError")
      }
      assert.strictEqual(server.accepted(), 0)
      yield* Server.idle
    }).pipe(Effect.provide(one)))

  const streams: ReadonlyArray<readonly [name: string, chunks: ReadonlyArray<string>, message: string]> = [
    ["is empty", [], "has 0 bytes, and its content-length says 5"],
    ["is too short", ["fo", "ur"], "has 4 bytes, and its content-length says 5"],
    ["is too long", ["four", "five"], "has at least 8 bytes, and its content-length says 5"]
  ]
  it.live.each(streams)(
    "fails a stream that %s, which the server never takes for a whole request",
    ([, chunks, message]) =>
      Effect.gen(function*() {
        let whole = 0
        const server = yield* Server.http((request, response) => {
          request.resume()
          request.on("end", () => {
            whole++
            response.end("{\"body\":\"\"}")
          })
          request.on("error", () => undefined)
        })
        const kinds: ReadonlyArray<HttpBody.HttpBody> = [
          HttpBody.stream(Stream.fromIterable(chunks.map(bytes)), "text/x", 5),
          HttpBody.raw(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), { contentLength: 5 })
        ]
        for (const body of kinds) {
          const error = yield* Effect.flip(HttpClient.post(server.url, { body }))
          assert.strictEqual(error.reason._tag, "EncodeError")
          assert.include(error.message, message)
          yield* Server.idle
        }
        yield* Server.until(() => server.sockets.size === 0)
        assert.strictEqual(whole, 0)
        assert.strictEqual((yield* post(server.url, HttpBody.text("next"))).body, "")
      }).pipe(Effect.provide(one))
  )

  it.live("ends the stream of a request that is interrupted, running or still waiting", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw(() => undefined)
      const began = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const endless = Stream.fromEffect(Deferred.succeed(began, undefined)).pipe(
        Stream.map(() => bytes("x")),
        Stream.concat(Stream.never),
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const running = yield* Effect.forkChild(HttpClient.post(server.url, { body: HttpBody.stream(endless) }), {
        startImmediately: true
      })
      yield* Deferred.await(began)
      const unread = Readable.from(["never read"])
      const waiting = yield* Effect.forkChild(HttpClient.post(server.url, { body: HttpBody.raw(unread) }), {
        startImmediately: true
      })
      yield* Fiber.interrupt(waiting)
      assert.isTrue(unread.destroyed)
      yield* Fiber.interrupt(running)
      yield* Deferred.await(ended)
      yield* Server.idle
    }).pipe(Effect.provide(one)))
})

describe("invalid headers", () => {
  const bad: ReadonlyArray<readonly [name: string, value: string, said: string]> = [
    ["x-note", "a\r\nhost: elsewhere", "The value of the header x-note has a line break"],
    ["x-note", "nul\0", "The value of the header x-note has a line break or another character"],
    ["x note", "a", "\"x note\" is not a name for a header"],
    ["x-note\r\nhost", "elsewhere", "\"x-note\\r\\nhost\" is not a name for a header"],
    ["transfer-encoding", "chunked", "transfer-encoding"],
    ["content-length", "many", "content-length"]
  ]
  it.live.each(bad)("are named, and nothing is sent: %j: %j", ([name, value, said]) =>
    Effect.gen(function*() {
      const server = yield* echo
      // The first on a new connection, the second on one that is open.
      yield* HttpClient.get(server.url)
      for (const method of ["POST", "GET"] as const) {
        const request = HttpClientRequest.make(method)(server.url, { headers: { [name]: value, "x-key": "s3cret" } })
        const error = yield* Effect.flip(HttpClient.execute(request))
        assert.strictEqual(error.reason._tag, "EncodeError")
        assert.include(error.message, said)
        assert.notInclude(error.message, "elsewhere")
        assert.isTrue(Option.isNone(HttpFailure.fromClientError(error)))
      }
      yield* Server.idle
      assert.strictEqual((yield* HttpClient.get(server.url)).status, 200)
      assert.strictEqual(server.accepted(), 1)
    }).pipe(Effect.provide(one)))
})

describe("Targets", () => {
  const targets = new Targets()

  const of = (url: string) => {
    const target = targets.of(HttpClientRequest.get(url))
    return target instanceof InvalidTarget ? undefined : `${target.origin.url} ${target.path}`
  }

  const parsed = (url: string) => {
    const parsed = URL.parse(url)
    if (parsed === null || !/^https?:$/.test(parsed.protocol)) return undefined
    // Of what is left, an empty query is in `href` alone.
    parsed.username = parsed.password = parsed.hash = ""
    return `${parsed.origin} ${parsed.href.slice(parsed.origin.length)}`
  }

  const Part = Schema.Literals([
    ..."/a /b/c a b c http https : // / /. /.. /../ /a b? # @ %2e %41 %zz ' \" < > ` { } | ^ \\ \t \n ä = & ; 0x7f.1 [::1] [ ] "
      .split(" "),
    ..."localhost LOCALHOST example.com EXAMPLE.com 127.1 127.0.0.1 :80 :443 :8080 :0 :99999 user:pass@ ?q=/./a ?a?b#c/"
      .split(
        " "
      )
  ])

  law(
    "are what parsing the URL says",
    {
      scheme: Schema.Literals([
        "http://",
        "https://",
        "http://h/",
        "http://h/",
        "https://h:8443/a",
        "HTTP://h",
        "ftp://",
        ""
      ]),
      parts: Schema.Array(Part)
    },
    ({ parts, scheme }, reach) =>
      Effect.sync(() => {
        const url = scheme + parts.join("")
        const target = targets.of(HttpClientRequest.get(url))
        if (target instanceof InvalidTarget) reach("an invalid URL")
        else reach(url === target.url ? "a URL that stays as it is" : "a URL that parsing changes")
        // The second time it may be remembered.
        assert.strictEqual(of(url), parsed(url), url)
        assert.strictEqual(of(url), parsed(url), url)
      }),
    {
      cases: 10_000,
      reaches: ["an invalid URL", "a URL that parsing changes", "a URL that stays as it is"]
    }
  )

  it("remember a bounded number of origins", () => {
    for (let i = 0; i < 10_000; i++) assert.strictEqual(of(`http://h${i}.test/a`), `http://h${i}.test /a`)
  })
})
