/** undici's own APIs over the resilient dispatcher, against servers that fail. undici's `Agent` says what is right. */
import { assert, describe, it } from "@effect/vitest"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Addresses from "@holdfast/http/Addresses"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { once } from "node:events"
import { type Duplex, Readable, Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { Agent, type Dispatcher, errors, interceptors, request, stream } from "undici"
import { recorder } from "../../../../vitest.tracer.ts"
import * as Server from "../server.ts"
import { backoff, dispatching, failing } from "./dispatching.ts"

describe("requests of undici", () => {
  it.live("are retried", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(2)
      const { body, headers, statusCode } = yield* dispatching({}, async (dispatcher) => {
        const { body, ...answer } = await request(`${url}/a?b=c`, { dispatcher, headers: { "X-Own": "1" } })
        return { ...answer, body: await body.json() }
      })
      assert.strictEqual(statusCode, 200)
      assert.deepStrictEqual(headers["set-cookie"], ["a=1", "b=2"])
      assert.deepStrictEqual(body, { count: 3, method: "GET", url: "/a?b=c", own: "1", body: "" })
    }))

  it.live("give the last answer when the retries end, and no byte of the others", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(99)
      const answer = yield* dispatching({}, async (dispatcher) => {
        const { body, statusCode } = await request(url, { dispatcher })
        return [statusCode, await body.text()]
      })
      assert.deepStrictEqual(answer, [503, "busy"])
    }))

  it.live("that are not safe to repeat are sent once", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(99)
      const answer = yield* dispatching({}, async (dispatcher) =>
        (await request(url, { dispatcher, method: "POST", body: "pay" })).statusCode)
      assert.strictEqual(answer, 503)
      const again = yield* dispatching({}, async (dispatcher) => {
        const { body } = await request(url.replace(/$/, "/"), {
          dispatcher,
          method: "POST",
          body: "x",
          headers: { "idempotency-key": "1" }
        })
        return body.text()
      })
      assert.strictEqual(again, "busy")
    }))

  const bodies: ReadonlyArray<readonly [string, () => NonNullable<Parameters<typeof request>[1]>["body"], string]> = [
    ["text", () => "grüße", "grüße"],
    ["bytes", () => Buffer.from("abc"), "abc"],
    ["a stream", () => Readable.from(["ab", "c"], { objectMode: false }), "abc"],
    ["nothing", () => null, ""]
  ]

  it.live.each(bodies)("send %s", ([, body, wanted]) =>
    Effect.gen(function*() {
      const { url } = yield* failing(0)
      const answer = yield* dispatching({}, async (dispatcher) =>
        (await request(url, { dispatcher, method: "PUT", body: body() ?? null })).body.json())
      assert.strictEqual(Object(answer).body, wanted)
    }))

  it.live("send a stream of a small, known length again, and one of an unknown length once", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(1)
      const put = (dispatcher: Dispatcher, headers: Record<string, string>) =>
        request(url, { dispatcher, method: "PUT", body: Readable.from(["ab", "c"], { objectMode: false }), headers })
      const [known, unknown] = yield* dispatching({}, async (dispatcher) => [
        Object(await (await put(dispatcher, { "content-length": "3" })).body.json()).body,
        (await put(dispatcher, {})).statusCode
      ])
      assert.strictEqual(known, "abc")
      assert.strictEqual(unknown, 200)
      const down = yield* failing(99)
      const once = yield* dispatching({}, async (dispatcher) => {
        const body = Readable.from(["ab"], { objectMode: false })
        return (await request(down.url, { dispatcher, method: "PUT", body })).statusCode
      })
      assert.strictEqual(once, 503)
    }))

  it.live("take headers as pairs, as an array and as an iterable, and parameters beside the path", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(0)
      const forms = [["x-own", "1"], { "x-own": "1" }, new Map([["x-own", "1"]])]
      const answers = yield* dispatching({}, (dispatcher) =>
        Promise.all(forms.map(async (headers) => {
          const { body } = await dispatcher.request({
            origin: url,
            path: "/a",
            method: "GET",
            headers,
            query: { q: "x y" }
          })
          const { own, url: path } = Object(await body.json())
          return [own, path]
        })))
      assert.deepStrictEqual(answers, forms.map(() => ["1", "/a?q=x%20y"]))
    }))

  it.live("have trailers, and raw headers where they ask for them", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.http((_, response) => {
        response.writeHead(200, { trailer: "x-sum", "x-a": "1" })
        response.write("abc")
        response.addTrailers({ "x-sum": "7" })
        response.end()
      })
      const answer = yield* dispatching({ timeouts: { attempt: "5 seconds" } }, async (dispatcher) => {
        const { body, headers, trailers } = await request(url, { dispatcher, responseHeaders: "raw" })
        return [await body.text(), trailers, (headers as unknown as Array<string>).includes("x-a")]
      })
      assert.deepStrictEqual(answer, ["abc", { "x-sum": "7" }, true])
    }))

  it.live("stream into a writable", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(1)
      const chunks: Array<Buffer> = []
      yield* dispatching({}, (dispatcher) =>
        stream(url, { dispatcher, method: "GET" }, () =>
          new Writable({
            write: (chunk, _, done) => {
              chunks.push(chunk)
              done()
            }
          })))
      assert.strictEqual(JSON.parse(Buffer.concat(chunks).toString()).count, 2)
    }))

  it.live("make the server wait while the body is unread", () =>
    Effect.gen(function*() {
      let written = 0
      const { url } = yield* Server.http((_, response) => {
        const more = () => {
          let isTaken = true
          while (isTaken && written < 50_000_000) {
            written += 100_000
            isTaken = response.write(Buffer.alloc(100_000))
          }
          if (written === 50_000_000) response.end()
        }
        response.on("drain", more)
        more()
      })
      const size = yield* dispatching({}, async (dispatcher) => {
        const { body } = await request(url, { dispatcher })
        let before = -1
        // Until nothing moves for a while, the buffers of both systems fill.
        while (written !== before) {
          before = written
          await sleep(100)
        }
        assert.isBelow(written, 50_000_000)
        let size = 0
        for await (const chunk of body) size += chunk.length
        return size
      })
      assert.strictEqual(size, 50_000_000)
    }))

  it.live("are aborted by a signal, before the head and in the body, with its reason", () =>
    Effect.gen(function*() {
      const silent = yield* Server.raw(() => undefined)
      const stalls = yield* Server.raw((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"))
      const reasons = yield* dispatching({ commit: "head" }, async (dispatcher) => {
        const first = new AbortController()
        const head = request(silent.url, { dispatcher, signal: first.signal }).catch((error: unknown) => error)
        while (silent.sockets.size === 0) await sleep(5)
        first.abort(new Error("one"))
        const second = new AbortController()
        const { body } = await request(stalls.url, { dispatcher, signal: second.signal })
        const text = body.text().catch((error: unknown) => error)
        second.abort(new Error("two"))
        const already = await request(silent.url, { dispatcher, signal: AbortSignal.abort(new Error("three")) })
          .catch((error: unknown) => error)
        return [await head, await text, already].map((error) => error instanceof Error ? error.message : error)
      })
      assert.deepStrictEqual(reasons, ["one", "two", "three"])
      yield* Server.until(() => silent.sockets.size === 0 && stalls.sockets.size === 0)
    }))
})

