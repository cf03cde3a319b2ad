/** Refusals of Gemini and Bedrock, as public threads quote them. */
import { vendor } from "./refusal.ts"
import { thread } from "./thread.ts"

const google = (code: number, message: string, status: string, reason?: string) => ({
  error: {
    code,
    message,
    status,
    ...(reason === undefined ? {} : {
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "googleapis.com" }]
    })
  }
})

const gemini = vendor("Gemini, as reported", "gemini", [
  [
    "suspended",
    403,
    google(
      403,
      "Permission denied: Consumer 'api_key:x' has been suspended.",
      "PERMISSION_DENIED",
      "CONSUMER_SUSPENDED"
    ),
    "rests",
    thread("google/generative-ai-docs#356")
  ],
  [
    "order of turns",
    400,
    {
      error: {
        message: JSON.stringify(
          google(
            400,
            "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            "INVALID_ARGUMENT"
          )
        ),
        code: 400,
        status: "Bad Request"
      }
    },
    "next",
    thread("continuedev/continue#11164")
  ],
  [
    "no capacity",
    429,
    google(429, "No capacity available for model on the server", "RESOURCE_EXHAUSTED", "MODEL_CAPACITY_EXHAUSTED"),
    "retries",
    thread("google-gemini/gemini-cli#26633")
  ],
  [
    "back in six hours",
    429,
    {
      error: {
        code: 429,
        message: "You have exhausted your capacity on this model. Your quota will reset after 5h59m59s.",
        status: "RESOURCE_EXHAUSTED",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "QUOTA_EXHAUSTED",
            metadata: { quotaResetDelay: "5h59m59.960323804s" }
          },
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "21599.960323804s" }
        ]
      }
    },
    "rests",
    thread("Wei-Shaw/claude-relay-service#746")
  ],
  [
    "service not enabled",
    403,
    google(
      403,
      "Gemini for Google Cloud API has not been used in project p before or it is disabled.",
      "PERMISSION_DENIED",
      "SERVICE_DISABLED"
    ),
    "rests",
    thread("google-gemini/gemini-cli#1343")
  ],
  [
    "key of another service",
    403,
    google(
      403,
      "Requests to this API generativelanguage.googleapis.com method google.ai.generativelanguage.v1beta.GenerativeService.StreamGenerateContent are blocked.",
      "PERMISSION_DENIED",
      "API_KEY_SERVICE_BLOCKED"
    ),
    "rests",
    thread("continuedev/continue#12781")
  ],
  [
    "key of a site",
    403,
    google(
      403,
      "Requests from referer <empty> are blocked.",
      "PERMISSION_DENIED",
      "API_KEY_HTTP_REFERRER_BLOCKED"
    ),
    "rests",
    thread("mhawksey/GeminiApp#10")
  ],
  [
    "banned",
    403,
    [{
      error: {
        code: 403,
        message: "This service has been disabled in this account for violation of Terms of\n\t\tService.",
        errors: [{ message: "disabled", domain: "global", reason: "forbidden" }],
        status: "PERMISSION_DENIED"
      }
    }],
    "rests",
    thread("google-gemini/gemini-cli#19501")
  ],
  [
    "many bytes",
    400,
    google(400, "Request payload size exceeds the limit: 314572800 bytes.", "INVALID_ARGUMENT"),
    "larger",
    thread("MaKTaiL/gemini-srt-translator#63")
  ],
  [
    "many bytes, by a proxy",
    413,
    {
      error: {
        message: "Maximum request body size 1048576 exceeded, actual body size 1056562",
        code: 413,
        status: "Request Entity Too Large"
      }
    },
    "larger",
    thread("google-gemini/gemini-cli#13776")
  ],
  [
    "internal error",
    500,
    google(
      500,
      "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
      "INTERNAL"
    ),
    "retries",
    thread("PublicAffairs/openai-gemini#15")
  ],
  [
    "something invalid",
    400,
    [google(400, "Request contains an invalid argument.", "INVALID_ARGUMENT")],
    "next",
    thread("google-gemini/gemini-cli#15366")
  ]
])

const amazon = (type: string) => ({
  "x-amzn-errortype": `${type}:http://internal.amazon.com/coral/com.amazon.bedrock/`
})

const bedrock = vendor("Bedrock, as threads quote it", "bedrock", [
  [
    "policy of the organization",
    403,
    {
      message:
        "User: arn:aws:sts::1:assumed-role/r is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:::foundation-model/m with an explicit deny in a service control policy"
    },
    "rests",
    thread("aws-samples/sample-badgers#33"),
    amazon("AccessDeniedException")
  ],
  [
    "only by an inference profile",
    400,
    {
      message:
        "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model."
    },
    "rests",
    thread("Mintplex-Labs/anything-llm#3441"),
    amazon("ValidationException")
  ],
  [
    "no tools in a stream",
    400,
    { message: "This model doesn't support tool use in streaming mode." },
    "next",
    thread("earendil-works/pi#3739"),
    amazon("ValidationException")
  ],
  [
    "no streams",
    400,
    { message: "The model is unsupported for streaming." },
    "next",
    thread("aws-samples/amazon-bedrock-client-for-mac#112"),
    amazon("ValidationException")
  ],
  [
    "unknown credentials",
    403,
    { message: "The security token included in the request is invalid." },
    "rests",
    thread("vercel/ai#4163"),
    amazon("UnrecognizedClientException")
  ],
  [
    "unavailable",
    503,
    { message: "Bedrock is unable to process your request." },
    "retries",
    thread("darko-mesaros/bedrust#47"),
    amazon("ServiceUnavailableException")
  ],
  [
    "tokens of a day",
    429,
    { message: "Too many tokens per day, please wait before trying again." },
    "rests",
    thread("minorun365/agent-book#29"),
    amazon("ThrottlingException")
  ]
])

export const reportedClouds = [gemini, bedrock]
