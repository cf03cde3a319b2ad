import * as Backoff from "@holdfast/core/Backoff"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { describe, expect, it } from "tstyche"

describe("Backoff", () => {
  it("is a schedule of delays that takes any input", () => {
    expect(Backoff.exponential()).type.toBeAssignableTo<Schedule.Schedule<Duration.Duration>>()
    expect(Backoff.decorrelated()).type.toBeAssignableTo<Schedule.Schedule<Duration.Duration, unknown, never, never>>()
  })

  it("retries an effect without a change to its success, its error or its requirements", () => {
    const effect = Effect.fail("down" as const) as Effect.Effect<number, "down", "service">
    expect(Effect.retry(effect, Backoff.constant({ delay: "1 second" }))).type.toBe<typeof effect>()
  })

  it("does not take a cap that is no duration", () => {
    expect(Backoff.exponential).type.not.toBeCallableWith({ max: true })
  })
})
