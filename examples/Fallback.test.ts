import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { sideBySide } from "./Fallback.ts"

it.live("the side by side shows tools that run twice against once, and mixed text against whole", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* sideBySide, [
      {
        outage: "breaks after a tool call",
        plan: { text: "", charges: 2 },
        chain: { text: "", charges: 1 }
      },
      {
        outage: "breaks in the middle",
        plan: { text: "All is All is well.", charges: 0 },
        chain: { text: "All is well.", charges: 0 }
      },
      {
        outage: "ends without its terminator",
        plan: { text: "All is ", charges: 0 },
        chain: { text: "All is well.", charges: 0 }
      }
    ])
  }))
