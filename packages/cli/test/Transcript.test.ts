import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { stripVTControlCharacters } from "node:util"
import * as Act from "../src/demo/Act.ts"
import * as Demo from "../src/demo/Demo.ts"
import type { DemoEvent } from "../src/demo/DemoEvent.ts"
import * as Question from "../src/demo/Question.ts"
import * as Screen from "../src/demo/Screen.ts"
import * as Transcript from "../src/demo/Transcript.ts"
import { coloured, plain, type Style } from "../src/terminal/style.ts"

/** A program whose first request of every question fails, and whose streams break off once. */
const asker: Demo.Asker = {
  ask: ({ mode, onText, question, reserve, tell }) =>
    Effect.sync(() => {
      const reservation = Question.errands.some(({ text }) => text === question)
        ? reserve({ item: "lamp", count: 1 })
        : undefined
      const attempt = { _tag: "AttemptEnded", model: "m", millis: 3 } as const
      if (reservation !== undefined) {
        tell({ ...attempt, provider: "openai", outcome: "answered" })
        tell({ _tag: "ToolRan", tool: "reserve", provider: "openai", result: reservation })
      }
      const because = "the connection failed"
      tell({ ...attempt, provider: "openai", outcome: "failed", because, next: "fallback" })
      if (mode === "stream") {
        tell({ ...attempt, provider: "ollama", outcome: "failed", because: "cut", next: "fail" })
        tell({ _tag: "AskedAgain", because: "cut", words: 4 })
      }
      const asked = Question.all.find(({ text }) => text === question)!
      const text = Question.answerOf(asked, "ollama", reservation)
      onText(text)
      tell({ ...attempt, provider: "ollama", outcome: "answered" })
      return { text, provider: "ollama" }
    })
}

const acts = Act.all.filter((act) => act.name === "cut" || act.name === "gone")

const record = (asked: Demo.Asker = asker) =>
  Demo.run({ seed: 3, policy: ["Up to 2 retries."], connect: () => Effect.succeed(asked), acts }).pipe(
    Stream.runCollect,
    Effect.map((events) => events.filter((event): event is DemoEvent => event._tag !== "Said"))
  )

const transcript = (events: ReadonlyArray<DemoEvent>, style: Style): string => {
  let state = Transcript.initial
  return events.flatMap((event) => {
    const [next, lines] = Transcript.step(state, event, style)
    state = next
    return lines
  }).join("\n")
}

const untimed = (events: ReadonlyArray<DemoEvent>) =>
  JSON.parse(JSON.stringify(events), (key, value: unknown) => /^(millis|urls)$/u.test(key) ? 0 : value) as unknown

describe("Demo.run", () => {
  it.live("asks again once when a stream was cut, and says so", () =>
    Effect.gen(function*() {
      const events = yield* record()
      const tags = events.filter((event) => "ask" in event && event.ask === 2).map((event) => event._tag)
      assert.deepStrictEqual(tags, [
        "AskStarted",
        "AttemptEnded",
        "AttemptEnded",
        "AskedAgain",
        "AttemptEnded",
        "AskEnded",
        "AskEnded"
      ])
      const end = events.at(-1)
      assert.isTrue(end?._tag === "DemoEnded" && end.ok)
    }))

  it.live("counts no answer as whole whose tool ran twice", () =>
    Effect.gen(function*() {
      const twice: Demo.Asker = {
        ask: (options) =>
          Effect.tap(asker.ask(options), () => Effect.sync(() => options.reserve({ item: "", count: 1 })))
      }
      const events = yield* record(twice)
      const errands = events.filter((event) =>
        event._tag === "AskEnded" && event.client === "holdfast" && event.ask > 6
      )
      assert.deepStrictEqual(
        errands.map((event) => event._tag === "AskEnded" ? [event.verdict, event.toolRuns] : []),
        [["wrong", 2], ["wrong", 2]]
      )
      const end = events.at(-1)
      assert.isTrue(end?._tag === "DemoEnded" && !end.ok)
    }))

  it.live("gives the same events for the same seed, apart from times and places", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(untimed(yield* record()), untimed(yield* record()))
    }))

  it.live("calls a cut answer cut and another one wrong, and is then not ok", () =>
    Effect.gen(function*() {
      for (const [text, verdict] of [["Because a ser", "cut"], ["A retry is a b", "cut"], ["Yes.", "wrong"]] as const) {
        const events = yield* record({ ask: () => Effect.succeed({ text, provider: "openai" }) })
        const first = events.find((event) => event._tag === "AskEnded")
        assert.strictEqual(first?._tag === "AskEnded" ? first.verdict : undefined, verdict)
        const end = events.at(-1)
        assert.isTrue(end?._tag === "DemoEnded" && !end.ok)
      }
    }))

  it.live("shows that plain fetch takes a quiet cut for a whole answer and fails when the cloud is gone", () =>
    Effect.gen(function*() {
      const events = yield* record()
      const ended = events.filter((event) => event._tag === "ActEnded")
      assert.deepStrictEqual(ended.map(({ fetch }) => fetch.whole + fetch.cut + fetch.failed), [4, 4])
      assert.isAtLeast(ended[0]?.fetch.cut ?? 0, 1)
      assert.strictEqual(ended[1]?.fetch.failed, 4)
      assert.isTrue(events.some((event) => event._tag === "AskEnded" && event.because === "fetch failed: ECONNREFUSED"))
    }))
})

describe("Transcript", () => {
  it.live("tells the demo in plain lines", () =>
    Effect.gen(function*() {
      const text = transcript(yield* record(), plain)
      assert.notInclude(text, "\u001b")
      assert.include(text, "seed 3")
      assert.include(text, "Up to 2 retries.")
      assert.include(text, "Act 1 of 2  Streams are cut in the middle of a sentence")
      assert.include(text, "OpenAI had R-1 reserved; OpenAI: the connection failed; so on to Ollama")
      assert.match(text, /; stream cut after 4 words, asked again/u)
      assert.include(text, "plain fetch: 0 of 4 answered whole, 4 failed")
      assert.include(text, "Holdfast answered all 8 questions to the letter")
      assert.isTrue(text.split("\n").every((line) => line === line.trimEnd()), "no line ends in white space")
    }))

  it.live("says the same in colour", () =>
    Effect.gen(function*() {
      const events = yield* record()
      const painted = transcript(events, coloured)
      assert.include(painted, "\u001b[")
      assert.strictEqual(
        stripVTControlCharacters(painted).replaceAll(/[ \n]+/gu, " "),
        transcript(events, plain).replaceAll(/[ \n]+/gu, " ")
      )
    }))

  it("keeps the waiting line within the columns of the terminal", () => {
    const line = Screen.waiting({ question: "Why?", mode: "stream", said: "word ".repeat(100) }, 60, plain)
    assert.isAtMost(line.length, 60)
    assert.isTrue(line.endsWith("word "))
  })
})
