import { assert, describe, it } from "@effect/vitest"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as TestClock from "effect/testing/TestClock"
import * as Server from "../server.ts"
import { begins, etag, hello, play, refusal, rest, sha, soon, url } from "./downloading.ts"

const { cut, respond } = TestTransport

describe("ResumableDownload.toFile", () => {
  const inFolder = <A, E, R>(use: (path: string, files: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      return yield* use(`${yield* files.makeTempDirectoryScoped()}/file`, files)
    })
  const once: ResumableDownload.Options = { retry: false }
  const names = (files: FileSystem.FileSystem, path: string) =>
    files.readDirectory(path.slice(0, path.lastIndexOf("/")))

  it.effect("has the whole file or none, and leaves nothing else", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* files.writeFileString(path, "what was there before")
        const summary = yield* ResumableDownload.toFile(url, path, soon)
        assert.deepStrictEqual(summary, { bytes: 11, continuedFrom: 0, resumes: 1, etag, verified: "sha-256" })
        assert.strictEqual(yield* files.readFileString(path), "Hello World")
        assert.deepStrictEqual(yield* names(files, path), ["file"])
      })
    ).pipe(Effect.provide(play([
      begins("Hello", { "repr-digest": `sha-256=:${sha("sha256", hello).toString("base64")}:` }),
      rest(5)
    ]))))

  it.effect("continues what an earlier call has left, digest included", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        const source = `${url}?token=secret`
        yield* Effect.exit(ResumableDownload.toFile(source, path, once))
        assert.isFalse(yield* files.exists(path))
        assert.notInclude(yield* files.readFileString(`${path}.part.json`), "secret")
        const summary = yield* ResumableDownload.toFile(source, path, once)
        assert.deepStrictEqual(summary, { bytes: 11, continuedFrom: 5, resumes: 0, etag, verified: "sha-256" })
        assert.strictEqual(yield* files.readFileString(path), "Hello World")
        assert.deepStrictEqual(yield* names(files, path), ["file"])
        const sent = yield* (yield* TestTransport.TestTransport).sent
        assert.strictEqual(sent[1]?.request.headers["if-range"], etag)
      })
    ).pipe(Effect.provide(play([
      begins("Hello", { "repr-digest": `sha-256=:${sha("sha256", hello).toString("base64")}:` }),
      rest(5)
    ]))))

  it.effect("publishes what was whole already when the earlier process ended", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        const summary = yield* ResumableDownload.toFile(url, path, once)
        assert.strictEqual(summary.continuedFrom, 11)
        assert.strictEqual(yield* files.readFileString(path), "Hello World")
      })
    ).pipe(Effect.provide(play([
      respond(200, { headers: { etag }, body: cut("Hello World") }),
      respond(416, { headers: { "content-range": "bytes */11" } })
    ]))))

  const anew: ReadonlyArray<[name: string, second: ReadonlyArray<TestTransport.Step>]> = [
    ["the representation has changed", [respond(200, { headers: { etag: "\"v2\"" }, body: "Hi" })]],
    ["the representation has changed and is empty", [respond(200, { headers: { etag: "\"v2\"" } })]],
    ["the server passes If-Range by", [rest(5, { etag: "\"v2\"" }), respond(200, { body: "Hi" })]],
    ["the end is now before what is there", [
      respond(416, { headers: { "content-range": "bytes */2" } }),
      respond(200, { body: "Hi" })
    ]]
  ]

  it.effect.each(anew)("begins anew when %s", ([, second]) =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        const summary = yield* ResumableDownload.toFile(url, path, once)
        assert.strictEqual(summary.continuedFrom, 0)
        assert.strictEqual(yield* files.readFileString(path), summary.bytes === 0 ? "" : "Hi")
        assert.deepStrictEqual(yield* names(files, path), ["file"])
      })
    ).pipe(Effect.provide(play([begins("Hello"), ...second]))))

  const unusable: ReadonlyArray<
    [name: string, spoil: (path: string, files: FileSystem.FileSystem) => Effect.Effect<void, unknown>]
  > = [
    ["the note is gone", (path, files) => files.remove(`${path}.part.json`)],
    ["the note cannot be read", (path, files) => files.writeFileString(`${path}.part.json`, "{")],
    ["the part is shorter than the note says", (path, files) => files.truncate(`${path}.part`, 2)]
  ]

  it.effect.each(unusable)("begins anew when %s", ([, spoil]) =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        yield* spoil(path, files)
        assert.strictEqual((yield* ResumableDownload.toFile(url, path, once)).continuedFrom, 0)
        assert.strictEqual(yield* files.readFileString(path), "Hello World")
      })
    ).pipe(Effect.provide(play([begins("Hello"), respond(200, { headers: { etag }, body: hello })]))))

  it.effect("does not continue one source with another", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        assert.strictEqual((yield* ResumableDownload.toFile(`${url}2`, path, once)).continuedFrom, 0)
        assert.strictEqual(yield* files.readFileString(path), "other")
        const sent = yield* (yield* TestTransport.TestTransport).sent
        assert.isUndefined(sent[1]?.request.headers["range"])
      })
    ).pipe(Effect.provide(play([begins("Hello"), respond(200, { headers: { etag }, body: "other" })]))))

  it.effect("trusts no byte that was not flushed", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        // As a loss of power can leave it: longer than what was written, with zeros in it.
        yield* files.writeFile(`${path}.part`, Buffer.concat([hello.subarray(0, 5), Buffer.alloc(6)]))
        assert.strictEqual((yield* ResumableDownload.toFile(url, path, once)).continuedFrom, 5)
        assert.strictEqual(yield* files.readFileString(path), "Hello World")
        const sent = yield* (yield* TestTransport.TestTransport).sent
        assert.strictEqual(sent[1]?.request.headers["range"], "bytes=5-")
      })
    ).pipe(Effect.provide(play([begins("Hello"), rest(5)]))))

  it.effect("removes what proves wrong, and what could not be continued", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        const sha256 = sha("sha256", hello.subarray(1)).toString("hex")
        assert.strictEqual(
          refusal(yield* Effect.exit(ResumableDownload.toFile(url, path, { ...once, sha256 }))),
          "DigestMismatch"
        )
        assert.deepStrictEqual(yield* names(files, path), [])
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        assert.deepStrictEqual(yield* names(files, path), [])
      })
    ).pipe(Effect.provide(play([
      respond(200, { headers: { etag }, body: hello }),
      respond(200, { headers: { "content-length": "11" }, body: cut("Hello") })
    ]))))

  it.effect("keeps what is there when it is interrupted", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        const here = yield* Effect.forkChild(
          ResumableDownload.toFile(url, path, once),
          { startImmediately: true }
        )
        while (!(yield* files.exists(`${path}.part`)) || (yield* files.stat(`${path}.part`)).size < 5n) {
          yield* Server.turn
        }
        yield* Fiber.interrupt(here)
        assert.strictEqual((yield* ResumableDownload.toFile(url, path, once)).continuedFrom, 5)
        assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
      })
    ).pipe(Effect.provide(play([
      respond(200, { headers: { etag, "content-length": "11" }, body: TestTransport.stalled("Hello") }),
      rest(5)
    ]))))

  it.effect("removes a part of which the rest is too long", () =>
    inFolder((path, files) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        assert.strictEqual(refusal(yield* Effect.exit(ResumableDownload.toFile(url, path, once))), "WrongLength")
        assert.deepStrictEqual(yield* names(files, path), [])
      })
    ).pipe(Effect.provide(play([
      begins("Hello"),
      respond(206, { headers: { etag, "content-range": "bytes 5-10/11" }, body: "more than six bytes" })
    ]))))

  it.effect("counts for the speed what has come now, and not what was there", () =>
    inFolder((path) =>
      Effect.gen(function*() {
        yield* Effect.exit(ResumableDownload.toFile(url, path, once))
        const speeds: Array<number> = []
        const onProgress = ({ bytesPerSecond }: ResumableDownload.Progress) =>
          Effect.sync(() => void speeds.push(bytesPerSecond))
        const here = yield* Effect.forkChild(ResumableDownload.toFile(url, path, { ...once, onProgress }))
        while (!here.pollUnsafe()) {
          yield* TestClock.adjust("1 second")
          yield* Server.turn
        }
        assert.deepStrictEqual(speeds.map((speed) => speed <= 6), speeds.map(() => true))
        assert.isTrue(speeds.some((speed) => speed > 0))
      })
    ).pipe(Effect.provide(play([
      begins("Hello"),
      respond(206, {
        headers: { etag, "content-range": "bytes 5-10/11" },
        body: TestTransport.chunked([hello.subarray(5, 8), hello.subarray(8)], { every: "1 second" })
      })
    ]))))
})
