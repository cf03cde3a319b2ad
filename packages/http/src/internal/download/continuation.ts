/**
 * What the answer to a request for the rest of a representation is: bytes to append, or a reason why not. Pure.
 *
 * A continuation is taken only when the server says itself that these are the bytes asked for, of the representation
 * that the first ones are of: RFC 9110 sections 13.1.5 (If-Range), 14.4 (Content-Range) and 15.3.7 (206). Such an answer
 * carries the ETag again, as section 15.3.7 demands; without it nothing shows that If-Range was understood.
 *
 * Guarded by `test/download/laws.download.test.ts` and `test/download/continuation.test.ts`.
 */
import type * as Headers from "effect/http/Headers"
import * as DownloadError from "../../DownloadError.ts"
import { contentLength } from "../call/bodyResponse.ts"

/** What is known when the request goes out. */
export interface Asked {
  /** The first byte that is wanted. */
  readonly offset: number
  /** The strong ETag of the bytes before it. */
  readonly etag: string | undefined
  /** The length of the representation, if it is known. */
  readonly total: number | undefined
  /** Whether the bytes before `offset` can still be thrown away. */
  readonly disposable: boolean
}

export type Answer =
  | {
    readonly _tag: "Take"
    /** Whether the content is the whole of a representation that has just begun. */
    readonly isFirst: boolean
    /** How many bytes of the content are there already. */
    readonly skip: number
    /** How many bytes the content must have. */
    readonly length: number | undefined
    readonly total: number | undefined
  }
  /** There is nothing after what is there. */
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Refuse"; readonly reason: DownloadError.Reason }
  /** Neither bytes nor a reason: a status that speaks for itself. */
  | { readonly _tag: "Status" }

const refuse = (reason: DownloadError.Reason): Answer => ({ _tag: "Refuse", reason })

/** What a response means to a download that asked for the bytes from `asked.offset` on. */
export const answerOf = (status: number, headers: Headers.Headers, asked: Asked): Answer => {
  if (status !== 200 && status !== 206) return status === 416 && asked.offset > 0 ? beyond(headers, asked) : other
  const coding = headers["content-encoding"]
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return refuse(new DownloadError.ContentCoded({ coding }))
  }
  return status === 200 ? full(headers, asked) : partial(headers, asked)
}

const other: Answer = { _tag: "Status" }

const full = (headers: Headers.Headers, { disposable, etag, offset, total }: Asked): Answer => {
  const length = contentLength(headers)
  if (offset === 0 || disposable) return { _tag: "Take", isFirst: true, skip: 0, length, total: length }
  // The server has no ranges. The same strong ETag means the same bytes, so those that are there can be skipped.
  if (headers["etag"] !== etag) return changed(headers, etag)
  if (total !== undefined && length !== undefined && total !== length) {
    return refuse(new DownloadError.WrongLength({ expected: total, actual: length }))
  }
  return { _tag: "Take", isFirst: false, skip: offset, length, total: total ?? length }
}

const partial = (headers: Headers.Headers, { etag, offset, total }: Asked): Answer => {
  const contentRange = headers["content-range"]
  const range = rangeOf(contentRange)
  if (offset === 0 || range === undefined) {
    return refuse(new DownloadError.ForgedPartial({ requested: offset, contentRange }))
  }
  if (headers["etag"] !== etag) return changed(headers, etag)
  const { first, last, size } = range
  if (first !== offset || last < first || last >= (size ?? total ?? Infinity)) {
    return refuse(new DownloadError.WrongRange({ requested: offset, contentRange }))
  }
  if (size !== undefined && total !== undefined && size !== total) {
    return refuse(new DownloadError.WrongLength({ expected: total, actual: size }))
  }
  const length = last - first + 1
  const announced = contentLength(headers) ?? length
  if (announced !== length) return refuse(new DownloadError.WrongLength({ expected: length, actual: announced }))
  return { _tag: "Take", isFirst: false, skip: 0, length, total: size ?? total }
}

/** 416: whole, if the representation ends where we are. */
const beyond = (headers: Headers.Headers, { etag, offset, total }: Asked): Answer => {
  const contentRange = headers["content-range"]
  const size = /^bytes \*\/(\d{1,15})$/i.exec(contentRange ?? "")?.[1]
  if (headers["etag"] !== undefined && headers["etag"] !== etag) return changed(headers, etag)
  if (size === undefined) return refuse(new DownloadError.WrongRange({ requested: offset, contentRange }))
  return Number(size) === (total ?? offset) && Number(size) === offset
    ? { _tag: "Whole" }
    : refuse(new DownloadError.WrongLength({ expected: total ?? offset, actual: Number(size) }))
}

const changed = (headers: Headers.Headers, expected: string | undefined): Answer =>
  refuse(new DownloadError.RepresentationChanged({ expected, actual: headers["etag"] }))

const rangeOf = (contentRange: string | undefined) => {
  const [, first, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(contentRange ?? "") ?? []
  if (first === undefined || last === undefined || size === undefined) return undefined
  return { first: Number(first), last: Number(last), size: size === "*" ? undefined : Number(size) }
}

/** The ETag of a response if it is a strong one: RFC 9110 section 8.8.3. */
export const strongEtag = (headers: Headers.Headers): string | undefined => {
  const etag = headers["etag"]
  return etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? etag : undefined
}
