/** What `holdfast usage` shows of ledgers of every kind, and of those that are not there. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as LanguageModel from "effect/ai/LanguageModel"
import { displayWidth } from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Holdfast from "./holdfast.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-usage-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

const entry = (day: string, user: string | undefined, cost: number | undefined): Usage.Entry => ({
  at: Date.parse(`${day}T12:00:00Z`),
  provider: "openai",
  model: user === "2" ? "gpt-5" : "gpt-5-mini",
  location: "cloud",
  attempt: 1,
  outcome: user === undefined ? "failed" : "succeeded",
  durationMillis: 800,
  inputTokens: 1200,
  outputTokens: 34,
  ...(cost !== undefined && { cost }),
  ...(user !== undefined && { tags: { user } })
})

const entries = [
  entry("2026-11-20", "1", 0.5),
  entry("2026-11-20", "2", 1.25),
  entry("2026-11-22", "1", 0.25),
  entry("2026-11-25", undefined, undefined)
]

const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("")

const jsonLines = Effect.map(folder, (folder) => {
  const file = join(folder, "entries.jsonl")
  writeFileSync(file, lines)
  return file
})

describe("holdfast usage", { timeout: 60_000 }, () => {
  it.live("sums up by day, with the days between, as a table and a plot in 80 columns", () =>
    Effect.gen(function*() {
      const file = yield* jsonLines
      const { code, stderr, stdout } = yield* Holdfast.run(["usage", file])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^2026-11-20 +2 +0 +2,400 +68 +1\.75$/mu)
      assert.match(stdout, /^2026-11-25 +1 +1 +1,200 +34 +0 +1$/mu)
      assert.match(stdout, /^all +4 +1 +4,800 +136 +2\.00 +1$/mu)
      assert.match(stdout, /Without a price, and not in the cost: 1 attempt with tokens/u)
      assert.match(stdout, /cost a day +2026-11-20 to 2026-11-25/u)
      for (const line of stdout.split("\n")) assert.isAtMost(displayWidth(line), 80, line)
    }).pipe(Effect.scoped))

  it.live("sums up by tag, the dearest first, and the rest in one row", () =>
    Effect.gen(function*() {
      const file = yield* jsonLines
      const { stdout } = yield* Holdfast.run(["usage", file, "--by", "tag:user"])
      assert.match(stdout, /\n2 +1 .*\n1 +2 .*\n\(without the tag\) +1 /u)
      assert.match(stdout, /█+ +1\.25 +62\.5 %/u)
      const latest = yield* Holdfast.run(["usage", file, "--top", "1"])
      assert.match(latest.stdout, /\n2 earlier +3 .*\n2026-11-25 +1 /u)
      const top = yield* Holdfast.run(["usage", file, "--by", "tag:user", "--top", "1"])
      assert.match(top.stdout, /\n2 +1 .*\n2 others +3 /u)
    }).pipe(Effect.scoped))

  it.live("reads what a process that was killed has left, and reports answers that broke off", () =>
    Effect.gen(function*() {
      const partial = `${JSON.stringify({ ...entries[0], outcome: "failed", partial: true })}\n`
      const killed = yield* Holdfast.run(["usage", "-"], {}, `\ufeff${lines}${partial}{"at":17`)
      assert.deepStrictEqual([killed.code, killed.stderr], [0, ""])
      assert.match(killed.stdout, /^all +5 +2 /mu)
      assert.match(killed.stdout, /Broken off before their usage was complete: 1 attempt\. The bill may be higher\./u)
      const broken = yield* Holdfast.run(["usage", "-"], {}, `{"at":17\n${lines}`)
      assert.strictEqual(broken.code, 1)
      assert.include(broken.stderr, "line 1, is not an entry")
    }))

  it.live("prints data, since a day, from stdin", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* Holdfast.run(
        ["usage", "-", "--by", "model", "--since", "2026-11-21", "--json"],
        {},
        lines
      )
      assert.strictEqual(code, 0)
      const { all, by, groups } = JSON.parse(stdout) as {
        by: string
        groups: ReadonlyArray<Record<string, unknown>>
        all: Usage.Total
      }
      assert.deepStrictEqual([by, groups.map(({ attempts, group }) => [group, attempts])], ["model", [
        ["openai/gpt-5-mini", 2]
      ]])
      assert.deepInclude(all, { attempts: 2, cost: 0.25, unpriced: 1 })
    }))

  it.live("reads what UsageSql has written, as the lines of the same ledger", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const filename = join(place, "usage.db")
      const chain = ProviderChain.layer({
        providers: [TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hello there")))]
      })
      const ledger = UsageSql.layer({ prices: { test: { input: 1, output: 2 } } })
      const kept = yield* Effect.gen(function*() {
        yield* Effect.forEach(["1", "2", "2"], (user) =>
          LanguageModel.generateText({ prompt: "hello" }).pipe(Usage.withTags({ user })))
        return yield* (yield* Usage.Ledger).entries
      }).pipe(Effect.provide(Layer.provideMerge(chain, Layer.provide(ledger, SqliteClient.layer({ filename })))))
      const asLines = join(place, "usage.jsonl")
      writeFileSync(
        asLines,
        kept.map((entry) =>
          `${JSON.stringify(entry)}\n`
        ).join("")
      )
      for (const by of ["day", "operation", "tag:user"]) {
        const fromDatabase = yield* Holdfast.run(["usage", filename, "--by", by, "--json"])
        const fromLines = yield* Holdfast.run(["usage", asLines, "--by", by, "--json"])
        assert.deepStrictEqual([fromDatabase.code, fromDatabase.stderr], [0, ""])
        assert.strictEqual(fromDatabase.stdout, fromLines.stdout, by)
      }
      const environment = yield* Holdfast.run(["usage", "--by", "provider"], { HOLDFAST_LEDGER: filename })
      assert.match(environment.stdout, /^cloud +3 /mu)
    }).pipe(Effect.provide(TestClock.layer()), Effect.scoped))

  it.live("says plainly what is missing, empty or wrong, and shows no secret", () =>
    Effect.gen(function*() {
      const place = yield* folder
      writeFileSync(join(place, "empty.jsonl"), "")
      writeFileSync(join(place, "wrong.jsonl"), `${JSON.stringify(entries[0])}\n{"at":"yesterday"}\n`)
      yield* Effect.scoped(Layer.build(SqliteClient.layer({ filename: join(place, "bare.db") })))
      const url = "postgres://me:s3cret-word@127.0.0.1:1/usage"
      const cases: ReadonlyArray<
        readonly [args: ReadonlyArray<string>, code: number, says: string, env?: Record<string, string>]
      > = [
        [[join(place, "empty.jsonl")], 0, "The ledger has no entry"],
        [[join(place, "missing.db")], 2, "There is no ledger at"],
        [[place], 2, "cannot be read"],
        [[join(place, "wrong.jsonl")], 1, "line 2, is not an entry"],
        [[join(place, "bare.db")], 1, "has no table holdfast_usage"],
        [[url], 2, "Give the URL in HOLDFAST_LEDGER"],
        [[], 1, "The database of HOLDFAST_LEDGER cannot be read", { HOLDFAST_LEDGER: url }],
        [[], 2, "Name a ledger", { HOLDFAST_LEDGER: " " }],
        [["x", "--by", "user"], 2, "--by must be day, provider, model, operation, or tag:NAME"],
        [["x", "--by", "tag:"], 2, "--by must be"],
        [["x", "--since", "yesterday"], 2, "--since must be a day"],
        [["x", "--top", "0"], 2, "--top must be 1 or more"]
      ]
      for (const [args, code, says, env] of cases) {
        const ended = yield* Holdfast.run(["usage", ...args], env)
        const text = ended.stdout + ended.stderr
        assert.include(text, says, args.join(" "))
        assert.strictEqual(ended.code, code, text)
        assert.notInclude(text, "s3cret-word")
        assert.notMatch(text, /\n\s+at /u)
        assert.isAtMost(text.trimEnd().split("\n").length, 1, text)
      }
    }).pipe(Effect.scoped))
})
