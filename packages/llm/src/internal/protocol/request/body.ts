/**
 * The body of a request: what the request decides, and what the caller's `parameters` say of it.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Schema from "effect/Schema"

/** What `parameters` cannot name: the request is these. */
const own = ["model", "messages", "input", "stream"] as const

/**
 * Lays `parameters` over a body. They have the last word on every field but the model, the messages and whether the answer is
 * streamed; `null` takes a field out. Tools that are declared are kept, and those of `parameters` come after them.
 */
export const withParameters = (
  body: Readonly<Record<string, unknown>>,
  parameters: Readonly<Record<string, Schema.Json>> | undefined
): Readonly<Record<string, unknown>> => {
  const out: Record<string, unknown> = { ...body }
  for (const [key, value] of Object.entries(parameters ?? {})) {
    if (own.some((name) => name === key)) continue
    const declared = out[key]
    if (value === null) delete out[key]
    else if (key === "tools" && Array.isArray(declared) && Array.isArray(value)) out[key] = [...declared, ...value]
    else out[key] = value
  }
  return out
}
