/**
 * Processes that share nothing but a real Redis: under load, killed, stopped and cut off in the middle. What they come to is printed,
 * and is in `docs/fleet.md`. Both fleets run at the same time, so that the test takes little more than the minute of a limit.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as esbuild from "esbuild"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { server } from "../../../../vitest.redis.ts"
import type { Orders } from "./fleetProcess.ts"
import type { Asked } from "./vendor.ts"
import { isAlone, start, vendor, wayTo } from "./vendor.ts"

const folder = mkdtempSync(join(tmpdir(), "holdfast-fleet-"))
const program = join(folder, "fleetProcess.mjs")

// Eight processes that read three hundred modules each take longer to start than all that they do.
beforeAll(() =>
  esbuild.build({
    entryPoints: [fileURLToPath(new URL("fleetProcess.ts", import.meta.url))],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: "import { createRequire } from \"node:module\"; const require = createRequire(import.meta.url);"
    }
  })
)
afterAll(() => rmSync(folder, { recursive: true }))

const fleet = (orders: Omit<Orders, "index" | "redis" | "vendor">) =>
  Effect.gen(function*() {
    const redis = yield* server
    const account = yield* vendor
    const ways = yield* Effect.forEach([1, 2, 3, 4], () => wayTo(redis.path))
    const processes = yield* Effect.forEach(
      ways,
      (way, index) => start(program, { ...orders, index, redis: way.url, vendor: account.url }),
      { concurrency: "unbounded" }
    )
    yield* Effect.promise(() => Promise.all(processes.map(({ ready }) => ready)))
    return { redis, account, ways, processes }
  })

const said = (figures: Readonly<Record<string, unknown>>) =>
  Effect.sync(() => process.stdout.write(`${JSON.stringify(figures)}\n`))

/** Whether a request came from a process in touch with the store: one that was held up for a second went on alone meanwhile, and says so. */
const sharedBy = (processes: ReadonlyArray<Parameters<typeof isAlone>[0]>) => ({ at, process }: Asked) =>
  !isAlone(processes[process] ?? { warnings: [] }, at)

/** How long this process is held up, which the vendor is in. */
const heldUpHere = () => {
  const held = monitorEventLoopDelay({ resolution: 20 })
  held.enable()
  return held
}

const noLimit = 1_000_000

