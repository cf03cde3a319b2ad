/**
 * JSON Schemas in the form that vendors take. Effect writes all of JSON Schema (draft 2020-12); a vendor takes a part of it, and
 * answers 400 to the rest.
 *
 * Guarded by `test/protocol/tools/tools.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"

export type Json = JsonSchema.JsonSchema

export const isSchema = (value: unknown): value is Json => Predicate.isObject(value) && !Array.isArray(value)

export const schemas = (value: unknown): ReadonlyArray<Json> => Array.isArray(value) ? value.filter(isSchema) : []

export const properties = (schema: Json): ReadonlyArray<readonly [string, Json]> =>
  isSchema(schema["properties"])
    ? Object.entries(schema["properties"]).map(([name, value]) => [name, isSchema(value) ? value : {}])
    : []

const required = (schema: Json): ReadonlyArray<string> =>
  Array.isArray(schema["required"]) ? schema["required"].filter(Predicate.isString) : []

const unions = ["anyOf", "oneOf", "allOf"] as const

/** Rebuilds a schema from the inside out. `change` sees each schema after those inside of it. */
export const rebuild = (schema: Json, change: (schema: Json) => Json): Json => {
  const inner = (value: unknown): unknown => isSchema(value) ? rebuild(value, change) : value
  const out: Record<string, unknown> = { ...schema }
  for (const key of ["properties", "$defs", "definitions", "patternProperties"]) {
    const named = out[key]
    if (isSchema(named)) out[key] = Object.fromEntries(Object.entries(named).map(([name, s]) => [name, inner(s)]))
  }
  for (const key of [...unions, "prefixItems"]) {
    const list = out[key]
    if (Array.isArray(list)) out[key] = list.map(inner)
  }
  for (const key of ["items", "additionalProperties", "not"]) out[key] = inner(out[key])
  for (const key of Object.keys(out)) if (out[key] === undefined) delete out[key]
  return change(out)
}

// -----------------------------------------------------------------------------
// References
// -----------------------------------------------------------------------------

const definitionsOf = (schema: Json): Readonly<Record<string, Json>> => ({
  ...(isSchema(schema["definitions"]) ? schema["definitions"] as Record<string, Json> : {}),
  ...(isSchema(schema["$defs"]) ? schema["$defs"] as Record<string, Json> : {})
})

const nameOf = (ref: unknown): string | undefined => {
  const match = typeof ref === "string" ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(ref) : null
  return match?.[1]?.replaceAll("~1", "/").replaceAll("~0", "~")
}

/** What a reference at the root stands for. Vendors want the object itself there. */
const resolved = (schema: Json, definitions: Readonly<Record<string, Json>>): Json => {
  let found = schema
  for (let hops = 0; hops < 16; hops++) {
    const target = definitions[nameOf(found["$ref"]) ?? ""]
    if (target === undefined) return found
    const { $ref: _, ...rest } = found
    found = { ...target, ...rest }
  }
  return found
}

/** The names of definitions within letters, digits and `_`: `app/Person` is escaped in a pointer, and servers compare it unescaped. */
const withPlainNames = (schema: Json): Json => {
  const names = Object.keys(definitionsOf(schema))
  if (names.length === 0) return schema
  const plain = new Map<string, string>()
  const taken = new Set<string>()
  for (const name of names) {
    const base = name.replace(/[^a-zA-Z0-9_]/g, "_")
    let free = base
    for (let i = 2; taken.has(free); i++) free = `${base}_${i}`
    taken.add(free)
    plain.set(name, free)
  }
  const renamed = rebuild(schema, (inner) => {
    const name = nameOf(inner["$ref"])
    const to = name === undefined ? undefined : plain.get(name)
    return to === undefined ? inner : { ...inner, $ref: `#/$defs/${to}` }
  })
  const { $defs: _, definitions: __, ...rest } = renamed
  const definitions = definitionsOf(renamed)
  return { ...rest, $defs: Object.fromEntries(names.map((name) => [plain.get(name) ?? name, definitions[name]])) }
}

/** Without definitions that nothing refers to. */
const withoutUnused = (schema: Json): Json => {
  const definitions = definitionsOf(schema)
  const used = new Set<string>()
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isSchema(value)) return
    const name = nameOf(value["$ref"])
    if (name !== undefined && !used.has(name)) {
      used.add(name)
      visit(definitions[name])
    }
    Object.values(value).forEach(visit)
  }
  const { $defs: _, definitions: __, ...rest } = schema
  visit(rest)
  const kept = Object.entries(definitions).filter(([name]) => used.has(name))
  return kept.length === 0 ? rest : { ...rest, $defs: Object.fromEntries(kept) }
}

