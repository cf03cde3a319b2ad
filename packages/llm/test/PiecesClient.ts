/** A transport that gives every request a body in given pieces, without a socket: for bodies cut at every byte. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"

/** `piecesOf` makes the pieces of each answer; `index` counts the requests from 0. */
export const make = (piecesOf: (index: number) => ReadonlyArray<Uint8Array<ArrayBuffer>>): HttpClient.HttpClient => {
  let index = 0
  return HttpClient.make((request) =>
    Effect.sync(() => {
      const body = new ReadableStream({
        start: (controller) => {
          for (const piece of piecesOf(index)) controller.enqueue(piece)
          controller.close()
        }
      })
      index++
      return HttpClientResponse.fromWeb(request, new globalThis.Response(body))
    })
  )
}
