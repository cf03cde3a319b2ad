import * as Deadline from "@holdfast/core/Deadline"
import * as Policy from "@holdfast/core/Policy"
import type { AttemptTimeout, DeadlineExceeded, FromReason, PolicyError, Reason } from "@holdfast/core/PolicyError"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "tstyche"

interface Down {
  readonly _tag: "Down"
}

declare const fetchStock: Effect.Effect<number, Down>
declare const both: Policy.Policy<unknown, PolicyError<AttemptTimeout | DeadlineExceeded>>

describe("PolicyError", () => {
  it("knows its reason", () => {
    expect<PolicyError<AttemptTimeout>["reason"]>().type.toBe<AttemptTimeout>()
    expect<PolicyError["reason"]>().type.toBe<Reason>()
    expect<AttemptTimeout["timeout"]>().type.toBe<Duration.Duration>()
    expect<DeadlineExceeded["phase"]>().type.toBe<"queue" | "attempt">()
  })

  it("with fewer reasons is one with more, and not the other way", () => {
    expect<PolicyError<AttemptTimeout>>().type.toBeAssignableTo<PolicyError<AttemptTimeout | DeadlineExceeded>>()
    expect<PolicyError>().type.not.toBeAssignableTo<PolicyError<AttemptTimeout>>()
  })

  it("is nothing when there are no reasons", () => {
    expect<FromReason<never>>().type.toBe<never>()
    expect<FromReason<AttemptTimeout>>().type.toBe<PolicyError<AttemptTimeout>>()
  })

  it("is told from other values", () => {
    const error: unknown = undefined
    if (isPolicyError(error)) expect(error).type.toBe<PolicyError>()
  })
})

describe("catchReason", () => {
  it("hands over the reason, and leaves the others in the error", () => {
    const caught = fetchStock.pipe(
      both.protect,
      Effect.catchReason("PolicyError", "AttemptTimeout", (reason) => {
        expect(reason).type.toBe<AttemptTimeout>()
        return Effect.succeed("late" as const)
      })
    )
    expect(caught).type.toBe<
      Effect.Effect<number | "late", Down | PolicyError<AttemptTimeout | DeadlineExceeded>>
    >()
  })

  it("knows only the reasons of the policy", () => {
    expect(Effect.catchReason<"PolicyError", PolicyError<AttemptTimeout>, "AttemptTimeout", void, never, never>).type
      .toBeCallableWith("PolicyError", "AttemptTimeout", () => Effect.void)
    expect(Effect.unwrapReason(Effect.fail<PolicyError<AttemptTimeout>>(null as never), "PolicyError")).type.toBe<
      Effect.Effect<never, AttemptTimeout>
    >()
    expect(fetchStock.pipe(both.protect, Effect.unwrapReason("PolicyError"))).type.toBe<
      Effect.Effect<number, Down | AttemptTimeout | DeadlineExceeded>
    >()
  })

  it("is needed for no error when `catchTag` takes them all", () => {
    expect(fetchStock.pipe(both.protect, Effect.catchTag("PolicyError", () => Effect.succeed(0)))).type.toBe<
      Effect.Effect<number, Down>
    >()
    expect(fetchStock.pipe(both.protect, Effect.catchTag("Down", () => Effect.succeed(0)))).type.toBe<
      Effect.Effect<number, PolicyError<AttemptTimeout | DeadlineExceeded>>
    >()
  })
})

describe("Deadline.within", () => {
  it("adds its own reason, in both forms", () => {
    type Expected = Effect.Effect<number, Down | PolicyError<DeadlineExceeded>>
    expect(Deadline.within(fetchStock, "1 second")).type.toBe<Expected>()
    expect(fetchStock.pipe(Deadline.within("1 second"))).type.toBe<Expected>()
  })
})
