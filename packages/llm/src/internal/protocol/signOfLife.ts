/**
 * Told whenever bytes of an answer come in, whether they are content, a ping, a comment or half a line: the server is at
 * work. A chain listens, because its clocks for silence are about the server and not about content.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/protocol/answer/decoder.test.ts`.
 */
import * as Context from "effect/Context"

/** Takes a sign, and says when it was, in milliseconds since the epoch. */
type Listener = () => number

export const SignOfLife: Context.Reference<Listener | undefined> = Context.Reference<Listener | undefined>(
  "@holdfast/llm/SignOfLife",
  { defaultValue: () => undefined }
)
