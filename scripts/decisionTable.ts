/**
 * What follows which failure, as the tables of docs/fallback.md: made of what vendors answer, by the very functions that
 * a chain asks. `npm run docs` writes them.
 */
import * as FallbackDecision from "@holdfast/llm/FallbackDecision"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import { readFileSync, writeFileSync } from "node:fs"
import { filling, table } from "./tables.ts"

type Reason = AiError.AiErrorReason
type Tag = Reason["_tag"]

/** Where the tables go. */
export const file = new URL("../docs/fallback.md", import.meta.url)

const usual: Omit<FallbackDecision.Failure, "reason"> = {
  committed: false,
  retriesLeft: true,
  remaining: undefined,
  maxRetryAfter: Duration.seconds(60),
  current: Provider.defaultCapabilities,
  candidate: Provider.defaultCapabilities,
  features: new Set()
}

const answer = (status: number | undefined, error: object | string = {}, headers: Headers.Input = {}): Reason =>
  ProviderFailure.toReason({
    status,
    body: typeof error === "string" ? { error } : { error },
    headers: Headers.fromInput(headers),
    now: 0
  })

const words = (decision: FallbackDecision.Decision): string => {
  switch (decision._tag) {
    case "Retry":
      return decision.after === undefined ? "again here" : `again here, in ${Duration.format(decision.after)}`
    case "Fallback":
      return decision.cooldown ? "the next, this one rests" : "the next"
    case "Fail":
      return "fail"
  }
}

const decided = (reason: Reason): ReadonlyArray<string> => {
  const first = FallbackDecision.decide({ ...usual, reason })
  const later = FallbackDecision.decide({ ...usual, reason, retriesLeft: false })
  return [words(first), first._tag === "Retry" ? words(later) : "", first.because]
}

/** Several answers that share a row, because what follows them is the same. */
const alike = (...reasons: readonly [Reason, ...ReadonlyArray<Reason>]): Reason => {
  const decisions = reasons.map((reason) => JSON.stringify(decided(reason)))
  if (new Set(decisions).size > 1) throw new Error(`not the same follows all of them: ${decisions.join(", ")}`)
  return reasons[0]
}

const transport = new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "https://provider" })

// -----------------------------------------------------------------------------
// What providers answer
// -----------------------------------------------------------------------------

/** Answers that mean the same at every provider. What vendors answer besides is in the table of their signals. */
const answers: ReadonlyArray<readonly [says: string, reason: Reason]> = [
  ["nothing: no connection, a reset, silence, a stream that is cut before its first content", transport],
  [
    "nothing: the transport's own circuit breaker is open",
    new AiError.NetworkError({
      reason: "TransportError",
      method: "POST",
      url: "https://provider",
      cause: { reason: { _tag: "CircuitOpen" } }
    })
  ],
  ["400, 404 or 422 that no signal explains", alike(answer(400), answer(404), answer(422))],
  ["401", answer(401)],
  ["403", answer(403)],
  ["408, 409 or 425", alike(answer(408), answer(409), answer(425))],
  ["429", answer(429, { code: "rate_limit_exceeded" })],
  ["429 and `Retry-After: 20`", answer(429, {}, { "retry-after": "20" })],
  ["429 and `Retry-After: 3600`", answer(429, {}, { "retry-after": "3600" })],
  ["500, 502 or 504", alike(answer(500), answer(502), answer(504))],
  ["503", answer(503)],
  ["503 and `x-should-retry: false`", answer(503, {}, { "x-should-retry": "false" })],
  ["200 and an unreadable answer", new AiError.InvalidResponseError({ description: "?" })],
  ["400, an empty prompt, or a tool's result without its call", answer(400, "messages must not be empty")]
]

// -----------------------------------------------------------------------------
// What else may fail
// -----------------------------------------------------------------------------

/** Every reason that Effect has: one that it adds is a compile error here. `undefined` where providers answer with it. */
const others: { readonly [T in Tag]: readonly [what: string, reason: Reason] | undefined } = {
  RateLimitError: undefined,
  QuotaExhaustedError: undefined,
  AuthenticationError: undefined,
  InvalidRequestError: undefined,
  InternalProviderError: undefined,
  InvalidResponseError: undefined,
  ContentPolicyError: undefined,
  NetworkError: [
    "a request that fails to encode, or an invalid URL",
    new AiError.NetworkError({ reason: "EncodeError", method: "POST", url: "" })
  ],
  UnknownError: ["a failure of another library's model, of unknown kind", new AiError.UnknownError({})],
  UnsupportedSchemaError: [
    "a schema without a form for models",
    new AiError.UnsupportedSchemaError({ description: "?" })
  ],
  InvalidOutputError: ["output that is not what was asked", new AiError.InvalidOutputError({ description: "?" })],
  StructuredOutputError: [
    "output that does not follow its schema",
    new AiError.StructuredOutputError({ description: "?", responseText: "" })
  ],
  ToolNotFoundError: [
    "a call of a tool that was not declared",
    new AiError.ToolNotFoundError({ toolName: "t", availableTools: [] })
  ],
  ToolParameterValidationError: [
    "a call of a tool with parameters that do not fit it",
    new AiError.ToolParameterValidationError({ toolName: "t", description: "?" })
  ],
  InvalidToolResultError: [
    "a tool whose result is not allowed",
    new AiError.InvalidToolResultError({ toolName: "t", description: "?" })
  ],
  ToolResultEncodingError: [
    "a tool whose result cannot be encoded",
    new AiError.ToolResultEncodingError({ toolName: "t", toolResult: 1, description: "?" })
  ],
  ToolConfigurationError: [
    "a tool that is misconfigured",
    new AiError.ToolConfigurationError({ toolName: "t", description: "?" })
  ],
  ToolkitRequiredError: ["a toolkit that is missing", new AiError.ToolkitRequiredError({ pendingApprovals: [] })],
  InvalidUserInputError: [
    "invalid input",
    new AiError.InvalidUserInputError({ description: "?" })
  ]
}

