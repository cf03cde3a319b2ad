/**
 * Policies for HTTP in a YAML or JSON file, and clients that follow the file when it changes.
 *
 * **When to use**
 *
 * Wrong limits show up on call, at night: a bulkhead that is too narrow, a breaker that opens too soon. Change the
 * number in the file, and it is in force within a second, without a deployment.
 *
 * **Details**
 *
 * Breakers and budgets keep their state when the file changes. An invalid file changes nothing, and the log says why.
 *
 * **Gotchas**
 *
 * This module pulls in a YAML parser, so import it by its full path, `@holdfast/http/HttpPolicyFile`. Changes to the
 * pool's options need a restart, because the transport is built once.
 *
 * **Example**
 *
 * See {@link parse} and {@link changes}.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ConfigFile from "./ConfigFile.ts"
import type * as HttpPolicy from "./HttpPolicy.ts"
import * as HttpPolicyData from "./HttpPolicyData.ts"

/** The text is neither YAML nor JSON. The message says where. */
export type TextError = ConfigFile.TextError

/** Where the policy is in the file. */
export interface Options {
  /** The keys that lead to the policy: `["llm", "http"]`. Default: none, the whole file. */
  readonly path?: ReadonlyArray<string> | undefined
}

/**
 * Decodes a policy from text. YAML is a superset of JSON, so one parser reads both. Fails with a {@link TextError} if
 * the text does not parse, and with a `SchemaError` that names the path if a setting is invalid. An empty text is a
 * policy without options.
 *
 * ```ts import.meta.vitest
 * import * as HttpPolicyFile from "@holdfast/http/HttpPolicyFile"
 * import { Effect } from "effect"
 *
 * const yaml = "llm: { http: { max_retries: 3, retry_multiplier: 2.0 } }"
 * const json = `{ "retry": { "times": 3, "backoff": { "type": "exponential", "factor": 2 } } }`
 *
 * const fromYaml = await Effect.runPromise(HttpPolicyFile.parse(yaml, { path: ["llm", "http"] }))
 * fromYaml // => await Effect.runPromise(HttpPolicyFile.parse(json))
 * ```
 */
export const parse = (
  text: string,
  options?: Options
): Effect.Effect<HttpPolicyData.HttpPolicyData, Schema.SchemaError | TextError> =>
  Effect.flatMap(ConfigFile.parse(text, options?.path), (value) => HttpPolicyData.decode(value ?? {}))

/** The errors of reading a policy from a file. */
export type FileError = PlatformError | Schema.SchemaError | TextError

/** Reads a policy from a file. */
export const read = (
  file: string,
  options?: Options
): Effect.Effect<HttpPolicyData.HttpPolicyData, FileError, FileSystem.FileSystem> =>
  ConfigFile.read(file, (text) => parse(text, options))

/**
 * The options in a file, now and after every change, for `ResilientHttpClient.layerReloading`. Fails if the file is
 * unreadable or invalid at the start. Later, an unreadable or invalid change is skipped, with a warning that says why.
 *
 * The file is followed as `ConfigFile.changes` does. The pool's options are ignored here, because the transport is
 * built once.
 *
 * - `also`: options to overlay on the file's, such as those that are not data. Default: none.
 *
 * ```ts import.meta.vitest
 * import { ResilientHttpClient } from "@holdfast/http"
 * import * as HttpPolicyFile from "@holdfast/http/HttpPolicyFile"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, FileSystem, Layer, Path } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const Files = Layer.merge(
 *   FileSystem.layerNoop({ readFileString: () => Effect.succeed("baseUrl: https://api.example.com") }),
 *   Path.layer
 * )
 * const Live = ResilientHttpClient.layerReloading(HttpPolicyFile.changes("/etc/app/http.yaml")).pipe(
 *   Layer.provide([Files, TestTransport.layer([TestTransport.json(200, { left: 3 })])])
 * )
 *
 * const stock = Effect.flatMap(HttpClient.get("/stock"), (response) => response.json)
 * await Effect.runPromise(stock.pipe(Effect.provide(Live))) // => { left: 3 }
 * ```
 */
export const changes = (
  file: string,
  options?: Options & { readonly also?: HttpPolicy.Options | undefined }
): Stream.Stream<HttpPolicy.Options, FileError, FileSystem.FileSystem | Path.Path> => {
  const toOptions = (data: HttpPolicyData.HttpPolicyData): HttpPolicy.Options => ({
    ...HttpPolicyData.toOptions(data),
    ...options?.also
  })
  return Stream.map(ConfigFile.changes(file, (text) => parse(text, options), "the policy"), toOptions)
}
