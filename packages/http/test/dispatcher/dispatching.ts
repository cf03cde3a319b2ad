/** A dispatcher for one test, and a server that fails at first. */
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as Effect from "effect/Effect"
import type { Dispatcher } from "undici"
import * as Server from "../server.ts"

/** Retries at once, nearly. */
export const backoff = Backoff.constant({ delay: "1 millis" })

/** Lends a dispatcher, and destroys it. */
export const dispatching = <A>(
  options: ResilientDispatcher.Options,
  use: (dispatcher: Dispatcher) => Promise<A>
): Effect.Effect<A> =>
  Effect.promise(async () => {
    const dispatcher = ResilientDispatcher.createDispatcher({ retry: { times: 2, backoff }, ...options })
    try {
      return await use(dispatcher)
    } finally {
      await dispatcher.destroy()
    }
  })

/** The server fails the first requests, and then tells what it was sent. */
export const failing = (times: number, status = 503) =>
  Server.http((request, response, count) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { headers, method, url } = request
      if (count <= times) return response.writeHead(status, { "retry-after-ms": "1" }).end("busy")
      const type = headers["content-type"]?.replace(/boundary=.*/, "boundary")
      const body = Buffer.concat(chunks).toString()
      response.setHeader("set-cookie", ["a=1", "b=2"])
      return response.end(
        JSON.stringify({
          count,
          method,
          url,
          type,
          own: headers["x-own"],
          body: type?.includes("form-data") === true ? body.length > 0 : body
        })
      )
    })
  })
