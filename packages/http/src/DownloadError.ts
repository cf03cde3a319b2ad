/**
 * Why a download failed instead of continuing: one error, with the reason as a tagged value.
 *
 * **When to use**
 *
 * Use `isRetryable` to decide whether to begin the download anew, and the reason to find out why it ended.
 *
 * **Details**
 *
 * In each of these cases appending the next bytes would be a guess. The download trusts only what the server says about
 * the bytes (RFC 9110 sections 13.1.5, 14.4 and 15.3.7; RFC 9530), and fails if the server says too little or
 * contradicts itself.
 *
 * **Gotchas**
 *
 * A stream may have emitted bytes before it fails: discard them before you begin anew.
 *
 * **Example**
 *
 * See {@link DownloadError}.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Data from "effect/Data"
import { hasProperty, isTagged } from "effect/Predicate"

const TypeId = "~@holdfast/http/DownloadError"

/**
 * The body was cut, and the response had no strong ETag to continue with: another request could return other bytes.
 * `etag` is the weak one, if there was one.
 */
export class NoStrongValidator extends Data.TaggedError("NoStrongValidator")<{
  readonly received: number
  readonly etag: string | undefined
}> {
  readonly isRetryable = true
  override get message(): string {
    const what = this.etag === undefined ? "no ETag" : `only the weak ETag ${this.etag}`
    return `The body was cut after ${
      plural(this.received, "byte")
    } and has ${what}: it cannot be continued, begin it anew`
  }
}

/** The representation has changed on the server since the download began. */
export class RepresentationChanged extends Data.TaggedError("RepresentationChanged")<{
  readonly expected: string | undefined
  readonly actual: string | undefined
}> {
  readonly isRetryable = true
  override get message(): string {
    return `The representation is no longer ${this.expected} but ${this.actual ?? "without an ETag"}: begin it anew`
  }
}

/** A 206 to a request without `Range`, or a 206 without a valid `Content-Range`. */
export class ForgedPartial extends Data.TaggedError("ForgedPartial")<{
  readonly requested: number
  readonly contentRange: string | undefined
}> {
  readonly isRetryable = false
  override get message(): string {
    return this.requested === 0
      ? "The server answered 206 to a request without Range"
      : `The server answered 206 without a valid Content-Range (${this.contentRange ?? "none"})`
  }
}

/** The response holds other bytes than those requested. */
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
    return `The body has ${plural(this.actual, "byte")}, and ${this.expected} ${
      this.expected === 1 ? "was" : "were"
    } announced`
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
 * The content is compressed (gzip, for example) although `identity` was requested. Some clients decode the bytes and
 * some do not, so offsets into them mean nothing.
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
    return `The body was cut once more after ${plural(this.resumes, "resume")}, with ${
      plural(this.received, "byte")
    } received`
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
 * The error of a failed download. `cause` is the failure that cut the body, if one did.
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
