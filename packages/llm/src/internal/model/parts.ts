/**
 * The parts of a stream without a toolkit as Effect's `LanguageModel` gives them: decoded by its schema, or to the same outcome.
 *
 * A delta of text or thoughts has three fields of plain text, and so have the ends of its block. They are nearly all parts of
 * an answer, and are written out here, as is its end. A part with anything else in it goes through the schema, and so does the
 * whole chunk if one part is invalid: the error says at which place of the chunk it is.
 *
 * Guarded by `test/model/parts.test.ts`, which compares the two.
 */
import * as AiError from "effect/ai/AiError"
import * as Response from "effect/ai/Response"
import * as Toolkit from "effect/ai/Toolkit"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Chunk, Part } from "../chain/incoming.ts"

export type Decoded = Response.StreamPart<{}>

/** Made once it is needed: Effect's takes a tenth of a millisecond. */
const decoders = () => {
  const schema = Response.StreamPart(Toolkit.empty)
  return { part: Schema.decodeOption(schema), chunk: Schema.decodeExit(Schema.NonEmptyArray(schema)) }
}
let made: ReturnType<typeof decoders> | undefined

/** The mark of a decoded part. */
const mark = "~effect/ai/Response/Part"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype

const isFlat = (value: unknown): boolean =>
  value === null || typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value)

/** Whether metadata is JSON at a glance, as the mark of a chain is. */
const isMetadata = (metadata: unknown): boolean =>
  isObject(metadata) &&
  Object.values(metadata).every((value) => isFlat(value) || isObject(value) && Object.values(value).every(isFlat))

/** Counts of tokens in the order of the schema; `undefined` where the schema has to say what is wrong with them. */
const counts = <K extends string>(given: unknown, names: ReadonlyArray<K>) => {
  if (!isObject(given)) return undefined
  const out: Partial<Record<K, number | undefined>> = {}
  for (const name of names) {
    const value = given[name]
    if (value !== undefined && !(typeof value === "number" && Number.isSafeInteger(value))) return undefined
    if (name in given) out[name] = value
  }
  return out
}

const reasons: ReadonlySet<unknown> = new Set(Response.FinishReason.literals)

/** The end of an answer: one a stream, but for its schema it is as much as fifty words. */
const ended = (part: Response.FinishPartEncoded): Decoded | undefined => {
  const { metadata = {}, reason, usage } = part
  if ("response" in part || !reasons.has(reason) || !isObject(usage) || !isMetadata(metadata)) return undefined
  const inputTokens = counts(usage.inputTokens, ["uncached", "total", "cacheRead", "cacheWrite"])
  const outputTokens = counts(usage.outputTokens, ["total", "text", "reasoning"])
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  return {
    [mark]: mark,
    metadata: { ...metadata },
    type: "finish",
    reason,
    // Each count has been checked.
    usage: new Response.Usage({ inputTokens, outputTokens }, { disableChecks: true })
  }
}

/** A part that holds text alone, as the schema decodes it: its fields in the same order. */
const written = (part: Part): Decoded | undefined => {
  // The types are checked, for a provider may be the program's own. The mark is as a rule not there, and optional.
  if (mark in part) return undefined
  if (part.type === "finish") return ended(part)
  if (part.metadata !== undefined) return undefined
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta": {
      const { delta, id, type } = part
      return typeof id === "string" && typeof delta === "string"
        ? { [mark]: mark, metadata: {}, type, id, delta }
        : undefined
    }
    case "text-start":
    case "text-end": {
      const { id, type } = part
      return typeof id === "string" ? { [mark]: mark, metadata: {}, type, id } : undefined
    }
    default:
      return undefined
  }
}

const invalid = (cause: Cause.Cause<Schema.SchemaError>): Cause.Cause<AiError.AiError> =>
  Cause.map(cause, (error) =>
    AiError.make({
      module: "LanguageModel",
      method: "streamText",
      reason: AiError.InvalidOutputError.fromSchemaError(error)
    }))

export const decoded = (chunk: Chunk): Exit.Exit<Arr.NonEmptyReadonlyArray<Decoded>, AiError.AiError> => {
  const out: Array<Decoded> = []
  for (const part of chunk) {
    made ??= decoders()
    const one = written(part) ?? Option.getOrUndefined(made.part(part))
    if (one === undefined) break
    out.push(one)
  }
  if (out.length === chunk.length && Arr.isArrayNonEmpty(out)) return Exit.succeed(out)
  made ??= decoders()
  const whole = made.chunk(chunk)
  return Exit.isSuccess(whole) ? Exit.succeed(whole.value) : Exit.failCause(invalid(whole.cause))
}
