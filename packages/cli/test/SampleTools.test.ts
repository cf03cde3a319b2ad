import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as SampleTools from "../src/chat/SampleTools.ts"

const call = <Name extends SampleTools.Name>(
  name: Name,
  params: Name extends "dice" ? { readonly count: number; readonly sides: number } : {}
) =>
  Effect.gen(function*() {
    const toolkit = yield* SampleTools.toolkit([name])
    const results = yield* Stream.runCollect(yield* toolkit.handle(name, params as never))
    return results.at(-1)?.result
  })

describe("SampleTools", () => {
  it.effect("throws dice that show each of their sides, and no other", () =>
    Effect.gen(function*() {
      for (const sides of [2, 3, 6]) {
        const result = yield* call("dice", { count: 100, sides }).pipe(Random.withSeed(sides))
        const thrown = result !== undefined && "thrown" in result ? result.thrown : []
        assert.strictEqual(thrown.length, 100)
        assert.deepStrictEqual([...new Set(thrown)].toSorted(), Array.from({ length: sides }, (_, i) => i + 1))
      }
    }))

  it.effect("tells the time by the clock in force", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* call("clock", {}), { now: "1970-01-02T00:00:00.000Z" })
    }))

  it.effect("offers the tools that are named, each once", () =>
    Effect.gen(function*() {
      const toolkit = yield* SampleTools.toolkit(["dice", "dice"])
      assert.deepStrictEqual(Object.keys(toolkit.tools), ["dice"])
    }))
})
