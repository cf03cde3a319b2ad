/**
 * A GET that survives a body that is cut: what is missing is asked for with `Range`, and taken only from the same
 * representation.
 *
 * A body of some gigabytes outlives many connections, and no retry helps once its first bytes have been handed on: sent
 * again, they would be there twice. RFC 9110 has what is needed: `Range` and `If-Range` with a strong ETag, and
 * `Content-Range` to check what comes. Most clients that resume believe too much: they append a 200 to what they have,
 * or a 206 of something else. Here the bytes are exactly those of one representation, with its length, and its digest if
 * one is known (RFC 9530), or there is a {@link DownloadError.DownloadError} that says why not. Bytes that were handed
 * on are never handed on twice.
 *
 * When it hurts: a server without strong ETags cannot be resumed, however good its ranges are. A body that is coded
 * (gzip) is refused, because the client may have decoded it. And over a client that retries by itself, a request that
 * fails is retried at both levels: `retry: { while: ({ phase }) => phase === "body" }` leaves requests to the client.
 *
 * Digests are computed by `node:crypto`, which Node, Deno and Bun have.
 */
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
import { atLeast } from "./internal/argument.ts"
import { Download } from "./internal/download/download.ts"
import type { Interruption } from "./internal/download/interruption.ts"
import { toPartialFile } from "./internal/download/partialFile.ts"

/** How far a download has come. */
export interface Progress {
  /** Bytes of the representation that are there, those that an earlier process left included. */
  readonly received: number
  /** The length of the representation, when the server has said it. */
  readonly total: number | undefined
  /** How often the body was cut and continued. */
  readonly resumes: number
  /** The rate since the first response of this process. */
  readonly bytesPerSecond: number
}

/** The options of a download. */
export interface Options {
  /**
   * How to go on after an interruption: a core retry over `HttpFailure`, or `false` for not at all. `times` counts the
   * interruptions between which not a single byte came; each byte sets it back. Defaults to 3 with exponential backoff.
   */
  readonly retry?: Retry.Options<HttpFailure.HttpFailure> | false | undefined
  /** How often the body may be continued in all. Defaults to 100. */
  readonly maxResumes?: number | undefined
  /** The SHA-256 of the representation, in hexadecimal. Defaults to what the server announces, if it does. */
  readonly sha256?: string | undefined
  /** Told of each piece that comes. Defaults to nobody. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/** What a download that is whole has come to. */
export interface Summary {
  /** The length of the file. */
  readonly bytes: number
  /** How many of these an earlier process had left. */
  readonly continuedFrom: number
  readonly resumes: number
  readonly etag: string | undefined
  /** The algorithm of the digest that was verified, if there was one. */
  readonly verified: "sha-256" | "sha-512" | undefined
}

type Failure = HttpClientError.HttpClientError | DownloadError.DownloadError

/** A URL, or a GET request with its headers. */
export type Source = string | URL | HttpClientRequest.HttpClientRequest

/**
 * The bytes of a representation as they come, through interruptions. Asks for the `identity` coding, whatever the
 * request says. A digest is verified at the end: when it is wrong the stream fails after its last byte, so what must not
 * be seen before it is verified belongs in {@link toFile}.
 *
 * Fails with a `DownloadError` when what comes cannot be what is missing, and with the client's own error, a status
 * among them, when the retries end. Throws a `RangeError` for a request that is not a GET or that has a `Range` of its
 * own.
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
 * Downloads a representation to a file that appears whole or not at all: it is written under `path` with `.part` added,
 * flushed to the disk, and renamed to `path`, which it replaces.
 *
 * What is left after a failure or a crash is continued by the next call, in this process or another, if the server still
 * has the same representation, which a note beside it (`.part.json`: strong ETag, length, digests) lets it ask for.
 * Otherwise, and when there is no strong ETag, it is begun anew. A file whose length or digest proves wrong is removed.
 * One call at a time for a path.
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

const maker = (
  where: string,
  source: Source,
  options: Options = {}
): Effect.Effect<Download, never, HttpClient.HttpClient> => {
  const given = HttpClientRequest.isHttpClientRequest(source) ? source : HttpClientRequest.get(source)
  if (given.method !== "GET" || "range" in given.headers || "if-range" in given.headers) {
    throw new RangeError(`${where}: source must be a GET without Range, got ${given.method}`)
  }
  const maxResumes = atLeast(where, "maxResumes", 0, options.maxResumes ?? 100)
  const { onProgress, retry, sha256 } = options
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new RangeError(`${where}: sha256 must be 64 hexadecimal digits, got ${JSON.stringify(sha256)}`)
  }
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
      digests: sha256 === undefined ? [] : [{ algorithm: "sha-256", value: sha256.toLowerCase() }],
      onProgress
    })
  })
}
