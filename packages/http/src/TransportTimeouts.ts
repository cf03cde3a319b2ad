/**
 * Whether the transport enforces its own timeouts for the head and the body of a response.
 *
 * **When to use**
 *
 * Turn them off around a call that has its own timeout and may be silent for longer, such as one that waits for a large
 * language model. A chain of `@holdfast/llm` does this for you.
 *
 * **Details**
 *
 * The timeouts are `headersTimeout` and `bodyTimeout` of `UndiciTransport`. They protect calls without a timeout of
 * their own.
 *
 * **Gotchas**
 *
 * In some runtimes `fetch` has its own timeouts (Node: 5 minutes each), which cannot be turned off per request.
 *
 * **Example**
 *
 * See {@link TransportTimeouts}.
 */
import * as Context from "effect/Context"

/**
 * Default: `true`.
 *
 * ```ts import.meta.vitest
 * import { TransportTimeouts } from "@holdfast/http"
 * import { Effect } from "effect"
 *
 * const program = Effect.service(TransportTimeouts.TransportTimeouts)
 *
 * await Effect.runPromise(program) // => true
 * await Effect.runPromise(Effect.provideService(program, TransportTimeouts.TransportTimeouts, false)) // => false
 * ```
 */
export const TransportTimeouts: Context.Reference<boolean> = Context.Reference<boolean>(
  "@holdfast/http/TransportTimeouts",
  { defaultValue: () => true }
)
