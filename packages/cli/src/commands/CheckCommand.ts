/**
 * `holdfast check`: reads a policy from a file, and says what it means, or what is wrong with it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { kinds } from "../check/kind.ts"
import { paragraph } from "../terminal/paragraph.ts"
import * as PolicyFlags from "./PolicyFlags.ts"

export const command = Command.make("check", {
  file: Argument.String("file").pipe(Argument.withDescription("A YAML or JSON file, or - for stdin")),
  at: PolicyFlags.at,
  as: Flag.Literals("as", [...kinds, "llm"]).pipe(
    Flag.withDescription("Kind of file: a policy for any call, for HTTP, or a chain"),
    Flag.withDefault("policy" as const)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints one JSON document"),
    Flag.withDefault(false)
  )
}, (input) => Effect.flatMap(Effect.promise(() => import("../check/check.ts")), ({ check }) => check(input))).pipe(
  Command.withShortDescription("Says what a policy in a file means, or what is wrong with it"),
  Command.withDescription(paragraph(
    "Reads a policy from a YAML or JSON file, or from stdin with `-`, and tells",
    "what it does to a call and how long a call can take at worst. Reports",
    "unknown keys and invalid settings with their path and the reason.",
    "",
    "A policy looks like this. Every key is optional:",
    "  name: stock",
    "  deadline: 30 seconds                 # or seconds as a number: 30",
    "  bulkhead: { limit: 64, queue: 128, maxWait: 1 second }",
    "  rateLimit: { limit: 100, window: 1 second }",
    "  retry:",
    "    times: 3",
    "    backoff:",
    "      { type: exponential, initial: 1 second, max: 16 seconds, jitter: full }",
    "    retryAfter: { mode: clamp, max: 60 seconds }",
    "    budget: { ratio: 0.2, minPerSecond: 10, window: 10 seconds }",
    "  circuitBreaker:",
    "    trip: { type: rate, threshold: 0.5, window: 30 seconds }",
    "    openFor: 30 seconds",
    "  attemptTimeout: 10 seconds",
    "",
    "With `--as http` the file holds a policy for an HTTP client: the same parts,",
    "`timeouts: { attempt, total }`, the statuses and methods to retry,",
    "`endpoints` with policies of their own, and `transport` for the pool. Flat",
    "keys work too: `timeout`, `max_retries`, `initial_retry_delay`,",
    "`max_retry_delay`, `retry_multiplier`, `retry_jitter`, `max_connections`,",
    "`keepalive_expiry`, ...",
    "",
    "With `--as llm` the file holds a chain of providers under `llm:`, as",
    "`holdfast chat --config` reads it. The answer tells which providers the file",
    "and the environment choose, the policy of each, and which are left out.",
    "  llm:",
    "    provider_priority: [openai, groq, ollama]",
    "    models: { openai: gpt-5-mini }",
    "    http: { timeout: 30, max_retries: 3, retry_multiplier: 2 }",
    "    providers:",
    "      groq: { timeout: 10 }            # any key of http, for one provider",
    "    budgets: [{ by: user, limit: { tokens: 100000 }, window: 1 day }]",
    "    store: { redis: { url: LLM_STORE_URL } }   # the variable that has it",
    "",
    "Exit codes: 0 valid, 1 invalid, 2 no file to read, or wrong usage."
  )),
  Command.withExamples([
    { command: "holdfast check stock.yaml", description: "Read a policy as the program will" },
    { command: "holdfast check app.yaml --at policies.stock", description: "Read one that is part of a file" },
    { command: "holdfast check app.yaml --at llm.http --as http", description: "Read one for an HTTP client" },
    { command: "holdfast check llm.yaml --as llm", description: "Read who is asked, and how" },
    { command: "holdfast check stock.yaml --json", description: "For a script" }
  ])
)
