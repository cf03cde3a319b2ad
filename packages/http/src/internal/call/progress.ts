/**
 * Whether a server may have seen a request whose attempt was ended by its timeout. Only the transport knows, and what
 * interrupts it takes no answer: so it notes here how far it has come.
 *
 * Guarded by `test/call/unsentTimeouts.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"

export interface Progress {
  /** Whether a transport notes when it writes. Without, the request counts as written. */
  isTracked: boolean
  isWritten: boolean
  /** Whether a single-use body has been read from. */
  readonly bodySpent: boolean
}

/** The progress of the call that the fiber runs, if the policy asks for it. */
export const CurrentProgress: Context.Reference<Progress | undefined> = Context.Reference<Progress | undefined>(
  "@holdfast/http/CurrentProgress",
  { defaultValue: () => undefined }
)

/** What to do after a timeout with a request that must not be carried out twice. */
export const afterTimeout = (): "retry" | "stop" => {
  const progress = Fiber.getCurrent()?.getRef(CurrentProgress)
  return progress?.isTracked === true && !progress.isWritten && !progress.bodySpent ? "retry" : "stop"
}
