import { assert, describe, it } from "@effect/vitest"
import * as FallbackDecision from "@holdfast/llm/FallbackDecision"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import { readFileSync } from "node:fs"

const usual: Omit<FallbackDecision.Failure, "reason"> = {
  committed: false,
  retriesLeft: true,
  remaining: undefined,
  maxRetryAfter: Duration.seconds(60),
  current: Provider.defaultCapabilities,
  candidate: Provider.defaultCapabilities,
  features: new Set()
}

const status = (status: number, body: unknown = "", headers: Headers.Input = {}): AiError.AiErrorReason =>
  ProviderFailure.toReason({ status, body, headers: Headers.fromInput(headers), now: 0 })

const transport = (cause?: unknown): AiError.AiErrorReason =>
  new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "http://x", cause })

/** Every reason, and what follows it where another attempt and another provider are at hand. */
const table: {
  readonly [Tag in AiError.AiErrorReason["_tag"]]: ReadonlyArray<
    [string, AiError.AiErrorReason, FallbackDecision.Decision["_tag"]]
  >
} = {
  NetworkError: [
    ["no connection, or a cut one", transport(), "Retry"],
    ["an open breaker", transport({ cause: { reason: { _tag: "CircuitOpen" } } }), "Fallback"],
    [
      "an unencodable request",
      new AiError.NetworkError({ reason: "EncodeError", method: "POST", url: "" }),
      "Fail"
    ],
    ["an invalid URL", new AiError.NetworkError({ reason: "InvalidUrlError", method: "POST", url: "" }), "Fail"]
  ],
  RateLimitError: [
    ["429", status(429), "Retry"],
    ["429 with a hint that fits", status(429, "", { "retry-after": "60" }), "Retry"],
    ["429 with a hint that does not fit", status(429, "", { "retry-after": "61" }), "Fallback"]
  ],
  InternalProviderError: [
    ["408", status(408), "Retry"],
    ["409", status(409), "Retry"],
    ["500", status(500), "Retry"],
    ["502", status(502), "Retry"],
    ["503", status(503), "Retry"],
    ["504", status(504), "Retry"],
    ["529", status(529), "Retry"],
    [
      "overloaded in the stream",
      ProviderFailure.toReason({ status: undefined, body: { error: { type: "overloaded_error" } }, now: 0 }),
      "Retry"
    ],
    ["503 with a hint that does not fit", status(503, "", { "retry-after": "3600" }), "Fallback"],
    ["`x-should-retry: false`", status(500, "", { "x-should-retry": "false" }), "Fallback"]
  ],
  QuotaExhaustedError: [["402", status(402), "Fallback"], [
    "a spent quota",
    status(429, { error: { code: "insufficient_quota" } }),
    "Fallback"
  ]],
  AuthenticationError: [["401", status(401), "Fallback"], ["403", status(403), "Fallback"]],
  ContentPolicyError: [["the content policy", new AiError.ContentPolicyError({ description: "no" }), "Fail"]],
  InvalidRequestError: [
    ["400, 404 or 422 of unknown kind", status(400), "Fallback"],
    ["400, 404 or 422 of unknown kind", status(404), "Fallback"],
    ["400, 404 or 422 of unknown kind", status(422), "Fallback"],
    ["an unknown model", status(404, { error: { code: "model_not_found" } }), "Fallback"],
    ["a request that is invalid for every provider", status(400, { error: "messages must not be empty" }), "Fail"],
    ["413 where the next context is not larger", status(413), "Fail"],
    [
      "tools, images or a schema that the model cannot do",
      status(400, { error: "m does not support tools" }),
      "Fallback"
    ]
  ],
  InvalidResponseError: [[
    "an unreadable answer",
    new AiError.InvalidResponseError({ description: "?" }),
    "Fallback"
  ]],
  UnsupportedSchemaError: [[
    "an unsupported schema",
    new AiError.UnsupportedSchemaError({ description: "?" }),
    "Fail"
  ]],
  UnknownError: [
    ["a failure of unknown kind", new AiError.UnknownError({}), "Fallback"],
    [
      "another library's 404",
      new AiError.UnknownError({ http: { response: { status: 404, headers: {} } } }),
      "Fallback"
    ],
    ["another library's 409", new AiError.UnknownError({ http: { response: { status: 409, headers: {} } } }), "Retry"],
    [
      "another library's 422",
      new AiError.UnknownError({ http: { response: { status: 422, headers: {} } } }),
      "Fallback"
    ]
  ],
  InvalidOutputError: [[
    "output that is not what was asked",
    new AiError.InvalidOutputError({ description: "?" }),
    "Fail"
  ]],
  StructuredOutputError: [[
    "output that does not follow its schema",
    new AiError.StructuredOutputError({ description: "?", responseText: "" }),
    "Fail"
  ]],
  ToolNotFoundError: [[
    "an undeclared tool",
    new AiError.ToolNotFoundError({ toolName: "t", availableTools: [] }),
    "Fail"
  ]],
  ToolParameterValidationError: [[
    "a tool called with invalid parameters",
    new AiError.ToolParameterValidationError({ toolName: "t", description: "?" }),
    "Fail"
  ]],
  InvalidToolResultError: [[
    "a tool's failure",
    new AiError.InvalidToolResultError({ toolName: "t", description: "?" }),
    "Fail"
  ]],
  ToolResultEncodingError: [[
    "a tool's failure",
    new AiError.ToolResultEncodingError({ toolName: "t", toolResult: 1, description: "?" }),
    "Fail"
  ]],
  ToolConfigurationError: [[
    "a misconfigured tool",
    new AiError.ToolConfigurationError({ toolName: "t", description: "?" }),
    "Fail"
  ]],
  ToolkitRequiredError: [["a missing toolkit", new AiError.ToolkitRequiredError({ pendingApprovals: [] }), "Fail"]],
  InvalidUserInputError: [["invalid input", new AiError.InvalidUserInputError({ description: "?" }), "Fail"]]
}
const rows = Object.values(table).flat()

