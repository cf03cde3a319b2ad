/**
 * Told the headers of every response of a provider. A pool listens: they say what is left of the account's limits.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/protocol/answer/decoder.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Headers from "effect/http/Headers"

type Listener = (headers: Headers.Headers) => void

export const ResponseHeaders: Context.Reference<Listener | undefined> = Context.Reference<Listener | undefined>(
  "@holdfast/llm/ResponseHeaders",
  { defaultValue: () => undefined }
)
