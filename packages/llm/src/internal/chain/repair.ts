/**
 * A second chance for a structured answer that does not follow its schema: the model is shown its answer and the error, and
 * asked again. Effect decodes the answer above the chain, where it is too late for another provider; a chain that repairs
 * decodes it first, by the same codec.
 *
 * Guarded by `test/chain/repair.test.ts` and `test/laws.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { codecTransformer } from "../../Provider.ts"

/** The longest error and the longest answer that a model is shown again, in characters. */
const longest = { error: 4_000, answer: 100_000 }

/** The repairs of one visit of a provider. */
export class Repair {
  /** What follows the prompt: the broken answer, and what is wrong with it. */
  turns: Prompt.Prompt | undefined = undefined
  private left: number

  constructor(rounds: number) {
    this.left = rounds
  }

  /** Whether this failure is followed by a repair, which is counted. */
  follows(reason: AiError.AiErrorReason): reason is AiError.StructuredOutputError {
    if (reason._tag !== "StructuredOutputError" || this.left === 0) return false
    this.left--
    const { description, responseText } = reason
    const said = responseText.trim() === "" || responseText.length > longest.answer
      ? []
      : [{ role: "assistant" as const, content: [{ type: "text" as const, text: responseText }] }]
    this.turns = Prompt.make([
      ...said,
      {
        role: "user",
        content: [{
          type: "text",
          text: `That answer does not follow the schema: ${description.slice(0, longest.error)}\n` +
            "Answer again with the corrected JSON only."
        }]
      }
    ])
    return true
  }
}

const mismatch = (description: string, responseText: string): AiError.AiError =>
  AiError.make({
    module: "ProviderChain",
    method: "generateObject",
    reason: new AiError.StructuredOutputError({ description, responseText })
  })

/** Fails if a structured answer does not follow its schema, as Effect would read it. Only a chain that repairs asks. */
export const fits = (
  parts: ReadonlyArray<Response.PartEncoded>,
  { responseFormat }: LanguageModel.ProviderOptions
): Effect.Effect<void, AiError.AiError> => {
  if (responseFormat.type === "text") return Effect.void
  const { schema } = responseFormat
  return Effect.suspend(() => {
    const text = parts.flatMap((part) => part.type === "text" ? [part.text] : []).join("")
    if (text === "") return Effect.fail(mismatch("No text content in response", text))
    const { codec } = codecTransformer(schema)
    // The services of the schema are those of the caller, who decodes by it next: they are in the context.
    const decoded = Schema.decodeEffect(Schema.fromJsonString(codec))(text) as Effect.Effect<
      unknown,
      Schema.SchemaError
    >
    return Effect.matchEffect(decoded, {
      onFailure: (error) => Effect.fail(mismatch(error.message, text)),
      onSuccess: () => Effect.void
    })
  })
}
