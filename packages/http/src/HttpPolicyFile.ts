/**
 * Policies for HTTP in a file, YAML or JSON, and what becomes of a client when the file changes.
 *
 * Limits are found out by those who are on call, at night: a bulkhead that is too narrow, a breaker that opens too soon.
 * To change a number in a file and have it in force in a second, with all that breakers and budgets know, is worth more
 * then than a deployment. A file that cannot be meant changes nothing, and the log says why.
 *
 * This module reads text, and brings a YAML parser along; import it by its own name, `@holdfast/http/HttpPolicyFile`.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import { isObject } from "effect/Predicate"
import * as Queue from "effect/Queue"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { parseDocument } from "yaml"
import type * as HttpPolicy from "./HttpPolicy.ts"
import * as HttpPolicyData from "./HttpPolicyData.ts"

/** The text is neither YAML nor JSON. The message says where. */
export class TextError extends Data.TaggedError("HttpPolicyTextError")<{ readonly message: string }> {}

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
  Effect.flatMap(valueOf(text, options?.path ?? []), (value) => HttpPolicyData.decode(value ?? {}))

/** What stands at a path of a text: `undefined` if nothing does. */
const valueOf = (text: string, path: ReadonlyArray<string>): Effect.Effect<unknown, TextError> =>
  Effect.try({
    try: () => {
      const document = parseDocument(text)
      const [error] = document.errors
      if (error !== undefined) throw error
      // Too many aliases of aliases are an error that comes only here.
      return path.reduce<unknown>(
        (value, key) => isObject(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
        document.toJS()
      )
    },
    catch: (error) => new TextError({ message: error instanceof Error ? error.message : String(error) })
  })

/** What can go wrong with a file. */
export type FileError = PlatformError | Schema.SchemaError | TextError

/** Reads a policy from a file. */
export const read = (
  file: string,
  options?: Options
): Effect.Effect<HttpPolicyData.HttpPolicyData, FileError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(fs.readFileString(file), (text) => parse(text, options)))

/**
 * The options of a file, and those of every change of it, for `ResilientHttpClient.layerReloading`. It fails if the file
 * cannot be read when it begins. A change that cannot be read or meant is left out, with a warning that says why.
 *
 * Watched is the directory, since editors and Kubernetes put another file in the place of the first; a change counts when
 * nothing has happened there for a tenth of a second, so that no half of a file is read. So it should be a directory in
 * which nothing is written all the time. What is said of the pool is for the transport, which is made once: a change of
 * it has no effect.
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
  const again = Effect.matchEffect(read(file, options), {
    onSuccess: (data) => Effect.succeed([data]),
    onFailure: (error) => Effect.as(Effect.logWarning(`${file}: the policy stays as it is: ${error.message}`), [])
  })
  const first = Stream.fromEffect(read(file, options))
  const later = Stream.flattenIterable(Stream.mapEffect(Stream.debounce(events(file), "100 millis"), () => again))
  return Stream.concat(first, later).pipe(Stream.changes, Stream.map(toOptions))
}

/** That something may have happened to a file; also once the watcher is there, for what happened before. */
const events = (file: string): Stream.Stream<void, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Stream.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    return Stream.callback<void, PlatformError>((queue) => {
      const onReady = () => {
        Queue.offerUnsafe(queue, undefined)
      }
      return Stream.runForEach(fs.watch(path.dirname(file), { onReady }), () => Effect.sync(onReady)).pipe(
        Effect.catch((error) => Queue.fail(queue, error)),
        Effect.asVoid
      )
    })
  }))
