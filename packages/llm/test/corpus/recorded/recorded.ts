/** What a real llama.cpp server answered, as `npm run record` has written it down, with what it means. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Answer, Meaning } from "../answers/forms.ts"
import type { Outcome, Protocol } from "../refusal.ts"
import { vendor } from "../refusal.ts"

interface Recorded {
  readonly what: string
  readonly status: number
  readonly body: string
}

const [, ...lines] = readFileSync(join(import.meta.dirname, "llamacpp.jsonl"), "utf8").trim().split("\n")
const recorded = new Map(lines.map((line) => {
  const answer = JSON.parse(line) as Recorded
  return [answer.what, answer] as const
}))

const of = (what: string): Recorded => {
  const found = recorded.get(what)
  if (found === undefined) throw new Error(`llamacpp.jsonl has no "${what}". Run \`npm run record\``)
  return found
}

const source = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"

const outcomes: ReadonlyArray<readonly [what: string, outcome: Outcome, protocol?: Protocol]> = [
  ["loading", "waits"],
  ["too long", "larger"],
  ["too long for the Messages API", "larger", "anthropic"],
  ["an image to a model that sees none", "next"],
  ["sound to a model that hears none", "next"],
  ["a PDF", "next"],
  ["a grammar that it cannot read", "next"],
  ["a schema of an unknown type", "next"],
  ["two answers", "next"],
  ["no such path", "rests"]
]

const refusalsOf = (protocol: Protocol) =>
  vendor(
    `llama.cpp, recorded (${protocol})`,
    protocol,
    outcomes.filter(([, , by = "llamacpp"]) => by === protocol).map(([what, outcome]) => {
      const { body, status } = of(what)
      return [what, status, body, outcome, source] as const
    })
  )

export const recordedRefusals = [refusalsOf("llamacpp"), refusalsOf("anthropic")]

const said: Meaning = { text: "Say hello.<|", finish: "length", input: 26, output: 4 }
const person: Meaning = { text: "{\n    \"name\": \"Assistant\"\n    }", finish: "stop", input: 26, output: 15 }
const answer = (
  what: string,
  asked: Answer["asked"],
  means: Meaning,
  protocol: Answer["protocol"] = "openai"
): Answer => ({
  vendor: "llama.cpp, recorded",
  what,
  source,
  protocol,
  ...(protocol === "openai" ? { preset: "llamacpp" } : {}),
  asked,
  body: of(what).body,
  means
})

export const recordedAnswers: ReadonlyArray<Answer> = [
  answer("words", "whole", said),
  answer("words, streamed", "stream", said),
  answer("words, streamed, without usage", "stream", said),
  answer("a structured answer", "whole", person),
  answer("a structured answer, streamed", "stream", person),
  answer("the Messages API", "whole", said, "anthropic"),
  answer("the Messages API, streamed", "stream", said, "anthropic")
]
