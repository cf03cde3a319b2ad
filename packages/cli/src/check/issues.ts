/** What is wrong with the data of a file, by path: the faults of a schema, in words that say what to write. */
import * as Arguments from "@holdfast/core/Arguments"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** One thing that is wrong. */
export interface Issue {
  /** Where in the file: `retry.times`. Empty for the whole of it. */
  readonly path: string
  readonly reason: string
}

/** Goes along a path of keys and indices; `undefined` where there is nothing. */
export const at = (value: unknown, keys: ReadonlyArray<string>): unknown =>
  keys.reduce<unknown>(
    (value, key) => Predicate.isObjectOrArray(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    value
  )

/** Begins the message of a key that does not exist. Those that do follow: the formatter is not told of the key. */
const unknownKey = "unknown key beside "

const knownKeys = ({ ast }: SchemaIssue.UnexpectedKey): ReadonlyArray<string> =>
  "propertySignatures" in ast ? ast.propertySignatures.map(({ name }) => String(name)) : []

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "UnexpectedKey"
      ? unknownKey + JSON.stringify(knownKeys(issue))
      : issue._tag === "MissingKey"
      ? "is missing"
      : SchemaIssue.defaultLeafHook(issue)
})

/** That a key does not exist, with the one that was probably meant. */
const notAnOption = (key: string, known: ReadonlyArray<string>): string => {
  const check = Arguments.struct(Object.fromEntries(known.map((name) => [name, () => undefined])))
  return Arguments.faults(check, { [key]: undefined })[0]?.message ?? "is not an option"
}

/** What follows a key that a file does not have: the one that was probably meant, or those that it has. */
export const hintOf = (key: string, known: ReadonlyArray<string>): string =>
  notAnOption(key, known).replace("is not an option", "").replace(/the (?:only )?options? (?:is|are)/u, "it has")

/** What to write, by the name that a schema has for it. */
const words: Readonly<Record<string, string>> = {
  object: "a map of keys to values, such as `{ key: value }`",
  array: "a list, such as `[first, second]`",
  string: "a text",
  number: "a number",
  boolean: "`true` or `false`",
  "a finite number": "a finite number",
  "a duration, such as \"30 seconds\"": "a duration, such as \"30 seconds\" or \"1m 30s\", or a number of seconds"
}

/** Objects that are told apart by their `type`, as a schema prints them. */
const byType = /\{ readonly "type": "(\w+)"/gu

/** A fault in a file's own words. */
const faultOf = (message: string, keys: ReadonlyArray<string>, value: unknown): Issue => {
  const path = keys.join(".")
  const reason = message.split("\n").map((line) => line.trim()).join(" ")
  if (reason.startsWith(unknownKey)) {
    const known = JSON.parse(reason.slice(unknownKey.length)) as ReadonlyArray<string>
    return { path, reason: notAnOption(keys.at(-1) ?? "", known) }
  }
  const [, expected, got] = /^Expected (.+?)(, got .*)?$/u.exec(reason) ?? []
  if (expected === undefined) return { path, reason }
  const types = Array.from(expected.matchAll(byType), ([, type = ""]) => type)
  if (types.length > 1 && Predicate.hasProperty(value, "type")) {
    const [fault] = Arguments.faults(Arguments.oneOf(...types), value.type)
    if (fault !== undefined) return { path: [...keys, "type"].join("."), reason: fault.message }
  }
  const plain = words[expected]
  // What a flat key says, such as `timeout`, stands elsewhere than where it is refused.
  const said = got ?? `, got ${value === null ? "nothing" : Arguments.show(value)}`
  return { path, reason: `${plain === undefined ? `Expected ${expected}` : `must be ${plain}`}${said}` }
}

const keysOf = (path: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  path.map((key) => String(Predicate.isReadonlyObject(key) && "key" in key ? key["key"] : key))

/** How many keys of an object are missing or unknown: those of another kind of object than was meant. */
const strangeKeys = (issue: SchemaIssue.Issue): number =>
  issue._tag !== "Composite"
    ? 0
    : issue.issues.filter((inner) =>
      inner._tag === "Pointer" && (inner.issue._tag === "MissingKey" || inner.issue._tag === "UnexpectedKey")
    ).length

/** An object that may be of several kinds is judged as the kind whose keys it has. */
const asMeant = (issue: SchemaIssue.Issue): SchemaIssue.Issue => {
  switch (issue._tag) {
    case "Pointer":
      return new SchemaIssue.Pointer(issue.path, asMeant(issue.issue))
    case "Composite": {
      const [first, ...others] = issue.issues
      return new SchemaIssue.Composite(issue.ast, [asMeant(first), ...others.map(asMeant)])
    }
    case "AnyOf": {
      const fewest = Math.min(...issue.issues.map(strangeKeys))
      const meant = issue.issues.filter((inner) => strangeKeys(inner) === fewest)
      return new SchemaIssue.AnyOf(issue.ast, meant.map(asMeant))
    }
    default:
      return issue
  }
}

/** The faults of a file, by path. Each is listed once. */
export const issuesOf = (input: unknown, error: Schema.SchemaError): ReadonlyArray<Issue> => {
  const issues = format(asMeant(error.issue)).issues.map(({ message, path }) => {
    const keys = keysOf(path ?? [])
    return faultOf(message, keys, at(input, keys))
  })
  return issues.filter((issue, index) =>
    issues.findIndex((other) => other.path === issue.path && other.reason === issue.reason) === index
  )
}
