/** Every vendor of the corpus. */
import { anthropic, bedrock, gemini } from "./anthropic.ts"
import { azure, gitHub, liteLlm } from "./azure.ts"
import { deepSeek, groq, mistral, xAi } from "./clouds.ts"
import { compared } from "./compared.ts"
import { cerebras, fireworks, proxies, together, workersAi } from "./hosts.ts"
import { llamaCpp, lmStudio, ollama, sgLang, tgi, vllm } from "./local.ts"
import { openAi } from "./openAi.ts"
import { openRouter } from "./openRouter.ts"
import { recordedRefusals } from "./recorded/recorded.ts"
import type { Vendor } from "./refusal.ts"
import { reported } from "./reported.ts"

export const vendors: ReadonlyArray<Vendor> = [
  openAi,
  azure,
  gitHub,
  liteLlm,
  anthropic,
  bedrock,
  gemini,
  groq,
  mistral,
  deepSeek,
  xAi,
  openRouter,
  together,
  fireworks,
  cerebras,
  proxies,
  workersAi,
  vllm,
  sgLang,
  tgi,
  lmStudio,
  llamaCpp,
  ollama,
  ...compared,
  ...reported,
  ...recordedRefusals
]