describe.concurrent("a fleet of four processes", () => {
  it.live(
    "holds the account's limit within 1 %, while one is killed and another is stopped",
    () =>
      Effect.gen(function*() {
        const requestsPerMinute = 300
        const { account, processes } = yield* fleet({ rate: 4, seconds: 63, requestsPerMinute, cooldown: "3 seconds" })
        const held = heldUpHere()
        yield* Effect.sleep("10 seconds")
        processes[0]?.signal("SIGKILL")
        yield* Effect.sleep("5 seconds")
        processes[1]?.signal("SIGSTOP")
        yield* Effect.sleep("15 seconds")
        processes[1]?.signal("SIGCONT")
        const ends = yield* Effect.promise(() => Promise.all(processes.map(({ ended }) => ended)))
        assert.deepStrictEqual(ends.slice(1).flatMap((end) => end?.failed ?? ["gone"]), [])
        const asked = account.asked.get("key") ?? []
        const shared = asked.filter(sharedBy(processes))
        const mostWithin = (millis: number) =>
          Math.max(...shared.map((from) => shared.filter(({ at }) => at >= from.at && at < from.at + millis).length))
        const most = mostWithin(60_000)
        const last = asked.at(-1)?.at ?? 0
        // A request that a process or the vendor was held up with comes later than it was let in. The second was stopped on purpose.
        const heldUp = Math.max(held.max / 1e6, ...ends.slice(2).map((end) => end?.heldUp ?? 0))
        yield* said({
          limit: requestsPerMinute,
          mostInAMinute: most,
          heldUpMillis: Math.round(heldUp),
          seconds: Math.round((last - (asked[0]?.at ?? 0)) / 1_000),
          spare: account.asked.get("spare")?.length ?? 0
        })
        assert.isAtMost(mostWithin(60_000 - 2 * heldUp), requestsPerMinute * 1.01)
        assert.isAtLeast(most, requestsPerMinute * 0.95)
      }),
    240_000
  )

  it.live(
    "learns of a cool-down within a second, probes by one request, and loses no answer when Redis is stopped, killed and cut off",
    () =>
      Effect.gen(function*() {
        const { account, processes, redis, ways } = yield* fleet({
          rate: 8,
          seconds: 38,
          requestsPerMinute: noLimit,
          cooldown: "3 seconds"
        })
        const held = heldUpHere()
        const shares = sharedBy(processes)
        /** What the key was asked after the first refusal since an instant. */
        const since = (from: number) => {
          const first = account.refused.find((one) => one.at >= from && shares(one))?.at ?? Infinity
          const after = (account.asked.get("key") ?? []).filter((one) => one.at > first && shares(one))
          const learnt = after.filter(({ at }) => at <= first + 2_500).map(({ at }) => at - first)
          return { first, after, learntWithin: Math.max(0, ...learnt) }
        }
        yield* Effect.sleep("2 seconds")
        const spentAt = yield* Clock.currentTimeMillis
        account.state.isSpent = true
        yield* Effect.sleep("8 seconds")
        account.state.isSpent = false
        yield* Effect.sleep("4 seconds")
        yield* redis.pause
        yield* Effect.sleep("3 seconds")
        yield* redis.resume
        yield* Effect.sleep("2 seconds")
        yield* redis.kill
        yield* Effect.sleep("3 seconds")
        yield* redis.start
        const startedAt = yield* Clock.currentTimeMillis
        yield* Effect.sleep("4 seconds")
        const [cut] = ways
        cut?.cut()
        yield* Effect.sleep("3 seconds")
        cut?.mend()
        yield* Effect.sleep("4 seconds")
        const spentAgainAt = yield* Clock.currentTimeMillis
        account.state.isSpent = true
        const ends = yield* Effect.promise(() => Promise.all(processes.map(({ ended }) => ended)))
        assert.deepStrictEqual(ends.flatMap((end) => end?.failed ?? ["gone"]), [])
        const { after, first, learntWithin } = since(spentAt)
        const probes = account.refused.filter((one) => one.at > first + 2_500 && one.at < first + 9_000 && shares(one))
        const back = after.filter(({ at }) => at > first + 9_000 && at < first + 12_000)
        const again = since(spentAgainAt)
        const answered = ends.map((end) => end?.answered ?? 0)
        const slowest = Math.max(...ends.map((end) => end?.slowest ?? Infinity))
        const heldUp = Math.max(held.max / 1e6, ...ends.map((end) => end?.heldUp ?? 0))
        const backAfter = processes.map(({ warnings }) =>
          Math.min(
            ...warnings.filter(({ at, message }) => at > startedAt && message.includes("again")).map(({ at }) =>
              at - startedAt
            )
          )
        )
        const told = processes.map(({ warnings }) =>
          warnings.map(({ message }) => message.includes("again") ? "back" : "away")
        )
        yield* said({
          learntWithinMillis: learntWithin,
          probesInSixSeconds: probes.length,
          learntWithinMillisAfterwards: again.learntWithin,
          answered,
          slowestMillis: slowest,
          heldUpMillis: Math.round(heldUp),
          backAfterMillis: backAfter,
          told
        })
        assert.isBelow(learntWithin, 1_000)
        // One every three seconds, and not one for each process.
        assert.isAtMost(probes.length, 3)
        // It is asked again when a probe was answered.
        assert.isAbove(back.length, 10)
        assert.isBelow(again.first, Infinity)
        assert.isBelow(again.learntWithin, 1_000)
        assert.deepStrictEqual(answered, ends.map((end) => end?.asked))
        // Eight a second for 38 seconds, or fewer where the machine lags behind.
        for (const count of answered) assert.isAbove(count, 200)
        // A request waits for the store for a second at most when it looks, when it enters and when it leaves, on a machine that lets it run.
        assert.isBelow(slowest, 4_000 + 4 * heldUp)
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
