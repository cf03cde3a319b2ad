/**
 * Amazon Bedrock.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const errors = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"

export const bedrock: ReadonlyArray<Signal> = [
  {
    server: "Bedrock",
    kind: "quotaSpent",
    code: /ThrottlingException$/,
    phrase: /too many tokens per day/i,
    source: "https://github.com/minorun365/agent-book/issues/29"
  },
  {
    server: "Bedrock",
    kind: "quotaSpent",
    phrase: /too many tokens per day/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html"
  },
  {
    server: "Bedrock",
    kind: "rateLimited",
    code: /(^|[#.])(ThrottlingException|TooManyRequestsException)$/,
    source: errors
  },
  {
    server: "Bedrock",
    kind: "quotaSpent",
    code: /(^|[#.])ServiceQuotaExceededException$/,
    compared: true,
    source: errors
  },
  {
    server: "Bedrock",
    kind: "overloaded",
    code: /(^|[#.])(ServiceUnavailableException|serviceUnavailableException)$/,
    source: "https://github.com/aws-samples/foundation-model-benchmarking-tool/issues/247"
  },
  {
    server: "Bedrock",
    kind: "failedGeneration",
    code: /^malformed_(model_output|tool_use)$/,
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
  },
  { server: "Bedrock", kind: "loading", code: /(^|[#.])ModelNotReadyException$/, compared: true, source: errors },
  { server: "Bedrock", kind: "transient", code: /(^|[#.])[mM]odel(Timeout|StreamError)Exception$/, source: errors },
  {
    server: "Bedrock",
    kind: "serverError",
    code: /(^|[#.])([iI]nternalServerException|InternalFailure|ModelErrorException)$/,
    source: errors
  },
  {
    server: "Bedrock",
    kind: "unknownModel",
    code: /(^|[#.])ResourceNotFoundException$/,
    compared: true,
    source: errors
  },
  {
    server: "Bedrock",
    kind: "modelNotAllowed",
    code: /(^|[#.])AccessDeniedException$/,
    phrase: /access to the model|model access|marketplace/i,
    source: "https://github.com/aws-samples/sample-agentic-frameworks-on-aws/issues/44"
  },
  {
    server: "Bedrock",
    kind: "permissionDenied",
    code: /(^|[#.])AccessDeniedException$/,
    compared: true,
    source: errors
  },
  {
    server: "Bedrock",
    kind: "keyRejected",
    code:
      /(^|[#.])(UnrecognizedClientException|InvalidSignatureException|ExpiredTokenException|ExpiredToken|MissingAuthenticationToken(Exception)?|IncompleteSignature(Exception)?|InvalidClientTokenId|NotAuthorized)$/,
    source: "https://github.com/vercel/ai/issues/4163"
  },
  {
    server: "Bedrock",
    kind: "keyRejected",
    phrase: /security token included in the request is (invalid|expired)|signature expired/i,
    source: "https://github.com/vercel/ai/issues/4163"
  },
  {
    server: "Bedrock",
    kind: "unknownModel",
    phrase:
      /provided model identifier is invalid|invocation of model id .* with on-demand throughput isn.t supported|reached the end of its life/i,
    source: "https://github.com/Mintplex-Labs/anything-llm/issues/3441"
  },
  {
    server: "Bedrock",
    kind: "unknownModel",
    phrase: /marked by provider as legacy/i,
    source: "https://github.com/aws-samples/amazon-bedrock-workshop/issues/386"
  },
  {
    server: "Bedrock",
    kind: "contextOverflow",
    phrase: /malformed input request: .*expected maxlength/i,
    source: "https://github.com/ryanadoty/Amazon-Bedrock-Amazon-RDS-POC/issues/9"
  },
  {
    server: "Bedrock",
    kind: "contextOverflow",
    phrase: /value at 'body' failed to satisfy constraint: member must have length less/i,
    source: "https://github.com/langchain-ai/langchain-aws/issues/419"
  },
  {
    server: "Bedrock",
    kind: "accountDisabled",
    phrase: /^operation not allowed\.?$/i,
    source: "https://github.com/langgenius/dify/issues/7488"
  },
  {
    server: "Bedrock",
    kind: "contextOverflow",
    phrase: /input is too long for requested model|too many input tokens/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
  },
  {
    server: "Bedrock",
    kind: "accountDisabled",
    phrase: /account is not authorized to invoke this api operation/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
  },
  {
    server: "Bedrock",
    kind: "regionUnsupported",
    phrase: /not (available|supported) in (this|your) (region|country|location)|unsupported countries/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/models-regions.html"
  },
  {
    server: "Bedrock",
    kind: "unsupported",
    phrase:
      /this model doesn't support|doesn't support (tool use|the image|images|streaming)|model is unsupported for streaming/i,
    source: "https://github.com/earendil-works/pi/issues/3739"
  },
  {
    server: "Bedrock",
    kind: "contentPolicy",
    phrase:
      /blocked by (our )?content filters|guardrails? .*(interven|block|violat)|(interven|block|violat)\w* .*guardrail/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails.html"
  },
  {
    server: "Bedrock",
    kind: "modelNotAllowed",
    phrase: /model access is denied due to/i,
    source: "https://github.com/ministryofjustice/modernisation-platform-environments/pull/18323"
  },
  {
    server: "Bedrock",
    kind: "invalidRequest",
    phrase: /expected toolResult blocks at/i,
    source: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
  }
]
