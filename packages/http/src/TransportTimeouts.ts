/**
 * Whether the transport's own timeouts for the head and the body of a response hold, `headersTimeout` and `bodyTimeout` of
 * `UndiciTransport`. They are there for calls that have no clock of their own.
 *
 * **When to use**: turn them off around a call that has a clock of its own and may be silent for longer, such as one that
 * waits for a large language model. A chain of `@holdfast/llm` does this by itself.
 *
 * **Gotchas**: `fetch` has timeouts of its own in some runtimes (Node: 5 minutes each), and no means to turn them off for one
 * request.
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
