import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import type { Configured, Exact, Has, Option } from "@holdfast/core/PolicyTypes"
import { describe, expect, it } from "tstyche"

interface Known {
  readonly limit?: number | undefined
  readonly inner?:
    | { readonly size?: number | undefined; readonly deep?: { readonly a?: 1 | undefined } }
    | false
    | undefined
  readonly either?: { readonly a?: string | undefined } | { readonly b?: string | undefined } | undefined
  readonly each?: Readonly<Record<string, { readonly path?: string | undefined }>> | undefined
  readonly ask?: ((error: string) => boolean) | undefined
}

declare const make: <const O extends Known>(options: O & Exact<O, Known>) => O

describe("Exact", () => {
  it("takes the keys that there are, at any depth", () => {
    expect(make).type.toBeCallableWith({})
    expect(make).type.toBeCallableWith({ limit: 1, inner: { size: 2, deep: { a: 1 } } })
    expect(make).type.toBeCallableWith({ inner: false })
    expect(make).type.toBeCallableWith({ inner: undefined })
    expect(make).type.toBeCallableWith({ either: { b: "b" } })
    expect(make).type.toBeCallableWith({ each: { one: { path: "/" }, two: {} } })
    expect(make).type.toBeCallableWith({} as Known)
    expect(make({ ask: (error) => error.length > 0 })).type.toBe<{ readonly ask: (error: string) => boolean }>()
  })

  it("refuses other keys, at any depth", () => {
    expect(make).type.not.toBeCallableWith({ limits: 1 })
    expect(make).type.not.toBeCallableWith({ limit: 1, limits: 1 })
    expect(make).type.not.toBeCallableWith({ inner: { size: 2, sizes: 2 } })
    expect(make).type.not.toBeCallableWith({ inner: { deep: { a: 1, b: 1 } } })
    expect(make).type.not.toBeCallableWith({ either: { a: "a", c: "c" } })
    expect(make).type.not.toBeCallableWith({ each: { one: { path: "/" }, two: { path: "/", paths: "/" } } })
    expect(make).type.not.toBeCallableWith({ limit: true })
    expect(make).type.not.toBeCallableWith({ inner: true })
  })

  const wrong = {
    bulkhead: { limit: 3, que: 4 },
    rateLimit: { limit: 3, window: 1, maxWai: 1 },
    hedge: { after: 20, maxx: 2 },
    quantile: { after: { _tag: "Quantile", quantile: 0.9, window: 1, minimumCalls: 1, min: 1, max: 2, maxx: 2 } },
    circuitBreaker: { openFor: 1, openfor: 1 },
    trip: { trip: { _tag: "Consecutive", failures: 1, failure: 1 } },
    retryAfter: { retryAfter: { mode: "clamp", maxx: 3 } },
    budget: { budget: { ratio: 0.2, rati: 0.2 } },
    duration: { maxElapsed: { seconds: 1, second: 1 } }
  } as const

  it("holds in every part of a policy, made or declared", () => {
    expect(Policy.make).type.not.toBeCallableWith({ bulkhead: wrong.bulkhead })
    expect(Policy.make).type.not.toBeCallableWith({ rateLimit: wrong.rateLimit })
    expect(Policy.make).type.not.toBeCallableWith({ hedge: wrong.hedge })
    expect(Policy.make).type.not.toBeCallableWith({ hedge: wrong.quantile })
    expect(Policy.make).type.not.toBeCallableWith({ circuitBreaker: wrong.circuitBreaker })
    expect(Policy.make).type.not.toBeCallableWith({ circuitBreaker: wrong.trip })
    expect(Policy.make).type.not.toBeCallableWith({ retry: wrong.retryAfter })
    expect(Policy.make).type.not.toBeCallableWith({ retry: wrong.budget })
    expect(Policy.make).type.not.toBeCallableWith({ retry: wrong.duration })
    expect(Policy.Service<never>()).type.not.toBeCallableWith("A", { bulkhead: wrong.bulkhead })
    expect(Policy.Service<never>()).type.not.toBeCallableWith("A", { retry: wrong.budget })
  })

  it("takes durations as people write them", () => {
    expect(Policy.make).type.toBeCallableWith({ deadline: "30s", attemptTimeout: "1m 30s" })
    expect(Policy.make).type.toBeCallableWith({ deadline: { minutes: 1 }, bulkhead: { limit: 1, maxWait: "500ms" } })
    expect(Policy.make).type.not.toBeCallableWith({ deadline: "30 parsecs" })
  })

  it("leaves shared parts as they are", () => {
    expect(Policy.make).type.toBeCallableWith({ circuitBreaker: {} as CircuitBreaker.CircuitBreaker<string> })
    expect(Policy.make).type.toBeCallableWith({ circuitBreaker: { trip: CircuitBreaker.rate() } })
  })
})

describe("what follows from options", () => {
  it("Has, Configured and Option", () => {
    expect<Has<{ readonly a: 1 }, "a">>().type.toBe<true>()
    expect<Has<{ readonly a: false | undefined }, "a">>().type.toBe<false>()
    expect<Has<{}, "a">>().type.toBe<false>()
    expect<Configured<{ readonly a: 1; readonly b: undefined }, { a: "A"; b: "B"; c: "C" }>>().type.toBe<"A">()
    expect<Option<{ readonly a: 1 }, "a", 2>>().type.toBe<1>()
    expect<Option<{ readonly a: undefined }, "a", 2>>().type.toBe<2>()
  })
})
