/**
 * Takes texts out of an error and its causes, which others made: `fetch` repeats a URL with its password in a message, and
 * `new URL` in a property.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/UndiciTransport.test.ts`.
 */
import * as HttpClientError from "effect/http/HttpClientError"
import { holds, isA, isObject, itemsOf, keysOf, read } from "../foreignError.ts"

/**
 * The cause with each text as `shown` has it: the same object, if that changes nothing. `ofClient` does the same for an
 * error of Effect's clients.
 */
export const scrub = (
  cause: unknown,
  shown: (text: string) => string,
  ofClient: (error: HttpClientError.HttpClientError) => unknown,
  depth = 0
): unknown => {
  const inner = (value: unknown) => scrub(value, shown, ofClient, depth + 1)
  if (typeof cause === "string") return shown(cause)
  if (depth > deepest || !isObject(cause)) return cause
  if (holds(cause, HttpClientError.isHttpClientError)) return ofClient(cause)
  const items = itemsOf(cause)
  if (items.length > 0) {
    const changed = items.map(inner)
    return changed.some((item, index) => item !== items[index]) ? changed : cause
  }
  if (!isA(cause, Error)) return cause
  const changes: Record<string, unknown> = {}
  for (const key of new Set(["message", "cause", ...keysOf(cause)])) {
    const value = read(cause, key)
    const changed = inner(value)
    if (changed !== value) changes[key] = changed
  }
  if (Object.keys(changes).length === 0) return cause
  // Formatting a stack takes long. It begins with the message, and below that has no text of a request.
  return copyOf(cause, { ...changes, stack: inner(read(cause, "stack")) })
}

/** Causes are followed so far, and no ring of them for ever. */
const deepest = 8

const copyOf = (error: Error, changes: Readonly<Record<string, unknown>>): Error => {
  const copy = new Error()
  const own = new Set(keysOf(error))
  // The getters on the prototype of a `DOMException` read from none but a real one.
  for (const key of new Set([...own, "name", "code", "message", "cause", "stack"])) {
    const value = key in changes ? changes[key] : read(error, key)
    if (value === undefined && !own.has(key)) continue
    Object.defineProperty(copy, key, { value, enumerable: own.has(key), configurable: true, writable: true })
  }
  return Object.setPrototypeOf(copy, Object.getPrototypeOf(error)) as Error
}
