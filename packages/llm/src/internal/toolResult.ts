/** A tool's result in the words that a model reads. */
import * as Prompt from "effect/ai/Prompt"

export const resultText = (part: Prompt.ToolResultPart): string =>
  part.modelOutput !== undefined
    ? Prompt.toolModelOutputToText(part.modelOutput)
    : typeof part.result === "string"
    ? part.result
    : JSON.stringify(part.result) ?? ""
