/** What `holdfast simulate` holds a policy or a system to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
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

  it.live("plays variants of a system side by side, and writes all of them to a page", () =>
    Effect.gen(function*() {
      const path = yield* file
      const other = path.replace("system.yaml", "retries <3>.yaml")
      const page = path.replace("system.yaml", "page.html")
      writeFileSync(other, system.replace("arrivals: regular", "arrivals: regular, policy: { retry: { times: 3 } }"))
      const drawn = yield* Holdfast.run(["simulate", path, "--compare", other, "--report", page])
      assert.deepStrictEqual([drawn.code, drawn.stderr], [0, ""])
      assert.match(drawn.stdout, /system\.yaml {2,}\S+ %.* 1\.00 x .*\n.*retries <3>\.yaml {2,}\S+ %.* [34]\.\d\d x /u)
      const html = readFileSync(page, "utf8")
      assert.include(html, "retries &lt;3&gt;.yaml")
      assert.notInclude(html, "<3>")
      const data = yield* Holdfast.run(["simulate", path, "--compare", other, "--json"])
      const { compared } = JSON.parse(data.stdout) as { readonly compared: ReadonlyArray<{ readonly file: string }> }
      assert.deepStrictEqual(compared.map(({ file }) => file), [other])
    }))

  it.live("rejects a comparison of a system with a policy, and one with nothing", () =>
    Effect.gen(function*() {
      const path = yield* file
      const policy = path.replace("system.yaml", "policy.yaml")
      writeFileSync(policy, "retry: { times: 1 }\n")
      const mixed = yield* Holdfast.run(["simulate", path, "--compare", policy])
      assert.deepStrictEqual([mixed.code, mixed.stderr.includes("files of one kind")], [2, true])
      const alone = yield* Holdfast.run(["simulate", "--compare", path])
      assert.deepStrictEqual([alone.code, alone.stderr.includes("needs a file to compare with")], [2, true])
    }))

  it.live("rejects flags that it would not heed, and a report that could not be written, before it plays", () =>
    Effect.gen(function*() {
      const path = yield* file
      const other = path.replace("system.yaml", "other.yaml")
      writeFileSync(other, system)
      const bound = ["--expect", "p99 <= 1s"]
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [["--minutes", "5"], /--minutes is for policies: a system says it itself, under duration/u],
        [["--find-limit", ...bound, "--compare", other], /--find-limit searches one file/u],
        [["--find-limit", ...bound, "--report", "page.html"], /--find-limit writes no page/u],
        [["--compare", path], /--compare needs files that differ: \S+ is named twice/u],
        [["--report", join(path, "page.html")], /the report cannot be written: .*give --report a file in a folder/u]
      ]
      for (const [args, says] of cases) {
        const ended = yield* Holdfast.run(["simulate", path, ...args])
        assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
        assert.match(ended.stderr, says)
      }
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
