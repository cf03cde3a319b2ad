/** The latencies that a hedge goes by: against a sorted array. */
import { describe } from "@effect/vitest"
import { assertTrue } from "@effect/vitest/utils"
import * as Hedge from "@holdfast/core/Hedge"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { between } from "../AllParts.ts"

describe("Latencies", () => {
  law(
    "know a quantile to a sixteenth",
    { latencies: Schema.NonEmptyArray(between(0, 5_000_000)), quantile: Schema.Literals([0.01, 0.5, 0.95, 0.999]) },
    ({ latencies, quantile }, reach) =>
      Effect.sync(() => {
        const after = Hedge.quantile({ quantile, minimumCalls: latencies.length })
        const machine = Effect.runSync(Hedge.make({ after })).machine.latencies(undefined, 0)
        if (machine === undefined) throw new Error("expected latencies")
        for (const latency of latencies) machine.record(0, latency)
        const rank = Math.ceil(quantile * latencies.length)
        const right = Math.min(2 ** 22 - 1, Math.max(1, latencies.toSorted((a, b) => a - b)[rank - 1] ?? NaN))
        assertTrue(machine.quantile >= right && machine.quantile <= right * 17 / 16, `${machine.quantile}, ${right}`)
        if (rank < latencies.length) reach("a quantile below the longest latency")
        if (machine.quantile !== right) reach("a quantile that is not exact")
      }),
    { reaches: ["a quantile below the longest latency", "a quantile that is not exact"] }
  )
})
