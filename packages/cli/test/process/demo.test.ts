import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import type { DemoEvent } from "../../src/demo/DemoEvent.ts"
import * as Holdfast from "./holdfast.ts"

const parse = (stdout: string): ReadonlyArray<DemoEvent> =>
  stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as DemoEvent)

const untimed = (events: ReadonlyArray<DemoEvent>) =>
  JSON.parse(JSON.stringify(events), (key, value: unknown) => /millis$|^urls$/iu.test(key) ? 0 : value) as unknown

/** Without times, and without the white space that goes with them. */
const untimedTable = (text: string) =>
  text.replaceAll(/\d+\.\d+ s/gu, "T").replaceAll(/ +/gu, " ").replaceAll(/^ /gmu, "")

/** The table that README.md quotes. */
const quoted = () => {
  const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8")
  return untimedTable(/```text\n( +Holdfast [^]*?)```/u.exec(readme)?.[1] ?? assert.fail("README.md quotes no table"))
}

describe("holdfast demo", { timeout: 90_000 }, () => {
  it.live(
    "answers every question, as JSON and in plain lines, and repeats a run by its seed",
    () =>
      Effect.gen(function*() {
        const [first, second, plain] = yield* Effect.all([
          Holdfast.run(["demo", "--json", "--seed", "5"]),
          Holdfast.run(["demo", "--json", "--seed", "5"]),
          Holdfast.run(["demo"])
        ], { concurrency: "unbounded" })

        assert.deepStrictEqual([first.code, first.stderr], [0, ""])
        assert.deepStrictEqual([second.code, plain.code, plain.stderr], [0, 0, ""])
        const events = parse(first.stdout)
        assert.deepStrictEqual(untimed(parse(second.stdout)), untimed(events))

        const end = events.at(-1)
        assert.isTrue(end?._tag === "DemoEnded" && end.ok)
        if (end?._tag === "DemoEnded") {
          assert.strictEqual(end.holdfast.whole, 40)
          assert.strictEqual(end.holdfast.asked, 40)
          assert.strictEqual(end.fetch.asked, 40)
          assert.isBelow(end.fetch.whole, 40)
          assert.strictEqual(
            end.served.openaiOfFetch,
            end.fetch.requests - 4,
            "the last act's OpenAI refuses connections"
          )
          assert.strictEqual(end.holdfast.toolRuns, 12, "each errand had one thing reserved")
          assert.isBelow(end.millis, 30_000)
          const answers = events.filter((event) => event._tag === "AttemptEnded")
          assert.strictEqual(end.holdfast.requests, answers.length)
          for (const provider of ["openai", "anthropic", "ollama"] as const) {
            assert.strictEqual(
              answers.filter((event) => event.provider.startsWith(provider) && event.because !== "connection refused")
                .length,
              end.served[provider],
              `every request that the chain reports is one that ${provider} counted`
            )
            assert.isAbove(end.served[provider], 0)
          }
          // A tool ran for one provider, and another one answered with what it gave.
          const handedOver = events.filter((event) =>
            event._tag === "AskEnded" && event.client === "holdfast" &&
            events.some((ran) => ran._tag === "ToolRan" && ran.ask === event.ask && ran.provider !== event.provider)
          )
          assert.isAtLeast(handedOver.length, 1)
          // The first key is at its limit and told so once; the second answers.
          const limit = answers.filter(({ act }) => act === "limit").map(({ outcome, provider }) =>
            `${provider} ${outcome}`
          )
          assert.deepStrictEqual(limit, ["openai-1 failed", ...Array.from({ length: 4 }, () => "openai-2 answered")])
          const torn = events.filter((event) => event._tag === "AskedAgain" && event.act === "torn")
          assert.isAtLeast(torn.length, 1)
        }

        assert.notInclude(plain.stdout, "\u001b")
        assert.notInclude(plain.stdout, "\r")
        assert.include(plain.stdout, "Holdfast answered all 40 questions to the letter")
        assert.include(
          untimedTable(plain.stdout),
          quoted(),
          "README.md quotes another table than `npm start` ends with"
        )
        assert.strictEqual(plain.stdout.match(/^Act \d+ of 10 /gmu)?.length, 10)
      }),
    60_000
  )

  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    it.live(`is gone after ${signal}, and its servers with it`, () =>
      Effect.gen(function*() {
        const running = yield* Holdfast.start(["demo", "--json"])
        const started = JSON.parse(
          yield* running.line((line) => line.includes("DemoStarted"))
        ) as Extract<DemoEvent, { _tag: "DemoStarted" }>
        assert.isTrue(yield* Holdfast.listens(started.urls.openai))
        // In the middle of a pause that a 503 asked for, with a timer and connections open.
        yield* running.line((line) => line.includes("AttemptEnded") && line.includes("503"))
        yield* running.kill(signal)
        const ended = yield* running.ended
        const last = parse(ended.stdout).at(-1)
        assert.strictEqual(last?._tag, "AttemptEnded", "it did not wait for the pause to end")
        assert.deepStrictEqual([ended.code, ended.stderr], [code, ""])
        assert.isFalse(Holdfast.isAlive(running.pid))
        assert.isFalse(yield* Holdfast.listens(started.urls.openai))
        assert.isFalse(yield* Holdfast.listens(started.urls.anthropic))
        assert.isFalse(yield* Holdfast.listens(started.urls.ollama))
      }))
  }
})
