/**
 * Policies for HTTP in a file, YAML or JSON, and what becomes of a client when the file changes.
 *
 * Limits are found out by those who are on call, at night: a bulkhead that is too narrow, a breaker that opens too soon.
 * To change a number in a file and have it in force in a second, with all that breakers and budgets know, is worth more
 * then than a deployment. A file that cannot be meant changes nothing, and the log says why.
 *
 * This module reads text, and brings a YAML parser along; import it by its own name, `@holdfast/http/HttpPolicyFile`.
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

/** Where in a file the policy stands, and how it is read. */
export interface Options {
  /** The keys that lead to the policy: `["llm", "http"]`. Defaults to none, which is the whole file. */
  readonly path?: ReadonlyArray<string> | undefined
}

/**
 * Decodes a policy from text. YAML is a superset of JSON, so that both are read alike. Fails with a {@link TextError} for
 * text that cannot be read, and with a `SchemaError` that has the path for what cannot be meant. An empty text is the
 * policy that says nothing.
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

/** What can go wrong with a file. */
export type FileError = PlatformError | Schema.SchemaError | TextError

/** Reads a policy from a file. */
export const read = (
  file: string,
  options?: Options
): Effect.Effect<HttpPolicyData.HttpPolicyData, FileError, FileSystem.FileSystem> =>
  ConfigFile.read(file, (text) => parse(text, options))

/**
 * The options of a file, and those of every change of it, for `ResilientHttpClient.layerReloading`. It fails if the file
 * cannot be read when it begins. A change that cannot be read or meant is left out, with a warning that says why.
 *
 * The file is followed as `ConfigFile.changes` says. What is said of the pool is for the transport, which is made once: a
 * change of it has no effect.
 *
 * - `also`: what is not data, over what the file says. Defaults to nothing.
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
