/**
 * Which segments of paths are secrets, beyond those that the client knows.
 *
 * **When to use**
 *
 * Extend the list if a service that you call takes a secret in its path, such as `/v3/<project key>`. For secrets in the
 * query, extend Effect's `UrlParams.CurrentRedactedNames`.
 *
 * **Details**
 *
 * A secret is sent as it is, and shown as `REDACTED` in spans, logs, errors and the request of a response. Without an
 * addition, these segments are secrets: keys with a prefix to be found by (`sk-`, `ghp_`, `glpat-`, a JSON Web Token),
 * tokens where Telegram, Slack, Discord, Teams and Zapier put them, and what is random (16 characters or more, with digits
 * and letters, or both cases) directly behind a segment that says so: `token`, `key`, `secret`, `webhook`, `invite`,
 * `reset-password`, `verify`, `confirm`, `unsubscribe`, `magic-link`, and their kin.
 *
 * **Gotchas**
 *
 * Every other segment is shown, however random: nothing tells a secret from an id.
 *
 * **Example**
 *
 * See {@link CurrentRedactedPaths}.
 */
import * as Context from "effect/Context"

/**
 * Each says what is a secret, in a path without its escapes:
 *
 * - a text with a slash first is the beginning of paths, in which `:name` stands for a segment that is a secret and `*` for
 *   one that is not: `/v3/:key`, `/users/*\/feed/:token`.
 * - any other text is how a secret segment begins: `inv_`.
 * - a pattern finds something in a secret segment: `/^[0-9a-f]{40}$/`.
 */
export type RedactedPaths = ReadonlyArray<string | RegExp>

/**
 * Default: none.
 *
 * ```ts import.meta.vitest
 * import { RedactedPaths, ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, Layer } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const program = Effect.map(HttpClient.get("https://node.example/v3/6b1a9/blocks"), ({ request }) => request.url)
 *
 * await program.pipe(
 *   Effect.provideService(RedactedPaths.CurrentRedactedPaths, ["/v3/:key"]),
 *   Effect.provide(Layer.provide(ResilientHttpClient.layer(), TestTransport.layer([TestTransport.respond(200)]))),
 *   Effect.runPromise
 * ) // => "https://node.example/v3/REDACTED/blocks"
 * ```
 */
export const CurrentRedactedPaths: Context.Reference<RedactedPaths> = Context.Reference<RedactedPaths>(
  "@holdfast/http/CurrentRedactedPaths",
  { defaultValue: () => none }
)

const none: RedactedPaths = []
