/**
 * The strict form of a schema: what a vendor holds a model to, token by token. Only a part of JSON Schema has one. A schema
 * that has none goes out as it is, without `strict`, because a vendor answers 400 to a `strict` that it cannot keep.
 *
 * Sources: OpenAI, "Structured model outputs", "Supported schemas"; Anthropic, "Structured outputs", "JSON Schema
 * limitations".
 *
 * Guarded by `test/protocol/tools/tools.test.ts` and `test/openai/rows.test.ts`.
 */
import type { Json } from "./jsonSchema.ts"
import { isEmptyStruct, isSchema, properties, rebuild, schemas, withPlainReferences } from "./jsonSchema.ts"

/** Whose rules of a strict schema hold. */
export type Rules = "openai" | "anthropic"

const common = [
  "$ref",
  "$defs",
  "type",
  "title",
  "description",
  "enum",
  "const",
  "anyOf",
  "properties",
  "required",
  "items"
]

const keywords: Readonly<Record<Rules, ReadonlySet<string>>> = {
  openai: new Set(
    common.concat(
      ["additionalProperties", "pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum"],
      ["exclusiveMaximum", "minItems", "maxItems"]
    )
  ),
  anthropic: new Set([...common, "additionalProperties", "format", "default"])
}

const formats: Readonly<Record<Rules, ReadonlySet<unknown>>> = {
  openai: new Set(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]),
  anthropic: new Set(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"])
}

/** Keywords that only narrow a value: without one the toolkit still checks, so that it may become words. */
const narrowing =
  /^(minLength|maxLength|minProperties|maxProperties|uniqueItems|minItems|maxItems|minimum|maximum|exclusiveMinimum|exclusiveMaximum|multipleOf|pattern|format|contentEncoding|contentMediaType)$/

/** Keywords that say nothing about a value. */
const remarks = /^(\$schema|\$id|\$comment|default|examples|readOnly|writeOnly|deprecated)$/

const nullable = (schema: Json): Json =>
  schema["type"] === "null" || schemas(schema["anyOf"]).some(({ type }) => type === "null")
    ? schema
    : Array.isArray(schema["anyOf"]) && Object.keys(schema).length === 1
    ? { anyOf: [...schema["anyOf"], { type: "null" }] }
    : { anyOf: [schema, { type: "null" }] }

const closed = (schema: Json, rules: Rules): Json | undefined => {
  if (schema["additionalProperties"] !== undefined && typeof schema["additionalProperties"] !== "boolean") {
    return undefined
  }
  if (schema["patternProperties"] !== undefined) return undefined
  const all = properties(schema)
  const needs = Array.isArray(schema["required"]) ? schema["required"] : []
  return {
    ...schema,
    properties: Object.fromEntries(
      rules === "anthropic"
        ? all
        : all.map(([name, value]) => [name, needs.includes(name) ? value : nullable(value)])
    ),
    required: rules === "anthropic" ? needs : all.map(([name]) => name),
    additionalProperties: false
  }
}

/** Without the keywords that the vendor refuses; `undefined` where one of them cannot be left out. */
const within = (schema: Json, rules: Rules): Json | undefined => {
  const out: Record<string, unknown> = {}
  const lost: Array<string> = []
  for (const [key, value] of Object.entries(schema)) {
    if (key === "oneOf") out["anyOf"] = value
    else if (keywords[rules].has(key) && (key !== "format" || formats[rules].has(value))) out[key] = value
    else if (narrowing.test(key)) lost.push(`${key}: ${JSON.stringify(value)}`)
    else if (!remarks.test(key)) return undefined
  }
  if (lost.length > 0) {
    out["description"] = [...(typeof out["description"] === "string" ? [out["description"]] : []), ...lost].join(", ")
  }
  return out
}

/** A schema of no type means anything, which has no strict form. */
const isTyped = (schema: Json): boolean =>
  ["type", "$ref", "anyOf", "enum", "const"].some((key) => schema[key] !== undefined)

/** OpenAI: 5,000 properties, 10 levels. */
const isTooLarge = (schema: Json, counts: { properties: number }, level: number): boolean => {
  const inner = properties(schema)
  counts.properties += inner.length
  const deeper = level + (inner.length > 0 ? 1 : 0)
  return counts.properties > 5000 || deeper > 10 ||
    [
      ...inner.map(([, value]) => value),
      ...schemas([schema["items"]]),
      ...schemas(schema["anyOf"]),
      ...(isSchema(schema["$defs"]) ? schemas(Object.values(schema["$defs"])) : [])
    ].some((value) => isTooLarge(value, counts, deeper))
}

