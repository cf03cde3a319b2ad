/**
 * The parameters of a tool call: what a model wrote, read as JSON, and what goes back to a vendor.
 *
 * Guarded by `test/protocol/authorship.test.ts` and `test/protocol/tools/tools.test.ts`.
 */
import * as Tool from "effect/ai/Tool"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

const parse = (text: string): Result.Result<unknown, unknown> => Result.try(() => Tool.unsafeSecureJsonParse(text))

/**
 * Arguments that are not JSON stay text: the toolkit then reports invalid parameters to its caller, and the model may correct
 * itself. They are not the provider's failure.
 */
export const toParams = (text: string): unknown => {
  if (text.trim() === "") return {}
  const read = parse(text)
  // A server begins with an empty object, and the arguments follow it.
  if (Result.isFailure(read)) return Result.getOrElse(parse(text.replace(/^\s*\{\s*\}(?=\s*\{)/, "")), () => text)
  if (read.success === null) return {}
  // JSON inside of a JSON string.
  const inner = typeof read.success === "string" ? parse(read.success) : undefined
  return inner !== undefined && Result.isSuccess(inner) && Predicate.isReadonlyObject(inner.success)
    ? inner.success
    : read.success
}

/** Whether a text is the whole of a call's arguments. */
export const isWhole = (text: string): boolean => text.trim() !== "" && Result.isSuccess(parse(text))

/**
 * The parameters of a call that goes back: every API wants an object there, and most refuse the request otherwise. Anything
 * else that a model wrote goes under the key that Anthropic recommends ("Fine-grained tool streaming", "Handling invalid JSON").
 */
export const toArguments = (params: unknown): object => {
  if (params === undefined || params === null || params === "") return {}
  const read = typeof params === "string" ? toParams(params) : params
  if (Predicate.isReadonlyObject(read)) return read
  return { INVALID_JSON: typeof params === "string" ? params : JSON.stringify(params) }
}
