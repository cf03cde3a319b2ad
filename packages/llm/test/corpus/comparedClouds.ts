/** More refusals that were compared with what their source shows (2026-11-27). */
import { vendor } from "./refusal.ts"

const e = (message: string, type: string | null = "invalid_request_error", code: string | null = null) => ({
  error: { message, type, code }
})
const issue = (path: string): string => {
  const [repository, number] = path.split("#")
  return `https://github.com/${repository}/issues/${number}`
}

export const comparedClouds = vendor("Clouds, as reported", "openai", [
  [
    "Perplexity: roles",
    400,
    e(
      "After the (optional) system message(s), user and assistant roles should be alternating.",
      "invalid_message",
      "400"
    ),
    "next",
    issue("perplexityai/api-discussion#265")
  ],
  [
    "Perplexity: unknown model",
    400,
    e(
      "Invalid model 'sonar-pro '. Permitted models can be found in the documentation at https://docs.perplexity.ai/guides/model-cards.",
      "invalid_model",
      "400"
    ),
    "rests",
    issue("perplexityai/api-discussion#262")
  ],
  [
    "Cohere: unknown model",
    404,
    {
      message:
        "model 'xlarge' not found, make sure the correct model ID was used and that you have access to the model."
    },
    "rests",
    issue("MaartenGr/BERTopic#1864")
  ],
  [
    "Cohere: too long",
    400,
    {
      message:
        "too many tokens: total number of tokens (prompt and prediction) cannot exceed 2048 - received 6354. Try using a shorter prompt or a smaller max_tokens value."
    },
    "larger",
    issue("cohere-ai/sandbox-topically#4")
  ],
  ["Cohere: wrong key", 401, { message: "invalid api token" }, "rests", issue("cohere-ai/notebooks#6")],
  [
    "Cohere: a page",
    403,
    "<!doctype html><meta charset=\"utf-8\"><title>403</title>403 Forbidden",
    "rests",
    issue("langgenius/dify#2506")
  ],
  [
    "Groq: terms",
    400,
    e(
      "The model canopylabs/orpheus-arabic-saudi requires terms acceptance. Please have the org admin accept the terms at https://console.groq.com/playground",
      "invalid_request_error",
      "model_terms_required"
    ),
    "rests",
    issue("langflow-ai/langflow#11120")
  ],
  [
    "Groq: no tools",
    400,
    e("tool calling is not supported with this model"),
    "next",
    issue("langflow-ai/langflow#11120")
  ],
  [
    "Groq: a call beside the schema",
    400,
    e(
      "tool call validation failed: parameters for tool HassTurnOff did not match schema: errors: [`/domain`: expected array, but got string]",
      "invalid_request_error",
      "tool_use_failed"
    ),
    "again",
    issue("HunorLaczko/ha-groq-cloud-api#20")
  ],
  [
    "xAI: a new team",
    403,
    {
      code: "The caller does not have permission to execute the specified operation",
      error:
        "Your newly created teams doesn't have any credits yet. You can purchase credits on https://console.x.ai/team/x."
    },
    "rests",
    issue("griptape-ai/griptape-nodes-engine#1079")
  ],
  [
    "xAI: no credits",
    403,
    {
      code: "personal-team-blocked",
      error: "You have run out of credits or need a Grok subscription. Add credits at https://grok.com/?_s=usage"
    },
    "rests",
    issue("Wei-Shaw/sub2api#4069")
  ],
  [
    "xAI: a feature that is gone",
    410,
    {
      error:
        "Live search is deprecated. Please switch to the Agent Tools API: https://docs.x.ai/docs/guides/tools/overview"
    },
    "next",
    issue("superagent-ai/grok-cli#142")
  ],
  [
    "LiteLLM: Groq's words",
    400,
    {
      error: {
        message:
          "litellm.BadRequestError: GroqException - Error code: 400 - {'error': {'message': \"'messages.1' : for 'role:user' the following must be satisfied[('messages.1' : property 'tool_calls' is unsupported)]\", 'type': 'invalid_request_error'}}",
        type: null,
        param: null,
        code: "400"
      }
    },
    "next",
    issue("julep-ai/julep#885")
  ]
])
