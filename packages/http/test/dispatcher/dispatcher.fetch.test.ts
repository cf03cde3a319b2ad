/** undici's `fetch`, and Node's, over the resilient dispatcher. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { fetch, FormData, getGlobalDispatcher, setGlobalDispatcher } from "undici"
import * as Server from "../server.ts"
import { dispatching, failing } from "./dispatching.ts"

describe("undici's fetch", () => {
  it.live("is retried, decodes, follows redirects and reads forms", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.http((request, response, count) => {
        if (count % 2 === 1) return void response.writeHead(503, { "retry-after-ms": "1" }).end()
        request.resume()
        if (request.url === "/gzip") {
          return void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("zipped"))
        }
        if (request.url === "/br") {
          return void response.writeHead(200, { "content-encoding": "br" }).end(brotliCompressSync("brotli"))
        }
        if (request.url === "/moved") return void response.writeHead(302, { location: "/gzip" }).end()
        request.on("end", () =>
          response.end(
            `${request.method} ${request.headers["content-type"]?.replace(/=.*/, "=").replace(/; boundary=/, "")}`
          ))
      })
      const texts = yield* dispatching({}, async (dispatcher) => {
        const form = new FormData()
        form.set("a", "1")
        const texts: Array<string> = []
        for (
          const [path, init] of [
            ["/gzip", {}],
            ["/br", {}],
            ["/moved", {}],
            ["/text", { method: "PUT", body: "abc" }],
            ["/form", { method: "PUT", body: form }]
          ] as const
        ) {
          texts.push(await (await fetch(url + path, { ...init, dispatcher })).text())
        }
        return texts
      })
      assert.deepStrictEqual(texts, [
        "zipped",
        "brotli",
        "zipped",
        "PUT text/plain;charset=",
        "PUT multipart/form-data"
      ])
    }))

  it.live("rejects with the reason of its signal, and frees the connection", () =>
    Effect.gen(function*() {
      const stalls = yield* Server.raw((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"))
      const reason = yield* dispatching({ commit: "head" }, async (dispatcher) => {
        const controller = new AbortController()
        const response = await fetch(stalls.url, { dispatcher, signal: controller.signal })
        const text = response.text().catch((error: unknown) => error)
        controller.abort("enough")
        return text
      })
      assert.strictEqual(reason, "enough")
      yield* Server.until(() => stalls.sockets.size === 0)
    }))

  it.live("goes over it when it is the global dispatcher, and Node's own fetch too", () =>
    Effect.gen(function*() {
      const before = getGlobalDispatcher()
      const one = yield* failing(1)
      const two = yield* failing(1)
      const counts = yield* dispatching({}, async (dispatcher) => {
        setGlobalDispatcher(dispatcher)
        try {
          const counted = async (answer: Promise<{ json: () => Promise<unknown> }>) =>
            Object(await (await answer).json())
          return [
            await counted(fetch(one.url, { method: "PUT", body: "a" })),
            await counted(globalThis.fetch(two.url, { method: "PUT", body: "a" }))
          ].map(({ body, count }) => [count, body])
        } finally {
          setGlobalDispatcher(before)
        }
      })
      assert.deepStrictEqual(counts, [[2, "a"], [2, "a"]])
    }))
})
