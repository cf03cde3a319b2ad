/**
 * The tools of a request in the words of a vendor, and their calls in the words of the toolkit again: names within every
 * vendor's alphabet, and parameters without the nulls that a strict schema asks for.
 *
 * Guarded by `test/protocol/tools/tools.test.ts`, `test/openai/answers.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Hash from "effect/Hash"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Json } from "./jsonSchema.ts"
import { parameters } from "./jsonSchema.ts"
import type { Rules } from "./strictSchema.ts"
import { strict } from "./strictSchema.ts"
import { runsThere } from "./vendorTools.ts"

/** What OpenAI, Anthropic, Bedrock and Gemini all take as the name of a tool. */
const portableName = /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/

/** Always the same name for the same tool, so that a conversation's calls stay calls of it. */
const portable = (name: string): string => {
  if (portableName.test(name)) return name
  const readable = name.replace(/[^a-zA-Z0-9_-]/g, "_").replace(/^(?![a-zA-Z_])/, "_").slice(0, 48)
  return `${readable}_${(Hash.string(name) >>> 0).toString(36)}`
}

/** The name of a structured answer: 64 letters, digits, `_` and `-` (OpenAI, `response_format.json_schema.name`). */
export const objectName = (name: string): string => {
  const plain = name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(-64)
  return /[a-zA-Z0-9]/.test(plain) ? plain : "answer"
}

/** A tool as a vendor's API takes it. */
export interface Declared {
  readonly name: string
  readonly description: string | undefined
  readonly schema: Json
  /** Whether `schema` is strict and the tool asks to be held to it; `undefined` where the vendor's default stays. */
  readonly strict: boolean | undefined
}

const declare = (tool: Tool.Any, rules: Rules | undefined): Declared => {
  // The schema of a dynamic tool is sent as its author wrote it.
  const plain = parameters(Tool.getJsonSchema(tool), !Tool.isDynamic(tool))
  const asked = Tool.getStrictMode(tool)
  const form = asked === true && rules !== undefined ? strict(plain, rules) : undefined
  return {
    name: portable(tool.name),
    description: Tool.getDescription(tool),
    schema: form ?? plain,
    strict: asked === true ? form === undefined ? undefined : true : asked
  }
}

const accepts = (ast: SchemaAST.AST, value: unknown): boolean => Schema.is(Schema.make(ast))(value)

/** Without the nulls of optional keys that take none: a strict schema has every key required, and null in its place. */
const withoutNulls = (ast: SchemaAST.AST, value: unknown): unknown => {
  switch (ast._tag) {
    case "Objects":
      return Predicate.isReadonlyObject(value)
        ? Object.fromEntries(
          Object.entries(value).flatMap(([key, inner]) => {
            const found = ast.propertySignatures.find(({ name }) => name === key)
            if (found === undefined) return [[key, inner] as const]
            const isAbsent = inner === null && SchemaAST.isOptional(found.type) && !accepts(found.type, null)
            return isAbsent ? [] : [[key, withoutNulls(found.type, inner)] as const]
          })
        )
        : value
    case "Arrays":
      return Array.isArray(value)
        ? value.map((inner, i) => {
          const element = ast.elements[i] ?? ast.rest[0]
          return element === undefined ? inner : withoutNulls(element, inner)
        })
        : value
    case "Union": {
      for (const type of ast.types) {
        const read = withoutNulls(type, value)
        if (accepts(type, read)) return read
      }
      return value
    }
    case "Suspend":
      return withoutNulls(ast.thunk(), value)
    default:
      return value
  }
}

/** The tools of one request. */
export class RequestTools {
  private readonly byName: ReadonlyMap<string, Tool.Any>
  /** The names as the vendor knows them. */
  readonly names: ReadonlySet<string>
  /** Whether the request has to be answered with a call: of any tool, or of the one that is named. */
  readonly required: boolean

  constructor({ toolChoice, tools }: Pick<LanguageModel.ProviderOptions, "tools" | "toolChoice">) {
    const offered = toolChoice === "none" ? [] : tools
    this.byName = new Map(
      offered.map((tool) => [Tool.isProviderDefined(tool) ? tool.providerName : portable(tool.name), tool])
    )
    this.names = new Set(this.byName.keys())
    const isForced = toolChoice === "required" ||
      (typeof toolChoice === "object" && ("tool" in toolChoice || toolChoice.mode === "required"))
    const choices = typeof toolChoice === "object"
      ? tools.filter(({ name }) => "tool" in toolChoice ? name === toolChoice.tool : toolChoice.oneOf.includes(name))
      : tools
    // What the vendor runs by itself is not among the calls of an answer.
    this.required = tools.length > 0 && isForced && !choices.some(runsThere)
  }

  /** The name that a vendor takes for a tool's. */
  static nameOf(name: string): string {
    return portable(name)
  }

  static declare(tools: ReadonlyArray<Tool.Any>, rules?: Rules): ReadonlyArray<Declared> {
    return tools.map((tool) => declare(tool, rules))
  }

  /** The tool's own name for the one that a model called. */
  nameOf(called: string): string {
    return this.byName.get(called)?.name ?? called
  }

  /** The parameters of a call as the tool's schema has them. */
  paramsOf(called: string, params: unknown): unknown {
    const tool = this.byName.get(called)
    if (tool === undefined || Tool.isDynamic(tool)) return params
    return withoutNulls(SchemaAST.toEncoded(tool.parametersSchema.ast), params)
  }
}