describe("errors", () => {
  it.live("are undici's own where there is one", () =>
    Effect.gen(function*() {
      const gone = yield* Server.closedPort
      const resets = yield* Server.raw((socket) => socket.destroy())
      const silent = yield* Server.raw(() => undefined)
      const cut = yield* Server.raw((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\nhalf"))
      const codes = (dispatcher: Dispatcher) =>
        Promise.all([
          request(gone, { dispatcher }),
          request(resets.url, { dispatcher }),
          request(silent.url, { dispatcher, headersTimeout: 200 }),
          request(cut.url, { dispatcher }).then(({ body }) => body.text()),
          request(resets.url, { dispatcher, headers: { "x-a": "a\r\nb" } }),
          request(resets.url, { dispatcher, method: "not a method" })
        ].map((promise) => promise.then(() => "answered", (error: unknown) => Object(error).code)))
      const agent = new Agent()
      const wanted = yield* Effect.promise(() => codes(agent))
      yield* Effect.promise(() => agent.destroy())
      assert.deepStrictEqual(yield* dispatching({ retry: false, commit: "head" }, codes), wanted)
    }))

  it.live("of the policy arrive as they are", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(99)
      const silent = yield* Server.raw(() => undefined)
      const options: ResilientDispatcher.Options = {
        retry: false,
        timeouts: { attempt: "100 millis" },
        circuitBreaker: { trip: CircuitBreaker.consecutive(1) }
      }
      const tags = yield* dispatching(options, async (dispatcher) => {
        const tag = (error: unknown) => isPolicyError(error) ? error.reason._tag : error
        const timeout = await request(silent.url, { dispatcher }).catch(tag)
        await request(url, { dispatcher }).then(({ body }) => body.text())
        return [timeout, await request(url, { dispatcher }).catch(tag)]
      })
      assert.deepStrictEqual(tags, ["AttemptTimeout", "CircuitOpen"])
    }))

  it("name the options that are invalid", () => {
    assert.throws(() => ResilientDispatcher.createDispatcher({ retry: { times: -1 } }), RangeError, "retry.times")
    assert.throws(
      () => ResilientDispatcher.createDispatcher({ transport: { connections: 0 } }),
      RangeError,
      "connections"
    )
    const transport: object = { maxDecodedSize: 1 }
    assert.throws(() => ResilientDispatcher.createDispatcher({ transport }), RangeError, "maxDecodedSize")
  })

  it.live("of a dispatch that is not valid come at once, as with undici's own", () =>
    dispatching({}, async (dispatcher) => {
      const agent = new Agent()
      const codes = (dispatcher: Dispatcher) =>
        [{}, { origin: "ftp://127.0.0.1" }].map((options) => {
          let code: unknown
          const onResponseError = (_: unknown, error: Error) => code = Object(error).code
          const taken = dispatcher.dispatch({ method: "GET", path: "/", ...options }, {
            onRequestStart: () => undefined,
            onResponseError
          })
          return [taken, code]
        })
      assert.deepStrictEqual(codes(dispatcher), codes(agent))
      assert.throws(() => dispatcher.dispatch({ method: "GET", path: "/" }, null as never), errors.InvalidArgumentError)
      await agent.destroy()
    }))
})

