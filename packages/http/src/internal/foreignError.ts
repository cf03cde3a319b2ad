/**
 * Reads values that others threw. Their getters may throw, and so may every look at a `Proxy`; neither is to end a call in
 * a defect.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/download/laws.download.test.ts`.
 */

const orUndefined = <A>(look: () => A): A | undefined => {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** Whether a value can have properties. */
export const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function"

/** A property of a value; `undefined` if it has none or the getter throws. */
export const read = (value: unknown, key: string): unknown =>
  isObject(value) ? orUndefined(() => Reflect.get(value, key)) : undefined

/** A property that is a text. */
export const readText = (value: unknown, key: string): string | undefined => {
  const text = read(value, key)
  return typeof text === "string" ? text : undefined
}

/** The names of a value's own enumerable properties. */
export const keysOf = (value: object): ReadonlyArray<string> => orUndefined(() => Object.keys(value)) ?? []

/** The items of an array; none of anything else. */
export const itemsOf = (value: unknown): ReadonlyArray<unknown> =>
  orUndefined(() => Array.isArray(value) ? [...value] : []) ?? []

/** Whether a value is an instance of a class. */
export const isA = <A>(value: unknown, type: abstract new(...args: ReadonlyArray<never>) => A): value is A =>
  orUndefined(() => value instanceof type) === true

/** Whether a value passes a test that may look into it. */
export const holds = <A>(value: unknown, test: (value: unknown) => value is A): value is A =>
  orUndefined(() => test(value)) === true

/** How many errors are looked at. */
const most = 64

/** An error, its causes, and the parts of an `AggregateError`, each once: the error first, and parts before causes. */
export const withCauses = (error: unknown): ReadonlyArray<object> => {
  const found = new Set<object>()
  const visit = (one: unknown): void => {
    if (!isObject(one) || found.size >= most || found.has(one)) return
    found.add(one)
    for (const part of itemsOf(read(one, "errors"))) visit(part)
    visit(read(one, "cause"))
  }
  visit(error)
  return [...found]
}

/** An error and its causes, the outermost first. */
export const causesOf = (error: unknown): ReadonlyArray<object> => {
  const causes = new Set<object>()
  for (let one = error; isObject(one) && causes.size < deepest && !causes.has(one); one = read(one, "cause")) {
    causes.add(one)
  }
  return [...causes]
}

/** How many causes of a cause are followed. */
const deepest = 8
