/** `holdfast simulate --set path=value`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import { at } from "../src/check/issues.ts"
import * as Changes from "../src/simulate/changes.ts"

const system = {
  duration: "1 minute",
  services: { "api.v1": { workers: 2, latency: 0.01 }, api: { v1: { workers: 7 } } },
  callers: { users: { to: "api.v1", rate: 5 } },
  events: [{ type: "surge", at: 10, for: 5, times: 2 }],
  chains: null
}

const change = (...texts: ReadonlyArray<string>) =>
  Effect.flatMap(Changes.parseAll(texts), (changes) => Changes.apply(system, changes))

describe("--set", () => {
  it.effect.each<[text: string, keys: ReadonlyArray<string>, value: unknown]>([
    ["callers.users.rate=200", ["callers", "users", "rate"], 200],
    [" duration = 2 minutes ", ["duration"], "2 minutes"],
    ["callers.users.optional=true", ["callers", "users", "optional"], true],
    ["callers.users.to=a=b", ["callers", "users", "to"], "a=b"],
    ["events.0.times=2.5", ["events", "0", "times"], 2.5],
    ["services.api.v1.workers=3", ["services", "api.v1", "workers"], 3],
    ["callers.users.policy.retry.times=0", ["callers", "users", "policy", "retry", "times"], 0],
    ["__proto__.polluted=1", ["__proto__", "polluted"], 1],
    ["callers.constructor.rate=1", ["callers", "constructor", "rate"], 1],
    ["callers.users.rate=\"5\"", ["callers", "users", "rate"], "5"]
  ])("%s", ([text, keys, value]) =>
    Effect.gen(function*() {
      const before = JSON.stringify(system)
      const changed = yield* change(text)
      assert.strictEqual(at(changed, keys), value)
      assert.strictEqual(JSON.stringify(system), before)
      assert.notProperty({}, "polluted")
    }))

  it.effect.each<readonly [string, string]>([
    ["rate", "--set must be a path and a value, such as callers.users.rate=200, got \"rate\""],
    ["=1", "--set must be a path and a value, such as callers.users.rate=200, got \"=1\""],
    ["a..b=1", "--set must be a path and a value, such as callers.users.rate=200, got \"a..b=1\""],
    ["a=", "--set must be a path and a value, such as callers.users.rate=200, got \"a=\""],
    ["a=[1]", "--set a: the value must be a number, a word or a duration, got \"[1]\""],
    ["a=null", "--set a: the value must be a number, a word or a duration, got \"null\""],
    ["a={", "--set a: the value must be a number, a word or a duration, got \"{\""],
    ["events.1.at=1", "--set events.1.at: events has the items 0 to 0, got 1"],
    ["events.first.at=1", "--set events.first.at: events has the items 0 to 0, got first"],
    ["duration.seconds=1", "--set duration.seconds: duration is \"1 minute\" and has no seconds"],
    ["chains.main.times=1", "--set chains.main.times: chains is null and has no main"]
  ])("refuses %s", ([text, message]) =>
    Effect.gen(function*() {
      const { _tag, message: said } = yield* Effect.flip(change(text))
      assert.deepStrictEqual([_tag, said], ["SimulationRefused", message])
    }))

  it.effect("sets a path once", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(change("duration=1s", "duration=2s"))
      assert.strictEqual(message, "--set duration is given twice")
    }))

  const Key = Schema.String.check(Schema.isPattern(/^[a-z_$][\w$]{0,8}$/))
  law(
    "changes the value at the path, and nothing beside it",
    { keys: Schema.NonEmptyArray(Key), others: Schema.Record(Key, Schema.Finite), value: Schema.Finite },
    ({ keys, others, value }, reach) =>
      Effect.gen(function*() {
        const input = { ...others, list: [others, { ...others }] }
        const [first] = keys
        if (keys.length > 1) reach("a value within others")
        const text = `${keys.join(".")}=${value}`
        const exit = yield* Effect.exit(
          Effect.flatMap(Changes.parseAll([text]), (changes) => Changes.apply(input, changes))
        )
        if (exit._tag === "Failure") {
          assert.isTrue(keys.length > 1 && Object.hasOwn(input, first), `${text} is refused`)
          return
        }
        assert.strictEqual(at(exit.value, keys), value)
        const { [first]: _, ...rest } = input as Record<string, unknown>
        const { [first]: __, ...left } = exit.value as Record<string, unknown>
        assert.deepStrictEqual(left, rest)
      }),
    { cases: 300, reaches: ["a value within others"] }
  )
})
