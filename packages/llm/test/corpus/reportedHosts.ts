/** Refusals of hosts, as public threads quote them. */
import { vendor } from "./refusal.ts"
import { e, thread } from "./thread.ts"

const hosts = vendor("Hosts, as threads quote them", "openai", [
  [
    "Cerebras: too long",
    400,
    {
      message: "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded"
    },
    "larger",
    thread("cline/cline#5140")
  ],
  [
    "Together: not serverless",
    400,
    {
      id: "1",
      ...e(
        "Unable to access non-serverless model mistralai/M. Please visit https://api.together.ai/models/mistralai/M to create and start a new dedicated endpoint for the model.",
        "invalid_request_error",
        "model_not_available"
      )
    },
    "rests",
    thread("HeyPuter/puter#3168")
  ],
  [
    "Together: a stopped endpoint",
    400,
    {
      id: "1",
      ...e(
        "The dedicated endpoint for mistralai/M is not running. Please visit https://api.together.ai/models to start the endpoint.",
        "invalid_request_error",
        "dedicated_endpoint_not_running"
      )
    },
    "rests",
    thread("HeyPuter/puter#3168")
  ],
  [
    "Fireworks: suspended",
    412,
    {
      error: {
        message:
          "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices. Please go to https://fireworks.ai/account/billing for more information.",
        param: null,
        code: "PRECONDITION_FAILED",
        type: "error"
      },
      request_id: "1"
    },
    "rests",
    thread("pollinations/pollinations#12136")
  ],
  [
    "Hugging Face: spent month",
    402,
    {
      error:
        "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits."
    },
    "rests",
    thread("huggingface/agents-course#386")
  ],
  ["Mistral: key", 401, { detail: "Unauthorized" }, "rests", thread("agent0ai/agent-zero#539")],
  [
    "Mistral: an empty turn of the assistant",
    400,
    {
      object: "error",
      message: "Assistant message must have either content or tool_calls, but not none.",
      type: "invalid_request_error",
      param: null,
      code: null
    },
    "next",
    thread("solbrowse/extension#16")
  ],
  [
    "xAI: permission",
    403,
    {
      code: "permission-denied",
      error:
        "Access to the chat endpoint is denied. Please ensure you're using the correct credentials. If you believe this is a mistake, please log into console.x.ai and update the permissions, or contact support."
    },
    "rests",
    thread("decolua/9router#2559")
  ],
  [
    "Zhipu: spent",
    429,
    {
      type: "error",
      error: { type: "1113", message: "Insufficient balance or no resource package. Please recharge." }
    },
    "rests",
    thread("anthropics/claude-code#9201")
  ],
  [
    "Zhipu: spent, in Chinese",
    429,
    { error: { code: "1113", message: "您的账户已欠费，请充值后重试。" } },
    "rests",
    thread("langgenius/dify#5850")
  ],
  [
    "Zhipu: spent, in words alone",
    429,
    "余额不足或无可用资源包,请充值。",
    "rests",
    thread("continuedev/continue#11823")
  ],
  [
    "Zhipu: rate",
    429,
    { error: { code: "1302", message: "您的账户已达到速率限制，请您控制请求频率" } },
    "retries",
    thread("yilewang/llm-for-zotero#17")
  ],
  [
    "Alibaba: in arrears",
    400,
    {
      error: {
        code: "Arrearage",
        param: null,
        message: "Access denied, please make sure your account is in good standing.",
        type: "Arrearage"
      },
      id: "1"
    },
    "rests",
    thread("hsliuping/TradingAgents-CN#170")
  ],
  [
    "NVIDIA: a model that is gone",
    404,
    { status: 404, title: "Not Found", detail: "Function '23d4f03a': Not found for account 'x'" },
    "rests",
    thread("Alishahryar1/free-claude-code#1021")
  ],
  [
    "NVIDIA: a degraded model",
    400,
    { status: 400, title: "Bad Request", detail: "Function id '87ea0ddc': DEGRADED function cannot be invoked" },
    "retries",
    thread("tashfeenahmed/freellmapi#522")
  ],
  [
    "Vertex AI: an old token",
    401,
    {
      error: {
        code: 401,
        message:
          "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        status: "UNAUTHENTICATED",
        details: [{
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "ACCESS_TOKEN_EXPIRED",
          domain: "googleapis.com"
        }]
      }
    },
    "rests",
    thread("pydantic/pydantic-ai#1186")
  ],
  [
    "Vertex AI: log in again",
    400,
    {
      error: "invalid_grant",
      error_description: "reauth related error (invalid_rapt)",
      error_uri: "https://support.google.com/a/answer/9368756",
      error_subtype: "invalid_rapt"
    },
    "rests",
    thread("cline/cline#4080")
  ],
  [
    "Azure: unknown address",
    404,
    { error: { code: "404", message: "Resource not found" } },
    "rests",
    thread("langchain-ai/langchain#13284")
  ]
])

const groq = vendor("Groq, as reported", "groq", [
  [
    "unknown address",
    404,
    e(
      "Unknown request URL: POST /openai/v1/v1/chat/completions. Please check the URL for typos, or see the docs at https://console.groq.com/docs/",
      "invalid_request_error",
      "unknown_url"
    ),
    "rests",
    thread("ChatGPTNextWeb/NextChat#4599")
  ],
  ["content as a list", 400, e("message[4].content must be a string"), "next", thread("browser-use/browser-use#54")],
  [
    "content of a result as a list",
    400,
    e("'messages.2' : for 'role:tool' the following must be satisfied[('messages.2.content' : value must be a string)]"),
    "next",
    thread("CherryHQ/cherry-studio#3307")
  ],
  [
    "unknown field",
    400,
    e(
      "'messages.0' : for 'role:system' the following must be satisfied[('messages.0' : property 'id' is unsupported, did you mean 'name'?)]"
    ),
    "next",
    thread("chatboxai/chatbox#2081")
  ],
  [
    "a page of Cloudflare",
    403,
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1><h2>You are unable to access groq.com</h2></body></html>",
    "rests",
    thread("lobehub/lobehub#2147")
  ]
])

export const reportedHosts = [hosts, groq]
