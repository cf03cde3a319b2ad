import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Holdfast from "./holdfast.ts"

/** A directory of its own with these files in it. */
const directory = (files: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "holdfast-"))
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )

const stock = `
policies:
  stock:
    name: stock
    deadline: 30 seconds
    retry:
      times: 3
      backoff: { type: exponential, initial: 1 second, max: 16 seconds, jitter: full }
    attemptTimeout: 10
`

const oneLine = (stderr: string) => assert.match(stderr, /^holdfast: [^\n]+\n$/u)

describe("holdfast check", { timeout: 60_000 }, () => {
  it.live("says what a policy means, of a part of a YAML file or of a JSON file", () =>
    Effect.gen(function*() {
      const path = yield* directory({ "app.yaml": stock, "stock.json": "{ \"retry\": { \"times\": 1 } }" })
      const yaml = yield* Holdfast.run(["check", join(path, "app.yaml"), "--at", "policies.stock"])
      assert.deepStrictEqual([yaml.code, yaml.stderr], [0, ""])
      assert.match(yaml.stdout, /✓ .*app\.yaml at policies\.stock is the policy "stock"/u)
      assert.match(yaml.stdout, /deadline +the call ends within 30s[^]*retry +up to 3 retries[^]*attemptTimeout +/u)
      assert.include(yaml.stdout, "A call is executed at most 4 times, and takes at most 30s.")

      const json = yield* Holdfast.run(["check", join(path, "stock.json"), "--json"])
      assert.strictEqual(json.code, 0)
      const found = JSON.parse(json.stdout) as {
        readonly ok: boolean
        readonly attempts: number
        readonly millis: null
      }
      assert.deepStrictEqual([found.ok, found.attempts, found.millis], [true, 2, null])
    }))

  it.live("says what is wrong by path and reason, all of it at once", () =>
    Effect.gen(function*() {
      const path = yield* directory({
        "bad.yaml": "retri: 3\nbulkhead: { limit: many }\nretry: { backoff: { type: exponential, factor: 0.5 } }\n",
        "impossible.yaml": "deadline: 1 second\nattemptTimeout: 10 seconds\n"
      })
      const bad = yield* Holdfast.run(["check", join(path, "bad.yaml")])
      assert.deepStrictEqual([bad.code, bad.stderr], [1, ""])
      assert.match(bad.stdout, /^ +retri +is not an option \(`retri`: did you mean `retry`\?\)$/mu)
      assert.match(bad.stdout, /^ +bulkhead\.limit +must be a whole number of 1 or more, got "many"$/mu)
      assert.match(bad.stdout, /^ +retry\.backoff\.factor +must be a number of 1 or more, got 0\.5$/mu)

      const impossible = yield* Holdfast.run(["check", join(path, "impossible.yaml"), "--json"])
      assert.strictEqual(impossible.code, 1)
      const { issues } = JSON.parse(impossible.stdout) as {
        readonly issues: ReadonlyArray<{ readonly reason: string }>
      }
      assert.match(issues[0]?.reason ?? "", /^must not be longer than the deadline/u)
    }))

  it.live("reads a policy for HTTP, in the keys that people bring along, with its endpoints and its pool", () =>
    Effect.gen(function*() {
      const path = yield* directory({
        "app.yaml": `
llm:
  http:
    timeout: 30.0
    max_retries: 3
    initial_retry_delay: 1.0
    max_retry_delay: 16.0
    retry_multiplier: 2.0
    retry_jitter: 0.1
    max_connections: 100
    keepalive_expiry: 30.0
    endpoints:
      slow: { path: /report, timeout: 2 minutes, max_retries: 0 }
`,
        "twice.yaml": "max_retries: 3\nretry: { times: 2 }\n"
      })
      const args = ["check", join(path, "app.yaml"), "--at", "llm.http", "--as", "http"]
      const ended = yield* Holdfast.run(args)
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      assert.match(ended.stdout, /retry +up to 3 retries after 1s, then 2 times as long each time up to 16s/u)
      assert.match(ended.stdout, /attemptTimeout +an attempt is interrupted after 30s/u)
      assert.match(ended.stdout, /At most 100 connections to an origin\.\n +An idle connection is kept for 30s\./u)
      assert.match(ended.stdout, /The endpoint "slow"[^]*an attempt is interrupted after 2m[^]*executed once/u)

      const json = yield* Holdfast.run([...args, "--json"])
      const found = JSON.parse(json.stdout) as { readonly attempts: number; readonly endpoints: ReadonlyArray<object> }
      assert.deepStrictEqual([found.attempts, found.endpoints.length], [4, 1])

      const twice = yield* Holdfast.run(["check", join(path, "twice.yaml"), "--as", "http"])
      assert.strictEqual(twice.code, 1)
      assert.match(twice.stdout, /max_retries +max_retries beside retry\.times is a retry around a retry/u)

      const short = ["--minutes", "2", "--calls", "10", "--down-from", "0", "--down-to", "1"]
      const simulated = yield* Holdfast.run(["simulate", ...args.slice(1), ...short])
      assert.deepStrictEqual([simulated.code, simulated.stderr], [0, ""])
      assert.match(simulated.stdout, /^http .* x /mu)
    }))

  it.live("says in one line that there is nothing to read", () =>
    Effect.gen(function*() {
      const path = yield* directory({ "broken.yaml": "a: [1,\n b: {", "empty.yaml": "", "app.yaml": stock })
      const cases = [
        [["absent.yaml"], /there is no file .*absent\.yaml/u],
        [["broken.yaml"], /neither YAML nor JSON/u],
        [["."], /is a folder: name a file in it/u],
        [["empty.yaml"], /is empty/u],
        [["app.yaml", "--at", "policies.absent"], /has nothing at policies\.absent/u]
      ] as const
      for (const [[file, ...rest], says] of cases) {
        const ended = yield* Holdfast.run(["check", join(path, file), ...rest])
        assert.deepStrictEqual([ended.code, ended.stdout], [2, ""])
        oneLine(ended.stderr)
        assert.match(ended.stderr, says)
      }
    }))
})