// -----------------------------------------------------------------------------
// What counts besides
// -----------------------------------------------------------------------------

const able = (capabilities: Partial<Provider.Capabilities>): Provider.Capabilities => ({
  ...Provider.defaultCapabilities,
  ...capabilities
})
const overflow = answer(413)
const busy = answer(503)
const policy = new AiError.ContentPolicyError({ description: "no" })
const mismatch = new AiError.StructuredOutputError({ description: "no", responseText: "{}" })

const circumstances: ReadonlyArray<readonly [when: string, failure: FallbackDecision.Failure]> = [
  ["503, and a part of the answer was already seen", { ...usual, reason: busy, committed: true }],
  ["503, and the deadline has passed", { ...usual, reason: busy, remaining: Duration.zero }],
  [
    "429 and `Retry-After: 20`, and the deadline is in 10 seconds",
    { ...usual, reason: answer(429, {}, { "retry-after": "20" }), remaining: Duration.seconds(10) }
  ],
  [
    "503, retries used up, and there is no other provider",
    { ...usual, reason: busy, retriesLeft: false, candidate: undefined }
  ],
  [
    "503, retries used up, the request has tools, and the next model cannot call any",
    {
      ...usual,
      reason: busy,
      retriesLeft: false,
      features: new Set(["tools"]),
      candidate: able({ tools: false })
    }
  ],
  [
    "413, and the next model's context is known to be larger",
    { ...usual, reason: overflow, current: able({ contextWindow: 8_000 }), candidate: able({ contextWindow: 128_000 }) }
  ],
  [
    "413, and the next model's context is not known to be larger",
    { ...usual, reason: overflow, current: able({ contextWindow: 8_000 }) }
  ],
  ["the content policy refused", { ...usual, reason: policy }],
  ["the content policy refused, and `fallbackOnContentPolicy` is set", {
    ...usual,
    reason: policy,
    fallbackOnContentPolicy: true
  }],
  ["an answer that does not follow its schema", { ...usual, reason: mismatch }],
  ["an answer that does not follow its schema, and could not be repaired", {
    ...usual,
    reason: mismatch,
    fallbackOnSchemaMismatch: true
  }]
]

// -----------------------------------------------------------------------------
// Tables
// -----------------------------------------------------------------------------

/** A pattern as words: without anchors, classes and escapes. */
const inWords = (pattern: string | RegExp): string =>
  typeof pattern === "string"
    ? pattern
    : pattern.source.replaceAll(/\\b|\(\^\|\[#\.\]\)|\(\?:|\[[^\]]*\][?+]?|[\^$`?]/g, "")
      .replaceAll(/\\[dw]\+?/g, "N")
      .replaceAll(/\.[*+]|\.\{[^}]*\}/g, " ... ")
      .replaceAll("\\", "")
      .replaceAll("|", " or ")
      .replaceAll(/ +/g, " ")
      .trim()

/** What a row of the table of signals looks for, for a reader. */
const lookedFor = ({ category, code, field, header, phrase, status }: ProviderFailure.Signal): string =>
  [
    ...status === undefined ? [] : [[status].flat().join(" or ")],
    ...[code, category, field].flatMap((text) => text === undefined ? [] : [`\`${inWords(text)}\``]),
    ...header === undefined ? [] : [`header \`${header[0]}\``],
    ...phrase === undefined ? [] : [`"${inWords(phrase)}"`]
  ].join(", ").replaceAll("|", "\\|")

const reasonOf = (kind: ProviderFailure.Kind): Reason =>
  new AiError.InvalidRequestError({ metadata: { holdfast: { kind } } })

/** The signals of each vendor, in the order of the alphabet. */
const vendors = ProviderFailure.signals
  .filter(({ server }) => server !== "any")
  .toSorted((a, b) => a.server.localeCompare(b.server))
  .map((signal): ReadonlyArray<string> => {
    const decision = FallbackDecision.decide({ ...usual, reason: reasonOf(signal.kind) })
    return [signal.server, lookedFor(signal), decision.because, words(decision), `[source](${signal.source})`]
  })

/** The kinds that signals select, in the order of the alphabet. */
const kinds = [...new Set(ProviderFailure.signals.map(({ kind }) => kind))].toSorted()
  .map((kind) => [`\`${kind}\``].concat(decided(reasonOf(kind))))

/** All tables, by the name of their place in the file. */
export const tables: Readonly<Record<string, string>> = {
  kinds: table(["kind", "first", "retries used up", "because"], kinds),
  vendors: table(["vendor", "answer", "meaning", "first", "source"], vendors),
  answers: table(
    ["answer", "first", "retries used up", "because"],
    answers.map(([says, reason]) => [says].concat(decided(reason)))
  ),
  others: table(
    ["failure", "reason", "what follows", "because"],
    Object.values(others).flatMap((entry) => {
      if (entry === undefined) return []
      const [what, reason] = entry
      const decision = FallbackDecision.decide({ ...usual, reason })
      return [[what, `\`${reason._tag}\``, words(decision), decision.because]]
    })
  ),
  circumstances: table(
    ["when", "what follows", "because"],
    circumstances.map(([when, failure]) => {
      const decision = FallbackDecision.decide(failure)
      return [when, words(decision), decision.because]
    })
  )
}

/** The text with the tables in their places. */
export const filled = filling(file, tables)

if (import.meta.main) writeFileSync(file, filled(readFileSync(file, "utf8")))
