import { assert, describe, it } from "@effect/vitest"
import * as Act from "@holdfast/cli/demo/Act"
import * as Effect from "effect/Effect"

const play = (act: Act.Act, seed: string | number, requests: number) =>
  Effect.map(Act.draw(act, seed), (next) => Array.from({ length: requests }, () => next({ stream: true })))

describe("Act.draw", () => {
  it.effect("gives the same faults for the same seed and others for another", () =>
    Effect.gen(function*() {
      const act = Act.all.find((act) => act.name === "slow")!
      const first = yield* play(act, 7, 50)
      assert.deepStrictEqual(yield* play(act, 7, 50), first)
      assert.notDeepEqual(yield* play(act, 8, 50), first)
    }))

  it.effect("hits the first request, and never more in a row than the act says, under any seed", () =>
    Effect.gen(function*() {
      for (const act of Act.all.filter((act) => act.share > 0)) {
        for (let seed = 0; seed < 50; seed++) {
          const faults = yield* play(act, seed, 60)
          assert.notStrictEqual(faults[0]?._tag, "None", `${act.name} ${seed}`)
          let inARow = 0
          for (const fault of faults) {
            inARow = fault._tag === "None" ? 0 : inARow + 1
            assert.isAtMost(inARow, act.inARow, `${act.name} ${seed}`)
          }
        }
      }
    }))

  it.effect("does not cut a whole answer and does not count it", () =>
    Effect.gen(function*() {
      const act = Act.all.find((act) => act.name === "cut")!
      const next = yield* Act.draw(act, 1)
      assert.strictEqual(next({ stream: false })._tag, "None")
      assert.strictEqual(next({ stream: true })._tag, "Cut")
    }))
})
