/**
 * Why a download was given up rather than continued: one error, with the reason as a tagged value.
 *
 * Each of them is a place where appending the next bytes would be a guess. What a server says about the bytes decides
 * (RFC 9110 sections 13.1.5, 14.4 and 15.3.7; RFC 9530), and where it says too little or contradicts itself, there is
 * no download.
 */
import * as Data from "effect/Data"
import { hasProperty, isTagged } from "effect/Predicate"

const TypeId = "~@holdfast/http/DownloadError"

/**
 * The body was cut, and the response had no strong ETag to continue it with: another request could give other bytes.
 * `etag` is what there was instead.
 */
export class NoStrongValidator extends Data.TaggedError("NoStrongValidator")<{
  readonly received: number
  readonly etag: string | undefined
}> {
  readonly isRetryable = true
  override get message(): string {
    const what = this.etag === undefined ? "no ETag" : `only the weak ETag ${this.etag}`
    return `The body was cut after ${this.received} bytes and has ${what}: it cannot be continued, begin it anew`
  }
}

/** What the server has now is not what it had when the download began. */
export class RepresentationChanged extends Data.TaggedError("RepresentationChanged")<{
  readonly expected: string | undefined
  readonly actual: string | undefined
}> {
  readonly isRetryable = true
  override get message(): string {
    return `The representation is no longer ${this.expected} but ${this.actual ?? "without an ETag"}: begin it anew`
  }
}

/** A 206 that nobody asked for, or one that does not say which bytes it has. */
export class ForgedPartial extends Data.TaggedError("ForgedPartial")<{
  readonly requested: number
  readonly contentRange: string | undefined
}> {
  readonly isRetryable = false
  override get message(): string {
    return this.requested === 0
      ? "The server answered 206 to a request without Range"
      : `The server answered 206 without a Content-Range that can be read (${this.contentRange ?? "none"})`
  }
}

/** The answer has other bytes than those that were asked for. */
export class WrongRange extends Data.TaggedError("WrongRange")<{
  readonly requested: number
  readonly contentRange: string | undefined
}> {
  readonly isRetryable = false
  override get message(): string {
    return `The bytes from ${this.requested} on were asked for, and the server sent ${this.contentRange ?? "no range"}`
  }
}

/** The numbers of bytes that the server announced, or sent, contradict each other. */
export class WrongLength extends Data.TaggedError("WrongLength")<{
  readonly expected: number
  readonly actual: number
}> {
  readonly isRetryable = false
  override get message(): string {
    return `${this.expected} bytes were announced, and there are ${this.actual}`
  }
}

/** The bytes that came are not those of the digest. Both digests are in hexadecimal. */
export class DigestMismatch extends Data.TaggedError("DigestMismatch")<{
  readonly algorithm: string
  readonly expected: string
  readonly actual: string
}> {
  readonly isRetryable = false
  override get message(): string {
    return `The ${this.algorithm} digest should be ${this.expected} and is ${this.actual}`
  }
}

/**
 * The content is coded (gzip and the like) although `identity` was asked for. Whether its bytes are decoded on the way
 * depends on the client, so that offsets in it mean nothing.
 */
export class ContentCoded extends Data.TaggedError("ContentCoded")<{ readonly coding: string }> {
  readonly isRetryable = false
  override get message(): string {
    return `The content is coded (${this.coding}), and a coded body cannot be continued`
  }
}

/** The body was cut more often than the download may be continued. */
export class TooManyResumes extends Data.TaggedError("TooManyResumes")<{
  readonly resumes: number
  readonly received: number
}> {
  readonly isRetryable = true
  override get message(): string {
    return `The body was cut once more after ${this.resumes} resumes, with ${this.received} bytes received`
  }
}

/** Every reason of a `DownloadError`. */
export type Reason =
  | NoStrongValidator
  | RepresentationChanged
  | ForgedPartial
  | WrongRange
  | WrongLength
  | DigestMismatch
  | ContentCoded
  | TooManyResumes

/**
 * The error of a download that was refused. `cause` is what cut the body, where that led to it.
 *
 * ```ts import.meta.vitest
 * import { DownloadError } from "@holdfast/http"
 *
 * const reason = new DownloadError.RepresentationChanged({ expected: "\"v1\"", actual: "\"v2\"" })
 * new DownloadError.DownloadError({ reason }).message
 * // => "The representation is no longer \"v1\" but \"v2\": begin it anew"
 * ```
 */
export class DownloadError extends Data.TaggedError("DownloadError")<{
  readonly reason: Reason
  readonly cause?: unknown
}> {
  readonly [TypeId] = TypeId

  override get message(): string {
    return this.reason.message
  }

  /** Whether a download from the start may succeed. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/** Tells a `DownloadError` from any other value. */
export const isDownloadError = (u: unknown): u is DownloadError =>
  hasProperty(u, TypeId) && isTagged(u, "DownloadError")
