/** The vendors of chat completions, and where each shows its answers. */
import type { Answer } from "./forms.ts"
import { of } from "./forms.ts"

const seen = (vendor: string, source: string, preset?: Answer["preset"]) => of(vendor, "openai", source, preset)

export const openai = seen("OpenAI", "https://platform.openai.com/docs/api-reference/chat-streaming")
export const azure = seen("Azure", "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming")
export const gemini = seen("Gemini", "https://ai.google.dev/gemini-api/docs/openai")
export const groq = seen("Groq", "https://console.groq.com/docs/reasoning", "groq")
export const mistral = seen("Mistral", "https://docs.mistral.ai/capabilities/reasoning/")
export const deepseek = seen("DeepSeek", "https://api-docs.deepseek.com/guides/thinking_mode")
export const xai = seen("xAI", "https://docs.x.ai/docs/guides/reasoning")
export const openrouter = seen("OpenRouter", "https://openrouter.ai/docs/use-cases/reasoning-tokens", "openrouter")
export const together = seen("Together", "https://docs.together.ai/docs/openai-api-compatibility")
export const fireworks = seen("Fireworks", "https://docs.fireworks.ai/guides/reasoning")
export const cerebras = seen("Cerebras", "https://inference-docs.cerebras.ai/capabilities/reasoning")
export const vllm = seen("vLLM", "https://docs.vllm.ai/en/latest/features/reasoning_outputs.html", "vllm")
export const sglang = seen("SGLang", "https://docs.sglang.ai/advanced_features/separate_reasoning.html", "vllm")
export const tgi = seen("TGI", "https://huggingface.co/docs/text-generation-inference/messages_api", "vllm")
export const lmstudio = seen("LM Studio", "https://lmstudio.ai/docs/developer/openai-compat/tools", "lmstudio")
export const llamacpp = seen(
  "llama.cpp",
  "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
  "llamacpp"
)
export const litellm = seen("LiteLLM", "https://docs.litellm.ai/docs/reasoning_content")
export const cloudflare = seen(
  "Cloudflare",
  "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/"
)
export const bedrock = seen(
  "Bedrock",
  "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html"
)
export const moonshot = seen("Moonshot", "https://platform.moonshot.ai/docs/api/chat")
