/** What is wrong with the text of a system: every fault with its line, and the key that was probably meant. */
import * as Arguments from "@holdfast/core/Arguments"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml"

type Path = ReadonlyArray<string>

/** The schemas that a value at a path may have, one for each case of a union on the way. */
const inside = (ast: SchemaAST.AST, [key, ...rest]: Path): ReadonlyArray<SchemaAST.AST> => {
  if (SchemaAST.isUnion(ast)) return ast.types.flatMap((type) => inside(type, key === undefined ? [] : [key, ...rest]))
  if (key === undefined) return [ast]
  if (SchemaAST.isArrays(ast)) return ast.rest.flatMap((type) => inside(type, rest))
  if (!SchemaAST.isObjects(ast)) return []
  const own = ast.propertySignatures.filter(({ name }) => name === key).map(({ type }) => type)
  return own.concat(ast.indexSignatures.map(({ type }) => type)).flatMap((type) => inside(type, rest))
}

const encoded = SchemaAST.toEncoded(SystemData.SystemData.ast)

/** Every key that an object at a path may have. */
const keysAt = (path: Path): ReadonlyArray<string> =>
  inside(encoded, path).flatMap((ast) =>
    SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []
  )

const anything: Arguments.Check<unknown> = (value) => value

/** An unknown key in the words of an unknown option, which name the nearest one. */
const unknownKey = (path: Path): string => {
  const [key = ""] = path.slice(-1)
  const known = Object.fromEntries(keysAt(path.slice(0, -1)).map((name) => [name, Arguments.optional(anything)]))
  const [fault] = Arguments.faults(Arguments.struct(known), { [key]: 0 })
  return `${path.join(".")} ${fault?.message ?? "is not an option"}`
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The faults of an error, with their paths. */
const faultsOf = (error: Schema.SchemaError): ReadonlyArray<{ readonly path: Path; readonly message: string }> =>
  format(error.issue).issues.flatMap(({ message, path = [] }) => {
    const keys = path.map((key) => String(typeof key === "object" ? key.key : key))
    if (message === "Expected no excess property") return [{ path: keys, message: unknownKey(keys) }]
    return [{ path: keys, message: keys.length === 0 ? message : `${keys.join(".")}: ${message}` }]
  })

/** The line of the key or the item at a path, or of what is around it if there is none. */
const lineOf = (text: string) => {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  return (path: Path): number | undefined => {
    let node: unknown = document.contents
    let found: number | undefined
    for (const key of path) {
      const item = isMap(node)
        ? node.items.find((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key) === key)
        : isSeq(node)
        ? node.items[Number(key)]
        : undefined
      const place = isPair(item) ? item.key : item
      if (isNode(place) && place.range) found = lines.linePos(place.range[0]).line
      node = isPair(item) ? item.value : item
    }
    return found
  }
}

/** The error of a text in words. Errors of YAML itself have their line already. */
export const wordsOf = (text: string, error: unknown): string => {
  if (!Schema.isSchemaError(error)) return error instanceof Error ? error.message : String(error)
  const line = lineOf(text)
  return faultsOf(error).map(({ message, path }) => {
    const at = line(path)
    return at === undefined ? message : `Line ${at}: ${message}`
  }).join("\n")
}