describe("its life", () => {
  it.live("close waits for what is under way, and refuses the rest", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.http((_, response) => void setTimeout(() => response.end("late"), 100))
      yield* dispatching({}, async (dispatcher) => {
        const answer = request(url, { dispatcher }).then(({ body }) => body.text())
        const closed = dispatcher.close()
        const refused = await request(url, { dispatcher }).catch((error: unknown) => error)
        assert.instanceOf(refused, errors.ClientClosedError)
        assert.strictEqual(await answer, "late")
        await closed
        const gone = await request(url, { dispatcher }).catch((error: unknown) => error)
        assert.instanceOf(gone, errors.ClientDestroyedError)
      })
    }))

  it.live("destroy ends what is under way with its reason, and takes callbacks", () =>
    Effect.gen(function*() {
      const { sockets, url } = yield* Server.raw(() => undefined)
      const reason = yield* dispatching({}, async (dispatcher) => {
        const answer = request(url, { dispatcher }).catch((error: unknown) => error)
        while (sockets.size === 0) await sleep(5)
        await new Promise<void>((resolve) => dispatcher.destroy(new Error("over"), resolve))
        return answer
      })
      assert.strictEqual(Object(reason).message, "over")
      yield* Server.until(() => sockets.size === 0)
    }))

  it.live("ends with the scope that it was made in, and shows its calls to the program's tracer", () =>
    Effect.gen(function*() {
      const { url } = yield* failing(1)
      const { spans, tracer } = recorder()
      const scope = yield* Scope.make()
      const dispatcher = yield* ResilientDispatcher.make({ retry: { times: 1, backoff } }).pipe(
        Scope.provide(scope),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      yield* Effect.promise(async () => (await request(url, { dispatcher })).body.text())
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes.get("http.response.status_code")).filter((status) =>
          status !== undefined
        ),
        [503, 200]
      )
      yield* Scope.close(scope, Exit.void)
      const after = yield* Effect.promise(() => request(url, { dispatcher }).then(() => "answered", () => "refused"))
      assert.strictEqual(after, "refused")
    }))

  it.live("composes with undici's interceptors", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.http((request, response) =>
        request.url === "/to" ? response.end("there") : response.writeHead(302, { location: "/to" }).end()
      )
      const text = yield* dispatching({}, async (dispatcher) => {
        const following = dispatcher.compose(interceptors.redirect({ maxRedirections: 2 }))
        return (await request(url, { dispatcher: following })).body.text()
      })
      assert.strictEqual(text, "there")
    }))

  it.live("passes upgrades and tunnels on", () =>
    Effect.gen(function*() {
      const { url } = yield* Server.raw((socket, _, head) => {
        socket.write(
          head.startsWith("CONNECT")
            ? "HTTP/1.1 200 OK\r\n\r\n"
            : "HTTP/1.1 101 Switching Protocols\r\nupgrade: chat\r\nconnection: upgrade\r\n\r\n"
        )
        socket.on("data", (data) => socket.write(data))
      })
      const said = yield* dispatching({}, async (dispatcher) => {
        const echo = async (socket: Duplex) => {
          socket.write("hello")
          const [data] = await once(socket, "data")
          socket.destroy()
          return String(data)
        }
        const upgraded = await dispatcher.upgrade(
          { origin: url, path: "/", protocol: "chat" } as Dispatcher.UpgradeOptions
        )
        const tunnel = await dispatcher.connect({ origin: url, path: "host:1" })
        return [await echo(upgraded.socket), await echo(tunnel.socket)]
      })
      assert.deepStrictEqual(said, ["hello", "hello"])
    }))

  it.live("connects to no address that is not allowed, for an upgrade neither", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => socket.end(Server.response(200, "")))
      const transport = { addresses: Addresses.publicOnly }
      const ends = yield* dispatching({ retry: false, transport }, (dispatcher) =>
        Promise.all(
          [
            request(server.url, { dispatcher }),
            dispatcher.connect({ origin: server.url, path: "host:1" })
          ].map((promise) => promise.then(() => "connected", () => "refused"))
        ))
      assert.deepStrictEqual([ends, server.accepted()], [["refused", "refused"], 0])
    }))

  it.live("leaves no socket, timer or listener", () =>
    Server.leavingNothing(
      Effect.gen(function*() {
        const { url } = yield* failing(3)
        yield* dispatching({}, async (dispatcher) => {
          await Promise.all(
            Array.from({ length: 20 }, () => request(url, { dispatcher }).then(({ body }) => body.text()))
          )
          await request(url, { dispatcher }).then(({ body }) => body.on("error", () => undefined).destroy())
        })
      }).pipe(Effect.scoped)
    ))
})