/** The decisions as a table: failures with the same ones share a row. */
const decisions = (): ReadonlyArray<string> => {
  const groups = new Map<string, Array<string>>()
  for (const [name, reason] of rows.filter(([name]) => !name.startsWith("another library's"))) {
    const first = FallbackDecision.decide({ ...usual, reason })
    const last = FallbackDecision.decide({ ...usual, reason, retriesLeft: false })
    const cooled = last._tag === "Fallback" && last.cooldown
    const key = [
      { Retry: "try again here", Fallback: "the next provider", Fail: "fail" }[first._tag],
      { Retry: "", Fallback: "the next provider", Fail: "fail" }[last._tag],
      cooled ? "yes" : "no"
    ].join(" | ")
    groups.set(key, [...new Set([...groups.get(key) ?? [], name])])
  }
  return Array.from(groups, ([key, names]) => `| ${names.join(", ")} | ${key} |`)
}

describe("FallbackDecision", () => {
  it("is told in the README as it is", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const lines = new Set(readme.split("\n").map((line) => line.replace(/\s+/g, " ").trim()))
    const missing = decisions().filter((row) => !lines.has(row))
    assert.deepStrictEqual(missing, [], "put these rows into the table of packages/llm/README.md")
  })

  it.each(rows)("decides on %s", (_, reason, expected) => {
    assert.strictEqual(FallbackDecision.decide({ ...usual, reason })._tag, expected)
  })

  it.each(rows)("fails after a part of the answer was seen, on %s", (_, reason) => {
    assert.strictEqual(FallbackDecision.decide({ ...usual, reason, committed: true })._tag, "Fail")
  })

  it.each(rows)("never falls back without another provider, on %s", (_, reason) => {
    assert.notStrictEqual(FallbackDecision.decide({ ...usual, reason, candidate: undefined })._tag, "Fallback")
    const last = FallbackDecision.decide({ ...usual, reason, candidate: undefined, retriesLeft: false })
    assert.strictEqual(last._tag, "Fail")
  })

  it.each(rows)("hands on what may be retried when the retries are used up, on %s", (_, reason, expected) => {
    const decision = FallbackDecision.decide({ ...usual, reason, retriesLeft: false })
    assert.strictEqual(decision._tag, expected === "Retry" ? "Fallback" : expected)
  })

  it("does not start what would pass the deadline", () => {
    const reason = status(429, "", { "retry-after": "5" })
    const decide = (remaining: Duration.Duration) => FallbackDecision.decide({ ...usual, reason, remaining })._tag
    assert.strictEqual(decide(Duration.seconds(6)), "Retry")
    assert.strictEqual(decide(Duration.seconds(5)), "Fallback")
    assert.strictEqual(
      FallbackDecision.decide({ ...usual, reason: status(500), remaining: Duration.zero })._tag,
      "Fallback"
    )
  })

  it("hands a prompt that is too long to a larger context only", () => {
    const decide = (here: number | undefined, there: number | undefined) =>
      FallbackDecision.decide({
        ...usual,
        reason: status(413),
        current: { ...usual.current, contextWindow: here },
        candidate: { ...Provider.defaultCapabilities, contextWindow: there }
      })._tag
    assert.strictEqual(decide(8_000, 32_000), "Fallback")
    assert.strictEqual(decide(undefined, 32_000), "Fallback")
    assert.strictEqual(decide(32_000, 32_000), "Fail")
    assert.strictEqual(decide(8_000, undefined), "Fail")
  })

  it("hands a request only to who can do what it asks for", () => {
    const decision = FallbackDecision.decide({
      ...usual,
      reason: status(401),
      features: new Set(["tools", "images"]),
      candidate: { ...Provider.defaultCapabilities, images: false }
    })
    assert.deepInclude(decision, { _tag: "Fail" })
    assert.include(decision.because, "images")
  })

  it("asks another provider what one refused for its content policy, when told to", () => {
    const reason = new AiError.ContentPolicyError({ description: "no" })
    assert.strictEqual(FallbackDecision.decide({ ...usual, reason, fallbackOnContentPolicy: true })._tag, "Fallback")
  })

  it("cools down who cannot help for now, and not who merely answered badly", () => {
    const cools = (reason: AiError.AiErrorReason) => {
      const decision = FallbackDecision.decide({ ...usual, reason, retriesLeft: false })
      return decision._tag === "Fallback" && decision.cooldown
    }
    assert.isTrue(
      [status(401), status(402), status(404, { error: { code: "model_not_found" } }), status(500), transport()].every(
        cools
      )
    )
    assert.isFalse(cools(new AiError.InvalidResponseError({ description: "?" })))
    assert.isFalse(cools(status(400, { error: "m does not support tools" })))
    assert.isFalse([400, 404, 422].some((code) => cools(status(code))))
    assert.isFalse(cools(status(400, { error: { code: "tool_use_failed" } })))
  })
})
