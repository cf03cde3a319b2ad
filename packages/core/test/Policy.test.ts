import { describe, it } from "@effect/vitest"
import { assertInstanceOf, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Down, flaky, watch } from "./Script.ts"

const backoff = Backoff.constant({ delay: "1 second" })

const timedOut = (millis: number) =>
  new PolicyError.PolicyError({ reason: new PolicyError.AttemptTimeout({ timeout: Duration.millis(millis) }) })

const exceeded = (millis: number) =>
  new PolicyError.PolicyError({
    reason: new PolicyError.DeadlineExceeded({ deadline: Duration.millis(millis), phase: "attempt" })
  })

describe("attemptTimeout", () => {
  it.effect("interrupts an attempt that takes longer, and waits for its finalizers", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds" })
      let finalized = false
      const slow = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => finalized = true)))
      const { exit, took } = yield* watch(policy.protect(slow))
      deepStrictEqual(exit, Exit.fail(timedOut(2_000)))
      strictEqual(took, 5_000)
      assertTrue(finalized)
    }))

  it.effect("lets pass what ends in time, to the millisecond", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds" })
      const { exit } = yield* watch(policy.protect(Effect.delay(Effect.succeed(1), 1_999)))
      deepStrictEqual(exit, Exit.succeed(1))
    }))

  it.effect("is retried as any transient failure, and `while` is not asked about it", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const policy = yield* Policy.make({
        attemptTimeout: "2 seconds",
        retry: {
          times: 2,
          backoff,
          while: (error: Down) => {
            asked.push(error)
            return false
          }
        }
      })
      let attempts = 0
      const { exit, took } = yield* watch(policy.protect(Effect.suspend(() => {
        attempts++
        return Effect.never
      })))
      deepStrictEqual(exit, Exit.fail(timedOut(2_000)))
      strictEqual(attempts, 3)
      strictEqual(took, 8_000)
      deepStrictEqual(asked, [])
    }))

  it.effect("gives each attempt the whole of it", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds", retry: { times: 2, backoff } })
      let attempts = 0
      const { exit, took } = yield* watch(policy.protect(Effect.suspend(() =>
        ++attempts < 3 ? Effect.never : Effect.delay(Effect.succeed(attempts), 1_999)
      )))
      deepStrictEqual(exit, Exit.succeed(3))
      strictEqual(took, 2_000 + 1_000 + 2_000 + 1_000 + 1_999)
    }))

  it.effect("fails with its own error alone when a finalizer dies, as `Effect.timeout` does", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds" })
      const attempt = Effect.onInterrupt(Effect.never, () => Effect.die("leak"))
      const { exit, took } = yield* watch(policy.protect(attempt))
      deepStrictEqual(exit, Exit.fail(timedOut(2_000)))
      strictEqual(took, 2_000)
      const own = yield* watch(Effect.timeoutOrElse(attempt, { duration: 2_000, orElse: () => Effect.fail("late") }))
      deepStrictEqual(own.exit, Exit.fail("late"))
    }))

  it.effect("does not take an attempt that interrupted itself for one that was late", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds", retry: { backoff } })
      const { exit, took } = yield* watch(policy.protect(Effect.delay(Effect.interrupt, 500)))
      assertTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      strictEqual(took, 500)
    }))
})

describe("deadline", () => {
  it.effect("bounds attempts and delays together", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        deadline: "10 seconds",
        attemptTimeout: "4 seconds",
        retry: { times: 9, backoff }
      })
      const { events, exit, took } = yield* watch(policy.protect(Effect.never))
      // 4 + 1 + 4 + 1 leaves nothing, so the second delay is not slept.
      deepStrictEqual(exit, Exit.fail(timedOut(4_000)))
      strictEqual(took, 9_000)
      const last = events.at(-1)
      strictEqual(last?._tag === "RetryStopped" ? last.reason : last, "deadline")
    }))

  it.effect("cuts the last attempt, and the error then is the deadline's", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        deadline: "8 seconds",
        attemptTimeout: "4 seconds",
        retry: { times: 9, backoff }
      })
      const { exit, took } = yield* watch(policy.protect(Effect.never))
      deepStrictEqual(exit, Exit.fail(exceeded(8_000)))
      strictEqual(took, 8_000)
    }))

  it.effect("as long as the attempt timeout gives the attempt's error first", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "2 seconds", attemptTimeout: "2 seconds" })
      deepStrictEqual((yield* watch(policy.protect(Effect.never))).exit, Exit.fail(timedOut(2_000)))
    }))

  it.effect("is never retried", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "2 seconds", retry: { backoff: Backoff.constant({ delay: 0 }) } })
      let attempts = 0
      const { took } = yield* watch(policy.protect(Effect.suspend(() => {
        attempts++
        return Effect.never
      })))
      strictEqual(attempts, 1)
      strictEqual(took, 2_000)
    }))

  it.effect("starts with each call, and not with the policy", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "2 seconds" })
      for (let i = 0; i < 3; i++) {
        const { exit, took } = yield* watch(policy.protect(Effect.delay(Effect.succeed(i), 1_500)))
        deepStrictEqual(exit, Exit.succeed(i))
        strictEqual(took, 1_500)
      }
    }))

  it.effect("lets retries without number end", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "10 seconds", retry: { times: Infinity, backoff } })
      const down = flaky(Infinity)
      const { took } = yield* watch(policy.protect(down.effect))
      strictEqual(down.at.length, 10)
      strictEqual(took, 9_000)
    }))
})

