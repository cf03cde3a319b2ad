/**
 * The results of tools in the words that a model reads.
 *
 * Guarded by `test/anthropic/generateText.test.ts` and `test/OllamaProvider.test.ts`.
 */
import * as Prompt from "effect/ai/Prompt"

const resultText = (part: Prompt.ToolResultPart): string => {
  const text = part.modelOutput !== undefined
    ? Prompt.toolModelOutputToText(part.modelOutput)
    : typeof part.result === "string"
    ? part.result
    : JSON.stringify(part.result) ?? ""
  // Anthropic refuses a failure without words; the others leave the model to guess.
  return part.isFailure && text.trim() === "" ? "The tool failed without a message." : text
}

/** A message a result of the tools that ran here. Those that ran at a vendor's mean nothing to another. */
export const toMessages = <Message>(
  message: Prompt.ToolMessage,
  toMessage: (part: Prompt.ToolResultPart, content: string) => Message
): ReadonlyArray<Message> =>
  message.content.flatMap((part) =>
    part.type === "tool-result" && !part.providerExecuted ? [toMessage(part, resultText(part))] : []
  )