/** A schema whose references every server resolves: plain names, no unused definitions, an object at the root. */
export const withPlainReferences = (schema: Json): Json => {
  const named = withPlainNames(schema)
  return withoutUnused(resolved(named, definitionsOf(named)))
}

// -----------------------------------------------------------------------------
// Parameters of a tool
// -----------------------------------------------------------------------------

/** `Schema.Struct({})` accepts all but null, which Effect writes so. */
export const isEmptyStruct = ({ not }: Json): boolean =>
  isSchema(not) && not["type"] === "null" && Object.keys(not).length === 1

/** What servers refuse at any depth: objects without `properties`, arrays without `items`, a `not`. */
const plain = (schema: Json): Json => {
  if (isEmptyStruct(schema)) {
    const { not: _, ...rest } = schema
    return { ...rest, type: "object", properties: {} }
  }
  const { not: _, ...out } = schema
  if (out["type"] === "object" && out["properties"] === undefined) return { ...out, properties: {} }
  if (out["type"] !== "array" || isSchema(out["items"])) return out
  const tuple = schemas(out["prefixItems"])
  // A tuple keeps its places, and says besides what any of its elements may be, for servers that read nothing else.
  return { ...out, items: tuple.length === 0 ? {} : tuple.length === 1 ? tuple[0] : { anyOf: tuple } }
}

const variants = (schema: Json, definitions: Readonly<Record<string, Json>>): ReadonlyArray<Json> =>
  unions.flatMap((key) => schemas(schema[key])).map((variant) => resolved(variant, definitions))

const union = (found: ReadonlyArray<Json>): Json => {
  const distinct = [...new Map(found.map((schema) => [JSON.stringify(schema), schema])).values()]
  return distinct.length === 1 && distinct[0] !== undefined ? distinct[0] : { anyOf: distinct }
}

/**
 * An object at the root, and no union there: a union of structs becomes one with the properties of all of them, of which those
 * are required that are so in each. The toolkit still decodes by the schema itself.
 */
const asObject = (schema: Json, definitions: Readonly<Record<string, Json>>, depth = 0): Json => {
  const { allOf, anyOf, enum: _, oneOf, ...own } = schema
  const members = depth > 8 ?
    [] :
    variants({ allOf, anyOf, oneOf }, definitions).map((member) => asObject(member, definitions, depth + 1))
  const all = [own, ...members]
  const names = [...new Set(all.flatMap((member) => properties(member).map(([name]) => name)))]
  const isEach = allOf === undefined
  const wanted = isEach
    ? required(members[0] ?? {}).filter((name) => members.every((member) => required(member).includes(name)))
    : members.flatMap(required)
  const needs = [...new Set([...required(own), ...wanted])]
  return {
    ...own,
    type: "object",
    properties: Object.fromEntries(names.map((name) => [
      name,
      union(all.flatMap((member) => properties(member).flatMap(([key, value]) => key === name ? [value] : [])))
    ])),
    ...(needs.length === 0 ? {} : { required: needs })
  }
}

/** Without the keys that the schema does not name, which Effect writes as allowed because it ignores them. */
const closed = (schema: Json): Json =>
  schema["type"] === "object" && isSchema(schema["properties"]) && schema["additionalProperties"] === true
    ? { ...schema, additionalProperties: false }
    : schema

/**
 * The schema of a tool's parameters, as every vendor takes it: an object with `properties`, at the root and at any depth. With
 * `isClosed` a model is not offered keys beside those of a struct: a server that writes by a grammar would let it invent some.
 */
export const parameters = (schema: Json, isClosed: boolean): Json => {
  const { $schema: _, ...written } = schema
  const named = withPlainNames(written)
  const definitions = definitionsOf(named)
  const { $defs, ...root } = resolved(named, definitions)
  const empty = isClosed ? { properties: {}, additionalProperties: false } : {}
  const flat = isEmptyStruct(root) ? empty : asObject(root, definitions)
  return rebuild(
    withoutUnused({ ...flat, type: "object", ...(isSchema($defs) ? { $defs } : { $defs: definitions }) }),
    (inner) => isClosed ? closed(plain(inner)) : plain(inner)
  )
}
