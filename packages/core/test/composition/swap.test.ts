/**
 * One program, whose policy is swapped by a layer. The program is written once, below, and no test touches it.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { watch } from "../Script.ts"

class InventoryDown extends Data.TaggedError("InventoryDown")<{ readonly isTransient: boolean }> {}

const isTransient = (error: InventoryDown): boolean => error.isTransient

class InventoryPolicy extends Policy.Service<InventoryPolicy>()("app/InventoryPolicy", {
  deadline: "30 seconds",
  bulkhead: { limit: 64, queue: 128, maxWait: "1 second" },
  retry: {
    times: 3,
    backoff: Backoff.exponential({
      initial: "1 second",
      factor: 2,
      max: "16 seconds",
      jitter: Jitter.proportional(0.1)
    }),
    while: isTransient,
    retryAfter: { mode: "clamp", max: "60 seconds" },
    budget: { ratio: 0.2, minPerSecond: 10, window: "10 seconds" }
  },
  circuitBreaker: {
    trip: CircuitBreaker.rate({ threshold: 0.5, window: "30 seconds", minimumCalls: 20 }),
    openFor: "30 seconds"
  },
  hedge: undefined,
  attemptTimeout: "10 seconds"
}) {}

class Inventory extends Context.Service<Inventory, {
  readonly stock: (sku: string) => Effect.Effect<number, InventoryDown>
}>()("app/Inventory") {}

const fetchStock = (sku: string) => Effect.flatMap(Inventory, (inventory) => inventory.stock(sku))

const program = fetchStock("oak-plank").pipe(InventoryPolicy.protect)

/** The inventory fails `failures` times and then answers 12. Says when it was asked, from the first time on. */
const inventory = (failures: number, isTransient = true) => {
  const times: Array<number> = []
  const layer = Layer.succeed(Inventory, {
    stock: () =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        times.push(now)
        return times.length > failures ? Effect.succeed(12) : Effect.fail(new InventoryDown({ isTransient }))
      })
  })
  return {
    layer,
    delays: () => times.slice(1).map((time, index) => time - (times[index] ?? NaN)),
    asked: () => times.length
  }
}

/** Runs the program with a policy, against an inventory that fails so often. */
const run = <E>(policy: Layer.Layer<InventoryPolicy, E>, failures: number, isTransient = true) =>
  Effect.gen(function*() {
    const { asked, delays, layer } = inventory(failures, isTransient)
    const { exit } = yield* watch(program.pipe(Effect.provide([policy, layer])))
    return { exit, asked: asked(), delays: delays() }
  })

const down = new InventoryDown({ isTransient: true })

describe("the policy of a program", () => {
  it.effect("is the one that the class declares, with `layer`", () =>
    Effect.gen(function*() {
      const { asked, delays, exit } = yield* run(InventoryPolicy.layer, 3)
      deepStrictEqual(exit, Exit.succeed(12))
      strictEqual(asked, 4)
      for (const [index, nominal] of [1_000, 2_000, 4_000].entries()) {
        const delay = delays[index] ?? NaN
        assertTrue(delay >= nominal * 0.9 - 1 && delay <= nominal * 1.1 + 1, `the delay ${index + 1} is ${delay} ms`)
      }
      const refused = yield* run(InventoryPolicy.layer, 3, false)
      deepStrictEqual(refused.exit, Exit.fail(new InventoryDown({ isTransient: false })))
      strictEqual(refused.asked, 1)
    }))

  it.effect("does nothing, with `layerNoop`", () =>
    Effect.gen(function*() {
      const { asked, exit } = yield* run(InventoryPolicy.layerNoop, 1)
      deepStrictEqual(exit, Exit.fail(down))
      strictEqual(asked, 1)
    }))

  it.effect("has other options, with `layerWith`", () =>
    Effect.gen(function*() {
      const layer = InventoryPolicy.layerWith({
        retry: { times: 1, backoff: Backoff.constant({ delay: "5 seconds" }) }
      })
      deepStrictEqual(yield* run(layer, 1), { exit: Exit.succeed(12), asked: 2, delays: [5_000] })
      deepStrictEqual(yield* run(layer, 2), { exit: Exit.fail(down), asked: 2, delays: [5_000] })
    }))

  it.effect("comes from the configuration, with `layerConfig`", () =>
    Effect.gen(function*() {
      const config = Config.all({
        retry: Config.all({
          times: Config.Int("INVENTORY_RETRIES"),
          backoff: Config.map(Config.Duration("INVENTORY_DELAY"), (delay) => Backoff.constant({ delay }))
        }),
        attemptTimeout: Config.Duration("INVENTORY_TIMEOUT")
      })
      const from = (env: Record<string, string>) =>
        Layer.provide(InventoryPolicy.layerConfig(config), ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      const env = { INVENTORY_RETRIES: "2", INVENTORY_DELAY: "3 seconds", INVENTORY_TIMEOUT: "10 seconds" }
      deepStrictEqual(yield* run(from(env), 2), { exit: Exit.succeed(12), asked: 3, delays: [3_000, 3_000] })

      const impossible = yield* Effect.flip(Layer.build(from({ ...env, INVENTORY_RETRIES: "-2" })))
      assertTrue(
        impossible.message.includes("retry.times must be a whole number of 0 or more, got -2"),
        impossible.message
      )
    }))

  it.effect("keeps its breaker and its bulkhead from call to call, while its layer lives", () =>
    Effect.gen(function*() {
      const layer = InventoryPolicy.layerWith({
        circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "1 minute" }
      })
      const { asked, layer: broken } = inventory(Infinity)
      const { exit } = yield* watch(
        Effect.all([Effect.flip(program), Effect.flip(program)]).pipe(Effect.provide([layer, broken]))
      )
      assertTrue(Exit.isSuccess(exit))
      const [first, second] = exit.value
      strictEqual(first._tag, "InventoryDown")
      strictEqual(second._tag, "PolicyError")
      strictEqual(second._tag === "PolicyError" && second.reason._tag, "CircuitOpen")
      strictEqual(asked(), 1)
    }))
})
