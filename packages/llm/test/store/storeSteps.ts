/** Steps of a store, drawn at random. */
import type * as ChainStore from "@holdfast/llm/ChainStore"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { entry, report } from "./storeContract.ts"

const at = { process: Schema.Literals(["p1", "p2", "p3"]), token: Schema.Literals(["t1", "t2", "t3"]) }
const member = Schema.Literals(["openai", "openai", "ollama"])
const tokens = Schema.Literals([0, 1, 40, 60, 500])

export const Step = Schema.Union([
  Schema.Struct({
    _tag: Schema.tag("enter"),
    ...at,
    member,
    tokens,
    inFlight: Schema.Literals([0, 1, 2]),
    requestsPerMinute: Schema.Literals([2, 5, 0]),
    tokensPerMinute: Schema.Literals([100, 0]),
    anyway: Schema.Boolean
  }),
  Schema.Struct({
    _tag: Schema.tag("report"),
    ...at,
    member,
    inFlight: Schema.Literals([0, 1, 2]),
    probe: Schema.Literals(["none", "held", "released"]),
    answered: Schema.Boolean,
    coolFor: Schema.Literals([0, 0, 1, 900, 30_000]),
    slot: Schema.Literals([0, 1, 30, 31, 40]),
    more: Schema.Literals([0, -40, 60]),
    requests: Schema.Literals([0, 0, 1]),
    tokens: Schema.Literals([0, 0, 40])
  }),
  Schema.Struct({ _tag: Schema.tag("look") }),
  Schema.Struct({
    _tag: Schema.tag("sum"),
    key: Schema.Literals(["user:1", "user:2"]),
    window: Schema.Literals([1_000, 60_000, 86_400_000]),
    amount: Schema.Literals([0, 0.25, 0.5, 2]),
    limit: Schema.Literals([1, 3, 0]),
    slot: Schema.Literals([0, 1, 2, 60]),
    more: Schema.Literals([-0.25, 0, 1.5]),
    step: Schema.Literals(["reserve", "reserve", "settle", "spent"])
  })
])
export type Step = typeof Step.Type

/** No limit is written as 0. */
const limitOf = (limit: number): number => limit === 0 ? Infinity : limit

/** Makes a step at a store. Slots are counted from an instant. */
export const make = (
  step: Step,
  chain: string,
  start: number,
  store: ChainStore.ChainStore["Service"]
): Effect.Effect<unknown, ChainStore.ChainStoreError> => {
  switch (step._tag) {
    case "enter": {
      const requestsPerMinute = limitOf(step.requestsPerMinute)
      return store.enter(
        entry({ ...step, requestsPerMinute, tokensPerMinute: limitOf(step.tokensPerMinute), chain })
      )
    }
    case "report": {
      const { more, requests, slot, tokens, ...rest } = step
      const settled = more === 0 ? undefined : { slot: Math.floor(start / 1_000) + slot, more }
      return store.report(report({ ...rest, chain, settled, unasked: { requests, tokens } }))
    }
    case "look":
      return store.look(chain, ["ollama", "openai", "other"])
    case "sum": {
      const account = { key: `${chain}:${step.key}`, window: Duration.millis(step.window) }
      if (step.step === "spent") return store.spent(account)
      return step.step === "settle"
        ? store.settle({ ...account, slot: Math.floor(start / (step.window / 60)) + step.slot, more: step.more })
        : store.reserve({ ...account, amount: step.amount, limit: limitOf(step.limit) })
    }
  }
}
