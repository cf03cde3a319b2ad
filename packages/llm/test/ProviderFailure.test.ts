import { assert, describe, it } from "@effect/vitest"
import * as ServerHints from "@holdfast/http/ServerHints"
import * as FallbackDecision from "@holdfast/llm/FallbackDecision"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"

type Tag = AiError.AiErrorReason["_tag"]

const cases: ReadonlyArray<{
  readonly name: string
  readonly status: number | undefined
  readonly body: unknown
  readonly tag: Tag
  readonly kind?: ProviderFailure.Kind
}> = [
  {
    name: "OpenAI's invalid request",
    status: 400,
    body: { error: { message: "bad", type: "invalid_request_error", param: "top_p" } },
    tag: "InvalidRequestError"
  },
  {
    name: "OpenAI's long prompt",
    status: 400,
    body: { error: { message: "too long", code: "context_length_exceeded" } },
    tag: "InvalidRequestError",
    kind: "contextOverflow"
  },
  {
    name: "vLLM's long prompt",
    status: 400,
    body: {
      object: "error",
      message: "This model's maximum context length is 4096 tokens",
      type: "BadRequestError",
      code: 400
    },
    tag: "InvalidRequestError",
    kind: "contextOverflow"
  },
  {
    name: "xAI's argument, before words about tools that several vendors use",
    status: 400,
    body: { error: "Argument not supported on this model: tools" },
    tag: "InvalidRequestError",
    kind: "incompatible"
  },
  {
    name: "llama.cpp's long prompt",
    status: 400,
    body: {
      error: { code: 400, message: "the request exceeds the available context size", type: "exceed_context_size_error" }
    },
    tag: "InvalidRequestError",
    kind: "contextOverflow"
  },
  {
    name: "llama.cpp's long prompt, as 500",
    status: 500,
    body: { error: { code: 500, message: "the request exceeds the available context size", type: "server_error" } },
    tag: "InvalidRequestError",
    kind: "contextOverflow"
  },
  {
    name: "llama.cpp while it loads",
    status: 503,
    body: { error: { code: 503, message: "Loading model", type: "unavailable_error" } },
    tag: "InternalProviderError",
    kind: "loading"
  },
  {
    name: "a wrong key",
    status: 401,
    body: { error: { message: "Incorrect API key", code: "invalid_api_key" } },
    tag: "AuthenticationError",
    kind: "keyRejected"
  },
  {
    name: "an account without money",
    status: 402,
    body: { error: { message: "Insufficient credits" } },
    tag: "QuotaExhaustedError",
    kind: "quotaSpent"
  },
  {
    name: "Anthropic's billing",
    status: 402,
    body: { type: "error", error: { type: "billing_error", message: "pay" } },
    tag: "QuotaExhaustedError",
    kind: "quotaSpent"
  },
  {
    name: "a region that is refused",
    status: 403,
    body: "Forbidden",
    tag: "AuthenticationError",
    kind: "permissionDenied"
  },
  {
    name: "a model that is not there",
    status: 404,
    body: { error: { message: "The model `x` does not exist", code: "model_not_found" } },
    tag: "InvalidRequestError",
    kind: "unknownModel"
  },
  {
    name: "a URL that is not there",
    status: 404,
    body: "<html>404</html>",
    tag: "InvalidRequestError"
  },
  { name: "a timeout of the provider's", status: 408, body: "", tag: "InternalProviderError", kind: "transient" },
  { name: "a conflict", status: 409, body: "", tag: "InternalProviderError", kind: "transient" },
  {
    name: "a large request",
    status: 413,
    body: { error: { type: "request_too_large", message: "big" } },
    tag: "InvalidRequestError",
    kind: "contextOverflow"
  },
  { name: "an unprocessable request", status: 422, body: { detail: "field required" }, tag: "InvalidRequestError" },
  {
    name: "a rate limit",
    status: 429,
    body: { error: { message: "Rate limit reached", code: "rate_limit_exceeded" } },
    tag: "RateLimitError",
    kind: "rateLimited"
  },
  {
    name: "OpenAI's spent quota",
    status: 429,
    body: { error: { message: "You exceeded your current quota", code: "insufficient_quota" } },
    tag: "QuotaExhaustedError",
    kind: "quotaSpent"
  },
  {
    name: "a spend limit",
    status: 429,
    body: { error: { message: "limit", code: "project_spend_limit_exceeded" } },
    tag: "QuotaExhaustedError",
    kind: "quotaSpent"
  },
  {
    name: "an organization's limit",
    status: 429,
    body: { error: { type: "organization_usage_limit_exceeded" } },
    tag: "QuotaExhaustedError",
    kind: "quotaSpent"
  },
  { name: "a broken server", status: 500, body: "", tag: "InternalProviderError", kind: "serverError" },
  { name: "a broken gateway", status: 502, body: "<html>", tag: "InternalProviderError", kind: "serverError" },
  { name: "a slow gateway", status: 504, body: "", tag: "InternalProviderError", kind: "serverError" },
  {
    name: "Anthropic's overload",
    status: 529,
    body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    tag: "InternalProviderError",
    kind: "overloaded"
  },
  {
    name: "an overload in a stream",
    status: undefined,
    body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    tag: "InternalProviderError",
    kind: "overloaded"
  },
  {
    name: "a rate limit in a stream",
    status: undefined,
    body: { error: { code: 429, message: "later" } },
    tag: "RateLimitError",
    kind: "rateLimited"
  },
  { name: "a bare word in a stream", status: undefined, body: "boom", tag: "InternalProviderError" },
  {
    name: "Ollama without tools",
    status: 400,
    body: { error: "registry.ollama.ai/library/gemma does not support tools" },
    tag: "InvalidRequestError",
    kind: "unsupported"
  },
  {
    name: "a model without sight",
    status: 400,
    body: { error: { message: "image input is not supported by this model" } },
    tag: "InvalidRequestError",
    kind: "unsupported"
  },
  {
    name: "a filter",
    status: 400,
    body: { error: { message: "filtered", code: "content_filter" } },
    tag: "ContentPolicyError",
    kind: "contentPolicy"
  },
  { name: "a teapot", status: 418, body: "", tag: "UnknownError" }
]

