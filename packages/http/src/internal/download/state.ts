/**
 * What a download knows of its representation, and of the response that it reads.
 *
 * Guarded by `test/download/laws.download.test.ts` and `test/ResumableDownload.test.ts`.
 */
import type * as Arr from "effect/Array"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import type { BodyResponse } from "../call/bodyResponse.ts"
import type { BodyDigest, Expected } from "./bodyDigest.ts"

export type Chunks = Arr.NonEmptyReadonlyArray<Uint8Array>

/** What there is of a representation, and what shows later that it is still the same. */
export interface Beginning {
  readonly etag: string
  readonly total?: number | undefined
  readonly digests: ReadonlyArray<Expected>
}

/** The content of one response. */
export interface Body {
  readonly response: BodyResponse
  readonly pull: Pull.Pull<Chunks, HttpClientError.HttpClientError>
  readonly scope: Scope.Closeable
  readonly digest: BodyDigest
  readonly length: number | undefined
  received: number
  skip: number
}

/** How far a download has come. */
export interface Progress {
  /** Bytes of the representation received so far, including those that an earlier process left. */
  readonly received: number
  /** The length of the representation in bytes, if the server has announced it. */
  readonly total: number | undefined
  /** How often the body was cut and continued. */
  readonly resumes: number
  /** Bytes per second since the first response of this process. */
  readonly bytesPerSecond: number
}

/** The result of a complete download. */
export interface Summary {
  /** The length of the file. */
  readonly bytes: number
  /** How many of these bytes an earlier process had left. */
  readonly continuedFrom: number
  readonly resumes: number
  readonly etag: string | undefined
  /** The algorithm of the verified digest, if there was one. */
  readonly verified: "sha-256" | "sha-512" | undefined
}
