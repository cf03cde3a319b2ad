/** What `holdfast simulate` holds a policy or a system to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Holdfast from "./holdfast.ts"

const short = ["--minutes", "8", "--calls", "120", "--down-from", "2", "--down-to", "4"]

const system = `duration: 30 seconds
services: { stock: { workers: 2, latency: 0.05 } }
callers: { users: { to: stock, rate: 10, arrivals: regular } }
events: [{ type: outage, service: stock, at: 10, for: 5 }]
`

const file = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
    writeFileSync(join(folder, "system.yaml"), system)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
).pipe(Effect.map((folder) => join(folder, "system.yaml")))

describe("holdfast simulate --expect", { timeout: 60_000 }, () => {
  it.live("ends with 0 if all bounds hold, with 1 if one is broken, and says which", () =>
    Effect.gen(function*() {
      const holds = yield* Holdfast.run(["simulate", ...short, "--expect", "amplification <= 1.3"])
      assert.deepStrictEqual([holds.code, holds.stderr], [0, ""])
      assert.match(holds.stdout, /holds {3}amplification <= 1\.3: \d/u)
      const broken = yield* Holdfast.run([
        "simulate",
        ...short,
        "--expect",
        "recovery <= 10m",
        "--expect",
        "success during >= 50%"
      ])
      assert.strictEqual(broken.code, 1)
      assert.match(broken.stderr, /^holdfast: and a breaker breaks 1 of 2 bounds: success during >= 50%: .* during/u)
    }))

  it.live("plays a system in a file, as text and as data, and finds its limit", () =>
    Effect.gen(function*() {
      const path = yield* file
      const drawn = yield* Holdfast.run(["simulate", path, "--expect", "stock.queue <= 5"])
      assert.deepStrictEqual([drawn.code, drawn.stderr], [0, ""])
      assert.match(drawn.stdout, /^during +50 +0 % .*\n[^]*recovery: 0 ms\n[^]*holds {3}stock\.queue <= 5: 0/mu)
      const data = yield* Holdfast.run(["simulate", path, "--json", "--expect", "recovery <= 1s"])
      const { bounds } = JSON.parse(data.stdout) as { readonly bounds: ReadonlyArray<unknown> }
      assert.deepStrictEqual(bounds, [{ bound: "recovery <= 1s", holds: true, actual: 0, phase: "before" }])
      const limit = yield* Holdfast.run(["simulate", path, "--find-limit", "--expect", "p99 after <= 200ms"])
      assert.match(limit.stdout, /all bounds hold up to [34]\.?\d* x the load\nat [34]\.?\d* x it breaks p99/u)
    }))

  it.live("rejects a bound that names nothing, and a search without a bound", () =>
    Effect.gen(function*() {
      const path = yield* file
      for (const args of [["--expect", "recovry <= 2m"], ["--expect", "stok.queue <= 2"], ["--find-limit"]]) {
        const ended = yield* Holdfast.run(["simulate", path, ...args])
        assert.strictEqual(ended.code, 2)
        assert.match(ended.stderr, /^holdfast: --(?:expect|find-limit)/u)
      }
    }))
})
