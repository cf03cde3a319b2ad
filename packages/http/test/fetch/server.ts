/** A server that shows what a fetch did: it tells requests back, redirects, streams, stalls and cuts. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export interface ContractServer extends AsyncDisposable {
  readonly url: string
  /** Another origin with the same answers. */
  readonly other: string
  /** How many requests came to a path. */
  readonly count: (path: string) => number
  /** Ends when a request to the path was given up by its client. */
  readonly aborted: (path: string) => Promise<void>
  /** Ends when a request to the path has come. */
  readonly arrived: (path: string) => Promise<void>
}

export const contractServer = async (): Promise<ContractServer> => {
  const counts = new Map<string, number>()
  const aborts = new Map<string, PromiseWithResolvers<void>>()
  const arrivals = new Map<string, PromiseWithResolvers<void>>()
  const wait = (map: typeof aborts, path: string) => {
    const found = map.get(path) ?? Promise.withResolvers<void>()
    map.set(path, found)
    return found
  }
  const handle = (request: Http.IncomingMessage, response: Http.ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1")
    const path = url.pathname
    counts.set(path, (counts.get(path) ?? 0) + 1)
    wait(arrivals, path).resolve()
    response.on("close", () => {
      if (!response.writableFinished) wait(aborts, path).resolve()
    })
    request.on("error", () => undefined)
    const answer = answers[path.split("/")[1] ?? ""]
    if (answer === undefined) response.writeHead(404).end()
    else answer(request, response, url)
  }
  const servers = [Http.createServer(handle), Http.createServer(handle)]
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))))
  const [url = "", other = ""] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  others.set(new URL(url).host, other)
  others.set(new URL(other).host, url)
  return {
    url,
    other,
    count: (path) => counts.get(path) ?? 0,
    aborted: (path) => wait(aborts, path).promise,
    arrived: (path) => wait(arrivals, path).promise,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    }
  }
}

type Answer = (
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  url: URL
) => Http.ServerResponse

const others = new Map<string, string>()

const bodyOf = async (request: Http.IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What of a request two clients may be held to. Boundaries are theirs to choose. */
const told: ReadonlySet<string> = new Set([
  "a",
  "accept",
  "authorization",
  "cache-control",
  "content-encoding",
  "content-language",
  "content-length",
  "content-type",
  "cookie",
  "pragma",
  "range",
  "referer",
  "x-custom",
  "x-list"
])

const answers: Readonly<Record<string, Answer>> = {
  /** Tells the request back. */
  echo: (request, response, url) => {
    void bodyOf(request).then((body) => {
      const headers = Object.fromEntries(
        // In an order of their own: some scenarios look at the text.
        Object.entries(request.headers).toSorted().filter(([name]) =>
          // Which codings a client takes is its own to say, but not with a range.
          told.has(name) || (name === "accept-encoding" && request.headers["range"] !== undefined)
        ).map(([name, value]) => [
          name,
          `${value}`.replace(/boundary=.*/, "boundary")
        ])
      )
      const boundary = /boundary=(.*)/.exec(request.headers["content-type"] ?? "")?.[1]
      const text = boundary === undefined ? body.toString("latin1") : body.toString("latin1").replaceAll(boundary, "-")
      if (boundary !== undefined) delete headers["content-length"]
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify({ method: request.method, path: url.pathname + url.search, headers, body: text }))
    }, () => response.destroy())
    return response
  },
  /** Answers with the status in the path, and the body and headers in the query. */
  status: (request, response, url) => {
    request.resume()
    for (const [name, value] of url.searchParams) {
      if (name.startsWith("h-")) response.appendHeader(name.slice(2), value)
    }
    response.writeHead(Number(url.pathname.split("/")[2]), url.searchParams.get("text") ?? undefined)
    return response.end(url.searchParams.get("body") ?? "")
  },
  /** Redirects with the status in the path to `to`, there or at the other origin. */
  redirect: (request, response, url) => {
    const to = url.searchParams.get("to")
    const base = url.searchParams.has("other") ? others.get(request.headers.host ?? "") ?? "" : ""
    request.resume()
    response.writeHead(Number(url.pathname.split("/")[2]), to === null ? {} : { location: base + to })
    return response.end("moved ".repeat(Number(url.searchParams.get("size") ?? 1)))
  },
  /** Redirects n times, and then answers. */
  hops: (_, response, url) => {
    const left = Number(url.pathname.split("/")[2])
    if (left === 0) return response.end("there")
    return response.writeHead(302, { location: `/hops/${left - 1}` }).end()
  },
  /** Never answers. */
  silent: (_, response) => response,
  /** Begins a body, and never ends it. */
  stall: (_, response) => {
    response.write("begun")
    return response
  },
  /** Sends more than any buffer holds. */
  endless: (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) continue
    }
    response.on("drain", more)
    more()
    return response
  },
  /** Announces a body and ends the connection in the middle of it. */
  cut: (_, response) => {
    response.writeHead(200, { "content-length": 200_000 })
    response.write(Buffer.alloc(100_000), () => response.destroy())
    return response
  },
  /** Ends the connection without an answer. */
  reset: (request, response) => {
    request.socket.destroy()
    return response
  },
  /** Sends the chunks of a request back as they come. */
  mirror: (request, response) => {
    response.flushHeaders()
    return request.pipe(response)
  },
  /** Answers without a look at the body. */
  hasty: (_, response) => response.writeHead(200, { connection: "close" }).end("no need"),
  /** Sends chunks, each after a turn. */
  chunks: (_, response, url) => {
    const parts = (url.searchParams.get("parts") ?? "").split(",")
    const next = () => {
      const part = parts.shift()
      if (part === undefined) response.end()
      else response.write(part, () => setImmediate(next))
    }
    next()
    return response
  },
  /** Sends a form. */
  form: (request, response) => {
    request.resume()
    const boundary = "x"
    response.setHeader("content-type", `multipart/form-data; boundary=${boundary}`)
    return response.end(
      `--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\ncontent-disposition: form-data; name="f"; filename="f.txt"\r\ncontent-type: text/plain\r\n\r\nfile\r\n--x--\r\n`
    )
  },
  /** Counts the bytes of a body. */
  size: (request, response) => {
    let size = 0
    request.on("data", (chunk: Buffer) => size += chunk.length)
    request.on("end", () => response.end(`${size}`))
    return response
  }
}
