/**
 * How many tokens a request takes: about, before it is sent, and as its vendor reports them.
 *
 * Guarded by `test/pool/Pool.test.ts` and `test/budget/budgets.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"

/** About how many tokens a prompt has: four characters are about a token of English. The vendor's usage corrects it. */
export const promptTokens = ({ prompt }: Pick<LanguageModel.ProviderOptions, "prompt">): number => {
  let characters = 0
  for (const { content } of prompt.content) {
    if (typeof content === "string") characters += content.length
    else for (const part of content) if (part.type === "text") characters += part.text.length
  }
  return Math.ceil(characters / 4)
}

/** Input and output together. */
export const totalTokens = (
  { inputTokens, outputTokens }: Response.Usage | Response.FinishPartEncoded["usage"]
): number => (inputTokens.total ?? 0) + (outputTokens.total ?? 0)

/** The weight of the newest answer in the mean. */
const newest = 0.3

/** How many tokens an answer is expected to have: the decayed mean of those before it. */
export class AnswerTokens {
  private mean = 500

  get expected(): number {
    return Math.round(this.mean)
  }

  /** An answer had so many tokens. */
  learn(tokens: number): void {
    this.mean += newest * (tokens - this.mean)
  }

  /** Goes on with what another mean has learnt. */
  resume({ mean }: AnswerTokens): void {
    this.mean = mean
  }
}
