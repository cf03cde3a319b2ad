/**
 * A request in the words of OpenAI's chat completions (API reference, "Create chat completion").
 *
 * Guarded by `test/requests/requests.test.ts`, `test/openai/rows.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Provider from "../../Provider.ts"
import { unsupported } from "../../ProviderFailure.ts"
import type { Preset } from "../presets/preset.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import { withPlainReferences } from "../protocol/tools/jsonSchema.ts"
import { isStrict, withPatterns } from "../protocol/tools/strictSchema.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { objectName, RequestTools } from "../protocol/tools/tools.ts"
import * as VendorTools from "../protocol/tools/vendorTools.ts"
import type { Message, Reader } from "./messages.ts"
import { toMessages } from "./messages.ts"

interface FunctionTool {
  readonly type: "function"
  readonly function: {
    readonly name: string
    readonly description?: string
    readonly parameters: Json
    readonly strict?: boolean
  }
}

export interface Body {
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<FunctionTool>
  readonly tool_choice?: "none" | "auto" | "required" | "any" | {
    readonly type: "function"
    readonly function: { readonly name: string }
  }
  readonly response_format?: {
    readonly type: "json_schema"
    readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: Json }
  } | { readonly type: "json_object" }
}

/** The tools of a request, where the API runs none itself. */
export const declarable = (
  tools: ReadonlyArray<Tool.Any>
): Effect.Effect<ReadonlyArray<Tool.Any>, AiError.AiErrorReason> =>
  Effect.map(VendorTools.split(tools, []), ({ own }) => own)

const toTool = ({ description, name, schema, strict }: Declared): FunctionTool => ({
  type: "function",
  function: {
    name,
    ...(description === undefined ? {} : { description }),
    parameters: schema,
    ...(strict === undefined ? {} : { strict })
  }
})

const wordOf = (choice: LanguageModel.ToolChoice<string>): "none" | "auto" | "required" =>
  typeof choice === "string" ? choice : "tool" in choice ? "required" : choice.mode ?? "auto"

const toToolChoice = (
  choice: LanguageModel.ToolChoice<string>,
  { callWord, toolChoice }: Preset
): NonNullable<Body["tool_choice"]> => {
  if (typeof choice === "object" && "tool" in choice && toolChoice === "named") {
    return { type: "function", function: { name: RequestTools.nameOf(choice.tool) } }
  }
  const word = wordOf(choice)
  return word === "required" ? callWord : word
}

/** The tools that a choice leaves: where a server cannot be told the name of one, it is offered no other. */
export const chosen = ({ toolChoice, tools }: LanguageModel.ProviderOptions): ReadonlyArray<Tool.Any> =>
  typeof toolChoice === "object" && "tool" in toolChoice ? tools.filter(({ name }) => name === toolChoice.tool) : tools

/** What asks for a structured answer, beside the messages and in them. */
const structured = (
  name: string,
  schema: Json,
  { enforcesPatterns, structuredBy }: Preset
): Pick<Body, "messages" | "response_format"> =>
  structuredBy === "schema"
    ? {
      messages: [],
      response_format: {
        type: "json_schema",
        // Servers that enforce patterns hold a model to any schema.
        json_schema: { name: objectName(name), strict: enforcesPatterns || isStrict(schema), schema }
      }
    }
    : {
      messages: [{
        role: "system",
        content: `Answer with JSON alone, which follows this JSON schema: ${JSON.stringify(schema)}`
      }],
      response_format: { type: "json_object" }
    }

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  reader: Reader
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const { preset } = reader
  const messages = yield* toMessages(options.prompt, reader)
  const tools = yield* declarable(preset.toolChoice === "required" ? chosen(options) : options.tools)
  const format = options.responseFormat
  if (format.type === "json" && tools.length > 0 && !preset.structuredBesideTools) {
    return yield* unsupported("response_format", `${preset.name} takes no schema of the answer beside tools`)
  }
  const schema = format.type === "text" ? undefined : yield* jsonSchema(format.schema, preset.enforcesPatterns)
  const asked = format.type === "text" || schema === undefined
    ? { messages: [] }
    : structured(format.objectName, schema, preset)
  return {
    ...asked,
    messages: [...asked.messages, ...messages],
    ...(tools.length === 0
      ? {}
      : {
        tools: RequestTools.declare(tools, preset.strictTools ? "openai" : undefined).map(toTool),
        tool_choice: toToolChoice(options.toolChoice, preset)
      })
  }
})

/**
 * The schema of a structured answer, or why a model cannot be given it. With `patterns`, what the server enforces of texts
 * stays beside the words that say it.
 */
export const jsonSchema = (
  schema: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>["schema"],
  patterns: boolean
): Effect.Effect<Json, AiError.AiErrorReason> =>
  Effect.try({
    try: () => {
      const written = withPlainReferences(Provider.codecTransformer(schema).jsonSchema)
      return patterns ? withPatterns(written, Tool.getJsonSchemaFromSchema(schema)) : written
    },
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })
