/** Downloads from servers that cut, change and lie, by the thousand, and from sockets that reset. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import * as Server from "../server.ts"
import { collect, etag, hello, play, sha, url } from "./downloading.ts"

const { cut, respond } = TestTransport

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
    ({ announced, deeds, size, tag, take }, reach) => {
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
          if (deeds.length > 0) reach("whole after a fault")
        } else {
          reach("refused")
          const error = Option.getOrUndefined(Exit.findErrorOption(exit))
          assert.isTrue(error?._tag === "HttpClientError" || error?._tag === "DownloadError", String(exit))
          assert.isFalse(survives, `${String(exit)} after ${got.length}`)
        }
      }).pipe(Effect.provide(play(script)))
    },
    { cases: 4000, reaches: ["whole after a fault", "refused"] }
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
