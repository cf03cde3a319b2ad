/**
 * Azure OpenAI, GitHub Models and GitHub Copilot.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const azureErrors = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
const azureFilter = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"

export const azure: ReadonlyArray<Signal> = [
  // Azure
  {
    server: "Azure",
    kind: "contentPolicy",
    code: "ResponsibleAIPolicyViolation",
    source: "https://github.com/compl-ai/compl-ai/issues/20"
  },
  { server: "Azure", kind: "contentPolicy", code: /^responsible_ai_policy_violation$/i, source: azureFilter },
  {
    server: "Azure",
    kind: "contentPolicy",
    field: "content_filter_result",
    status: 400,
    source: "https://github.com/compl-ai/compl-ai/issues/20"
  },
  {
    server: "Azure",
    kind: "contentPolicy",
    phrase: /triggering azure openai's content management policy/i,
    source: "https://github.com/compl-ai/compl-ai/issues/20"
  },
  {
    server: "Azure",
    kind: "unknownModel",
    code: "DeploymentNotFound",
    source: "https://github.com/OpenBMB/AgentVerse/issues/140"
  },
  {
    server: "Azure",
    kind: "unknownModel",
    phrase: /api deployment for this resource does not exist/i,
    source: "https://github.com/OpenBMB/AgentVerse/issues/140"
  },
  {
    server: "Azure",
    kind: "unknownModel",
    code: /^(ModelDeprecated|ModelNotFound|ServiceModelDeprecated)$/i,
    source: azureErrors
  },
  {
    server: "Azure",
    kind: "incompatible",
    code: /^OperationNotSupported$/,
    source: "https://github.com/run-llama/llama_index/issues/16503"
  },
  {
    server: "Azure",
    kind: "keyRejected",
    phrase: /invalid subscription key or wrong api endpoint|access denied due to (missing|invalid) subscription key/i,
    source: "https://github.com/SciSharp/BotSharp/issues/386"
  },
  {
    server: "Azure",
    kind: "permissionDenied",
    code: /^(PermissionDenied|AuthenticationTypeDisabled)$/,
    source: "https://github.com/davrous/AzureAgentToM365/issues/3"
  },
  {
    server: "Azure",
    kind: "permissionDenied",
    phrase: /virtual network\/firewall rules|public access is disabled/i,
    source: "https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3"
  },
  {
    server: "Azure",
    kind: "accountDisabled",
    phrase: /subscription (is|has been|was) (disabled|suspended|deleted)|resource (is|has been) (disabled|blocked)/i,
    source: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
  },
  {
    server: "Azure",
    kind: "quotaSpent",
    phrase: /out of call volume quota/i,
    source: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
  },
  {
    server: "Azure",
    kind: "overloaded",
    code: /^(NoCapacity|EngineOverloaded|ServiceUnavailable|InsufficientCapacity)$/i,
    source: azureErrors
  },
  {
    server: "Azure",
    kind: "wrongAddress",
    code: "404",
    phrase: /^resource not found$/i,
    source: "https://github.com/langchain-ai/langchain/issues/13284"
  },
  {
    server: "Azure",
    kind: "wrongAddress",
    phrase: /api version not supported/i,
    status: [400, 404],
    source: "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
  },
  { server: "Azure", kind: "transient", code: "RequestTimeout", source: azureErrors },

  // GitHub Models and Copilot
  {
    server: "GitHub Models",
    kind: "unknownModel",
    code: /^(model_not_supported|unavailable_model)$/,
    source: "https://docs.github.com/en/github-models"
  },
  {
    server: "GitHub Models",
    kind: "unknownModel",
    code: "unknown_model",
    source: "https://docs.github.com/en/github-models"
  },
  {
    server: "GitHub Models",
    kind: "modelNotAllowed",
    code: "no_access",
    source: "https://docs.github.com/en/github-models"
  },
  {
    server: "GitHub Models",
    kind: "contextOverflow",
    code: "tokens_limit_reached",
    source: "https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models"
  },
  {
    server: "GitHub Models",
    kind: "rateLimited",
    code: "RateLimitReached",
    source: "https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models"
  },
  {
    server: "GitHub Models",
    kind: "contextOverflow",
    phrase: /prompt token count of \d+ exceeds the limit of \d+/i,
    compared: true,
    source: "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/utils/overflow.ts"
  }
]