describe("protect", () => {
  it.effect("takes an effect, or options for the effect to come", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: { times: 1, backoff } })
      const keys = (self: Effect.Effect<unknown, unknown>) =>
        Effect.map(watch(self), ({ events }) => [...new Set(events.map(({ key }) => key))])
      deepStrictEqual(yield* keys(policy.protect(Effect.void)), [undefined])
      deepStrictEqual(yield* keys(Effect.void.pipe(policy.protect)), [undefined])
      deepStrictEqual(yield* keys(policy.protect({})(Effect.void)), [undefined])
      deepStrictEqual(yield* keys(policy.protect({ key: "origin" })(flaky(9).effect)), ["origin"])
      deepStrictEqual(yield* keys(flaky(9).effect.pipe(policy.protect({ key: "origin" }))), ["origin"])
    }))

  it.effect("runs the effect in the context of its caller", () =>
    Effect.gen(function*() {
      class Tenant extends Context.Service<Tenant, string>()("test/Tenant") {}
      const policy = yield* Policy.make({ deadline: "1 minute", attemptTimeout: "2 seconds", retry: { backoff } })
      let attempts = 0
      const program = policy.protect(Effect.filterOrFail(Tenant, () => ++attempts === 3, () => "down"))
      const { exit } = yield* watch(Effect.provideService(program, Tenant, "blue"))
      deepStrictEqual(exit, Exit.succeed("blue"))
    }))

  it.effect("gives the effect itself back when there are no parts", () =>
    Effect.gen(function*() {
      const effect = Effect.succeed(1)
      for (
        const policy of [
          Policy.noop,
          yield* Policy.make({}),
          yield* Policy.make({ name: "nothing" }),
          yield* Policy.make({ retry: undefined, deadline: undefined, attemptTimeout: undefined })
        ]
      ) {
        strictEqual(policy.protect(effect), effect)
        strictEqual(policy.protect({ key: "a" })(effect), effect)
      }
    }))
})

describe("arguments", () => {
  const cases: ReadonlyArray<[options: Policy.Options, message: string]> = [
    [{ deadline: 0 }, "deadline must be longer than zero, got 0"],
    [{ deadline: "0 seconds" }, "deadline must be longer than zero, got \"0 seconds\""],
    [{ deadline: -1 }, "deadline must be a finite duration above zero, got -1"],
    [{ deadline: NaN }, "deadline must be a finite duration above zero, got NaN"],
    [{ deadline: Infinity }, "deadline must be a finite duration above zero, got Infinity"],
    [{ attemptTimeout: 0 }, "attemptTimeout must be longer than zero, got 0"],
    [{ attemptTimeout: -1 }, "attemptTimeout must be a finite duration above zero, got -1"],
    [{ attemptTimeout: Duration.infinity }, "attemptTimeout must be a finite duration above zero, got Infinity"],
    [
      { deadline: "1 second", attemptTimeout: "1001 millis" },
      "attemptTimeout must not be longer than the deadline (1000 millis), got 1001 millis"
    ],
    [{ retry: { times: 1.5 } }, "retry.times must be a whole number of 0 or more, got 1.5"],
    [{ retry: { times: -1 } }, "retry.times must be a whole number of 0 or more, got -1"],
    [
      { retry: { times: Infinity } },
      "retry.times must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity"
    ],
    [
      { attemptTimeout: "1 second", retry: { times: Infinity } },
      "retry.times must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity"
    ],
    [{ retry: { maxElapsed: NaN } }, "retry.maxElapsed must be a finite duration of zero or more, got NaN"],
    [{ retry: { retryAfter: { max: -1 } } }, "retry.retryAfter.max must be a finite duration of zero or more, got -1"]
  ]

  it.effect.each(cases)("refuses %o", ([options, message]) =>
    Effect.gen(function*() {
      class Refused extends Policy.Service<Refused>()("test/Refused", options) {}
      for (const self of [Policy.make(options), Effect.provide(Refused, Refused.layer)]) {
        const exit = yield* Effect.exit(self)
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assertInstanceOf(defect, RangeError)
        strictEqual(defect.message, `Policy.make: ${message}`)
      }
    }))
})