describe("holdfast simulate", { timeout: 60_000 }, () => {
  const short = ["--minutes", "6", "--calls", "30", "--down-from", "2", "--down-to", "4"]

  it.live("compares a file's policy with less, draws it and writes a page", () =>
    Effect.gen(function*() {
      const path = yield* directory({ "app.yaml": stock })
      const report = join(path, "report.html")
      const args = ["simulate", join(path, "app.yaml"), "--at", "policies.stock", ...short]
      const ended = yield* Holdfast.run([...args, "--report", report])
      assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
      assert.match(ended.stdout, /^timeout alone .* x .*\nretries .*\nstock .*$/mu)
      assert.strictEqual(ended.stdout.match(/attempts a minute that reach the dependency/gu)?.length, 3)
      assert.notInclude(ended.stdout, "\u001b")
      assert.include(ended.stdout, `The report is in ${report}`)
      assert.match(
        readFileSync(report, "utf8"),
        /^<!doctype html>[^]*<polyline [^]*retry: up to 3 retries[^]*<\/html>\n$/u
      )
    }))

  it.live("gives the same numbers for the same seed, as data", () =>
    Effect.gen(function*() {
      const [first, second, other] = yield* Effect.forEach(
        ["3", "3", "4"],
        (seed) => Holdfast.run(["simulate", "--json", "--seed", seed, ...short]),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([first?.code, first?.stderr], [0, ""])
      assert.strictEqual(second?.stdout, first?.stdout)
      assert.notStrictEqual(other?.stdout, first?.stdout)
      const { policies } = JSON.parse(first?.stdout ?? "") as {
        readonly policies: ReadonlyArray<{ readonly calls: number; readonly minutes: ReadonlyArray<unknown> }>
      }
      assert.deepStrictEqual(
        policies.map(({ calls, minutes }) => [calls, minutes.length]),
        Array.from({ length: 4 }, () => [180, 6])
      )
    }))

  it.live("rejects invalid input in one line", () =>
    Effect.gen(function*() {
      const path = yield* directory({
        "bad.yaml": "retry: { times: -1 }\n",
        "app.yaml": "llm: { http: { max_retrys: 3 } }\n"
      })
      const cases = [
        [["--down-from", "9", "--down-to", "3"], 2, /--down-from must be before --down-to/u],
        [["--minutes", "0"], 2, /--minutes must be from 1 to 1440/u],
        [["--hang", "2"], 2, /--hang must be a share/u],
        [[join(path, "bad.yaml")], 1, /is not a valid policy: .*times.*\(see `holdfast check \S+\/bad\.yaml`\)/u],
        [
          [join(path, "app.yaml"), "--as", "http", "--at", "llm.http"],
          1,
          /\(see `holdfast check --as http --at llm\.http \S+\/app\.yaml`\)/u
        ],
        [[...short, "--report", join(path, "absent", "x.html")], 2, /the report cannot be written: ENOENT/u]
      ] as const
      for (const [args, code, says] of cases) {
        const ended = yield* Holdfast.run(["simulate", ...args])
        assert.strictEqual(ended.code, code)
        oneLine(ended.stderr)
        assert.match(ended.stderr, says)
      }
    }))
})
