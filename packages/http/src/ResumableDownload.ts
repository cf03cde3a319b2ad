/**
 * A GET that survives a cut body: the missing bytes are requested with `Range`, and accepted only from the same
 * representation.
 *
 * **When to use**
 *
 * A body of several gigabytes outlives many connections, and a plain retry does not help once its first bytes have been
 * emitted: they would come twice. Most clients that resume trust too much: they append a 200, or a 206 of another
 * representation, to the bytes they have.
 *
 * **Details**
 *
 * RFC 9110 has the tools: `Range` and `If-Range` with a strong ETag, and `Content-Range` to check the answer. You get
 * exactly the bytes of one representation, checked against its length and its digest if one is known (RFC 9530), or a
 * {@link DownloadError.DownloadError} with the reason. No byte is emitted twice. Digests are computed by `node:crypto`,
 * which Node, Deno and Bun have.
 *
 * **Gotchas**
 *
 * A download from a server without strong ETags cannot resume, even if the server supports ranges. A compressed body
 * (gzip) is rejected, because the client may have decoded it. Over a client that retries, a failed request is retried
 * at both levels: `retry: { while: ({ phase }) => phase === "body" }` leaves failed requests to the client.
 *
 * **Example**
 *
 * See {@link stream} and {@link toFile}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import type * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { PlatformError } from "effect/PlatformError"
import { isNotUndefined } from "effect/Predicate"
import * as Stream from "effect/Stream"
import type * as DownloadError from "./DownloadError.ts"
import type * as HttpFailure from "./HttpFailure.ts"
import { Download } from "./internal/download/download.ts"
import type { Interruption } from "./internal/download/interruption.ts"
import { toPartialFile } from "./internal/download/partialFile.ts"
import type { Progress, Summary } from "./internal/download/state.ts"

export type { Progress, Summary } from "./internal/download/state.ts"

/** The options of a download. */
export interface Options {
  /**
   * How to retry after an interruption: a core retry over `HttpFailure`, or `false` to fail. `times` limits consecutive
   * interruptions without a byte in between; each byte resets the count. Default: 3 retries with exponential backoff.
   */
  readonly retry?: Retry.Options<HttpFailure.HttpFailure> | false | undefined
  /** How often the body may be resumed in total. Default: 100. */
  readonly maxResumes?: number | undefined
  /** The SHA-256 of the representation, in hexadecimal. Default: the digest that the server announces, if any. */
  readonly sha256?: string | undefined
  /** Runs after each chunk. Default: none. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

type Failure = HttpClientError.HttpClientError | DownloadError.DownloadError

/** A URL, or a GET request with its headers. */
export type Source = string | URL | HttpClientRequest.HttpClientRequest

/**
 * Streams the bytes of a representation through interruptions. Requests the `identity` coding, whatever the request
 * says. A digest is verified at the end: if it is wrong, the stream fails after its last byte. Use {@link toFile} for
 * content that must not be seen before it is verified.
 *
 * Fails with a `DownloadError` if the server's answer does not continue the download, and with the client's own error
 * (or that of a status) when the retries end. Throws a `RangeError` if the request is not a GET or already has a
 * `Range`.
 *
 * ```ts import.meta.vitest
 * import { ResumableDownload } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Backoff } from "@holdfast/core"
 * import { Effect, Stream } from "effect"
 *
 * const text = ResumableDownload.stream("http://localhost/greeting", {
 *   retry: { backoff: Backoff.constant({ delay: "1 millis" }) }
 * }).pipe(Stream.decodeText, Stream.mkString)
 *
 * const etag = "\"v1\""
 * const server = TestTransport.layer([
 *   TestTransport.respond(200, { headers: { etag, "content-length": "11" }, body: TestTransport.cut("Hello ") }),
 *   TestTransport.respond(206, { headers: { etag, "content-range": "bytes 6-10/11" }, body: "World" })
 * ])
 *
 * await Effect.runPromise(text.pipe(Effect.provide(server))) // => "Hello World"
 * ```
 */
export const stream = (
  source: Source,
  options?: Options
): Stream.Stream<Uint8Array, Failure, HttpClient.HttpClient> => {
  const make = maker("ResumableDownload.stream", source, options)
  return Stream.unwrap(
    Effect.map(Effect.acquireRelease(make, (download) => download.close), (download) =>
      Stream.fromPull(Effect.succeed(
        Effect.filterOrElse(Effect.suspend(() => download.next), isNotUndefined, () => Cause.done())
      )))
  )
}

/**
 * Downloads a representation to a file that appears complete or not at all: it is written to `path` plus `.part`,
 * flushed to disk, and renamed to `path`, replacing any file there.
 *
 * After a failure or a crash, the next call continues from the partial file, in this process or another, if the server
 * still has the same representation; a record beside it (`.part.json`: strong ETag, length, digests) makes that
 * possible. If the representation has changed or has no strong ETag, the download starts over. A file whose length or
 * digest is wrong is removed. Run one call at a time for a path.
 *
 * Fails as {@link stream} does, or with the file system's error.
 *
 * ```ts import.meta.vitest
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { ResumableDownload } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, FileSystem, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const files = yield* FileSystem.FileSystem
 *   const path = `${yield* files.makeTempDirectoryScoped()}/greeting`
 *   const summary = yield* ResumableDownload.toFile("http://localhost/greeting", path)
 *   return [summary.bytes, yield* files.readFileString(path)]
 * }).pipe(Effect.scoped)
 *
 * const server = TestTransport.layer([TestTransport.respond(200, { body: "Hello World" })])
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Layer.merge(server, NodeFileSystem.layer))))
 * // => [11, "Hello World"]
 * ```
 */
export const toFile = (
  source: Source,
  path: string,
  options?: Options
): Effect.Effect<Summary, Failure | PlatformError, HttpClient.HttpClient | FileSystem.FileSystem> => {
  const make = maker("ResumableDownload.toFile", source, options)
  return Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    return yield* toPartialFile(files, path, yield* make)
  }).pipe(Effect.withSpan("ResumableDownload.toFile"))
}