const isRecursive = (schema: Json): boolean => {
  const definitions = isSchema(schema["$defs"]) ? schema["$defs"] : {}
  const reaches = (value: unknown, path: ReadonlyArray<string>): boolean => {
    if (Array.isArray(value)) return value.some((inner) => reaches(inner, path))
    if (!isSchema(value)) return false
    const name = typeof value["$ref"] === "string" ? value["$ref"].slice("#/$defs/".length) : undefined
    if (name !== undefined) return path.includes(name) || reaches(definitions[name], [...path, name])
    return Object.values(value).some((inner) => reaches(inner, path))
  }
  return Object.keys(definitions).some((name) => reaches(definitions[name], [name]))
}

/** The strict form of a schema by a vendor's rules; `undefined` where it has none. */
export const strict = (schema: Json, rules: Rules): Json | undefined => {
  let isPossible = true
  const form = rebuild(withPlainReferences(schema), (inner) => {
    const written = isEmptyStruct(inner) ? { type: "object", properties: {} } : inner
    const allowed = within(written, rules)
    const form = allowed === undefined || allowed["type"] !== "object" ? allowed : closed(allowed, rules)
    const isArray = form?.["type"] === "array"
    if (form === undefined || !isTyped(form) || (isArray && !isSchema(form["items"]))) isPossible = false
    return form ?? inner
  })
  if (!isPossible || form["type"] !== "object" || isTooLarge(form, { properties: 0 }, 0)) return undefined
  return rules === "anthropic" && isRecursive(form) ? undefined : form
}

/** Whether a schema is strict as it is. */
export const isStrict = (schema: Json): boolean => {
  const form = strict(schema, "openai")
  return form !== undefined && JSON.stringify(sorted(form)) === JSON.stringify(sorted(withPlainReferences(schema)))
}

const sorted = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(sorted) : isSchema(value)
    ? Object.fromEntries(Object.keys(value).toSorted().map((key) => [key, sorted(value[key])]))
    : value

// -----------------------------------------------------------------------------
// Patterns
// -----------------------------------------------------------------------------

/** In the words that a grammar of llama.cpp has (common/json-schema-to-grammar.cpp); `undefined` for a pattern that it refuses. */
const grammatical = (pattern: unknown): string | undefined => {
  if (typeof pattern !== "string" || !/^\^.*\$$/s.test(pattern)) return undefined
  const plain = pattern
    .replace(/\[[^\]]*\]/g, (set) => set.replaceAll("\\d", "0-9").replaceAll("\\w", "a-zA-Z0-9_"))
    .replaceAll("\\d", "[0-9]").replaceAll("\\w", "[a-zA-Z0-9_]").replaceAll("\\s", "[ \\t\\n]")
  const isRefused = /\(\?[^:]|\\[a-mo-su-zA-Z0-9]/.test(plain)
  return isRefused ? undefined : plain.replaceAll("(?:", "(")
}

/** Effect writes a pattern without the flag `u` in words alone, at the beginning of the description. */
const described = (description: unknown): string | undefined =>
  typeof description === "string"
    ? /^a string matching the RegExp (.+?)(?: and a value with .*)?$/s.exec(description)?.[1]
    : undefined

/**
 * Puts back what `original` asks of texts, which the common form of a schema has but in words: for servers that hold a model to
 * it.
 */
export const withPatterns = (schema: Json, original: Json): Json => {
  const definitions = isSchema(original["$defs"]) ? original["$defs"] : {}
  const lookup = (from: Json): Json => {
    const ref = typeof from["$ref"] === "string" ? from["$ref"].slice("#/$defs/".length).replaceAll("~1", "/") : ""
    const found = definitions[ref]
    return isSchema(found) ? found : from
  }
  const overlay = (to: Json, written: Json): Json => {
    const from = lookup(written)
    const choices = schemas(to["anyOf"])
    if (choices.length > 0) {
      const others = schemas(from["anyOf"])
      const anyOf = choices.map((choice, i) => {
        const other = others.length === 0 ? i === 0 ? from : undefined : others[i]
        return other === undefined ? choice : overlay(choice, other)
      })
      return { ...to, anyOf }
    }
    switch (to["type"]) {
      case "object": {
        const named = new Map(properties(from))
        const tuple = schemas(from["prefixItems"])
        const inner = properties(to).map(([name, value]) => {
          const other = named.get(name) ?? tuple[Number(name)]
          return [name, other === undefined ? value : overlay(value, other)] as const
        })
        return { ...to, properties: Object.fromEntries(inner) }
      }
      case "array":
        return isSchema(to["items"]) && isSchema(from["items"])
          ? { ...to, items: overlay(to["items"], from["items"]) }
          : to
      case "string": {
        const pattern = grammatical(from["pattern"] ?? described(to["description"]))
        const { maxLength, minLength } = from
        return {
          ...to,
          ...(pattern === undefined ? {} : { pattern }),
          ...(typeof minLength === "number" ? { minLength } : {}),
          ...(typeof maxLength === "number" ? { maxLength } : {})
        }
      }
      default:
        return to
    }
  }
  return overlay(schema, original)
}
