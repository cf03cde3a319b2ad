/**
 * Reads and follows a configuration file, YAML or JSON.
 *
 * **When to use**
 *
 * `HttpPolicyFile` and `LlmConfigFile` of `@holdfast/llm` are built on it. Use it for a section of your own in the same
 * file.
 *
 * **Details**
 *
 * YAML is a superset of JSON, so one parser reads both. Anchors, aliases and merge keys (`<<`) are read. {@link changes} watches the directory of the file, because
 * editors and Kubernetes replace the file.
 *
 * **Gotchas**
 *
 * This module pulls in a YAML parser, so import it by its full path, `@holdfast/http/ConfigFile`.
 *
 * **Example**
 *
 * See {@link parse} and {@link changes}.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import { isObject } from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { parseDocument } from "yaml"

/** The text is neither YAML nor JSON. The message says where. */
export class TextError extends Data.TaggedError("ConfigTextError")<{ readonly message: string }> {}

/**
 * Parses a text and returns the value at a path of keys, `undefined` if there is no value. YAML is a superset of JSON,
 * so one parser reads both. Fails with a {@link TextError} for text that is neither.
 *
 * ```ts import.meta.vitest
 * import * as ConfigFile from "@holdfast/http/ConfigFile"
 * import { Effect } from "effect"
 *
 * await Effect.runPromise(ConfigFile.parse("llm: { http: { max_retries: 3 } }", ["llm", "http"])) // => { max_retries: 3 }
 * ```
 */
export const parse = (text: string, path: ReadonlyArray<string> = []): Effect.Effect<unknown, TextError> =>
  Effect.try({
    try: () => {
      const document = parseDocument(text, { merge: true })
      const [error] = document.errors
      if (error?.code === "MULTIPLE_DOCS") {
        throw new Error(
          `the text holds several documents: keep one (another begins at line ${error.linePos?.[0].line ?? 1})`
        )
      }
      if (error !== undefined) throw error
      // The parser reports too many nested aliases only here.
      return path.reduce<unknown>(
        (value, key) => isObject(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
        document.toJS()
      )
    },
    catch: (error) => new TextError({ message: error instanceof Error ? error.message : String(error) })
  })

/**
 * Reads a file and decodes its text.
 *
 * ```ts import.meta.vitest
 * import * as ConfigFile from "@holdfast/http/ConfigFile"
 * import { Effect, FileSystem } from "effect"
 *
 * const Files = FileSystem.layerNoop({ readFileString: () => Effect.succeed("region: north") })
 *
 * await Effect.runPromise(Effect.provide(ConfigFile.read("app.yaml", ConfigFile.parse), Files)) // => { region: "north" }
 * ```
 */
export const read = <A, E>(
  file: string,
  decode: (text: string) => Effect.Effect<A, E>
): Effect.Effect<A, E | PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(fs.readFileString(file), (text) => decode(text)))

/**
 * Decodes a file, now and after every change. Fails if the file is unreadable or invalid at the start. Later, an
 * unreadable or invalid change is skipped, with a warning that says why and that `what` stays as it is.
 *
 * The directory is watched, because editors and Kubernetes replace the file. A change is read once the directory has
 * been quiet for a tenth of a second, so that no half-written file is read. Do not keep the file in a directory that is
 * written to all the time.
 *
 * ```ts import.meta.vitest
 * import * as ConfigFile from "@holdfast/http/ConfigFile"
 * import { Effect, FileSystem, Layer, Option, Path, Stream } from "effect"
 *
 * const Files = Layer.merge(
 *   FileSystem.layerNoop({ readFileString: () => Effect.succeed("region: north") }),
 *   Path.layer
 * )
 * const first = Stream.runHead(ConfigFile.changes("app.yaml", ConfigFile.parse, "the region"))
 *
 * const found = await Effect.runPromise(Effect.provide(first, Files))
 * found // => Option.some({ region: "north" })
 * ```
 */
export const changes = <A, E extends { readonly message: string }>(
  file: string,
  decode: (text: string) => Effect.Effect<A, E>,
  what: string
): Stream.Stream<A, E | PlatformError, FileSystem.FileSystem | Path.Path> => {
  const again = Effect.matchEffect(read(file, decode), {
    onSuccess: (value) => Effect.succeed([value]),
    onFailure: (error) => Effect.as(Effect.logWarning(`${file}: ${what} stays as it is: ${error.message}`), [])
  })
  const first = Stream.fromEffect(read(file, decode))
  const later = Stream.flattenIterable(Stream.mapEffect(Stream.debounce(events(file), "100 millis"), () => again))
  return Stream.changes(Stream.concat(first, later))
}

/** Emits when the file may have changed, and once when the watcher is ready, for changes before that. */
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