describe("ProviderFailure", () => {
  it.each(cases)("knows $name", ({ body, kind, status, tag }) => {
    const reason = ProviderFailure.toReason({ status, body, now: 0 })
    assert.strictEqual(reason._tag, tag)
    assert.strictEqual(ProviderFailure.detail(reason).kind, kind)
    const asText = ProviderFailure.toReason({
      status,
      body: typeof body === "string" ? body : JSON.stringify(body),
      now: 0
    })
    assert.strictEqual(asText._tag, tag)
  })

  it("keeps the hint of a refusal that has no field for it", () => {
    const reason = ProviderFailure.toReason({
      status: 503,
      headers: Headers.fromInput({ "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT", "x-should-retry": "false" }),
      body: "",
      now: 20_000
    })
    assert.deepInclude(ProviderFailure.detail(reason), {
      kind: "overloaded",
      status: 503,
      retryAfter: Duration.seconds(40),
      shouldRetry: false
    })
  })

  it("reads status and hint of a reason that another library made", () => {
    const http = { response: { status: 413, headers: {} } }
    assert.deepInclude(ProviderFailure.detail(new AiError.UnknownError({ http })), {
      status: 413,
      kind: "contextOverflow"
    })
    const limited = new AiError.RateLimitError({ retryAfter: Duration.seconds(2) })
    assert.deepStrictEqual(ProviderFailure.detail(limited).retryAfter, Duration.seconds(2))
  })
})

describe("a status without words", () => {
  for (const status of ServerHints.transientStatuses) {
    it(`${status} is retried by the chain, as it is by every HTTP client of Holdfast`, () => {
      const reason = ProviderFailure.toReason({ status, body: "", now: 0 })
      const decision = FallbackDecision.decide({
        reason,
        committed: false,
        retriesLeft: true,
        remaining: undefined,
        maxRetryAfter: Duration.seconds(60),
        current: Provider.defaultCapabilities,
        candidate: Provider.defaultCapabilities,
        features: new Set<Provider.Feature>()
      })
      assert.strictEqual(decision._tag, "Retry")
    })
  }
})
