import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Act from "../src/demo/Act.ts"

const troubles = Act.all.flatMap(({ anthropic, name, openai }) => [
  { name: `${name}/openai`, trouble: openai },
  { name: `${name}/anthropic`, trouble: anthropic }
])

const troubleOf = (name: string): Act.Trouble => Act.all.find((act) => act.name === name)!.openai

const play = (trouble: Act.Trouble, seed: number, requests: number) =>
  Effect.map(
    Act.draw(trouble, `${seed}`),
    (next) => Array.from({ length: requests }, () => next({ stream: true, afterTool: true }))
  )

describe("Act.draw", () => {
  it.effect("gives the same faults for the same seed and others for another", () =>
    Effect.gen(function*() {
      const slow = troubleOf("slow")
      const first = yield* play(slow, 7, 50)
      assert.deepStrictEqual(yield* play(slow, 7, 50), first)
      assert.notDeepEqual(yield* play(slow, 8, 50), first)
    }))

  it.effect("hits the first request, and never more in a row than the act says, under any seed", () =>
    Effect.gen(function*() {
      for (const { name, trouble } of troubles.filter(({ trouble }) => trouble.share > 0)) {
        for (let seed = 0; seed < 50; seed++) {
          const faults = yield* play(trouble, seed, 60)
          assert.notStrictEqual(faults[0]?._tag, "None", `${name} ${seed}`)
          let inARow = 0
          for (const fault of faults) {
            inARow = fault._tag === "None" ? 0 : inARow + 1
            assert.isAtMost(inARow, trouble.inARow, `${name} ${seed}`)
          }
        }
      }
    }))

  it.effect("lets pass, and does not count, what it is not meant for", () =>
    Effect.gen(function*() {
      for (const [name, passes, fault] of [["cut", "afterTool", "Cut"], ["handover", "stream", "Reset"]] as const) {
        const next = yield* Act.draw(troubleOf(name), "1")
        assert.strictEqual(next({ stream: false, afterTool: false, [passes]: true })._tag, "None")
        assert.strictEqual(next({ stream: true, afterTool: true })._tag, fault)
      }
    }))
})
