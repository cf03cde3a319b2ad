/** Refusals of Anthropic by the codes that its client knows, compared with its list (2026-11-27). */
import { vendor } from "./refusal.ts"

/** The codes of `error.details.error_code`, with the class and the status of each. */
const codes = "https://github.com/anthropics/anthropic-sdk-typescript/blob/main/src/core/error-classes.ts"
const coded = (error_code: string, type = "invalid_request_error") => ({
  type: "error",
  error: { type, message: "The request was refused.", details: { error_code } },
  request_id: "req_1"
})

export const anthropicCodes = vendor("Anthropic by code", "anthropic", [
  ["trust and safety hold", 400, coded("organization_on_hold"), "rests", codes],
  ["another type of organization", 400, coded("organization_type_not_supported"), "rests", codes],
  ["revoked encryption key", 400, coded("cmek_key_disabled"), "rests", codes],
  ["encryption key out of reach by network rules", 400, coded("cmek_key_network_blocked"), "rests", codes],
  ["creator of the key has left", 400, coded("claude_code_key_creator_not_member"), "rests", codes],
  ["unknown user profile", 400, coded("user_profile_not_found"), "rests", codes],
  ["no user profile", 400, coded("user_profile_required"), "rests", codes],
  ["region", 400, coded("unsupported_region"), "rests", codes],
  ["image too wide", 400, coded("image_dimensions_too_large"), "next", codes],
  ["two tools of one name", 400, coded("tool_name_conflict"), "next", codes],
  ["too many tools", 400, coded("available_tools_limit_exceeded"), "next", codes],
  ["encoding of the body", 400, coded("request_body_encoding_unsupported"), "next", codes],
  ["body that came too slowly", 400, coded("request_body_timeout"), "retries", codes],
  [
    "spent by a linked organization",
    402,
    coded("linked_organization_spend_limit_reached", "billing_error"),
    "rests",
    codes
  ],
  [
    "a linked organization without billing",
    402,
    coded("linked_organization_billing_unavailable", "billing_error"),
    "rests",
    codes
  ],
  ["user profile that pays nothing", 403, coded("user_profile_not_billable", "permission_error"), "rests", codes],
  [
    "user profile that did not consent",
    403,
    coded("user_profile_billing_not_authorized", "permission_error"),
    "rests",
    codes
  ],
  ["scope of the key", 403, coded("api_key_scope_missing", "permission_error"), "rests", codes],
  ["sandbox", 403, coded("sandbox_egress_restricted", "permission_error"), "rests", codes],
  ["lost thread", 404, coded("thread_not_found", "not_found_error"), "next", codes],
  ["skill without a key", 409, coded("skill_read_blocked_undecryptable", "conflict_error"), "next", codes],
  [
    "body too large once decoded",
    413,
    coded("request_body_too_large_after_decoding", "request_too_large"),
    "larger",
    codes
  ],
  ["spent contract", 429, coded("contract_spend_limit_reached", "rate_limit_error"), "rests", codes],
  ["spent tier", 429, coded("enforced_spend_limit_reached", "rate_limit_error"), "rests", codes],
  ["ramp", 429, coded("ramp_limit_exceeded", "rate_limit_error"), "retries", codes],
  ["encryption settings", 503, coded("cmek_context_unavailable", "api_error"), "retries", codes],
  ["encryption key out of reach", 503, coded("cmek_key_unreachable", "api_error"), "retries", codes],
  ["authorization out of reach", 503, coded("authorization_check_unavailable", "api_error"), "retries", codes],
  [
    "too long with its answer",
    400,
    {
      type: "error",
      error: {
        type: "invalid_request_error",
        message:
          "input length and `max_tokens` exceed context limit: 143653 + 64000 > 200000, decrease input length or `max_tokens` and try again"
      },
      request_id: "req_1"
    },
    "larger",
    "https://github.com/continuedev/continue/issues/8454"
  ]
])
