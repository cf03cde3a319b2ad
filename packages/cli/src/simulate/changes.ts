/** `--set path=value`: changes single values of a file, before it is checked. */
import * as ConfigFile from "@holdfast/http/ConfigFile"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { SimulationRefused } from "./SimulationRefused.ts"

/** One change of a file. */
export interface Change {
  /** As it was written: `callers.users.rate=200`. */
  readonly text: string
  readonly path: string
  readonly value: unknown
}

const refuse = (message: string) => Effect.fail(new SimulationRefused({ message }))

/** Reads a change. Its value is a number, a word or a duration, as in the file. */
const parse = Effect.fnUntraced(function*(text: string) {
  const at = text.indexOf("=")
  const path = text.slice(0, Math.max(0, at)).trim()
  const written = text.slice(at + 1).trim()
  if (at < 0 || path === "" || path.split(".").includes("") || written === "") {
    return yield* refuse(
      `--set must be a path and a value, such as callers.users.rate=200, got ${JSON.stringify(text)}`
    )
  }
  const value = yield* Effect.orElseSucceed(ConfigFile.parse(written), () => ({}))
  return Predicate.isObjectOrArray(value) || value === null
    ? yield* refuse(`--set ${path}: the value must be a number, a word or a duration, got ${JSON.stringify(written)}`)
    : { text: `${path}=${written}`, path, value }
})

/** Reads all changes. Each path is set once. */
export const parseAll = Effect.fnUntraced(function*(texts: ReadonlyArray<string>) {
  const changes: ReadonlyArray<Change> = yield* Effect.forEach(texts, parse)
  const twice = changes.find(({ path }, i) => changes.findIndex((other) => other.path === path) < i)
  return twice === undefined ? changes : yield* refuse(`--set ${twice.path} is given twice`)
})

/** How many of the segments are the next key: a name may have dots in it. A key that is missing is one segment. */
const lengthOfKey = (value: object, segments: ReadonlyArray<string>): number => {
  const lengths = segments.map((_, i) => segments.length - i)
  return lengths.find((length) => Object.hasOwn(value, segments.slice(0, length).join("."))) ?? 1
}

const set = (
  value: unknown,
  { path, value: next }: Change,
  before: ReadonlyArray<string>,
  segments: ReadonlyArray<string>
): Effect.Effect<unknown, SimulationRefused> => {
  const [first] = segments
  if (first === undefined) return Effect.succeed(next)
  const place = before.join(".")
  if (Array.isArray(value)) {
    if (!/^\d+$/u.test(first) || Number(first) >= value.length) {
      return refuse(
        value.length === 0
          ? `--set ${path}: ${place} is empty`
          : `--set ${path}: ${place} has the items 0 to ${value.length - 1}, got ${first}`
      )
    }
    const index = Number(first)
    return Effect.map(
      set(value[index], { path, text: path, value: next }, [...before, first], segments.slice(1)),
      (changed) => value.with(index, changed)
    )
  }
  if (value !== undefined && !Predicate.isObject(value)) {
    return refuse(`--set ${path}: ${place} is ${JSON.stringify(value)} and has no ${first}`)
  }
  const known = value ?? {}
  const length = lengthOfKey(known, segments)
  const key = segments.slice(0, length).join(".")
  const inner = Object.hasOwn(known, key) ? Reflect.get(known, key) as unknown : undefined
  return Effect.map(
    set(inner, { path, text: path, value: next }, [...before, key], segments.slice(length)),
    // A computed key is the object's own, whatever its name.
    (changed) => ({ ...known, [key]: changed })
  )
}

/** The content of a file with the changes. Keys that do not exist are made, and rejected with the file if nothing has them. */
export const apply = (input: unknown, changes: ReadonlyArray<Change>): Effect.Effect<unknown, SimulationRefused> =>
  Effect.reduce(changes, () => input, (value, change) => set(value, change, [], change.path.split(".")))
