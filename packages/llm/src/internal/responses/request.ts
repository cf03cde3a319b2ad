/**
 * A request in the words of OpenAI's Responses API (API reference, "Create a model response").
 *
 * Guarded by `test/requests/requests.test.ts`, `test/responses/OpenAiResponsesProvider.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import { jsonSchema } from "../openai/request.ts"
import type { Preset } from "../presets/preset.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import { isStrict } from "../protocol/tools/strictSchema.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { objectName, RequestTools } from "../protocol/tools/tools.ts"
import * as VendorTools from "../protocol/tools/vendorTools.ts"
import type { InputItem } from "./input.ts"
import { toInput } from "./input.ts"

interface FunctionTool {
  readonly type: "function"
  readonly name: string
  readonly description?: string
  readonly parameters: Json
  readonly strict: boolean
}

/** A tool that the API runs itself. */
interface BuiltIn {
  readonly type: string
}

type Choice = BuiltIn | { readonly type: "function"; readonly name: string }

type ToolChoice =
  | "none"
  | "auto"
  | "required"
  | Choice
  | {
    readonly type: "allowed_tools"
    readonly mode: "auto" | "required"
    readonly tools: ReadonlyArray<Choice>
  }

interface Body {
  readonly previous_response_id?: string
  readonly input: ReadonlyArray<InputItem>
  readonly tools?: ReadonlyArray<FunctionTool | BuiltIn>
  readonly tool_choice?: ToolChoice
  readonly text?: {
    readonly format: {
      readonly type: "json_schema"
      readonly name: string
      readonly strict: boolean
      readonly schema: Json
    }
  }
}

/** Here a tool is strict by default: one that has no strict form has to say that it is not. */
const toTool = ({ description, name, schema, strict }: Declared): FunctionTool => ({
  type: "function",
  name,
  ...(description === undefined ? {} : { description }),
  parameters: schema,
  strict: strict ?? false
})

const named = (name: string) => ({ type: "function", name: RequestTools.nameOf(name) }) as const

const toToolChoice = (
  choice: LanguageModel.ToolChoice<string>,
  vendors: ReadonlyArray<VendorTools.VendorTool>
): ToolChoice => {
  if (typeof choice === "string") return choice
  const chosen = (name: string) => {
    const theirs = vendors.find(({ tool }) => tool === name)
    return theirs === undefined ? named(name) : { type: theirs.name }
  }
  return "tool" in choice
    ? chosen(choice.tool)
    : { type: "allowed_tools", mode: choice.mode ?? "auto", tools: choice.oneOf.map(chosen) }
}

/** The part of the body that the request decides. `previous` is a response that holds all but the incremental prompt. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  preset: Preset,
  previous: string | undefined
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const prompt = previous === undefined ? options.prompt : options.incrementalPrompt ?? options.prompt
  const { own, vendors } = yield* VendorTools.split(options.tools, ["openai"])
  const format = options.responseFormat
  const schema = format.type === "text" ? undefined : yield* jsonSchema(format.schema, preset.enforcesPatterns)
  return {
    ...(previous === undefined ? {} : { previous_response_id: previous }),
    input: yield* toInput(prompt, preset),
    ...(options.tools.length === 0 ? {} : {
      tools: [
        ...RequestTools.declare(own, "openai").map(toTool),
        ...vendors.map(({ args, name }) => ({ type: name, ...args }))
      ],
      tool_choice: toToolChoice(options.toolChoice, vendors)
    }),
    ...(format.type === "text" || schema === undefined ? {} : {
      text: {
        format: {
          type: "json_schema",
          name: objectName(format.objectName),
          strict: preset.enforcesPatterns || isStrict(schema),
          schema
        }
      }
    })
  }
})
