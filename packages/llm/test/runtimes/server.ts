/** A server that fails in the ways of the scenarios, once or always, and serves the page that a browser runs them on. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"

export interface FailingServer extends AsyncDisposable {
  readonly url: string
}

export const failingServer = async (bundle: string): Promise<FailingServer> => {
  const seen = new Set<string>()
  const server = Http.createServer((request, response) => {
    const path = request.url ?? "/"
    const isFirst = !seen.has(path)
    seen.add(path)
    // Each exchange has a connection of its own: a browser sends what was lost on an old one again by itself.
    response.setHeader("connection", "close")
    if (path === "/page") return response.setHeader("content-type", "text/html").end("<!doctype html>")
    if (path === "/scenarios.js") return response.setHeader("content-type", "text/javascript").end(bundle)
    const kind = path.split("/").slice(3).join("/")
    const answer = answers[kind]
    if (answer === undefined) return response.writeHead(404).end()
    const chunks: Array<Buffer> = []
    request.on("data", (data: Buffer) => chunks.push(data))
    request.on("end", () => answer(response, isFirst, Buffer.concat(chunks).toString()))
    return response
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

const answered = (response: Http.ServerResponse) => response.end("answered")

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${
    JSON.stringify({
      id: "1",
      object: "chat.completion.chunk",
      created: 1,
      model: "any",
      choices: [{ index: 0, delta, finish_reason: finish }]
    })
  }\n\n`

/** What the model answers, whole or streamed. */
const completion = (isStreamed: boolean): { readonly type: string; readonly body: string } =>
  isStreamed
    ? {
      type: "text/event-stream",
      body: `${chunk({ role: "assistant", content: "Good " })}${chunk({ content: "day" })}${
        chunk({}, "stop")
      }data: [DONE]\n\n`
    }
    : {
      type: "application/json",
      body: JSON.stringify({
        id: "1",
        object: "chat.completion",
        created: 1,
        model: "any",
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Good day" } }],
        usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
      })
    }

const answers: Readonly<Record<string, (response: Http.ServerResponse, isFirst: boolean, body: string) => unknown>> = {
  "reset": (response) => response.destroy(),
  "reset-once": (response, isFirst) => isFirst ? response.destroy() : answered(response),
  "cut-once": (response, isFirst) => {
    if (!isFirst) return answered(response)
    response.writeHead(200, { "content-length": 100 })
    return response.write("half", () => response.destroy())
  },
  "busy-once": (response, isFirst) =>
    isFirst ? response.writeHead(503, { "retry-after": "0.01", "retry-after-ms": "10" }).end() : answered(response),
  "slow-once": (response, isFirst) => isFirst ? response : answered(response),
  "silent": (response) => response,
  "stall": (response) => response.write("begun"),
  "endless": (response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16 * 1024))) continue
    }
    response.on("drain", more)
    more()
  },
  "gzip": (response) => response.setHeader("content-encoding", "gzip").end(gzipSync("answered")),
  "size": (response, _, body) => response.end(`${body.length}`),
  "ranges": (response, isFirst) => {
    const size = 200_000
    const headers = { etag: "\"v1\"", "accept-ranges": "bytes" }
    const range = /bytes=(\d+)-/.exec(response.req.headers.range ?? "")
    if (range === null) {
      response.writeHead(200, { ...headers, "content-length": size })
      return response.write(
        Buffer.alloc(isFirst ? size / 2 : size),
        () => isFirst ? response.destroy() : response.end()
      )
    }
    const from = Number(range[1])
    response.writeHead(206, {
      ...headers,
      "content-range": `bytes ${from}-${size - 1}/${size}`,
      "content-length": size - from
    })
    return response.end(Buffer.alloc(size - from))
  },
  "moved": (response) => response.writeHead(302, { location: "there" }).end(),
  "there": answered,
  "down/chat/completions": (response) => response.writeHead(503, { "retry-after-ms": "1" }).end(),
  "up/chat/completions": (response, _, body) => {
    const { type, body: text } = completion(JSON.parse(body).stream === true)
    return response.setHeader("content-type", type).end(text)
  }
}