const sourceOption: Arguments.Check<unknown> = (source, place) => {
  const { headers, method } = source as HttpClientRequest.HttpClientRequest
  if (method !== "GET" || "range" in headers || "if-range" in headers) {
    place.fault(`must be a GET without Range, got ${method}${method === "GET" ? " with Range" : ""}`)
  }
}

const sha256Option: Arguments.Check<string> = (value, place) => {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/i.test(value)) {
    place.fault(`must be 64 hexadecimal digits, got ${Arguments.show(value)}`)
  }
  return String(value).toLowerCase()
}

const retryOption: Arguments.Check<unknown> = (retry, place) => {
  if (retry !== false) Policy.optionsCheck({ retry }, new Arguments.Place(place.path.slice(0, -1), place.faults))
}

const downloadOptions = Arguments.struct({
  source: sourceOption,
  retry: retryOption,
  maxResumes: Arguments.optional(Arguments.integer({ min: 0 }), 100),
  sha256: Arguments.optional(sha256Option),
  onProgress: Arguments.optional(Arguments.callback())
})

const maker = (
  where: string,
  source: Source,
  options: Options = {}
): Effect.Effect<Download, never, HttpClient.HttpClient> => {
  const given = HttpClientRequest.isHttpClientRequest(source) ? source : HttpClientRequest.get(source)
  const { maxResumes, sha256 } = Arguments.check(where, downloadOptions, { ...options, source: given })
  const { onProgress, retry } = options
  const ask = retry === false ? undefined : retry?.while
  const judge = (failure: HttpFailure.HttpFailure) => failure.isRetryable && (ask?.(failure) ?? true)
  return Effect.gen(function*() {
    return new Download({
      client: yield* HttpClient.HttpClient,
      request: HttpClientRequest.setHeader(given, "accept-encoding", "identity"),
      policy: retry === false
        ? undefined
        : yield* Policy.make({ name: "download", retry: { ...retry, while: judge } }),
      isWorthwhile: (interruption: Interruption) => judge(interruption) === true,
      maxResumes,
      digests: sha256 === undefined ? [] : [{ algorithm: "sha-256", value: sha256 }],
      onProgress
    })
  })
}
