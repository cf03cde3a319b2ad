/**
 * Optional fields of a server's JSON. A field that one server omits, another sends as `null`, as an empty text or with another
 * type. A field of the wrong type counts as absent, so that no answer is lost because of a secondary field.
 *
 * Guarded by `test/protocol/authorship.test.ts` and `test/protocol/request/embedding.test.ts`.
 */
import * as Schema from "effect/Schema"

/** A field that may be missing or `null`. */
export const opt = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Whether a field is there. */
export const isPresent = <A>(value: A | null | undefined): value is A => value !== null && value !== undefined

/** A JSON object, read field by field. */
export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** An object; none of whose fields is there where it is something else. */
export const fields = (value: unknown): Fields => isFields(value) ? value : none

const none: Fields = {}

/** A list; empty where it is something else. */
export const list = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : empty

const empty: ReadonlyArray<unknown> = []

/** A text that is not empty. */
export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined

/** A count: a whole number that is not negative. */
export const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined
