/**
 * A request in the words of Bedrock's Converse API (API reference, "Converse").
 *
 * Guarded by `test/requests/requests.test.ts`, `test/bedrock/BedrockProvider.test.ts` and
 * `test/parameters/Parameters.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import { declarable, jsonSchema } from "../openai/request.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { objectName, RequestTools } from "../protocol/tools/tools.ts"
import type { CachePoint, Message } from "./messages.ts"
import { cachePoint, caches, called, toMessages } from "./messages.ts"

interface ToolSpec {
  readonly toolSpec: {
    readonly name: string
    readonly description?: string
    readonly inputSchema: { readonly json: Json }
    readonly strict?: boolean
  }
}

interface Body {
  readonly system?: ReadonlyArray<{ readonly text: string } | CachePoint>
  readonly messages: ReadonlyArray<Message>
  readonly toolConfig?: {
    readonly tools: ReadonlyArray<ToolSpec>
    readonly toolChoice?:
      | { readonly auto: object }
      | { readonly any: object }
      | { readonly tool: { readonly name: string } }
  }
  readonly outputConfig?: {
    readonly textFormat: {
      readonly type: "json_schema"
      readonly structure: { readonly jsonSchema: { readonly name: string; readonly schema: string } }
    }
  }
}

const toSpec = ({ description, name, schema, strict }: Declared): ToolSpec => ({
  toolSpec: {
    name,
    ...(description === undefined ? {} : { description }),
    inputSchema: { json: schema },
    ...(strict === true ? { strict } : {})
  }
})

/** The tools that the choice leaves: the API knows no list of names. */
const offered = ({ toolChoice, tools }: LanguageModel.ProviderOptions): ReadonlyArray<Tool.Any> =>
  toolChoice === "none"
    ? []
    : typeof toolChoice === "object" && "oneOf" in toolChoice
    ? tools.filter(({ name }) => toolChoice.oneOf.includes(name))
    : tools

const toToolChoice = (choice: LanguageModel.ToolChoice<string>) => {
  if (typeof choice === "object" && "tool" in choice) return { tool: { name: RequestTools.nameOf(choice.tool) } }
  const mode = typeof choice === "object" ? choice.mode ?? "auto" : choice
  return mode === "required" ? { any: {} } : { auto: {} }
}

/** A conversation with calls wants tools, even one that offers none: those that it has called, by their names. */
const remembered = (name: string): ToolSpec => ({
  toolSpec: { name, inputSchema: { json: { type: "object", properties: {} } } }
})

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  model: string
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const system = options.prompt.content.flatMap((message) =>
    message.role === "system" && message.content.trim() !== ""
      ? [{ text: message.content }, ...(caches(model) ? cachePoint(message.options) : [])]
      : []
  )
  const messages = yield* toMessages(options.prompt, model)
  const tools = RequestTools.declare(yield* declarable(offered(options)), "anthropic").map(toSpec)
  const earlier = tools.length === 0 ? called(messages).map(remembered) : []
  const format = options.responseFormat
  return {
    ...(system.length === 0 ? {} : { system }),
    messages,
    ...(tools.length > 0
      ? { toolConfig: { tools, toolChoice: toToolChoice(options.toolChoice) } }
      : earlier.length > 0
      ? { toolConfig: { tools: earlier } }
      : {}),
    ...(format.type === "text" ? {} : {
      outputConfig: {
        textFormat: {
          type: "json_schema",
          structure: {
            jsonSchema: {
              name: objectName(format.objectName),
              schema: JSON.stringify(yield* jsonSchema(format.schema, false))
            }
          }
        }
      }
    })
  }
})
