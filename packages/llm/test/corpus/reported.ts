/** Refusals as public threads quote them (2026-11-27): status, codes and words; other fields of the bodies may differ. */
import { vendor } from "./refusal.ts"
import { reportedClouds } from "./reportedClouds.ts"
import { reportedHosts } from "./reportedHosts.ts"
import { e, thread } from "./thread.ts"

const openAi = vendor("OpenAI, as reported", "openai", [
  [
    "no organization",
    401,
    e(
      "You must be a member of an organization to use the API. Please contact us through our help center at help.openai.com.",
      "invalid_request_error",
      "no_organization"
    ),
    "rests",
    thread("OpenHands/OpenHands#2562")
  ],
  [
    "another organization's key",
    401,
    e(
      "OpenAI-Organization header should match organization for API key",
      "invalid_request_error",
      "mismatched_organization"
    ),
    "rests",
    thread("AIDotNet/OpenDeepWiki#5")
  ],
  ["unknown organization", 401, e("No such organization: Personal."), "rests", thread("tom-doerr/zsh_codex#5")],
  [
    "unknown organization, through LiteLLM",
    400,
    e("litellm.BadRequestError: OpenAIException - no such organization : null", null, "400"),
    "rests",
    thread("Aider-AI/aider#3717")
  ],
  [
    "verify to stream",
    400,
    e(
      "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization."
    ),
    "rests",
    thread("danny-avila/LibreChat#6926")
  ],
  [
    "verify to use",
    404,
    e(
      "Your organization must be verified to use the model `gpt-5`. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization.",
      "invalid_request_error",
      "model_not_found"
    ),
    "rests",
    thread("openai/openai-go#565")
  ],
  [
    "overloaded",
    503,
    e(
      "Our servers are currently overloaded. Please try again later.",
      "service_unavailable_error",
      "server_is_overloaded"
    ),
    "retries",
    thread("XiaomiMiMo/MiMo-Code#2083")
  ],
  [
    "limit of a plan",
    429,
    {
      error: {
        type: "usage_limit_reached",
        message: "The usage limit has been reached",
        plan_type: "free",
        resets_at: 1_775_317_531,
        resets_in_seconds: 602_705
      }
    },
    "rests",
    thread("james-6-23/codex2api#9")
  ],
  [
    "unknown address, of a gateway to it",
    400,
    {
      error: {
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        code: "invalid_request_body"
      }
    },
    "next",
    thread("caozhiyuan/copilot-api#164")
  ]
])

const routers = vendor("Routers, as reported", "openrouter", [
  [
    "never paid",
    402,
    {
      error: {
        message:
          "Insufficient credits. This account never purchased credits. Make sure your key is on the correct account or org, and if so, purchase more at https://openrouter.ai/settings/credits",
        code: 402
      }
    },
    "rests",
    thread("Gitlawb/openclaude#43")
  ],
  [
    "spent, with where",
    402,
    {
      error: {
        message: "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
        code: 402,
        metadata: {
          limit_source: "openrouter_credits",
          remedy_hint: "Add credits, or lower max_tokens / prompt size to fit your remaining balance."
        }
      }
    },
    "rests",
    thread("open-assistant-org/open-assistant#80")
  ],
  [
    "spent, in tokens of the prompt",
    402,
    {
      error: {
        message:
          "Prompt tokens limit exceeded: 230799 > 91442. To increase, visit https://openrouter.ai/settings/keys and create a key with a higher monthly limit",
        code: 402
      }
    },
    "rests",
    thread("anomalyco/opencode#12219")
  ],
  [
    "no host within the guardrails",
    404,
    {
      error: {
        message:
          "No endpoints available matching your guardrail restrictions and data policy. Configure: https://openrouter.ai/settings/privacy",
        code: 404
      }
    },
    "rests",
    thread("truefoundry/models/pull/826")
  ],
  [
    "another gateway's credit",
    402,
    e(
      "Insufficient credits — top up your balance at https://gitlawb.com/opengateway/credits",
      "insufficient_quota",
      "insufficient_credits"
    ),
    "rests",
    thread("Gitlawb/openclaude#1528")
  ],
  [
    "LiteLLM: a host's suspended account",
    412,
    {
      error: {
        message:
          "Flux.APIError: APIError: Fireworks_aiException - {\"error\":{\"message\":\"Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.\",\"param\":null,\"code\":\"PRECONDITION_FAILED\",\"type\":\"error\"},\"request_id\":\"c\"}. Received Model Group=glm-5-2\nAvailable Model Group Fallbacks=None",
        type: null,
        param: null,
        code: "412"
      }
    },
    "rests",
    thread("FerroxLabs/wayland#545")
  ],
  [
    "LiteLLM: a dict of Python",
    402,
    e(
      "{'error': 'credit_unresolved', 'message': 'A prior charge is still being reconciled. Please retry shortly.', 'upgrade_url': 'https://fluxrouter.ai/home/billing/topup', 'model': 'flux-auto'}",
      "None",
      "402"
    ),
    "rests",
    thread("FerroxLabs/wayland#545")
  ],
  [
    "LiteLLM: a model of Bedrock without a subscription",
    500,
    {
      error: {
        message:
          "litellm.APIConnectionError: BedrockException - {\"message\":\"Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model. If you recently fixed this issue, try again after 5 minutes.\"}",
        type: null,
        param: null,
        code: "500"
      }
    },
    "rests",
    thread("ministryofjustice/modernisation-platform-environments/pull/18323")
  ],
  [
    "one-api: a prompt that Gemini blocked",
    429,
    {
      error: {
        message: "blocked: prompt: BlockedReasonProhibitedContent () (request id: 1)",
        type: "one_api_error",
        param: "",
        code: "do_request_failed"
      }
    },
    "policy",
    thread("immersive-translate/immersive-translate#2505")
  ],
  [
    "Pollinations: Azure at its peak",
    429,
    {
      success: false,
      error: {
        message:
          "azure-openai error: The system is currently experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load. Please retry after 20 seconds.",
        code: "RATE_LIMITED"
      },
      status: 429
    },
    "retries",
    thread("pollinations/pollinations#6260")
  ]
])

export const reported = [openAi, routers, ...reportedHosts, ...reportedClouds]
