/**
 * A request in the words of Gemini's `generateContent` (API reference, "Generating content").
 *
 * Guarded by `test/requests/requests.test.ts`, `test/gemini/GeminiProvider.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { jsonSchema } from "../openai/request.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as VendorTools from "../protocol/tools/vendorTools.ts"
import type { Content } from "./contents.ts"
import { toContents } from "./contents.ts"

interface FunctionDeclaration {
  readonly name: string
  readonly description?: string
  readonly parametersJsonSchema: Json
}

interface Body {
  readonly systemInstruction?: { readonly role: "user"; readonly parts: readonly [{ readonly text: string }] }
  readonly contents: ReadonlyArray<Content>
  readonly tools?: ReadonlyArray<
    { readonly functionDeclarations: ReadonlyArray<FunctionDeclaration> } | Readonly<Record<string, object>>
  >
  readonly toolConfig?: {
    readonly functionCallingConfig: {
      readonly mode: "AUTO" | "VALIDATED" | "ANY" | "NONE"
      readonly allowedFunctionNames?: ReadonlyArray<string>
    }
  }
  readonly generationConfig: { readonly responseMimeType?: "application/json"; readonly responseJsonSchema?: Json }
}

const toDeclaration = ({ description, name, schema }: Declared): FunctionDeclaration => ({
  name,
  ...(description === undefined ? {} : { description }),
  parametersJsonSchema: schema
})

type ToolConfig = NonNullable<Body["toolConfig"]>

/** `VALIDATED` holds a model to the schemas where it may still answer in words; `ANY` does so always. */
const toToolConfig = (choice: LanguageModel.ToolChoice<string>, isStrict: boolean): ToolConfig => {
  const config = (
    mode: "auto" | "required" | "none",
    names?: ReadonlyArray<string>
  ): ToolConfig => ({
    functionCallingConfig: {
      mode: mode === "auto" ? isStrict ? "VALIDATED" : "AUTO" : mode === "required" ? "ANY" : "NONE",
      // Names are allowed with `ANY` alone.
      ...(names === undefined || mode !== "required" ? {} : { allowedFunctionNames: names.map(RequestTools.nameOf) })
    }
  })
  if (typeof choice === "string") return config(choice)
  return "tool" in choice ? config("required", [choice.tool]) : config(choice.mode ?? "auto", choice.oneOf)
}

/** `google_search` is the field `googleSearch`. */
const inCamelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** The tools that the choice leaves: with `AUTO` names cannot be told. */
const offered = ({ toolChoice, tools }: LanguageModel.ProviderOptions): ReadonlyArray<Tool.Any> =>
  typeof toolChoice === "object" && "oneOf" in toolChoice
    ? tools.filter(({ name }) => toolChoice.oneOf.includes(name))
    : tools

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  model: string
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const { content } = options.prompt
  const system = content.flatMap((message) => message.role === "system" ? [message.content] : []).join("\n\n")
  const { own, vendors } = yield* VendorTools.split(offered(options), ["google", "gemini"])
  const declared = RequestTools.declare(own)
  const format = options.responseFormat
  return {
    ...(system === "" ? {} : { systemInstruction: { role: "user", parts: [{ text: system }] } }),
    contents: yield* toContents(options.prompt, model),
    ...(declared.length + vendors.length === 0 ? {} : {
      tools: [
        ...(declared.length === 0 ? [] : [{ functionDeclarations: declared.map(toDeclaration) }]),
        ...vendors.map(({ args, name }) => ({ [inCamelCase(name)]: args }))
      ]
    }),
    // The mode is of functions alone.
    ...(declared.length === 0 ? {} : {
      toolConfig: toToolConfig(options.toolChoice, options.tools.some((tool) => Tool.getStrictMode(tool) === true))
    }),
    generationConfig: format.type === "text"
      ? {}
      : { responseMimeType: "application/json", responseJsonSchema: yield* jsonSchema(format.schema, false) }
  }
})

type Fields = Readonly<Record<string, unknown>>

const object = (value: unknown): Fields => Predicate.isReadonlyObject(value) ? value as Fields : {}

/**
 * Lays `parameters` over a body. They have the last word on every field but the conversation; `null` takes a field out.
 * `generationConfig` is laid over field by field, and tools are added.
 */
export const withParameters = (body: Fields, parameters: Readonly<Record<string, Schema.Json>> | undefined): Fields => {
  const out: Record<string, unknown> = { ...body }
  for (const [key, value] of Object.entries(parameters ?? {})) {
    const own = out[key]
    if (key === "contents") continue
    if (value === null) delete out[key]
    else if (key === "generationConfig") {
      const merged = { ...object(own), ...object(value) }
      out[key] = Object.fromEntries(Object.entries(merged).filter(([, field]) => field !== null))
    } else if (key === "tools" && Array.isArray(own) && Array.isArray(value)) out[key] = [...own, ...value]
    else out[key] = value
  }
  return out
}
