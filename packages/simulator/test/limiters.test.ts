/** The bucket behind a `rateLimit` event, request by request. */
import { assert, it } from "@effect/vitest"
import { Account, TokenBucket } from "../src/internal/model/limiters.ts"

/** How many of the requests that come every `gap` milliseconds are admitted. */
const admitted = (rate: number, gap: number, count: number): number => {
  const bucket = new TokenBucket(rate, 0)
  let served = 0
  for (let i = 0; i < count; i++) if (bucket.admit(i * gap) === 0) served++
  return served
}

it.each([
  ["one request in two seconds at a rate of half a second's", 0.5, 100, 601, 31],
  ["one a second at a rate of one", 1, 100, 601, 61],
  ["a second's worth at once, and then the rate", 4, 125, 81, 44],
  ["every request that comes more slowly than the rate", 10, 125, 81, 81]
])("admits %s", (_, rate, gap, count, expected) => {
  assert.strictEqual(admitted(rate, gap, count), expected)
})

it("says when the next request is admitted", () => {
  const bucket = new TokenBucket(0.5, 0)
  assert.strictEqual(bucket.admit(0), 0)
  assert.strictEqual(bucket.admit(500), 1_500)
  assert.strictEqual(bucket.admit(2_000), 0)
})

it("admits from a quota of a minute just when a request was told to come", () => {
  const quota = new Account(60, Infinity)
  for (let i = 0; i < 60; i++) assert.strictEqual(quota.admit(0, 1), 0)
  let served = 0
  for (let at = 100; at <= 60_000; at += 100) if (quota.admit(at, 1) === 0) served++
  assert.strictEqual(served, 60)
})
