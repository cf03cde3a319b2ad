/** A transport that gives every request a body in given pieces, without a socket: for bodies cut at every byte. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"

/**
 * `piecesOf` makes the pieces of each answer; `index` counts the requests from 0. After the pieces, the body ends, the
 * connection breaks, or the server stays silent.
 */
export const make = (
  piecesOf: (index: number) => ReadonlyArray<Uint8Array<ArrayBuffer>>,
  after: "end" | "reset" | "hang" = "end"
): HttpClient.HttpClient => {
  let index = 0
  return HttpClient.make((request) =>
    Effect.sync(() => {
      const pieces = piecesOf(index++).filter((piece) => piece.length > 0)
      let next = 0
      const body = new ReadableStream({
        // One by one, so that what came before a broken connection is read.
        pull: (controller) => {
          const piece = pieces[next++]
          if (piece !== undefined) controller.enqueue(piece)
          else if (after === "end") controller.close()
          else if (after === "reset") controller.error(new Error("ECONNRESET"))
        }
      })
      return HttpClientResponse.fromWeb(request, new globalThis.Response(body))
    })
  )
}
