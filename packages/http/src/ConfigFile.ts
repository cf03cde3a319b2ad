/**
 * A configuration file, YAML or JSON: its text as a value, and what becomes of it when the file changes. `HttpPolicyFile` and
 * `LlmConfigFile` of `@holdfast/llm` are made of it; a program that has a section of its own in the same file can be.
 *
 * This module brings a YAML parser along; import it by its own name, `@holdfast/http/ConfigFile`.
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
 * What stands at a path of keys in a text, `undefined` if nothing does. YAML is a superset of JSON, so that both are read
 * alike. Fails with a {@link TextError} for text that is neither.
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

/**
 * Reads a file by what `decode` makes of its text.
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
 * What `decode` makes of a file, and of every change of it. It fails if the file cannot be read when it begins. A change that
 * cannot be read or meant is left out, with a warning that says why: `what` stays as it is.
 *
 * Watched is the directory, since editors and Kubernetes put another file in the place of the first; a change counts when
 * nothing has happened there for a tenth of a second, so that no half of a file is read. So it should be a directory in
 * which nothing is written all the time.
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
