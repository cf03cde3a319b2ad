/** A small representation, a script of its server, and a download to the end. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Backoff from "@holdfast/core/Backoff"
import * as DownloadError from "@holdfast/http/DownloadError"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"

const { cut, respond } = TestTransport

export const url = "http://localhost/file"
export const etag = "\"v1\""
export const hello = new TextEncoder().encode("Hello World")

export const soon: ResumableDownload.Options = { retry: { backoff: Backoff.constant({ delay: 0 }) } }

export const play = (script: ReadonlyArray<TestTransport.Step>) =>
  Layer.mergeAll(TestTransport.layer(script), NodeFileSystem.layer, Logger.layer([]))

/** What a download hands on, and how it ends. */
export const collect = (source: ResumableDownload.Source, options: ResumableDownload.Options = soon) =>
  Effect.gen(function*() {
    const chunks: Array<Uint8Array> = []
    const exit = yield* Effect.exit(
      Stream.runForEach(ResumableDownload.stream(source, options), (chunk) => Effect.sync(() => chunks.push(chunk)))
    )
    return { exit, bytes: Buffer.concat(chunks) }
  })

export const sha = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest()

/** The reason of a `DownloadError`. */
export const refusal = (exit: Exit.Exit<unknown, unknown>): DownloadError.Reason["_tag"] | undefined => {
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return DownloadError.isDownloadError(error) ? error.reason._tag : undefined
}

/** The first answer, which is cut after this text. */
export const begins = (text: string, headers: Record<string, string> = {}) =>
  respond(200, { headers: { etag, "content-length": "11", ...headers }, body: cut(text) })

/** The bytes from here on. */
export const rest = (from: number, headers: Record<string, string> = {}) =>
  respond(206, {
    headers: { etag, "content-range": `bytes ${from}-10/11`, ...headers },
    body: hello.subarray(from)
  })
