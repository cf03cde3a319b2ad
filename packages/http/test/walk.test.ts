/**
 * The page that follows a call is true: it names the files that a GET enters, as V8 counts them, each once, and the files of the
 * way are no more than a reader can follow.
 */
import { assert, it } from "@effect/vitest"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { basename, join } from "node:path"
import { entered, walkIn } from "../../../vitest.walk.ts"

const root = join(import.meta.dirname, "../../..")
const { named, page, steps } = walkIn(join(root, "docs/how-a-call-runs.md"))

const pathOf = (file: string): string =>
  join(root, file.startsWith("core/") ? file.replace("core/", "packages/core/src/") : `packages/http/src/${file}`)

it("names the files of the way in order, each once, and at most 22", () => {
  assert.isAbove(steps.length, 15)
  assert.isAtMost(steps.length, 22)
  assert.deepStrictEqual(steps.map(({ step }) => step), steps.map((_, index) => index + 1))
  assert.strictEqual(new Set(named).size, named.length)
})

it("names files that exist", () => {
  const files = Array.from(page.matchAll(/`([\w/]+\.ts)`/g), ([, file = ""]) => file)
  const short = new Set(steps.map(({ file }) => basename(file)))
  assert.deepStrictEqual(files.filter((file) => !short.has(file) && !existsSync(pathOf(file))), [])
})

it.live("names the files that a GET enters, and no other", () =>
  Effect.gen(function*() {
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const server = createServer((request, response) => {
          request.resume()
          response.end("{}")
        })
        await once(server.listen(0, "127.0.0.1"), "listening")
        return server
      }),
      (server) => Effect.promise(() => new Promise<void>((done) => server.close(() => done())))
    )
    const { port } = server.address() as AddressInfo
    const client = yield* Layer.build(
      ResilientHttpClient.layer({ retry: { times: 2 }, timeouts: { attempt: "10 seconds", total: "30 seconds" } }).pipe(
        Layer.provide(UndiciTransport.layer({ gracePeriod: 0 }))
      )
    )
    const get = HttpClient.get(`http://127.0.0.1:${port}/stock`).pipe(
      Effect.flatMap((response) => response.text),
      Effect.provide(client)
    )
    // The second call finds a connection and everything that is made once.
    yield* get
    const files = yield* entered(get)
    assert.deepStrictEqual(files.map((file) => file.replace("http/", "")).toSorted(), named.toSorted())
  }).pipe(Effect.scoped))
