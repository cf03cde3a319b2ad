/** undici's functions and interceptors over the resilient dispatcher, beside the same over undici's own `Agent`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import { Writable } from "node:stream"
import { gzipSync } from "node:zlib"
import {
  Agent,
  cacheStores,
  type Dispatcher,
  EventSource,
  fetch,
  interceptors,
  pipeline,
  request,
  stream
} from "undici"
import * as Server from "../server.ts"
import { dispatching } from "./dispatching.ts"

type Use = (dispatcher: Dispatcher, url: string) => Promise<unknown>

/** What is asked of the server, by path. */
const answers: Readonly<
  Record<string, (request: Http.IncomingMessage, response: Http.ServerResponse, count: number) => void>
> = {
  "/ok": (_, response) => void response.setHeader("x-a", "1").end("ok"),
  "/big": (_, response) => void response.end("x".repeat(100_000)),
  "/bad": (_, response) => void response.writeHead(422, { "content-type": "application/json" }).end("{\"a\":1}"),
  "/cached": (_, response, count) =>
    void response.writeHead(200, { "cache-control": "max-age=60", date: new Date().toUTCString() }).end(`${count}`),
  "/flaky": (_, response, count) =>
    count < 3 ? void response.writeHead(503).end("busy") : void response.end(`done after ${count}`),
  "/gzip": (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("zipped")),
  "/moved": (_, response) => void response.writeHead(302, { location: "/ok" }).end("moved"),
  "/kept": (_, response) => void response.writeHead(307, { location: "/echo" }).end("moved"),
  "/loop": (_, response) => void response.writeHead(302, { location: "/loop" }).end("moved"),
  "/slow": (_, response, count) => void setTimeout(() => response.end(`${count}`), 50),
  "/trailers": (_, response) => {
    response.writeHead(200, { trailer: "x-sum" })
    response.write("ok")
    response.addTrailers({ "x-sum": "1" })
    response.end()
  },
  "/echo": (request, response) => void request.pipe(response),
  "/silent": () => undefined,
  "/hints": (_, response) => response.writeEarlyHints({ link: "</a.css>" }, () => response.end("ok")),
  "/events": (_, response) =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\ndata: 2\n\n")
}

const told = async (dispatcher: Dispatcher, url: string, options: object = {}): Promise<unknown> => {
  const { body, context, headers, statusCode, trailers } = await request(url, { dispatcher, ...options })
  const text = await body.text()
  return [statusCode, text, headers["x-a"], headers["age"] !== undefined, trailers, context]
}

const through =
  (interceptor: Dispatcher.DispatcherComposeInterceptor, path: string, options?: object): Use => (dispatcher, url) =>
    told(dispatcher.compose(interceptor), url + path, options)