describe("wrap", () => {
  it.effect("runs the inner policy within the outer one", () =>
    Effect.gen(function*() {
      const retrying = yield* Policy.make({ retry: { times: 9, backoff } })
      const bounded = yield* Policy.make({ attemptTimeout: "3 seconds" })
      const slow = Effect.delay(Effect.fail("down"), "1 second")
      const outside = yield* watch(Policy.wrap(bounded, retrying).protect(slow))
      deepStrictEqual(outside.exit, Exit.fail(timedOut(3_000)))
      strictEqual(outside.took, 3_000)
      const within = yield* watch(Policy.wrap(retrying, bounded).protect(slow))
      deepStrictEqual(within.exit, Exit.fail("down"))
      strictEqual(within.took, 19_000)
    }))

  it.effect("names both, and each tells its own events", () =>
    Effect.gen(function*() {
      const outer = yield* Policy.make({ name: "outer", retry: { times: 1, backoff } })
      const inner = yield* Policy.make({ name: "inner", attemptTimeout: "1 second" })
      const both = Policy.wrap(outer, inner)
      strictEqual(both.name, "outer(inner)")
      const { events } = yield* watch(both.protect({ key: "blue" })(Effect.void))
      deepStrictEqual(events.map(({ _tag, key, policy }) => [_tag, policy, key]), [
        ["AttemptStarted", "outer", "blue"],
        ["AttemptStarted", "inner", "blue"],
        ["AttemptSucceeded", "inner", "blue"],
        ["AttemptSucceeded", "outer", "blue"]
      ])
    }))
})

describe("Service", () => {
  class Inventory extends Policy.Service<Inventory>()("test/Inventory", {
    attemptTimeout: "2 seconds",
    retry: { times: 3, backoff }
  }) {}

  /** The program that every layer is tried on. It does not change. */
  const program = (down: { readonly effect: Effect.Effect<number, Down> }) => down.effect.pipe(Inventory.protect)

  it.effect("does what the class declares, by `layer`", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const { events, exit } = yield* watch(Effect.provide(program(down), Inventory.layer))
      strictEqual(down.at.length, 4)
      deepStrictEqual(exit, Exit.fail(new Down({ attempt: 4 })))
      assertTrue(events.every(({ policy }) => policy === "test/Inventory"))
    }))

  it.effect("does nothing, by `layerNoop`", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const { events, exit } = yield* watch(Effect.provide(program(down), Inventory.layerNoop))
      strictEqual(down.at.length, 1)
      deepStrictEqual(exit, Exit.fail(new Down({ attempt: 1 })))
      deepStrictEqual(events, [])
    }))

  it.effect("does something else, by `layerWith`", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      yield* watch(Effect.provide(program(down), Inventory.layerWith({ retry: { times: 1 } })))
      strictEqual(down.at.length, 2)
    }))

  it.effect("does what the configuration says, by `layerConfig`", () =>
    Effect.gen(function*() {
      const config = Config.all({
        retry: Config.all({ times: Config.schema(Schema.FiniteFromString, "RETRIES") })
      })
      const down = flaky(9)
      const environment = ConfigProvider.fromUnknown({ RETRIES: "2" })
      yield* watch(
        Effect.provide(program(down), Inventory.layerConfig(config)).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, environment)
        )
      )
      strictEqual(down.at.length, 3)
    }))

  it.effect("says what is wrong with a configuration, as a ConfigError", () =>
    Effect.gen(function*() {
      const config = Config.all({
        retry: Config.all({ times: Config.schema(Schema.FiniteFromString, "RETRIES") })
      })
      const ask = (environment: object) => {
        const down = flaky(9)
        return Effect.provide(program(down), Inventory.layerConfig(config)).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment)),
          Effect.flip,
          Effect.map((error) => [error._tag, error.message, down.at.length] as const)
        )
      }
      deepStrictEqual(yield* ask({ RETRIES: "-1" }), [
        "ConfigError",
        "SourceError: Policy.make: retry.times must be a whole number of 0 or more, got -1",
        0
      ])
      strictEqual((yield* ask({}))[0], "ConfigError")
      strictEqual((yield* ask({ RETRIES: "many" }))[0], "ConfigError")
    }))

  it.effect("takes its name from the options, if they have one", () =>
    Effect.gen(function*() {
      class Named extends Policy.Service<Named>()("test/Named", { name: "stock", retry: {} }) {}
      const name = Effect.map(Named, (policy) => policy.name)
      strictEqual(yield* Effect.provide(name, Named.layer), "stock")
      strictEqual(yield* Effect.provide(name, Named.layerWith({ retry: {} })), "test/Named")
    }))

  it.effect("is the policy itself in the context", () =>
    Effect.gen(function*() {
      const { protect } = yield* Inventory
      const down = flaky(1)
      strictEqual(yield* Effect.map(watch(protect(down.effect)), ({ took }) => took), 1_000)
    }).pipe(Effect.provide(Inventory.layer)))

  it.effect("passes on the key", () =>
    Effect.gen(function*() {
      const { events } = yield* watch(
        Effect.void.pipe(Inventory.protect({ key: "blue" }), Effect.provide(Inventory.layer))
      )
      deepStrictEqual(events.map(({ key }) => key), ["blue", "blue"])
    }))
})
