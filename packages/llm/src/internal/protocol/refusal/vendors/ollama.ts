/**
 * Ollama.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const api = "https://github.com/ollama/ollama/blob/main/docs/api.md"

export const ollama: ReadonlyArray<Signal> = [
  {
    server: "Ollama",
    kind: "wrongAddress",
    phrase: /^404 page not found$/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "unknownModel",
    phrase: /model ['"]?[^ ]+['"]? not found|try pulling it|pull model manifest: file does not exist/i,
    source: "https://github.com/netease-youdao/QAnything/issues/555"
  },
  {
    server: "Ollama",
    kind: "unknownModel",
    phrase: /^(file does not exist|no such model)/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "outOfMemory",
    phrase:
      /requires more system memory|out of memory|cudamalloc failed|unable to allocate|insufficient memory|failed to allocate/i,
    source: "https://github.com/home-assistant/core/issues/139085"
  },
  {
    server: "Ollama",
    kind: "outOfMemory",
    phrase:
      /unable to load model|timed out waiting for llama runner to start|error loading model|unknown model architecture|unsupported model (architecture|format)/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "unsupported",
    phrase:
      /does not support (tools|chat|thinking|think|vision|images|generate|insert|completion|embeddings)|missing capabilit/i,
    source: "https://github.com/ollama/ollama/issues/14795"
  },
  {
    server: "Ollama",
    kind: "unsupported",
    phrase: /does not support multimodal|this model is missing data required for image input|does not have vision/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "contextOverflow",
    phrase:
      /input length exceeds (the |maximum )?context length|exceeds maximum context|prompt too long; exceeded max context length/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "overloaded",
    phrase: /server busy, please try again|maximum pending requests exceeded/i,
    source: "https://github.com/ollama/ollama/issues/4159"
  },
  {
    server: "Ollama",
    kind: "loading",
    phrase: /server loading model/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "transient",
    phrase:
      /(llama|model) runner (process )?(has )?(unexpectedly stopped|no longer running|has terminated)|unexpected server status/i,
    source: "https://github.com/ollama/ollama/issues/14093"
  },
  {
    server: "Ollama",
    kind: "failedGeneration",
    phrase: /error parsing tool call|failed to parse json:/i,
    source: "https://github.com/ollama/ollama/issues/17638"
  },
  {
    server: "Ollama",
    kind: "quotaSpent",
    phrase: /reached your (session|weekly|hourly|daily|monthly) usage limit|upgrade for higher limits/i,
    source: "https://github.com/diegosouzapw/OmniRoute/issues/3709"
  },
  {
    server: "Ollama",
    kind: "keyRejected",
    phrase: /^unauthorized$/i,
    status: 401,
    source: "https://docs.ollama.com/cloud"
  },
  {
    server: "Ollama",
    kind: "incompatible",
    phrase: /json: cannot unmarshal|value looks like object, but can't find closing/i,
    source: "https://github.com/ollama/ollama/blob/main/docs/api.md"
  },
  {
    server: "Ollama",
    kind: "invalidRequest",
    phrase: /illegal base64 data|failed to (decode|process) (image|inputs)|invalid image/i,
    source: api
  },
  {
    server: "Ollama",
    // The template of the model is for another version.
    kind: "incompatible",
    phrase: /^template: [^ ]*:\d+/,
    source: "https://github.com/open-webui/open-webui/issues/16311"
  }
]
