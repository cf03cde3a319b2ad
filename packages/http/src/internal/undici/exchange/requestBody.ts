/**
 * Request bodies of every kind of Effect's `HttpBody`, as undici takes them. Bytes go as they are; a stream runs in a
 * fiber of its own that ends with the exchange, whichever side ends it.
 *
 * A body must be as long as its `Content-Length` says: what is left over would be read as the next request on the
 * connection. Where the length is known, a wrong one is refused before anything is sent; a stream fails before a byte
 * too many is written, or before the end of one that is too short.
 *
 * Guarded by `test/undici/requests.test.ts` and `test/undici/routes.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import type * as Context from "effect/Context"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { ReadableStream as NodeReadableStream } from "node:stream/web"
import type { Dispatcher } from "undici"
import { errors, FormData } from "undici"

type UndiciBody = Exclude<Dispatcher.DispatchOptions["body"], undefined>

/** The body, or why it cannot be sent. */
export const bodyOf = (
  request: HttpClientRequest.HttpClientRequest,
  context: Context.Context<never>
): UndiciBody | UploadFailure => {
  const { body, headers } = request
  const declared = headers["content-length"]
  if (body._tag === "Empty" && declared === undefined) return null
  const sent = convert(body, context)
  if (declared === undefined) return sent
  const length = Number(declared)
  if (sent instanceof Readable) return new Upload(counted(sent, length))
  const known = sizeOf(sent)
  return known === undefined || known === length ? sent : wrongLength(known, length)
}

/** What a request body's own stream failed with, so that it is not taken for a failure of the connection. */
export class UploadFailure extends Error {
  override readonly name = "UploadFailure"
}

const uploadFailure = (cause: unknown) => new UploadFailure("The stream of the request body failed", { cause })

const wrongLength = (size: number, declared: number, least = "") => {
  const message = `The request body has ${least}${plural(size, "byte")}, and its content-length says ${declared}`
  return new UploadFailure(message, { cause: new errors.RequestContentLengthMismatchError(message) })
}

const convert = (body: HttpClientRequest.HttpClientRequest["body"], context: Context.Context<never>): UndiciBody => {
  switch (body._tag) {
    case "Empty":
      return null
    case "Uint8Array":
      return body.body
    case "Raw":
      return rawBody(body.body)
    case "FormData":
      return formBody(body.formData)
    case "Stream":
      return new Upload(Stream.toAsyncIterableWith(Stream.mapError(body.stream, uploadFailure), context))
  }
}

const rawBody = (body: unknown): UndiciBody => {
  if (body === undefined || body === null) return null
  // undici reads any iterable as a sequence of chunks, and form parameters as a sequence of pairs.
  if (body instanceof URLSearchParams) return body.toString()
  if (body instanceof globalThis.FormData) return formBody(body)
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  // undici reads the others without a way to stop them in the middle of a chunk.
  if (body instanceof ReadableStream) return Readable.fromWeb(body as NodeReadableStream)
  // The other kinds are undici's to take or to refuse.
  return body as UndiciBody
}

// undici accepts only its own class, not the one Node bundles.
const formBody = (source: globalThis.FormData): UndiciBody => {
  const form = new FormData()
  for (const [name, value] of source) form.append(name, value)
  return form
}

const sizeOf = (body: unknown): number | undefined => {
  if (body === null) return 0
  if (typeof body === "string") return Buffer.byteLength(body)
  if (ArrayBuffer.isView(body)) return body.byteLength
  return body instanceof Blob ? body.size : undefined
}

/**
 * A stream as undici reads it. It lets go of its source at its end: undici holds a body for as long as the response is
 * under way, and the source leads by its context to the span, and by how that ended to the response.
 */
class Upload extends Readable {
  private source: AsyncIterator<Uint8Array | string> | undefined

  constructor(source: AsyncIterable<Uint8Array | string>) {
    super({ objectMode: false })
    this.source = source[Symbol.asyncIterator]()
  }

  override _read(): void {
    this.source?.next().then(({ done, value }) => {
      if (done === true) this.source = undefined
      this.push(done === true ? null : value)
    }, (error) => this.destroy(error))
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { source } = this
    this.source = undefined
    const end = () => callback(error)
    if (source?.return === undefined) end()
    else source.return().then(end, end)
  }
}

async function* counted(chunks: Readable, length: number): AsyncGenerator<Uint8Array | string> {
  let size = 0
  for await (const chunk of chunks as AsyncIterable<Uint8Array | string>) {
    size += typeof chunk === "string" ? Buffer.byteLength(chunk) : chunk.byteLength
    if (size > length) throw wrongLength(size, length, "at least ")
    yield chunk
  }
  if (size < length) throw wrongLength(size, length)
}
