/**
 * Four processes that share nothing but a real Redis: under load, killed, stopped and cut off in the middle. What they come to is printed,
 * and is in `docs/fleet.md`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { server } from "../../../../vitest.redis.ts"
import type { Orders } from "./fleetProcess.ts"
import type { Asked } from "./vendor.ts"
import { isAlone, start, vendor, wayTo } from "./vendor.ts"

const fleet = (orders: Omit<Orders, "index" | "redis" | "vendor">) =>
  Effect.gen(function*() {
    const redis = yield* server
    const account = yield* vendor
    const ways = yield* Effect.forEach([1, 2, 3, 4], () => wayTo(redis.path))
    const processes = yield* Effect.forEach(
      ways,
      (way, index) => start({ ...orders, index, redis: way.url, vendor: account.url }),
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
      // A process that was held up for a second went on alone meanwhile, and says so.
      const shares = ({ at, process }: Asked) => !isAlone(processes[process] ?? { warnings: [] }, at)
      const first = account.refused.find(shares)?.at ?? 0
      const after = (account.asked.get("key") ?? []).filter((one) => one.at > first && shares(one))
      const latest = Math.max(0, ...after.filter(({ at }) => at <= first + 2_500).map(({ at }) => at - first))
      const probes = account.refused.filter((one) => one.at > first + 2_500 && shares(one))
      const back = after.filter(({ at }) => at > first + 9_000)
      yield* said({
        learntWithinMillis: latest,
        probes: probes.length,
        alone: processes.map(({ warnings }) => warnings.length)
      })
      assert.isBelow(latest, 1_000)
      // One every three seconds, and not one for each process.
      assert.isAtMost(probes.length, 3)
      // It is asked again when a probe was answered.
      assert.isAbove(back.length, 10)
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
        const minutes = asked.map((from) => asked.filter(({ at }) => at >= from.at && at < from.at + 60_000).length)
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
        const shares = ({ at, process }: Asked) => !isAlone(processes[process] ?? { warnings: [] }, at)
        const first = account.refused.find(shares)?.at ?? 0
        const asked = (account.asked.get("key") ?? []).filter((one) => one.at > first && one.at < first + 2_500)
        const latest = Math.max(0, ...asked.filter(shares).map(({ at }) => at - first))
        const told = processes.map(({ warnings }) =>
          warnings.map(({ message }) => message.includes("again") ? "back" : "away")
        )
        yield* said({ answered, slowestMillis: slowest, backAfterMillis: back, learntWithinMillis: latest, told })
        assert.deepStrictEqual(answered, [240, 240, 240, 240])
        // A request waits for the store for a second at most when it looks, when it enters and when it leaves.
        assert.isBelow(slowest, 4_000)
        assert.isBelow(latest, 1_000)
        for (const lines of told) {
          // One line each time that it goes away, and one when it is back: three times for the first, twice for the others.
          assert.isAtLeast(lines.length, 4)
          assert.deepStrictEqual(lines, lines.map((_, i) => i % 2 === 0 ? "away" : "back"))
          assert.strictEqual(lines.at(-1), "back")
        }
      }),
    240_000
  )
})
