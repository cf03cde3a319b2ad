/**
 * The clouds that speak chat completions, in the order in which they are asked.
 *
 * Guarded by `test/config/faults.test.ts` and `test/config/selection.test.ts`.
 */
import type { Preset } from "./preset.ts"
import { cloud, thinkTags } from "./preset.ts"

export const clouds = {
  /** OpenAI itself. A spent quota is a 429 with a code; a last chunk without choices has the usage. */
  openai: {
    ...cloud,
    name: "openai",
    baseUrl: "https://api.openai.com/v1",
    variables: "OPENAI",
    model: "gpt-5-mini",
    embeddingModel: "text-embedding-3-small",
    source: "https://platform.openai.com/docs/api-reference/chat"
  },
  /**
   * OpenRouter: comments while it looks for a host, errors in the body once the stream has begun, with the host's own words
   * in `metadata.raw`; 402 without credit. Its `HTTP-Referer` and `X-Title` are headers that options may add.
   */
  openrouter: {
    ...cloud,
    name: "openrouter",
    baseUrl: "https://openrouter.ai/api/v1",
    variables: "OPENROUTER",
    model: "openrouter/auto",
    embeddingModel: "openai/text-embedding-3-small",
    // "PDF inputs": a URL goes where the data of a file does.
    fetches: { images: true, files: true },
    // "Prompt caching": Anthropic's marks on parts of text.
    cacheMarks: true,
    source: "https://openrouter.ai/docs/api-reference/overview"
  },
  /**
   * Groq: usage and errors under `x_groq`, 498 when the flex tier is full, 400 `tool_use_failed` when the model wrote an
   * invalid tool call.
   */
  groq: {
    ...cloud,
    name: "groq",
    baseUrl: "https://api.groq.com/openai/v1",
    variables: "GROQ",
    model: "openai/gpt-oss-120b",
    // "Reasoning": with `reasoning_format: "raw"`, the default of some models, thoughts are in the content.
    thinkTags,
    models: "all",
    // "Structured outputs": not together with tools. "Vision": images alone.
    structuredBesideTools: false,
    reads: { pdf: undefined, audio: false },
    source: "https://console.groq.com/docs/openai"
  },
  /**
   * Azure OpenAI by its `v1` API: the model is the name of a deployment, and the URL is the account's. A content filter is a 400
   * with `content_filter` before the answer and a finish reason within it. `/models` lists base models and no deployments.
   */
  azure: {
    ...cloud,
    name: "azure",
    baseUrl: undefined,
    exampleUrl: "https://<resource>.openai.azure.com",
    path: "/openai/v1",
    variables: "AZURE_OPENAI",
    otherVariables: { address: "AZURE_OPENAI_ENDPOINT" },
    keyHeader: "api-key",
    model: undefined,
    source: "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"
  },
  /**
   * Vertex AI by its OpenAI-compatible endpoint: the URL holds the project and the location, and the key is an access token of an
   * hour. A client that sets `authorization` itself needs no key here.
   */
  vertex: {
    ...cloud,
    name: "vertex",
    baseUrl: undefined,
    exampleUrl:
      "https://<location>-aiplatform.googleapis.com/v1/projects/<project>/locations/<location>/endpoints/openapi",
    variables: "VERTEX",
    model: "google/gemini-3.5-flash",
    models: "unlisted",
    wantsSignatures: true,
    source: "https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview"
  },
  /** Gemini by its OpenAI-compatible endpoint; `GeminiProvider` speaks its own API. Names in its list begin with `models/`. */
  "gemini-openai": {
    ...cloud,
    name: "gemini-openai",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
    variables: "GEMINI_OPENAI",
    model: "gemini-3.5-flash",
    embeddingModel: "gemini-embedding-001",
    // 400 "at most 100 requests can be in one batch" (StarTrail-org/LEANN#214).
    embeddingBatch: 100,
    // "Image understanding": data URLs alone.
    fetches: { images: false, files: false },
    wantsSignatures: true,
    source: "https://ai.google.dev/gemini-api/docs/openai"
  },
  /** Mistral: ids of calls have nine letters and digits, content may be a list, usage comes unasked, unknown fields are a 422. */
  mistral: {
    ...cloud,
    name: "mistral",
    baseUrl: "https://api.mistral.ai/v1",
    variables: "MISTRAL",
    model: "mistral-medium-latest",
    embeddingModel: "mistral-embed",
    embeddingLength: "output_dimension",
    callIds: "nine",
    usage: "unasked",
    models: "all",
    callWord: "any",
    namesResults: true,
    // "Document understanding": PDF files by URL, of data too.
    reads: { pdf: "document_url", audio: true },
    fetches: { images: true, files: true },
    source: "https://docs.mistral.ai/api"
  },
  /** DeepSeek: thoughts as `reasoning_content`, JSON without a schema, no images, comments as a sign of life, 402 without credit. */
  deepseek: {
    ...cloud,
    name: "deepseek",
    baseUrl: "https://api.deepseek.com/v1",
    variables: "DEEPSEEK",
    model: "deepseek-chat",
    capabilities: { images: false },
    structuredBy: "instruction",
    models: "all",
    reads: { pdf: undefined, audio: false },
    // "Thinking mode": 400 for a message of an assistant without it.
    wantsThoughts: true,
    // "Function calling", "strict mode": at the address of its beta alone.
    strictTools: false,
    source: "https://api-docs.deepseek.com/api/create-chat-completion"
  },
  /** xAI: reasoning tokens are counted beside the completion's; 403 without credit. */
  xai: {
    ...cloud,
    name: "xai",
    baseUrl: "https://api.x.ai/v1",
    variables: "XAI",
    model: "grok-4",
    models: "all",
    source: "https://docs.x.ai/docs/api-reference"
  },
  /** Together: its list of models is a bare array, thoughts of some models are in the content. */
  together: {
    ...cloud,
    name: "together",
    baseUrl: "https://api.together.xyz/v1",
    variables: "TOGETHER",
    model: "openai/gpt-oss-120b",
    thinkTags,
    models: "unlisted",
    source: "https://docs.together.ai/docs/openai-api-compatibility"
  },
  /** Fireworks: names of models are paths, thoughts of some models are in the content. */
  fireworks: {
    ...cloud,
    name: "fireworks",
    baseUrl: "https://api.fireworks.ai/inference/v1",
    variables: "FIREWORKS",
    model: "accounts/fireworks/models/gpt-oss-120b",
    embeddingModel: "nomic-ai/nomic-embed-text-v1.5",
    thinkTags,
    source: "https://docs.fireworks.ai/tools-sdks/openai-compatibility"
  },
  /** Cerebras: text models alone, thoughts of some models are in the content. */
  cerebras: {
    ...cloud,
    name: "cerebras",
    baseUrl: "https://api.cerebras.ai/v1",
    variables: "CEREBRAS",
    model: "gpt-oss-120b",
    capabilities: { images: false },
    thinkTags,
    models: "all",
    reads: { pdf: undefined, audio: false },
    source: "https://inference-docs.cerebras.ai/resources/openai"
  },
  /** Perplexity: searches before it answers, calls no tools, has no list of models; thoughts are in the content. */
  perplexity: {
    ...cloud,
    name: "perplexity",
    baseUrl: "https://api.perplexity.ai",
    variables: "PERPLEXITY",
    model: "sonar",
    capabilities: { tools: false },
    thinkTags,
    usage: "unasked",
    models: "unlisted",
    // 400 "user and assistant roles should be alternating" (perplexityai/api-discussion#265).
    alternates: true,
    source: "https://docs.perplexity.ai/guides/chat-completions-guide"
  },
  /** Cohere by its Compatibility API: `tool_choice` is a word. */
  cohere: {
    ...cloud,
    name: "cohere",
    baseUrl: "https://api.cohere.ai/compatibility/v1",
    variables: "COHERE",
    otherVariables: { key: "CO_API_KEY" },
    model: "command-a-03-2025",
    embeddingModel: "embed-v4.0",
    // 400 "total number of texts must be at most 96" (misbahsy/RAGTune#2).
    embeddingBatch: 96,
    toolChoice: "required",
    fetches: { images: false, files: false },
    models: "unlisted",
    source: "https://docs.cohere.com/docs/compatibility-api"
  },
  /** GitHub Models: a personal access token with the scope `models`; names are `publisher/model`. */
  "github-models": {
    ...cloud,
    name: "github-models",
    baseUrl: "https://models.github.ai/inference",
    variables: "GITHUB_MODELS",
    model: "openai/gpt-4.1-mini",
    embeddingModel: "openai/text-embedding-3-small",
    thinkTags,
    models: "unlisted",
    source: "https://docs.github.com/rest/models/inference"
  }
} as const satisfies Readonly<Record<string, Preset>>
