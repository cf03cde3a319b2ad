/**
 * Anthropic.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const errors = "https://docs.claude.com/en/api/errors"

/** The codes of `error.details.error_code`, with what each means. */
const codes = "https://github.com/anthropics/anthropic-sdk-typescript/blob/main/src/resources/shared.ts"

export const anthropic: ReadonlyArray<Signal> = [
  {
    server: "Anthropic",
    kind: "quotaSpent",
    code: /^((contract|enforced)_spend_limit_reached|linked_organization_(billing_unavailable|spend_limit_reached))$/,
    compared: true,
    source: codes
  },
  {
    server: "Anthropic",
    kind: "accountDisabled",
    code:
      /^(organization_(on_hold|type_not_supported)|cmek_key_(disabled|network_blocked)|claude_code_(key_creator_not_member|version_too_old))$/,
    compared: true,
    source: codes
  },
  {
    server: "Anthropic",
    kind: "permissionDenied",
    code:
      /^(user_profile_(not_found|required|not_billable|billing_not_authorized)|api_key_scope_missing|sandbox_egress_restricted|workspace_policy_violation)$/,
    compared: true,
    source: codes
  },
  { server: "Anthropic", kind: "regionUnsupported", code: "unsupported_region", compared: true, source: codes },
  { server: "Anthropic", kind: "transient", code: "request_body_timeout", compared: true, source: codes },
  {
    server: "Anthropic",
    kind: "incompatible",
    code: /^(thread_not_found|skill_read_blocked_undecryptable|image_dimensions_too_large)$/,
    compared: true,
    source: codes
  },
  {
    server: "Anthropic",
    kind: "quotaSpent",
    code: "billing_error",
    compared: true,
    source: "https://platform.claude.com/docs/en/api/errors"
  },
  {
    server: "Anthropic",
    kind: "quotaSpent",
    phrase: /credit balance is too low/i,
    source: "https://github.com/anthropics/claude-code/issues/66314"
  },
  {
    server: "Anthropic",
    kind: "quotaSpent",
    phrase: /reached your specified (workspace )?api usage limits|regain access on/i,
    source: "https://github.com/anthropics/claude-code/issues/38035"
  },
  {
    server: "Anthropic",
    kind: "beyondRateLimit",
    phrase: /extra usage is required for long context/i,
    source: "https://github.com/anthropics/claude-code/issues/29584"
  },
  {
    server: "Anthropic",
    kind: "rateLimited",
    phrase: /would exceed (your|the) (organization|account|rate limit)/i,
    source: "https://github.com/anthropics/claude-code/issues/55132"
  },
  {
    server: "Anthropic",
    kind: "keyRejected",
    phrase: /invalid x-api-key|invalid bearer token|oauth token has (expired|been revoked)/i,
    source: "https://github.com/emilsvennesson/opencode-websearch/issues/15"
  },
  {
    server: "Anthropic",
    kind: "accountDisabled",
    phrase: /organization has been disabled|oauth authentication is currently not allowed for this organization/i,
    source: "https://github.com/anthropics/claude-code/issues/54311"
  },
  {
    server: "Anthropic",
    kind: "permissionDenied",
    phrase: /credential is only authorized for use with/i,
    source: "https://docs.claude.com/en/api/errors"
  },
  {
    server: "Anthropic",
    kind: "regionUnsupported",
    phrase: /^request not allowed$/i,
    status: 403,
    source: "https://github.com/anthropics/claude-quickstarts/issues/32"
  },
  { server: "Anthropic", kind: "unknownModel", code: "not_found_error", phrase: /^model:/i, source: errors },
  { server: "Anthropic", kind: "contextOverflow", code: "request_too_large", compared: true, source: errors },
  {
    server: "Anthropic",
    kind: "contextOverflow",
    phrase: /prompt is too long|exceed context limit|many-image requests/i,
    source: "https://github.com/anthropics/claude-code/issues/12186"
  },
  {
    server: "Anthropic",
    kind: "incompatible",
    phrase: /max_tokens: \d+ > \d+|maximum allowed number of output tokens/i,
    source: "https://github.com/anthropics/claude-code/issues/11302"
  },
  {
    server: "Anthropic",
    kind: "contentPolicy",
    phrase: /output blocked by content filtering policy/i,
    source: "https://github.com/anthropics/claude-code/issues/58367"
  },
  {
    server: "Anthropic",
    kind: "invalidRequest",
    phrase:
      /tool_use`? ids were found without|unexpected `?tool_use_id`? found in `?tool_result|each `?tool_use`? block must have a corresponding|tool_use ids must be unique/i,
    source: "https://github.com/anthropics/claude-code/issues/6575"
  },
  {
    server: "Anthropic",
    kind: "invalidRequest",
    phrase: /at least one message is required/i,
    source: "https://docs.claude.com/en/api/errors"
  },
  {
    server: "Anthropic",
    kind: "invalidRequest",
    phrase: /could not process image|image exceeds \d+ mb maximum|not a valid base64|invalid base64/i,
    source: "https://docs.claude.com/en/api/errors"
  },
  { server: "Anthropic", kind: "wrongAddress", code: "not_found_error", phrase: /^not found$/i, source: errors },
  {
    server: "Anthropic",
    kind: "overloaded",
    category: "overloaded_error",
    source: "https://github.com/anthropics/claude-code/issues/35792"
  },
  { server: "Anthropic", kind: "rateLimited", category: "rate_limit_error", compared: true, source: errors },
  {
    server: "Anthropic",
    kind: "keyRejected",
    category: "authentication_error",
    source: "https://github.com/emilsvennesson/opencode-websearch/issues/15"
  },
  {
    server: "Anthropic",
    kind: "permissionDenied",
    category: "permission_error",
    source: "https://github.com/anthropics/claude-code/issues/9635"
  },
  {
    server: "Anthropic",
    kind: "unknownModel",
    category: "not_found_error",
    status: 404,
    compared: true,
    source: errors
  },
  {
    server: "Anthropic",
    kind: "transient",
    category: "timeout_error",
    compared: true,
    source: "https://platform.claude.com/docs/en/api/errors"
  },
  {
    server: "Anthropic",
    kind: "serverError",
    category: "api_error",
    source: "https://github.com/anthropics/claude-code/issues/35458"
  }
]
