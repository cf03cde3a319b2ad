import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as VirtualTime from "../src/VirtualTime.ts"

describe("VirtualTime.run", () => {
  it("gives the exit of the effect, of each kind", () => {
    assert.deepStrictEqual(VirtualTime.run(Effect.delay(Effect.succeed(1), "1 day")), Exit.succeed(1))
    assert.deepStrictEqual(VirtualTime.run(Effect.delay(Effect.fail("no"), "1 day")), Exit.fail("no"))
    assert.deepStrictEqual(VirtualTime.run(Effect.die("broken")), Exit.die("broken"))
  })

  it("repeats by its seed", () => {
    const [one, same, other] = [1, 1, 2].map((seed) => VirtualTime.run(Random.next, { seed }))
    assert.deepStrictEqual(one, same)
    assert.notDeepEqual(one, other)
  })

  it("an effect that waits for something other than time is interrupted, and the error says so", () => {
    let released = false
    const waiting = Effect.onInterrupt(Effect.promise(() => new Promise(() => {})), () =>
      Effect.sync(() => {
        released = true
      }))
    assert.throws(() => VirtualTime.run(waiting), /waits for something other than time/)
    assert.isTrue(released)
  })
})
