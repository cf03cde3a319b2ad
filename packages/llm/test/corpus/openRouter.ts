/** Refusals of OpenRouter. */
import { vendor } from "./refusal.ts"

const orDocs = "https://openrouter.ai/docs/api/reference/errors-and-debugging"
const o = (code: number, message: string, metadata?: object) => ({
  error: { code, message, ...(metadata && { metadata }) }
})
export const openRouter = vendor("OpenRouter", "openrouter", [
  [
    "no credits",
    402,
    o(
      402,
      "Insufficient credits. This account never purchased credits. Make sure your key is on the correct account or org"
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/12649"
  ],
  [
    "too few credits",
    402,
    o(
      402,
      "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 222."
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/11154"
  ],
  [
    "limit of the key",
    403,
    o(403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys"),
    "rests",
    "https://github.com/MCPJam/inspector/issues/1287"
  ],
  [
    "moderation",
    403,
    o(403, "m requires moderation on OpenRouter. Your input was flagged for \"harassment\".", {
      reasons: ["harassment"],
      flagged_input: "...",
      provider_name: "OpenAI"
    }),
    "policy",
    orDocs
  ],
  [
    "wrong key",
    401,
    o(401, "No auth credentials found"),
    "rests",
    "https://github.com/musistudio/claude-code-router/issues/227"
  ],
  [
    "unknown model",
    400,
    o(400, "m is not a valid model ID"),
    "rests",
    "https://github.com/maxnowack/anthropic-proxy/issues/4"
  ],
  ["no endpoints", 404, o(404, "No endpoints found for m."), "rests", orDocs],
  [
    "no endpoints with tools",
    404,
    o(
      404,
      "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing"
    ),
    "next",
    "https://github.com/evalstate/fast-agent/issues/122"
  ],
  [
    "no endpoints with images",
    404,
    o(404, "No endpoints found that support image input"),
    "next",
    "https://github.com/HartsyAI/SwarmUI-MagicPromptExtension/issues/50"
  ],
  [
    "data policy",
    404,
    o(
      404,
      "No endpoints found matching your data policy (Free model training). Configure: https://openrouter.ai/settings/privacy"
    ),
    "rests",
    "https://github.com/cline/cline/issues/5246"
  ],
  [
    "too long",
    400,
    o(400, "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens."),
    "larger",
    "https://github.com/refly-ai/refly/issues/1177"
  ],
  [
    "a host's refusal in raw",
    400,
    o(400, "Provider returned error", {
      raw: "{\"error\":{\"message\":\"Unsupported value: 'temperature' does not support 0.2 with this model.\"}}",
      provider_name: "OpenAI"
    }),
    "next",
    "https://github.com/microsoft/autogen/issues/3597"
  ],
  [
    "a host's overflow in raw",
    400,
    o(400, "Provider returned error", {
      raw:
        "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}",
      provider_name: "Anthropic"
    }),
    "larger",
    orDocs
  ],
  [
    "upstream's limit",
    429,
    o(429, "Provider returned error", {
      raw:
        "m:free is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your rate limits",
      provider_name: "Chutes"
    }),
    "retries",
    "https://github.com/HacxGPT-Official/HacxGPT-CLI/issues/31"
  ],
  [
    "free models of a day",
    429,
    o(429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day", {
      headers: { "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "86400000000000" }
    }),
    "rests",
    "https://github.com/Gitlawb/openclaude/issues/936"
  ],
  [
    "a host that failed",
    502,
    o(502, "Provider returned error", { raw: "error", provider_name: "X" }),
    "retries",
    orDocs
  ],
  ["timeout", 408, o(408, "Request timed out"), "retries", orDocs]
])
