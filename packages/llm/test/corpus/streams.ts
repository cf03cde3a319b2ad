/** Errors that vendors put into a stream which began with 200, and what an engineer on call wants of a chain then. */
import type { Row } from "./frames.ts"
import { data, e, line, named } from "./frames.ts"
import { localRows } from "./localStreams.ts"
import type { Outcome, Protocol } from "./refusal.ts"
import { reportedRows } from "./reportedStreams.ts"

export interface StreamFailure {
  readonly vendor: string
  readonly protocol: Protocol
  readonly what: string
  /** The event or line, as it comes. */
  readonly frame: string
  /** What follows where nothing was seen yet. After a word it is an interruption, whatever it was. */
  readonly outcome: Outcome
  readonly source: string
}

const openAi = "https://platform.openai.com/docs/guides/error-codes"
const openRouter = "https://openrouter.ai/docs/api/reference/streaming"
const groq = "https://console.groq.com/docs/errors"
const gemini = "https://ai.google.dev/gemini-api/docs/troubleshooting"
const liteLlm = "https://docs.litellm.ai/docs/exception_mapping"

const cloudRows: ReadonlyArray<Row> = [
  [
    "OpenAI",
    "openai",
    "server error",
    data(e("The server had an error while processing your request. Sorry about that!", "server_error")),
    "retries",
    openAi
  ],
  [
    "OpenAI",
    "openai",
    "server error, as a named event",
    named(e("The server had an error", "server_error")),
    "retries",
    openAi
  ],
  [
    "OpenAI",
    "openai",
    "rate limit",
    data(e("Rate limit reached for gpt-5 on tokens per min (TPM).", "tokens", "rate_limit_exceeded")),
    "retries",
    openAi
  ],
  [
    "OpenAI",
    "openai",
    "spent quota",
    data(e("You exceeded your current quota", "insufficient_quota", "insufficient_quota")),
    "rests",
    openAi
  ],
  [
    "OpenAI",
    "openai",
    "too long",
    data(e("Your input exceeds the context window of this model.", "invalid_request_error", "context_length_exceeded")),
    "larger",
    openAi
  ],
  [
    "OpenAI",
    "openai",
    "flagged",
    data(
      e(
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        "invalid_request_error",
        "invalid_prompt"
      )
    ),
    "policy",
    openAi
  ],
  ["OpenAI", "openai", "overloaded", data(e("Slow down", "server_error", "slow_down")), "retries", openAi],
  [
    "OpenAI",
    "openai",
    "a model that is gone",
    data(e("The model `m` does not exist", "invalid_request_error", "model_not_found")),
    "rests",
    openAi
  ],
  [
    "Azure",
    "openai",
    "content filter",
    data(
      e(
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        null,
        "content_filter"
      )
    ),
    "policy",
    "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"
  ],
  [
    "Azure",
    "openai",
    "back in a day",
    data(e("Requests have exceeded token rate limit. Please retry after 86400 seconds.", null, "429")),
    "rests",
    "https://github.com/alex-wolf-ps/dbchatprov2/issues/2"
  ],
  [
    "OpenRouter",
    "openrouter",
    "a host that failed",
    data({
      id: "g",
      object: "chat.completion.chunk",
      ...e("Provider disconnected unexpectedly", null, "server_error"),
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
    }),
    "retries",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "a host's limit",
    data({
      error: {
        code: 429,
        message: "Provider returned error",
        metadata: { raw: "m is temporarily rate-limited upstream", provider_name: "X" }
      }
    }),
    "retries",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "a host's overload",
    data({
      error: {
        code: 502,
        message: "Provider returned error",
        metadata: { raw: "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}" }
      }
    }),
    "retries",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "no credits",
    data({ error: { code: 402, message: "Insufficient credits" } }),
    "rests",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "moderation",
    data({
      error: { code: 403, message: "m requires moderation. Your input was flagged", metadata: { flagged_input: "..." } }
    }),
    "policy",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "timeout",
    data({ error: { code: 408, message: "Request timed out" } }),
    "retries",
    openRouter
  ],
  [
    "OpenRouter",
    "openrouter",
    "a host's refusal",
    data({
      error: { code: 400, message: "Provider returned error", metadata: { raw: "top_k is not a field of ours" } }
    }),
    "next",
    openRouter
  ],
  [
    "Groq",
    "groq",
    "error under x_groq",
    data({ id: "c", choices: [], x_groq: { id: "r", error: "Internal Server Error" } }),
    "retries",
    groq
  ],
  [
    "Groq",
    "groq",
    "a malformed tool call",
    named({
      error: {
        message: "Failed to call a function.",
        type: "invalid_request_error",
        code: "tool_use_failed",
        failed_generation: "<function",
        status_code: 400
      }
    }),
    "again",
    "https://github.com/anomalyco/opencode/issues/1018"
  ],
  [
    "Groq",
    "groq",
    "invalid JSON",
    data(e("Failed to generate JSON.", "invalid_request_error", "json_validate_failed")),
    "again",
    groq
  ],
  ["Groq", "groq", "over capacity", data(e("m is currently over capacity.", "internal_server_error")), "retries", groq],
  [
    "Mistral",
    "openai",
    "capacity",
    data({
      object: "error",
      message: "Service tier capacity exceeded for this model.",
      type: "invalid_request_error",
      param: null,
      code: null
    }),
    "retries",
    "https://github.com/continuedev/continue/issues/6185"
  ],
  [
    "DeepSeek",
    "openai",
    "balance",
    data(e("Insufficient Balance", "unknown_error", "invalid_request_error")),
    "rests",
    "https://api-docs.deepseek.com/quick_start/error_codes"
  ],
  [
    "DeepSeek",
    "openai",
    "risk",
    data(e("Content Exists Risk", "invalid_request_error", "invalid_request_error")),
    "policy",
    "https://api-docs.deepseek.com/quick_start/error_codes"
  ],
  [
    "xAI",
    "openai",
    "credits",
    data({
      error: {
        code: 429,
        message: "Your team 1 has either used all available credits or reached its monthly spending limit."
      }
    }),
    "rests",
    "https://github.com/continuedev/continue/issues/10373"
  ],
  [
    "Gemini",
    "openai",
    "overloaded",
    data({ error: { code: 503, message: "The model is overloaded. Please try again later.", status: "UNAVAILABLE" } }),
    "retries",
    gemini
  ],
  [
    "Gemini",
    "openai",
    "exhausted",
    data({
      error: { code: 429, message: "Resource has been exhausted (e.g. check quota).", status: "RESOURCE_EXHAUSTED" }
    }),
    "retries",
    gemini
  ],
  [
    "Gemini",
    "openai",
    "internal",
    data({ error: { code: 500, message: "An internal error has occurred.", status: "INTERNAL" } }),
    "retries",
    gemini
  ],
  [
    "Together",
    "openai",
    "engine",
    data(e("Internal server error", "server_error")),
    "retries",
    "https://docs.together.ai/docs/error-codes"
  ],
  [
    "Fireworks",
    "openai",
    "scaling",
    data({ error: { code: "DEPLOYMENT_SCALING_UP", message: "Deployment is scaling up" } }),
    "retries",
    "https://docs.fireworks.ai/guides/inference-error-codes"
  ],
  [
    "Cerebras",
    "openai",
    "queue",
    data({
      error: {
        message: "We're experiencing high traffic right now!",
        type: "too_many_requests_error",
        code: "queue_exceeded"
      }
    }),
    "retries",
    "https://inference-docs.cerebras.ai/support/error"
  ],
  [
    "LiteLLM",
    "openai",
    "upstream's limit",
    data(e("litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached", "throttling_error", "429")),
    "retries",
    liteLlm
  ],
  [
    "LiteLLM",
    "openai",
    "budget",
    data(e("Budget has been exceeded! Max budget: 0.25", "budget_exceeded", "400")),
    "rests",
    liteLlm
  ],
  [
    "LiteLLM",
    "openai",
    "upstream's end",
    data(e("litellm.APIConnectionError: APIConnectionError: OpenAIException - peer closed connection", null, "500")),
    "retries",
    liteLlm
  ],
  [
    "LiteLLM",
    "openai",
    "fallback in mid-stream",
    data(e("litellm.MidStreamFallbackError: litellm.ServiceUnavailableError: overloaded", null, "503")),
    "retries",
    liteLlm
  ]
]

export const streamFailures: ReadonlyArray<StreamFailure> = [...cloudRows, ...localRows, ...reportedRows].map(
  ([vendor, protocol, what, frame, outcome, source]) => ({ vendor, protocol, what, frame, outcome, source })
)

/** What a stream of the protocol begins with where a word is seen before the failure. */
export const beginnings: Readonly<Record<"openai" | "anthropic" | "ollama", string>> = {
  openai: data({
    id: "c",
    model: "m",
    choices: [{ index: 0, delta: { role: "assistant", content: "Once" }, finish_reason: null }]
  }),
  anthropic: [
    { type: "message_start", message: { id: "msg", model: "m", usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Once" } }
  ].map(data).join(""),
  ollama: line({ model: "m", message: { role: "assistant", content: "Once" }, done: false })
}
