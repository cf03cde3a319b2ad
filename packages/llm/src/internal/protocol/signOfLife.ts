/**
 * Told whenever bytes of an answer come in, whether they are content, a ping, a comment or half a line: the server is at
 * work. A chain listens, because its clocks for silence are about the server and not about content.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/protocol/answer/decoder.test.ts`.
 */
import * as Context from "effect/Context"

export const SignOfLife: Context.Reference<(() => void) | undefined> = Context.Reference<(() => void) | undefined>(
  "@holdfast/llm/SignOfLife",
  { defaultValue: () => undefined }
)
