/**
 * Words that several vendors use.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const openAi = "https://platform.openai.com/docs/guides/error-codes"

export const any: ReadonlyArray<Signal> = [
  // Codes
  {
    server: "any",
    kind: "contentPolicy",
    code: /^(content_filter(ed)?|moderation.*|safety|content_blocked|prompt_blocked)$/,
    source: openAi
  },
  {
    server: "any",
    kind: "contextOverflow",
    code: /^(context_window_exceeded|model_context_window_exceeded|max_tokens_exceeded|input_too_long)$/,
    source: openAi
  },
  { server: "any", kind: "unknownModel", code: /^(unknown_model|model_not_exist|no_such_model)$/, source: openAi },
  {
    server: "any",
    kind: "keyRejected",
    code: /^(invalid_token|invalid_key|invalid_api_key_error|missing_api_key|unauthorized)$/,
    source: openAi
  },
  {
    server: "any",
    kind: "contentPolicy",
    code: /^(content_moderation|data_inspection_failed|sensitive_content)$/,
    source: openAi
  },
  // Words
  {
    server: "any",
    kind: "quotaSpent",
    phrase: /insufficient (credits?|balance|funds|quota)|payment required|out of credits/i,
    source: openAi
  },
  {
    server: "any",
    kind: "accountDisabled",
    phrase: /(organi[sz]ation|account|project) .{0,40}\b(suspended|disabled|deactivated|terminated|banned)\b/i,
    source: openAi
  },
  {
    server: "any",
    kind: "regionUnsupported",
    phrase:
      /(country|region|territory|location)\b.{0,30}\bnot (supported|available|allowed)|not (supported|available) in your (country|region|location)/i,
    source: openAi
  },
  {
    server: "any",
    kind: "contextOverflow",
    phrase:
      /context (length|size|window|limit)\b.{0,40}(exceed|too (large|long))|exceed(s|ed|ing)?\b.{0,40}\bcontext (length|size|window|limit)|maximum (input|prompt) length|(prompt|input) is too long|too many (input )?tokens in|reduce the length of the (messages|prompt|input)/i,
    status: [400, 413, 422, 500],
    source: openAi
  },
  {
    server: "any",
    kind: "contextOverflow",
    phrase: /maximum context length|prompt is too long|exceeds? the (available )?context/i,
    source: openAi
  },
  {
    server: "any",
    kind: "unsupported",
    phrase:
      /(does not|doesn't|do not|not|isn't|aren't) support(ed)?\b.*\b(tools?|functions?|function calling|images?|vision|thinking|reasoning|schema|response_format|multimodal|audio)\b|\b(tools?|tool use|function calling|image input|images?|vision|schema|response_format|multimodal)\b.*(does not|is not|are not|isn't|aren't|not) support/i,
    status: [400, 404, 422, 500, 501],
    source: openAi
  },
  {
    server: "any",
    kind: "unknownModel",
    phrase:
      /\bmodel\b.{0,80}\b(not found|does not exist|doesn't exist|is not available|not exist|decommissioned|deprecated|no longer (supported|available)|is not a valid)|no such model|unknown model|invalid model( name| id)?\b|unsupported model\b|requested model is not supported/i,
    status: [400, 404, 410, 422],
    source: openAi
  },
  {
    server: "any",
    kind: "contentPolicy",
    phrase:
      /content (management|filtering|safety|moderation) policy|content policy violation|blocked by (the )?(content|safety) filter/i,
    source: openAi
  },
  {
    server: "any",
    kind: "keyRejected",
    phrase: /(invalid|incorrect|wrong|malformed|expired|missing) api[ -]?key/i,
    source: openAi
  },
  {
    server: "any",
    kind: "invalidRequest",
    phrase: /messages? (must not be empty|cannot be empty|is empty|list is empty|array is empty)/i,
    status: [400, 422],
    source: openAi
  },
  { server: "any", kind: "contentPolicy", phrase: /inappropriate content|content moderation system/i, source: openAi },
  {
    server: "any",
    kind: "contextOverflow",
    phrase: /input too long|range of input length should be/i,
    status: [400, 413, 422],
    source: openAi
  },
  {
    server: "any",
    kind: "quotaSpent",
    phrase:
      /(daily|weekly|monthly) (free )?(allocation|quota|credits?|spend(ing)? limit).{0,40}(exceeded|used up|exhausted|reached)|(exceeded|used up|exhausted|reached).{0,40}(daily|weekly|monthly) (free )?(allocation|quota|credits?|spend(ing)? limit)/i,
    source: openAi
  },
  {
    server: "any",
    kind: "modelNotAllowed",
    phrase: /requires a subscription|not allowed to sample from this model|model access denied/i,
    source: openAi
  },
  {
    server: "any",
    kind: "quotaSpent",
    phrase:
      /usage limit (has been |was |is )?reached|(reached|hit) your (\w+ )?usage limit|exceeded your (hourly|daily|weekly|monthly|session) usage limit|^quota exceeded\.?$/i,
    source: "https://github.com/earendil-works/pi/issues/4172"
  },
  {
    server: "any",
    kind: "wrongAddress",
    phrase: /^cannot post \/|no route matched with those values|could not route to \//i,
    status: 404,
    source: "https://developers.cloudflare.com/fundamentals/api/troubleshooting/"
  }
]
