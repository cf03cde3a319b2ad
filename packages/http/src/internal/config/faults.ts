/**
 * What is wrong with a file: all of it by path, whatever stage finds it. A schema stops at the first stage that fails, so
 * that an unknown key would hide a policy that is impossible. So what was found is taken out, and the rest is decoded again.
 *
 * Guarded by `test/laws.data.test.ts` and `test/HttpPolicyFile.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import { isObject, isObjectOrArray } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { httpOptions } from "../client/options.ts"
import { transportOptions } from "../undici/transportOptions.ts"
import { toOptions } from "./convert.ts"
import { endpointKeys, rootKeys, Settings } from "./schema.ts"

type Path = ReadonlyArray<string>

/** The settings, held to the checks of the options that they stand for. */
export const Checked = Schema.toType(Settings).check(
  Schema.makeFilter((data: typeof Settings.Type) =>
    [
      ...Arguments.faults(httpOptions, toOptions(data)),
      ...Arguments.faults(transportOptions, data.transport ?? {}).map(({ message, path }) => ({
        message,
        path: ["transport", ...path]
      })),
      ...Object.keys(data.headers ?? {}).filter(isSecret).map((name) => ({
        message: `${name} is a secret: give it as a Redacted header of the program, or as bearer`,
        path: ["headers", name]
      }))
    ].map(({ message, path }) => ({ path, issue: message }))
  )
)

const isSecret = (name: string): boolean => Headers.isRedactedName(name, Headers.CurrentRedactedNames.defaultValue())

/** Decodes with a schema of files. The error has every fault. */
export const decodeWith =
  <A>(schema: Schema.Codec<A, unknown>) => (input: unknown): Effect.Effect<A, Schema.SchemaError> => {
    const decode = (input: unknown) =>
      Schema.decodeUnknownExit(schema)(input, { onExcessProperty: "error", errors: "all" })
    return Effect.suspend(() => {
      const first = decode(input)
      if (Exit.isSuccess(first)) return first
      const found: Array<SchemaIssue.Pointer | SchemaIssue.Issue> = []
      const taken: Array<Path> = []
      let rest = input
      for (let exit: Exit.Exit<A, unknown> = first; Exit.isFailure(exit); exit = decode(rest)) {
        const fresh = issuesOf(exit).filter(({ path }) => !taken.some((other) => isWithin(path, other)))
        if (fresh.length === 0) break
        for (const { message, path } of fresh) {
          taken.push(path)
          rest = without(rest, path)
          found.push(new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue({ message })))
        }
      }
      const [one, ...more] = found
      return one === undefined
        ? first
        : Effect.fail(new Schema.SchemaError(new SchemaIssue.Composite(schema.ast, [one, ...more])))
    })
  }

const format = SchemaIssue.makeFormatterStandardSchemaV1()

interface Fault {
  readonly path: Path
  readonly message: string
}

const issuesOf = (exit: Exit.Failure<unknown, unknown>): ReadonlyArray<Fault> =>
  exit.cause.reasons.flatMap((reason) => {
    const error = reason._tag === "Fail" ? reason.error : undefined
    if (!Schema.isSchemaError(error)) return []
    return format(error.issue).issues.map(({ message, path = [] }) => {
      const keys = path.map((key) => String(isObject(key) ? key.key : key))
      return { path: keys, message: message === unexpected ? notAnOption(keys) : message }
    })
  })

const unexpected = format(new SchemaIssue.UnexpectedKey(Settings.ast)).issues[0]?.message

/** The same words as in code, with the key that was probably meant. */
const notAnOption = (path: Path): string => {
  const [key = "", ...before] = path.toReversed()
  const [root = "", , third] = path
  const known = before.length === 0 || (root === "endpoints" && before.length === 2)
    ? Arguments.faults(keysOf(before.length === 0 ? rootKeys : endpointKeys), { [key]: undefined })
    : root === "transport"
    ? Arguments.faults(transportOptions, { [key]: undefined })
    : Arguments.faults(httpOptions, put(third === undefined || root !== "endpoints" ? path : path.slice(2)))
  return known.find((fault) => fault.path.at(-1) === key)?.message ?? "is not an option"
}

const keysOf = (names: ReadonlyArray<string>): Arguments.Check<unknown> =>
  Arguments.struct(Object.fromEntries(names.map((name) => [name, (value: unknown) => value])))

const put = ([key = "", ...path]: Path): unknown => ({ [key]: path.length === 0 ? undefined : put(path) })

const isWithin = (path: Path, other: Path): boolean =>
  path.every((key, index) => index >= other.length || key === other[index])

/** The value without what stands at a path. */
const without = (value: unknown, [key, ...path]: Path): unknown => {
  if (key === undefined) return {}
  if (!isObjectOrArray(value) || !Object.hasOwn(value, key)) return value
  if (Array.isArray(value)) {
    return path.length === 0
      ? value.filter((_, index) => String(index) !== key)
      : value.map((item: unknown, index) => String(index) === key ? without(item, path) : item)
  }
  const { [key]: own, ...rest } = value as Readonly<Record<string, unknown>>
  return path.length === 0 ? rest : { ...rest, [key]: without(own, path) }
}
