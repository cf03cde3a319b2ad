/** Invalid options of a chain: all of them in one error, each with its path. */
import { assert, describe, it } from "@effect/vitest"
import * as ChatService from "@holdfast/llm/ChatService"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const provider = (name: string) => TestProvider.script(name, [])

/** Options that the types would reject, as a program in JavaScript gives them. */
const unchecked = <A>(options: object): A => options as A

const faultsOf = (options: object): string => {
  const exit = Effect.runSyncExit(ProviderChain.make(unchecked<ProviderChain.Options>(options)))
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof RangeError ? error.message : assert.fail(`${exit}`)
}

describe("ProviderChain.make", () => {
  it("lists every fault with its path, whether the types would have seen it or not", () => {
    const text = faultsOf({
      providers: [provider("one"), { ...provider("two"), model: "", location: "moon" }, provider("one"), 7],
      retry: { times: -1, backof: undefined, maxElapsed: "soon", maxRetryAfter: 0 },
      timeouts: { head: -1, firstcontent: "30s" },
      localTimeouts: { answer: "later" },
      bulkhead: { limit: 0, que: 3 },
      cooldown: "-1 second",
      overrides: { tow: { retry: { times: 1.5 } } },
      retryBudget: { ratio: -2, windw: "10s" },
      deadline: 0,
      fallbackOnContentPolicy: "yes",
      timeout: "30s"
    })
    const expected = [
      "options are invalid",
      "providers.1.model must be a string that is not empty, got \"\"",
      "providers.1.location must be \"cloud\" or \"local\", got \"moon\"",
      "providers.2.name must be unique, got \"one\", as providers.0 has",
      "providers.3 must be a provider, or an Effect that makes one, got 7",
      "retry.times must be a whole number of 0 or more, got -1",
      "retry.backof is not an option (`backof`: did you mean `backoff`?)",
      "retry.maxElapsed must be a duration",
      "retry.maxRetryAfter must be longer than zero, got 0",
      "timeouts.head must be a duration",
      "timeouts.firstcontent is not an option (`firstcontent`: did you mean `firstContent`?)",
      "localTimeouts.answer must be a duration",
      "bulkhead.limit must be a whole number of 1 or more, got 0",
      "bulkhead.que is not an option (`que`: did you mean `queue`?)",
      "cooldown must be a duration",
      "overrides.tow.retry.times must be a whole number of 0 or more, got 1.5",
      "overrides.tow is not a provider of the chain (`tow`: did you mean `two`?)",
      "retryBudget.ratio must be",
      "retryBudget.windw is not an option (`windw`: did you mean `window`?)",
      "deadline must be longer than zero, got 0",
      "fallbackOnContentPolicy must be true or false, got \"yes\"",
      "timeout is not an option (`timeout`: did you mean `timeouts`?)"
    ]
    for (const words of expected) assert.include(text, words)
  })

  it("rejects a chain without providers, and names that only the made providers have", () => {
    assert.include(faultsOf({ providers: [] }), "providers must be an array of providers, at least one")
    assert.include(faultsOf({}), "providers must be an array of providers, at least one")
    const made = [Effect.succeed(provider("one")), Effect.succeed(provider("one"))]
    assert.include(faultsOf({ providers: made, overrides: { eno: {} } }), "providers.1.name must be unique")
    assert.include(
      faultsOf({ providers: made, overrides: { eno: {} } }),
      "overrides.eno is not a provider of the chain"
    )
  })

  it("makes no provider if the options are invalid", () => {
    let made = 0
    const counted = Effect.sync(() => {
      made++
      return provider("one")
    })
    faultsOf({ providers: [counted], cooldown: "never" })
    assert.strictEqual(made, 0)
  })

  it.effect("takes every form of a duration", () =>
    Effect.gen(function*() {
      for (const duration of ["30s", "1m 30s", "30 seconds", 30_000, Duration.seconds(30), { seconds: 30 }] as const) {
        const options: ProviderChain.Options = {
          providers: [provider("one")],
          retry: { maxElapsed: duration, maxRetryAfter: duration },
          timeouts: { head: duration, firstContent: duration, betweenChunks: duration, answer: duration },
          bulkhead: { limit: 1, maxWait: duration },
          retryBudget: { window: duration },
          cooldown: duration,
          deadline: duration
        }
        yield* ProviderChain.make(options)
      }
    }))
})

describe("the other modules", () => {
  it("list every fault with its path too", () => {
    const message = (make: () => unknown) => {
      try {
        make()
      } catch (error) {
        return error instanceof RangeError ? error.message : assert.fail(`${error}`)
      }
      return assert.fail("nothing was thrown")
    }
    const prices = { m: { input: -1, out: 2, output: "cheap" } }
    const usage = message(() => Usage.make(unchecked<Usage.Options>({ capacity: 0, prices })))
    assert.include(usage, "capacity must be a whole number of 1 or more, got 0")
    assert.include(usage, "prices.m.input must be a number of 0 or more, got -1")
    assert.include(usage, "prices.m.output must be a number of 0 or more, got \"cheap\"")
    assert.include(usage, "prices.m.out is not an option (`out`: did you mean `output`?)")

    const probe = message(() =>
      Connectivity.make(unchecked<Connectivity.Options>({ url: "http://x", timeout: "soon", onlinefor: "30s" }))
    )
    assert.include(probe, "timeout must be a duration")
    assert.include(probe, "onlinefor is not an option (`onlinefor`: did you mean `onlineFor`?)")

    const chat = message(() =>
      ChatService.make(unchecked<ChatService.Options>({ maxToolIterations: 0, maxToolIteration: 3 }))
    )
    assert.include(chat, "maxToolIterations must be a whole number of 1 or more, got 0")
    assert.include(chat, "maxToolIteration is not an option (`maxToolIteration`: did you mean `maxToolIterations`?)")
  })
})
