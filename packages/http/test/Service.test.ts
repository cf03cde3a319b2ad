/** Clients as services: a program says which it calls with, a layer says with what policy. */
import { assert, describe, it } from "@effect/vitest"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { play } from "./Play.ts"

const { always, respond } = TestTransport

class Inventory extends ResilientHttpClient.Service<Inventory>()("app/Inventory", {
  baseUrl: "http://inventory",
  retry: { times: 2 },
  circuitBreaker: { trip: CircuitBreaker.consecutive(1) }
}) {}

class Billing extends ResilientHttpClient.Service<Billing>()("app/Billing", {
  name: "billing",
  baseUrl: "http://billing",
  retry: false
}) {}

const transport = (script: ReadonlyArray<TestTransport.Step>) =>
  Layer.merge(TestTransport.layer(script), Logger.layer([]))

const urls = Effect.flatMap(
  TestTransport.TestTransport,
  (transport) => Effect.map(transport.sent, (sent) => sent.map(({ url }) => url))
)

const stock = Effect.flatMap(Inventory, (inventory) => inventory.get("/stock"))

describe("Service", () => {
  it.effect("gives each client its own policy, named as it is", () =>
    Effect.gen(function*() {
      const billing = yield* Billing
      const first = yield* play(
        stock.pipe(Effect.catchReason("PolicyError", "CircuitOpen", () => Effect.succeed("open")))
      )
      const second = yield* play(billing.get("/invoices"))
      assert.deepStrictEqual([first.events[0]?.policy, second.events[0]?.policy], ["app/Inventory", "billing"])
      assert.deepStrictEqual(yield* urls, ["http://inventory/stock", "http://billing/invoices"])
    }).pipe(
      Effect.provide(Layer.provideMerge(Layer.merge(Inventory.layer, Billing.layer), transport([always(respond(503))])))
    ))

  it.effect("does nothing under layerNoop, and other things under layerWith", () =>
    Effect.gen(function*() {
      const absolute = Effect.flatMap(Inventory, (inventory) => inventory.get("http://north/"))
      const noop = yield* play(absolute.pipe(Effect.provide(Inventory.layerNoop)))
      assert.deepStrictEqual(noop.events, [])
      const other = yield* play(absolute.pipe(Effect.provide(Inventory.layerWith({ retry: { times: 1 } }))))
      assert.strictEqual(other.events[0]?.policy, "app/Inventory")
      assert.strictEqual((yield* urls).length, 3)
    }).pipe(Effect.provide(transport([always(respond(503))]))))

  it.effect("takes its options from Config, and fails with a ConfigError for invalid ones", () =>
    Effect.gen(function*() {
      const layer = Inventory.layerConfig(Config.all({ baseUrl: Config.String("URL") }))
      const provide = (url: string) =>
        Effect.provide(Layer.provide(layer, ConfigProvider.layer(ConfigProvider.fromUnknown({ URL: url }))))
      yield* play(stock.pipe(provide("http://north")))
      assert.strictEqual((yield* urls)[0], "http://north/stock")
      const error = yield* Effect.flip(stock.pipe(provide("north")))
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "baseUrl must be a URL of HTTP or a path")
    }).pipe(Effect.provide(transport([always(respond(200))]))))

  it.effect("takes options that change, and keeps what its parts have seen", () =>
    Effect.gen(function*() {
      const declared = { retry: false, circuitBreaker: { trip: CircuitBreaker.consecutive(1) } } as const
      const options = yield* Queue.make<{ readonly baseUrl: string } & typeof declared>()
      yield* Queue.offer(options, { ...declared, baseUrl: "http://north" })
      const outcome = Effect.match(stock, { onSuccess: ({ status }) => status, onFailure: ({ _tag }) => _tag })
      yield* Effect.gen(function*() {
        const names: Array<string> = []
        assert.strictEqual(yield* PolicyEvent.observe(outcome, ({ policy }) => names.push(policy)), 503)
        assert.deepStrictEqual(new Set(names), new Set(["app/Inventory"]))
        yield* Queue.offer(options, { ...declared, baseUrl: "http://south" })
        yield* TestClock.adjust(0)
        assert.strictEqual(yield* outcome, 503)
        yield* Queue.offer(options, { ...declared, baseUrl: "http://north" })
        yield* TestClock.adjust(0)
        assert.strictEqual(yield* outcome, "PolicyError")
        assert.deepStrictEqual(yield* urls, ["http://north/stock", "http://south/stock"])
      }).pipe(Effect.provide(Inventory.layerReloading(Stream.fromQueue(options))))
    }).pipe(Effect.provide(transport([always(respond(503))]))))
})
