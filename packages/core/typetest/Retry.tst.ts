import type * as Backoff from "@holdfast/core/Backoff"
import type * as Policy from "@holdfast/core/Policy"
import type * as PolicyError from "@holdfast/core/PolicyError"
import * as Retry from "@holdfast/core/Retry"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import { describe, expect, it } from "tstyche"

interface Down {
  readonly _tag: "Down"
}
interface Refused {
  readonly _tag: "Refused"
}
interface Broken {
  readonly _tag: "Broken"
}

declare const fetchStock: Effect.Effect<number, Down, "store">
declare const fetchPrice: Effect.Effect<number, Down | Refused>
declare const backoff: Backoff.Backoff
declare const policy: Policy.Policy<unknown, PolicyError.PolicyError<PolicyError.AttemptTimeout>>
declare const ask: (error?: Down) => Effect.Effect<boolean, Broken, "patience">
declare const schedule: Schedule.Schedule<number, Down, Broken, "patience">

describe("retry", () => {
  it("changes neither success nor error nor requirement", () => {
    expect(Retry.retry(fetchStock, {})).type.toBe<Effect.Effect<number, Down, "store">>()
    expect(Retry.retry(fetchStock, { backoff })).type.toBe<Effect.Effect<number, Down, "store">>()
    expect(fetchStock.pipe(Retry.retry({ times: 3, backoff }))).type.toBe<Effect.Effect<number, Down, "store">>()
    expect(fetchStock.pipe(Retry.retry({ while: (error: Down) => error._tag === "Down" }))).type.toBe<
      Effect.Effect<number, Down, "store">
    >()
  })

  it("adds the error and the requirement of its schedule", () => {
    type Expected = Effect.Effect<number, Down | Broken, "store" | "patience">
    expect(Retry.retry(fetchStock, { backoff: schedule })).type.toBe<Expected>()
    expect(fetchStock.pipe(Retry.retry({ backoff: schedule }))).type.toBe<Expected>()
  })

  it("gives `while` the error of the effect", () => {
    Retry.retry(fetchPrice, {
      while: (error) => {
        expect(error).type.toBe<Down | Refused>()
        return true
      }
    })
  })

  it("takes no effect whose errors it cannot judge", () => {
    expect(Retry.retry({ while: (error: Down) => error._tag === "Down" })).type.not.toBeCallableWith(fetchPrice)
    expect(Retry.retry({ backoff: schedule })).type.not.toBeCallableWith(fetchPrice)
    expect(Retry.retry({ backoff: schedule })).type.toBeCallableWith(fetchStock)
  })
})

describe("an effect as the answer of a predicate", () => {
  const whileEffect = (error: Down): Effect.Effect<boolean, Broken, "patience"> => ask(error)

  it("adds its error and its requirement", () => {
    type Expected = Effect.Effect<number, Down | Broken, "store" | "patience">
    expect(Retry.retry(fetchStock, { while: whileEffect })).type.toBe<Expected>()
    expect(fetchStock.pipe(Retry.retry({ while: whileEffect }))).type.toBe<Expected>()
    expect(Retry.retry(fetchStock, { whileResult: (): Effect.Effect<boolean, Broken, "patience"> => ask() })).type
      .toBe<Expected>()
  })

  it("is not for a decision that is pure", () => {
    expect(Retry.make).type.not.toBeCallableWith({ while: whileEffect })
    expect(Retry.make).type.not.toBeCallableWith({ whileResult: () => true })
  })
})

describe("whileResult", () => {
  it("gets the result of the effect, and changes neither success nor error nor requirement", () => {
    const retried = Retry.retry(fetchStock, {
      whileResult: (result) => {
        expect(result).type.toBe<number>()
        return result < 0
      }
    })
    expect(retried).type.toBe<Effect.Effect<number, Down, "store">>()
    expect(fetchStock.pipe(Retry.retry({ whileResult: (result: number) => result < 0 }))).type.toBe<
      Effect.Effect<number, Down, "store">
    >()
  })

  it("takes no effect whose result it cannot judge", () => {
    const even = Retry.retry({ whileResult: (result: string) => result === "" })
    expect(even).type.not.toBeCallableWith(fetchStock)
    expect(Retry.retry(fetchStock, { whileResult: () => true })).type.toBe<Effect.Effect<number, Down, "store">>()
    expect(Retry.retry).type.not.toBeCallableWith(fetchStock, { whileResult: (result: string) => result === "" })
    expect(Retry.retry).type.not.toBeCallableWith(fetchStock, { whileResult: () => "yes" })
  })
})

describe("make", () => {
  it("decides about the errors that `while` knows", () => {
    expect(Retry.make()).type.toBe<Retry.Retry>()
    expect(Retry.make({ while: (error: Down) => error._tag === "Down" })).type.toBe<Retry.Retry<Down>>()
    expect(Retry.make({ backoff: schedule })).type.toBe<Retry.Retry<Down, Broken, "patience">>()
  })

  it("takes a refusal or a yes or no as the answer of `while`", () => {
    expect(Retry.make).type.toBeCallableWith({ while: () => Retry.refuse("no") })
    expect(Retry.make).type.toBeCallableWith({ while: () => true })
    expect(Retry.make).type.not.toBeCallableWith({ while: () => "no" })
    expect(Retry.make).type.not.toBeCallableWith({ while: () => undefined })
  })
})

describe("withHistory", () => {
  type Exhausted<E> = Effect.Effect<number, Retry.RetriesExhausted<E>, "store">

  it("turns the errors of the call into one that has them all", () => {
    expect(Retry.withHistory(fetchStock, Retry.retry({ times: 3 }))).type.toBe<Exhausted<Down>>()
    expect(fetchStock.pipe(Retry.withHistory(Retry.retry({ times: 3 })))).type.toBe<Exhausted<Down>>()
  })

  it("has what a policy adds to them", () => {
    type Timeout = PolicyError.PolicyError<PolicyError.AttemptTimeout>
    expect(Retry.withHistory(fetchStock, policy.protect)).type.toBe<Exhausted<Down | Timeout>>()
  })
})
