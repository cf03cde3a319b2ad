/** The tables of the README name what the code has: options, metrics and events, all of them and no others. */
import { assert, it } from "@effect/vitest"
import type * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const section = (title: string): string => readme.split(`## ${title}\n`)[1]?.split(/^## /mu)[0] ?? assert.fail(title)

it("names every option of a chain", () => {
  // A new option is a compile error here.
  const options: { readonly [K in keyof Required<Omit<ProviderChain.Options, "providers">>]: string } = {
    retry: "retry",
    retryBudget: "retryBudget",
    timeouts: "timeouts",
    localTimeouts: "localTimeouts",
    deadline: "deadline",
    bulkhead: "bulkhead",
    cooldown: "cooldown",
    hedge: "hedge",
    repair: "repair",
    parameters: "parameters",
    hedgeBudget: "hedgeBudget",
    name: "name",
    overrides: "overrides",
    fallbackOnContentPolicy: "fallbackOnContentPolicy"
  }
  assert.deepStrictEqual(Object.values(options).filter((name) => !readme.includes(`\`${name}\``)), [])
})

it("names every event, and no other", () => {
  const events: { readonly [T in ChainEvent.ChainEvent["_tag"]]: true } = {
    AttemptStarted: true,
    Committed: true,
    AttemptSucceeded: true,
    AttemptFailed: true,
    AttemptInterrupted: true,
    ProviderSkipped: true,
    ProviderHedged: true,
    PromptProjected: true,
    ParameterDropped: true
  }
  const named = Array.from(section("Spans, metrics and logs").matchAll(/^\| `(\w+)`/gmu), ([, name]) => name)
  assert.deepStrictEqual(named.toSorted(), Object.keys(events).toSorted())
})

it.effect("names every metric, and no other", () =>
  Effect.gen(function*() {
    const failing = TestProvider.make(
      "cloud",
      () => Effect.succeed(TestProvider.failure(new AiError.QuotaExhaustedError({})))
    )
    const spare = TestProvider.make("spare", () => Effect.succeed(TestProvider.text("Hi")))
    const ask = Stream.runDrain(LanguageModel.streamText({ prompt: "Hello?" }))
    // The second request skips the provider that failed.
    yield* Effect.andThen(ask, ask).pipe(Effect.provide(ProviderChain.layer({ providers: [failing, spare] })))
    // One that never answers is hedged.
    const silent = TestProvider.make("silent", () => Effect.succeed(TestProvider.stall(TestProvider.text("Hi"), 0)))
    yield* Effect.provide(ask, ProviderChain.layer({ providers: [silent, spare], hedge: { after: 0 } }))
    const kept = (yield* Metric.snapshot).map(({ id }) => id).filter((id) => /^(gen_ai|holdfast\.llm)\./u.test(id))
    const named = Array.from(
      section("Spans, metrics and logs").matchAll(/`((?:gen_ai|holdfast\.llm)\.[a-z_.]+[a-z])`/gu),
      ([, name]) => name
    )
    assert.deepStrictEqual([...new Set(named)].toSorted(), [...new Set(kept)].toSorted())
  }))
