/** Says what a file means, or what is wrong with it. */
import type * as Policy from "@holdfast/core/Policy"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import { inOneLine, wrapped } from "../terminal/paragraph.ts"
import { type Screen, screen } from "../terminal/style.ts"
import type { Issue } from "./issues.ts"
import type { Kind } from "./kind.ts"
import * as LlmConfigWords from "./LlmConfigWords.ts"
import * as PolicyFile from "./PolicyFile.ts"
import * as PolicyWords from "./PolicyWords.ts"

/** The file is not valid. The faults have been printed; the process exits with 1. */
export class CheckFailed extends Data.TaggedError("CheckFailed") {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}

interface Described {
  readonly first: Policy.Description
  readonly endpoints: ReadonlyArray<Policy.Description>
  readonly notes: ReadonlyArray<string>
}

/** What the file means. */
const meaning = (file: string, { endpoints, first, notes }: Described, screen: Screen): ReadonlyArray<string> => [
  `${screen.style.paint("good", "✓")} ${file} ${screen.style.paint("quiet", `is the policy "${first.name}"`)}`,
  "",
  ...PolicyWords.lines(first, screen),
  ...notes.map((note) => `  ${note.charAt(0).toUpperCase()}${note.slice(1)}.`),
  ...endpoints.flatMap((endpoint) => [
    "",
    `  ${screen.style.paint("title", `The endpoint "${endpoint.name}"`)}`,
    "",
    ...PolicyWords.lines(endpoint, screen)
  ])
]

/** What is wrong. */
const wrongs = (
  file: string,
  what: PolicyFile.Refused["what"],
  issues: ReadonlyArray<Issue>,
  { style, width }: Screen
): ReadonlyArray<string> => {
  const whole = `the ${what}`
  const column = Math.max(...issues.map(({ path }) => path.length), whole.length)
  return [
    `${style.paint("bad", "✗")} ${file} ${style.paint("quiet", `is not a valid ${what}`)}`,
    "",
    ...issues.flatMap(({ path, reason }) =>
      wrapped(reason, width, `  ${style.paint("strong", (path === "" ? whole : path).padEnd(column))}  `)
    )
  ]
}

interface Input {
  readonly file: string
  readonly at: string
  readonly as: Kind | "llm"
  readonly json: boolean
}

/** What a policy in the file means, as lines. */
const policyLines = (kind: Kind, { at, file, json }: Input, place: string, own: Screen) =>
  PolicyFile.meaning(file, at, kind).pipe(
    Effect.flatMap(({ notes, policies: [first, ...endpoints] }) =>
      Effect.all({
        first: PolicyFile.describe(first),
        endpoints: Effect.forEach(endpoints, PolicyFile.describe),
        notes: Effect.succeed(notes)
      })
    ),
    Effect.map((described) =>
      json
        ? [JSON.stringify({
          ok: true,
          ...PolicyWords.toJson(described.first),
          notes: described.notes,
          endpoints: described.endpoints.map(PolicyWords.toJson)
        })]
        : meaning(place, described, own)
    )
  )

/** What a chain in the file, and the environment with it, come to, as lines. */
const chainLines = ({ at, file, json }: Input, place: string, own: Screen) =>
  Effect.gen(function*() {
    const config = yield* PolicyFile.chain(file, at)
    const asked = Effect.all({
      treated: ProviderChain.treatments,
      store: ChainStore.settings,
      embeddings: EmbeddingChain.selection
    })
    const found = yield* Effect.provide(asked, LlmConfig.layer(config)).pipe(
      Effect.mapError(({ cause }) =>
        new PolicyFile.Refused({
          file,
          at,
          as: "llm",
          issues: [{ path: "", reason: `with the environment: ${inOneLine(cause.message)}` }]
        })
      )
    )
    return json
      ? [JSON.stringify(LlmConfigWords.toJson(config, found))]
      : LlmConfigWords.lines(place, config, found, own)
  })

export const check = Effect.fnUntraced(function*(input: Input) {
  const own = yield* screen
  const place = input.at === "" ? input.file : `${input.file} at ${input.at}`
  const asked = input.as === "llm" ? chainLines(input, place, own) : policyLines(input.as, input, place, own)
  const result = yield* asked.pipe(
    Effect.map(Result.succeed),
    Effect.catchTag("Refused", (refused) => Effect.succeed(Result.fail(refused)))
  )
  const lines = Result.match(result, {
    onSuccess: (lines) => lines,
    onFailure: ({ issues, what }) =>
      input.json ? [JSON.stringify({ ok: false, issues })] : wrongs(place, what, issues, own)
  })
  yield* input.json ? own.write(`${lines.join("\n")}\n`) : own.print(lines)
  if (Result.isFailure(result)) {
    return yield* new CheckFailed()
  }
})
