/**
 * The parts of a stream without a toolkit as Effect's `LanguageModel` gives them: decoded by its schema, or to the same outcome.
 *
 * A delta of text or thoughts has three fields of plain text, and so have the ends of its block. They are nearly all parts of
 * an answer, and are written out here. A part with anything else in it, metadata included, goes through the schema, and so does
 * the whole chunk if one part is invalid: the error says at which place of the chunk it is.
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

/** A part that holds text alone, as the schema decodes it: its fields in the same order. */
const written = (part: Part): Decoded | undefined => {
  // The types are checked, for a provider may be the program's own. The mark is as a rule not there, and optional.
  if (part.metadata !== undefined || mark in part) return undefined
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
