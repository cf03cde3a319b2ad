/**
 * Request bodies of every kind of Effect's `HttpBody`, as undici takes them. Bytes go as they are; a stream runs in a
 * fiber of its own that ends with the exchange, whichever side ends it.
 */
import type * as Context from "effect/Context"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import { FormData } from "undici"

type UndiciBody = Exclude<Dispatcher.DispatchOptions["body"], undefined>

export const bodyOf = (request: HttpClientRequest.HttpClientRequest, context: Context.Context<never>): UndiciBody => {
  const body = request.body
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
      return Readable.from(Stream.toAsyncIterableWith(Stream.mapError(body.stream, uploadFailure), context), {
        objectMode: false
      })
  }
}

/** What a request body's own stream failed with, so that it is not taken for a failure of the connection. */
export class UploadFailure extends Error {
  override readonly name = "UploadFailure"
}

const uploadFailure = (cause: unknown) => new UploadFailure("The stream of the request body failed", { cause })

// undici reads any iterable as a sequence of chunks, and form parameters as a sequence of pairs.
const rawBody = (body: unknown): UndiciBody => {
  if (body === undefined || body === null) return null
  return body instanceof URLSearchParams ? body.toString() : body as UndiciBody
}

// undici accepts only its own class, not the one Node bundles.
const formBody = (source: globalThis.FormData): UndiciBody => {
  const form = new FormData()
  for (const [name, value] of source) form.append(name, value)
  return form
}
