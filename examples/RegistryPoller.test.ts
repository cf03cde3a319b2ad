import { assert, describe, it } from "@effect/vitest"
import { UndiciTransport } from "@holdfast/http"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import { Effect, Fiber, Layer, Logger, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { loopback } from "./loopback.ts"
import { RegistryPoller } from "./RegistryPoller.ts"

const effect = { name: "effect", version: "4.1.0" }
const played = (script: ReadonlyArray<TestTransport.Step>) =>
  RegistryPoller.layer("http://registry.test").pipe(
    Layer.provideMerge(TestTransport.layer(script)),
    Layer.merge(Logger.layer([]))
  )

describe("RegistryPoller", () => {
  it.live("asks only for what it has not seen", () =>
    Effect.gen(function*() {
      let version = "4.0.0"
      const conditions: Array<string | undefined> = []
      const url = yield* loopback((request, response) => {
        const etag = `"${version}"`
        conditions.push(request.headers["if-none-match"])
        if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end()
        else response.writeHead(200, { etag }).end(JSON.stringify({ name: "effect", version }))
      })
      const program = Effect.gen(function*() {
        const { changed } = yield* RegistryPoller
        const first = yield* changed("effect")
        const same = yield* changed("effect")
        version = "4.1.0"
        const next = yield* changed("effect")
        return [first, same, next]
      }).pipe(Effect.provide(RegistryPoller.layer(url).pipe(Layer.provide(UndiciTransport.layer()))))
      assert.deepStrictEqual(yield* program, [
        Option.some({ name: "effect", version: "4.0.0" }),
        Option.none(),
        Option.some(effect)
      ])
      assert.deepStrictEqual(conditions, [undefined, "\"4.0.0\"", "\"4.0.0\""])
    }))

  it.effect("stays away for as long as the registry asks, with every package", () =>
    Effect.gen(function*() {
      const { changed } = yield* RegistryPoller
      const both = yield* Effect.forkChild(
        Effect.forEach(["effect", "holdfast"], changed, { concurrency: 2 }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(both)
      const [first, ...others] = (yield* (yield* TestTransport.TestTransport).sent).map(({ at }) => at)
      assert.strictEqual(first, 0)
      assert.strictEqual(others.length, 2)
      for (const at of others) assert.isAtLeast(at, 30_000)
    }).pipe(Effect.provide(played([
      TestTransport.respond(429, { headers: { "retry-after": "30" } }),
      TestTransport.always(TestTransport.json(200, effect))
    ]))))

  it.effect("adds little to the load of a registry that is down", () =>
    Effect.gen(function*() {
      const { watch } = yield* RegistryPoller
      const names = Array.from({ length: 20 }, (_, i) => `package-${i}`)
      const watching = yield* Effect.forkChild(Stream.runDrain(watch(names, "30 seconds")), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.interrupt(watching)
      const requests = (yield* (yield* TestTransport.TestTransport).sent).length
      // 21 rounds of 20 calls, a tenth of that, and a reserve of 3 for each window.
      assert.isAtLeast(requests, 400)
      assert.isAtMost(requests, 420 + 42 + 63)
    }).pipe(Effect.provide(played([TestTransport.always(TestTransport.respond(503))]))))

  it.effect("reports each change once, and goes on after a failure", () =>
    Effect.gen(function*() {
      const { watch } = yield* RegistryPoller
      const seen = yield* Effect.forkChild(
        watch(["effect"], "1 minute").pipe(Stream.take(2), Stream.runCollect),
        { startImmediately: true }
      )
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* Fiber.join(seen), [{ name: "effect", version: "4.0.0" }, effect])
    }).pipe(Effect.provide(played([
      TestTransport.json(200, { name: "effect", version: "4.0.0" }, { headers: { etag: "\"1\"" } }),
      TestTransport.respond(304),
      TestTransport.respond(404),
      TestTransport.json(200, { nonsense: true }),
      TestTransport.json(200, effect, { headers: { etag: "\"2\"" } })
    ]))))
})
