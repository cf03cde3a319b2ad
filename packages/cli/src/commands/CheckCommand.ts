/**
 * `holdfast check`: reads a policy from a file, and says what it means, or what is wrong with it.
 */
import type * as Policy from "@holdfast/core/Policy"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Terminal from "effect/Terminal"
import * as Screen from "../demo/Screen.ts"
import * as FailureWords from "../terminal/FailureWords.ts"
import * as LlmConfigWords from "../terminal/LlmConfigWords.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as PolicyWords from "../terminal/PolicyWords.ts"
import * as PolicyFile from "./PolicyFile.ts"

/** The file holds no policy that can be. What is wrong has been said; the process exits with 1. */
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
const meaning = (file: string, { endpoints, first, notes }: Described, style: Screen.Style): ReadonlyArray<string> => [
  `${style.paint("good", "✓")} ${file} ${style.paint("quiet", `is the policy "${first.name}"`)}`,
  "",
  ...PolicyWords.lines(first, style),
  ...notes.map((note) => `  ${note.charAt(0).toUpperCase()}${note.slice(1)}.`),
  ...endpoints.flatMap((endpoint) => [
    "",
    `  ${style.paint("title", `The endpoint "${endpoint.name}"`)}`,
    "",
    ...PolicyWords.lines(endpoint, style)
  ])
]

/** What is wrong. */
const wrongs = (
  file: string,
  what: "policy" | "chain",
  issues: ReadonlyArray<PolicyFile.Issue>,
  style: Screen.Style
): ReadonlyArray<string> => {
  const whole = `the ${what}`
  const width = Math.max(...issues.map(({ path }) => path.length), whole.length)
  return [
    `${style.paint("bad", "✗")} ${file} ${style.paint("quiet", `is no ${what} that can be`)}`,
    "",
    ...issues.map(({ path, reason }) =>
      `  ${style.paint("strong", (path === "" ? whole : path).padEnd(width))}  ${reason}`
    )
  ]
}

interface Input {
  readonly file: string
  readonly at: string
  readonly as: PolicyFile.Kind | "llm"
  readonly json: boolean
}

/** What a policy in the file means, as lines. */
const policyLines = (kind: PolicyFile.Kind, { at, file, json }: Input, place: string, style: Screen.Style) =>
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
        : meaning(place, described, style)
    )
  )

/** What a chain in the file, and the environment with it, come to, as lines. */
const chainLines = ({ at, file, json }: Input, place: string, style: Screen.Style) =>
  Effect.gen(function*() {
    const config = yield* PolicyFile.chain(file, at)
    const treated = yield* Effect.provide(ProviderChain.treatments, LlmConfig.layer(config)).pipe(
      Effect.mapError(({ cause }) =>
        new PolicyFile.Refused({
          file,
          at,
          as: "llm",
          issues: [{ path: "", reason: `with the environment: ${FailureWords.firstLine(cause.message)}` }]
        })
      )
    )
    return json
      ? [JSON.stringify({ ok: true, providers: treated.map(LlmConfigWords.toJson) })]
      : LlmConfigWords.lines(place, config, treated, style)
  })

const check = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal.Terminal
  const can = yield* TerminalCapabilities.TerminalCapabilities
  const style = can.canColor ? Screen.coloured : Screen.plain
  const place = input.at === "" ? input.file : `${input.file} at ${input.at}`
  const asked = input.as === "llm" ? chainLines(input, place, style) : policyLines(input.as, input, place, style)
  const result = yield* asked.pipe(
    Effect.map(Result.succeed),
    Effect.catchTag("Refused", (refused) => Effect.succeed(Result.fail(refused)))
  )
  const lines = Result.match(result, {
    onSuccess: (lines) => lines,
    onFailure: ({ issues, what }) =>
      input.json ? [JSON.stringify({ ok: false, issues })] : wrongs(place, what, issues, style)
  })
  yield* terminal.display(lines.map((line) => `${line}\n`).join(""))
  if (Result.isFailure(result)) {
    return yield* new CheckFailed()
  }
})

export const at = Flag.String("at").pipe(
  Flag.withDescription("Where in the file the policy is: policies.stock. Defaults to the whole of it"),
  Flag.withDefault("")
)

export const as = Flag.Literals("as", PolicyFile.kinds).pipe(
  Flag.withDescription(
    "What the file holds: a policy for any call (the default), or one for HTTP, with endpoints and a pool"
  ),
  Flag.withDefault("policy" as const)
)

export const command = Command.make("check", {
  file: Argument.String("file").pipe(Argument.withDescription("A YAML or JSON file")),
  at,
  as: Flag.Literals("as", [...PolicyFile.kinds, "llm"]).pipe(
    Flag.withDescription(
      "What the file holds: a policy for any call (the default), one for HTTP, with endpoints and a pool, or a chain of " +
        "providers"
    ),
    Flag.withDefault("policy" as const)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints what was found as one JSON document"),
    Flag.withDefault(false)
  )
}, check).pipe(
  Command.withShortDescription("Says what a policy in a file means, or what is wrong with it"),
  Command.withDescription(paragraph(
    "Reads a policy from a YAML or JSON file and says in words what it will do to a call, and the",
    "worst that a call can come to. A key that no part has, and a policy that cannot be, are refused",
    "with the path and the reason.",
    "",
    "A policy looks like this, and every key may be left out:",
    "  name: stock",
    "  deadline: 30 seconds                # or a number of seconds: 30",
    "  bulkhead: { limit: 64, queue: 128, maxWait: 1 second }",
    "  rateLimit: { limit: 100, window: 1 second }",
    "  retry:",
    "    times: 3",
    "    backoff: { type: exponential, initial: 1 second, factor: 2, max: 16 seconds, jitter: full }",
    "    retryAfter: { mode: clamp, max: 60 seconds }",
    "    budget: { ratio: 0.2, minPerSecond: 10, window: 10 seconds }",
    "  circuitBreaker:",
    "    trip: { type: rate, threshold: 0.5, window: 30 seconds, minimumCalls: 20 }",
    "    openFor: 30 seconds",
    "  attemptTimeout: 10 seconds",
    "",
    "With `--as http` it is one for an HTTP client: the same parts, `timeouts: { attempt, total }`, which",
    "statuses and methods are retried, `endpoints` with policies of their own and `transport` for the",
    "pool. Flat keys work as well: `timeout`, `max_retries`, `initial_retry_delay`, `max_retry_delay`,",
    "`retry_multiplier`, `retry_jitter`, `max_connections`, `keepalive_expiry` and the like.",
    "",
    "With `--as llm` it is a chain of providers, under `llm:`: what `holdfast chat --config` asks. It says who",
    "is asked by the file and the environment together, by which policy each, and who is left out.",
    "  llm:",
    "    provider_priority: [openai, groq, ollama]",
    "    models: { openai: gpt-5-mini }",
    "    http: { timeout: 30, max_retries: 3, retry_multiplier: 2 }",
    "    providers:",
    "      groq: { timeout: 10 }           # any key of http, for one provider",
    "",
    "Exit codes: 0 a policy that can be, 1 none that can be, 2 no file to read, or wrong usage."
  )),
  Command.withExamples([
    { command: "holdfast check stock.yaml", description: "Read a policy as the program will" },
    { command: "holdfast check app.yaml --at policies.stock", description: "Read one that is part of a file" },
    { command: "holdfast check app.yaml --at llm.http --as http", description: "Read one for an HTTP client" },
    { command: "holdfast check llm.yaml --as llm", description: "Read who is asked, and how" },
    { command: "holdfast check stock.yaml --json", description: "For a script" }
  ])
)
