import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import * as Jitter from "@holdfast/core/Jitter"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import { rangeError } from "./Script.ts"

describe("Jitter", () => {
  it.each<[name: string, jitter: Jitter.Jitter, at: [least: number, quarter: number, half: number]]>([
    ["none leaves a delay as it is", Jitter.none, [1000, 1000, 1000]],
    ["full draws from zero to the whole", Jitter.full, [0, 250, 500]],
    ["equal keeps half and draws the other half", Jitter.equal, [500, 625, 750]],
    ["proportional moves a delay both ways", Jitter.proportional(0.1), [900, 950, 1000]],
    ["proportional by the whole draws from zero to twice the delay", Jitter.proportional(1), [0, 500, 1000]],
    ["proportional by nothing leaves a delay as it is", Jitter.proportional(0), [1000, 1000, 1000]]
  ])("%s", (_, jitter, [least, quarter, half]) => {
    const whole = (random: number) => Math.round(Jitter.apply(jitter, 1000, random))
    strictEqual(whole(0), least)
    strictEqual(whole(0.25), quarter)
    strictEqual(whole(0.5), half)
  })

  it.each([-0.1, 1.1, NaN, Infinity, -Infinity])("refuses to move a delay by %d of itself", (factor) => {
    strictEqual(
      rangeError(() => Jitter.proportional(factor)),
      `Jitter.proportional: factor must be between 0 and 1, got ${factor}`
    )
  })

  law(
    "a delay is spread within the bounds of its jitter, and the more chance says the longer it is",
    {
      delay: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
      less: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.5 })),
      more: Schema.Finite.check(Schema.isBetween({ minimum: 0.5, maximum: 1, exclusiveMaximum: true })),
      factor: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
    },
    ({ delay, factor, less, more }, reach) =>
      Effect.sync(() => {
        const within = (jitter: Jitter.Jitter, least: number, most: number) => {
          const [shorter, longer] = [Jitter.apply(jitter, delay, less), Jitter.apply(jitter, delay, more)]
          const slack = delay * 1e-9
          if (longer > shorter + slack) reach("a spread")
          assertTrue(least - slack <= shorter && shorter <= longer + slack && longer <= most + slack)
        }
        within(Jitter.none, delay, delay)
        within(Jitter.full, 0, delay)
        within(Jitter.equal, delay / 2, delay)
        within(Jitter.proportional(factor), delay * (1 - factor), delay * (1 + factor))
      }),
    { reaches: ["a spread"] }
  )
})