const uses: Readonly<Record<string, Use>> = {
  "request": (dispatcher, url) => told(dispatcher, `${url}/ok`),
  "request with a body that is dumped": async (dispatcher, url) => {
    const { body, statusCode } = await request(`${url}/big`, { dispatcher })
    await body.dump({ limit: 100 })
    return statusCode
  },
  "request with informational responses": async (dispatcher, url) => {
    const infos: Array<unknown> = []
    const onInfo = ({ headers, statusCode }: { readonly statusCode: number; readonly headers: object }) =>
      infos.push(statusCode, { ...headers })
    await told(dispatcher, `${url}/hints`, { onInfo })
    return infos
  },
  "stream": async (dispatcher, url) => {
    const chunks: Array<Buffer> = []
    const { trailers } = await stream(`${url}/trailers`, { dispatcher, method: "GET" }, () =>
      new Writable({
        write: (chunk, _, done) => {
          chunks.push(chunk)
          done()
        }
      }))
    return [Buffer.concat(chunks).toString(), trailers]
  },
  "pipeline": async (dispatcher, url) => {
    const duplex = pipeline(`${url}/echo`, { dispatcher, method: "PUT" }, ({ body }) => body)
    duplex.end("hello")
    const chunks = await duplex.toArray()
    return Buffer.concat(chunks).toString()
  },
  "pipeline that is destroyed": (dispatcher, url) => {
    const duplex = pipeline(`${url}/silent`, { dispatcher, method: "PUT" }, ({ body }) => body)
    duplex.write("hello")
    setTimeout(() => duplex.destroy(new Error("enough")), 20)
    return new Promise((resolve) => duplex.on("error", ({ message }) => resolve(message)))
  },
  "fetch": async (dispatcher, url) => {
    const response = await fetch(`${url}/gzip`, { dispatcher })
    return [response.status, await response.text()]
  },
  "fetch with a stream": async (dispatcher, url) => {
    const body = new Blob(["abc"]).stream()
    return (await fetch(`${url}/echo`, { dispatcher, method: "PUT", body, duplex: "half" })).text()
  },
  "EventSource": (dispatcher, url) =>
    new Promise((resolve) => {
      const source = new EventSource(`${url}/events`, { node: { dispatcher } })
      const seen: Array<unknown> = []
      source.addEventListener("message", ({ data }) => {
        if (seen.push(data) < 2) return
        source.close()
        resolve(seen)
      })
    }),
  "cache": async (dispatcher, url) => {
    const caching = dispatcher.compose(interceptors.cache({ store: new cacheStores.MemoryCacheStore() }))
    return [await told(caching, `${url}/cached`), await told(caching, `${url}/cached`)]
  },
  "deduplicate": (dispatcher, url) => {
    const one = dispatcher.compose(interceptors.deduplicate())
    return Promise.all([told(one, `${url}/slow`), told(one, `${url}/slow`)])
  },
  "decompress": through(interceptors.decompress(), "/gzip"),
  "dns": (dispatcher, url) =>
    told(
      dispatcher.compose(interceptors.dns({ dualStack: false, affinity: 4 })),
      `${url.replace("127.0.0.1", "localhost")}/ok`
    ),
  "dump": through(interceptors.dump({ maxSize: 100 }), "/ok"),
  "dump of too much": through(interceptors.dump({ maxSize: 100 }), "/big"),
  "redirect": through(interceptors.redirect({ maxRedirections: 3 }), "/moved"),
  "redirect of a body": through(interceptors.redirect({ maxRedirections: 3 }), "/kept", {
    method: "POST",
    body: "abc"
  }),
  "redirect in a loop": through(interceptors.redirect({ maxRedirections: 2, throwOnMaxRedirect: true }), "/loop"),
  "responseError": through(interceptors.responseError(), "/bad"),
  "retry": through(interceptors.retry({ minTimeout: 1, maxRetries: 3 }), "/flaky")
}

describe.concurrent("over the dispatcher as over an Agent works", () => {
  it.live.each(Object.entries(uses))("%s", ([name, use]) =>
    Effect.gen(function*() {
      const seen = (dispatcher: Dispatcher) =>
        Effect.scoped(Effect.gen(function*() {
          const { url } = yield* Server.http((request, response, count) => {
            response.sendDate = false
            answers[request.url ?? ""]?.(request, response, count)
          })
          const end = yield* Effect.promise(() =>
            use(dispatcher, url).catch((error: unknown) => {
              const { body, code, message, name, statusCode } = Object(error)
              return [name, code, message, statusCode, body]
            })
          )
          return JSON.stringify(end).replaceAll(url, "").replaceAll(new URL(url).port, "")
        }))
      const agent = new Agent()
      const wanted = yield* seen(agent)
      yield* Effect.promise(() => agent.destroy())
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const ours = yield* dispatching({ retry: false }, (dispatcher) => run(seen(dispatcher)))
      assert.strictEqual(ours, wanted)
      assert.strictEqual(
        /UND_ERR/.test(wanted),
        ["dump of too much", "redirect in a loop", "responseError"].includes(name)
      )
    }))
})
