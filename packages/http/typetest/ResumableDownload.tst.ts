import type { DownloadError } from "@holdfast/http/DownloadError"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import type * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { PlatformError } from "effect/PlatformError"
import type * as Stream from "effect/Stream"
import { expect, test } from "tstyche"

test("a stream fails with the client's error or a refusal, and needs a client", () => {
  expect(ResumableDownload.stream("https://example.com")).type.toBe<
    Stream.Stream<Uint8Array, HttpClientError | DownloadError, HttpClient>
  >()
})

test("a file needs a file system too", () => {
  expect(ResumableDownload.toFile(HttpClientRequest.get("https://example.com"), "/tmp/file")).type.toBe<
    Effect.Effect<ResumableDownload.Summary, HttpClientError | DownloadError | PlatformError, HttpClient | FileSystem>
  >()
})

test("the policy between resumes knows phases and reasons", () => {
  expect(ResumableDownload.stream("https://example.com", {
    retry: { times: 5, while: ({ phase, reason }) => phase === "body" && reason._tag === "BodyCut" }
  })).type.toBe<Stream.Stream<Uint8Array, HttpClientError | DownloadError, HttpClient>>()
  expect(ResumableDownload.stream).type.not.toBeCallableWith("https://example.com", { retry: { times: "5" } })
})
