/** Fields of a server's JSON: what one leaves out, another sends as `null`. */
import * as Schema from "effect/Schema"

/** A field that may be missing or `null`. */
export const opt = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

/** Whether a field is there. */
export const isPresent = <A>(value: A | null | undefined): value is A => value !== null && value !== undefined
