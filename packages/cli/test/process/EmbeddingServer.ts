/** A server of embeddings, of chat completions' kind and of Ollama's, that gives vectors of the length that its URL says. */
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

export const make = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => {
      const texts: Array<string> = []
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8")
        request.on("data", (chunk: string) => body += chunk)
        request.on("end", () => {
          const length = Number(/^\/(\d+)\//u.exec(request.url ?? "")?.[1] ?? 0)
          const { input = [] } = JSON.parse(body === "" ? "{}" : body) as { readonly input?: ReadonlyArray<string> }
          texts.push(...input)
          const embedding = Array.from({ length }, () => 0.5)
          response.setHeader("content-type", "application/json")
          response.statusCode = length === 0 ? 404 : 200
          response.end(JSON.stringify(
            length === 0
              ? { error: { message: "no such route" } }
              : { data: [{ index: 0, embedding }], embeddings: [embedding] }
          ))
        })
      })
      return new Promise<{ readonly server: typeof server; readonly texts: ReadonlyArray<string> }>((resolve) =>
        server.listen(0, "127.0.0.1", () => resolve({ server, texts }))
      )
    }),
    ({ server }) => Effect.sync(() => server.close(() => server.closeAllConnections()))
  ),
  ({ server, texts }) => ({
    texts: () => texts,
    url: (length: number) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${length}`
  })
)
