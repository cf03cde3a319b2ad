/**
 * A request in the words of Anthropic's Messages API (API reference, "Create a Message").
 *
 * A structured answer is asked for by `output_config.format`, not by a tool that the model is forced to call: the vendor's
 * current models refuse a forced tool ("What's new in Claude Sonnet 5.5", "Forced tool use is not supported"), older ones
 * refuse it while they think, and the format is what "Structured outputs" recommends for the shape of an answer.
 *
 * Guarded by `test/requests/requests.test.ts`, `test/anthropic/generateText.test.ts` and
 * `test/AnthropicProvider.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import { chosen } from "../openai/request.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import { withPlainReferences } from "../protocol/tools/jsonSchema.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as VendorTools from "../protocol/tools/vendorTools.ts"
import type { Block, Message } from "./messages.ts"
import { toMessages, toSystem } from "./messages.ts"

interface CustomTool {
  readonly name: string
  readonly description?: string
  readonly input_schema: Json
  readonly strict?: boolean
}

export interface Body {
  readonly system?: string | ReadonlyArray<Block>
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<CustomTool | { readonly type: string; readonly name: string }>
  readonly tool_choice?:
    | { readonly type: "auto" | "any" | "none" }
    | { readonly type: "tool"; readonly name: string }
  readonly format?: { readonly type: "json_schema"; readonly schema: Json }
}

const toTool = ({ description, name, schema, strict }: Declared): CustomTool => ({
  name,
  ...(description === undefined ? {} : { description }),
  input_schema: schema,
  ...(strict === undefined ? {} : { strict })
})

/**
 * Models that answer 400 to a choice that forces a call ("What's new in Claude Sonnet 5.5", "Forced tool use is not
 * supported", and the same page of Opus 5.5 and Fable 5.1). They are offered the chosen tool alone; an answer that calls none is
 * a failure.
 */
export const refusesForcedTools = (model: string): boolean => /claude-((sonnet|opus)-5-5|fable-5-[12])/.test(model)

const toToolChoice = (
  choice: LanguageModel.ToolChoice<string>,
  vendors: ReadonlyArray<VendorTools.VendorTool>
): NonNullable<Body["tool_choice"]> => {
  if (typeof choice === "object" && "tool" in choice) {
    const theirs = vendors.find(({ tool }) => tool === choice.tool)
    return { type: "tool", name: theirs?.name ?? RequestTools.nameOf(choice.tool) }
  }
  const mode = typeof choice === "object" ? choice.mode ?? "auto" : choice
  return { type: mode === "required" ? "any" : mode }
}

/** The answer is decoded by `Provider.codecTransformer`; only how its schema is written differs from vendor to vendor. */
const jsonSchema = (
  schema: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>["schema"]
): Effect.Effect<Json, AiError.AiErrorReason> =>
  Effect.try({
    try: () => withPlainReferences(AnthropicStructuredOutput.toCodecAnthropic(schema).jsonSchema),
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })

/** Whether the results of tools are to be read after calls without a thought before them, as another model's are. */
export const lacksThoughts = ({ messages }: Body): boolean => {
  const last = messages.at(-1)
  const before = messages.at(-2)?.content ?? []
  const type = before[0]?.type
  return last?.content.some((block) => block.type === "tool_result") === true &&
    before.some((block) => block.type === "tool_use") && type !== "thinking" && type !== "redacted_thinking"
}

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  model: string,
  forcesTools: boolean
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const system = toSystem(options.prompt)
  const messages = yield* toMessages(options.prompt, model)
  const { own, vendors } = yield* VendorTools.split(forcesTools ? options.tools : chosen(options), ["anthropic"], true)
  const format = options.responseFormat
  return {
    ...(system === "" ? {} : { system }),
    messages,
    ...(own.length + vendors.length === 0
      ? {}
      : {
        tools: [
          ...RequestTools.declare(own, "anthropic").map(toTool),
          ...vendors.map(({ args, name, type }) => ({ type, name, ...args }))
        ],
        tool_choice: toToolChoice(forcesTools || options.toolChoice === "none" ? options.toolChoice : "auto", vendors)
      }),
    ...(format.type === "text" ? {} : { format: { type: "json_schema", schema: yield* jsonSchema(format.schema) } })
  }
})
