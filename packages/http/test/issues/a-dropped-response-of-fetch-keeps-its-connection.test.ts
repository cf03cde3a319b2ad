/**
 * The function that ends the body of a `Response`, held by the fetch for as long as the body was open, shared its scope with
 * others that led to the body. So a response that was dropped was never collected, and its connection never given back.
 */
import { it } from "@effect/vitest"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Server from "../server.ts"

const large = "x".repeat(150_000)

/** Lives longer than any response. */
const { signal } = new AbortController()

const drops: ReadonlyArray<
  readonly [string, (fetch: ResilientFetch.Fetch, url: string) => unknown]
> = [
  ["unread", (fetch, url) => fetch(url)],
  ["unread, with a signal", (fetch, url) => fetch(url, { signal })],
  ["cloned", async (fetch, url) => (await fetch(url)).clone()],
  ["half-read", async (fetch, url) => (await fetch(url)).body?.getReader().read()],
  ["after an upload", (fetch, url) => fetch(url, { method: "PUT", body: "some" })]
]

it.live.each(drops)("a response that is dropped gives its connection back: %s", ([, drop]) =>
  Effect.gen(function*() {
    const server = yield* Server.raw((socket) => socket.write(Server.response(200, large)))
    const fetch = yield* ResilientFetch.make({ retry: false })
    for (let i = 0; i < 3; i++) {
      yield* Effect.promise(async () => {
        await drop(fetch, server.url)
      })
    }
    yield* Server.idleByCollection
  }).pipe(Effect.provide(UndiciTransport.layer({ connections: 3 }))))
