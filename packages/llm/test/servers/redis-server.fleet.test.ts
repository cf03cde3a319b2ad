/**
 * Four processes that share nothing but a real Redis: under load, killed, stopped and cut off in the middle. What they come to is printed,
 * and is in `docs/fleet.md`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { server } from "../../../../vitest.redis.ts"
import type { Orders } from "./fleetProcess.ts"
import { start, vendor, wayTo } from "./vendor.ts"

const fleet = (orders: Omit<Orders, "redis" | "vendor">) =>
  Effect.gen(function*() {
    const redis = yield* server
    const account = yield* vendor
    const ways = yield* Effect.forEach([1, 2, 3, 4], () => wayTo(redis.path))
    const processes = yield* Effect.forEach(
      ways,
      (way) => start({ ...orders, redis: way.url, vendor: account.url }),
      { concurrency: "unbounded" }
    )
    yield* Effect.promise(() => Promise.all(processes.map(({ ready }) => ready)))
    return { redis, account, ways, processes }
  })

const said = (figures: Readonly<Record<string, unknown>>) =>
  Effect.sync(() => process.stdout.write(`${JSON.stringify(figures)}\n`))

const noLimit = 1_000_000

describe("a fleet of four processes", () => {
  it.live("learns within a second that a provider is down, and probes it by one request", () =>
    Effect.gen(function*() {
      const { account, processes } = yield* fleet({
        rate: 10,
        seconds: 14,
        requestsPerMinute: noLimit,
        cooldown: "3 seconds"
      })
      yield* Effect.sleep("2 seconds")
      account.state.isSpent = true
      yield* Effect.sleep("8 seconds")
      account.state.isSpent = false
      const ends = yield* Effect.promise(() => Promise.all(processes.map(({ ended }) => ended)))
      assert.deepStrictEqual(ends.flatMap((end) => end?.failed ?? ["gone"]), [])
      const [first = 0] = account.refused
      const asked = account.asked.get("key") ?? []
      // From the first refusal on: the last request before the cool-down was known to all, and then the probes.
      const after = asked.filter((at) => at > first)
      const probes = after.filter((at) => at > first + 1_500)
      const latest = Math.max(0, ...after.filter((at) => at <= first + 1_500).map((at) => at - first))
      const refusedProbes = account.refused.filter((at) => at > first + 1_500)
      yield* said({ learntWithinMillis: latest, probes: refusedProbes.length, requests: asked.length })
      assert.isBelow(latest, 1_000)
      // One every three seconds, and not one for each process.
      assert.isAtLeast(refusedProbes.length, 1)
      assert.isAtMost(refusedProbes.length, 3)
      // It is asked again when a probe was answered.
      assert.isAbove(probes.length, 20)
    }), 240_000)

  it.live(
    "holds the account's limit within 1 %, while one is killed and another is stopped",
    () =>
      Effect.gen(function*() {
        const requestsPerMinute = 300
        const { account, processes } = yield* fleet({ rate: 4, seconds: 70, requestsPerMinute, cooldown: "3 seconds" })
        yield* Effect.sleep("10 seconds")
        processes[0]?.signal("SIGKILL")
        yield* Effect.sleep("5 seconds")
        processes[1]?.signal("SIGSTOP")
        yield* Effect.sleep("15 seconds")
        processes[1]?.signal("SIGCONT")
        const ends = yield* Effect.promise(() => Promise.all(processes.map(({ ended }) => ended)))
        assert.deepStrictEqual(ends.slice(1).flatMap((end) => end?.failed ?? ["gone"]), [])
        const asked = account.asked.get("key") ?? []
        const minutes = asked.map((from) => asked.filter((at) => at >= from && at < from + 60_000).length)
        const most = Math.max(...minutes)
        yield* said({ limit: requestsPerMinute, mostInAMinute: most, spare: account.asked.get("spare")?.length ?? 0 })
        assert.isAtMost(most, requestsPerMinute * 1.01)
        assert.isAtLeast(most, requestsPerMinute * 0.95)
      }),
    240_000
  )

  it.live(
    "loses no answer when Redis is stopped, killed and cut off, and shares again afterwards",
    () =>
      Effect.gen(function*() {
        const { account, processes, redis, ways } = yield* fleet({
          rate: 8,
          seconds: 30,
          requestsPerMinute: noLimit,
          cooldown: "3 seconds"
        })
        yield* Effect.sleep("2 seconds")
        yield* redis.pause
        yield* Effect.sleep("3 seconds")
        yield* redis.resume
        yield* Effect.sleep("3 seconds")
        yield* redis.kill
        yield* Effect.sleep("3 seconds")
        yield* redis.start
        const startedAt = yield* Clock.currentTimeMillis
        yield* Effect.sleep("5 seconds")
        const [cut] = ways
        cut?.cut()
        yield* Effect.sleep("3 seconds")
        cut?.mend()
        yield* Effect.sleep("5 seconds")
        account.state.isSpent = true
        const ends = yield* Effect.promise(() => Promise.all(processes.map(({ ended }) => ended)))
        assert.deepStrictEqual(ends.flatMap((end) => end?.failed ?? ["gone"]), [])
        const answered = ends.map((end) => end?.answered ?? 0)
        const slowest = Math.max(...ends.map((end) => end?.slowest ?? Infinity))
        const back = processes.map(({ warnings }) =>
          Math.min(
            ...warnings.filter(({ at, message }) => at > startedAt && message.includes("again")).map(({ at }) =>
              at - startedAt
            )
          )
        )
        const [first = 0] = account.refused
        const asked = (account.asked.get("key") ?? []).filter((at) => at > first && at < first + 1_500)
        const latest = Math.max(0, ...asked.map((at) => at - first))
        const told = processes.map(({ warnings }) =>
          warnings.map(({ message }) => message.includes("again") ? "back" : "away")
        )
        yield* said({ answered, slowestMillis: slowest, backAfterMillis: back, learntWithinMillis: latest, told })
        assert.deepStrictEqual(answered, [240, 240, 240, 240])
        // A request waits for the store for a second at most when it looks, when it enters and when it leaves.
        assert.isBelow(slowest, 4_000)
        assert.isBelow(latest, 1_000)
        for (const [i, lines] of told.entries()) {
          // One line each time that it goes away, and one when it is back.
          assert.deepStrictEqual(lines, Array.from({ length: i === 0 ? 3 : 2 }, () => ["away", "back"]).flat())
        }
      }),
    240_000
  )
})
