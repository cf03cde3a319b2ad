/**
 * Reads a chain from a YAML or JSON file and follows its changes. {@link LlmConfig} defines the settings.
 *
 * **When to use**
 *
 * Use {@link read} for settings that hold until the program ends, and {@link changes} for a chain that follows its file.
 *
 * **Details**
 *
 * The file has one section, `llm:`. Settings that are invalid are rejected with path and reason. An invalid change of a file that is
 * followed is skipped with a warning, and the chain keeps its last valid settings.
 *
 * **Gotchas**
 *
 * - This module depends on a YAML parser, so import it separately, from `@holdfast/llm/LlmConfigFile`.
 * - Other sections in the file are rejected as unknown keys.
 *
 * **Example**
 *
 * See {@link read}.
 */
import * as ConfigFile from "@holdfast/http/ConfigFile"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as LlmConfig from "./LlmConfig.ts"

/** Why a file was rejected: it is missing, it is neither YAML nor JSON, or its settings are invalid. */
export type FileError = PlatformError | ConfigFile.TextError | Schema.SchemaError

/**
 * Decodes a file's text. Rejects keys outside of `llm:`. An empty text has no settings.
 *
 * ```ts import.meta.vitest
 * import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
 * import { Effect } from "effect"
 *
 * const yaml = "llm: { provider_priority: [openai, ollama], models: { ollama: qwen3 } }"
 *
 * const config = await Effect.runPromise(LlmConfigFile.parse(yaml))
 * config.models // => { ollama: "qwen3" }
 * ```
 */
export const parse = (text: string): Effect.Effect<LlmConfig.LlmConfig, ConfigFile.TextError | Schema.SchemaError> =>
  Effect.flatMap(ConfigFile.parse(text), (value) => LlmConfig.decode(value ?? {}))

/**
 * Reads a file, for `LlmConfig.layer`.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig, ProviderChain } from "@holdfast/llm"
 * import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
 * import { ConfigProvider, Effect, FileSystem, Layer } from "effect"
 *
 * const Files = FileSystem.layerNoop({ readFileString: () => Effect.succeed("llm: { models: { ollama: qwen3 } }") })
 * const File = Layer.unwrap(Effect.map(LlmConfigFile.read("/etc/app/llm.yaml"), LlmConfig.layer))
 *
 * const program = Effect.map(ProviderChain.selection, ([first]) => first?.because).pipe(
 *   Effect.provide(Layer.provide(File, [Files, ConfigProvider.layer(ConfigProvider.fromUnknown({ OLLAMA_MODEL: " " }))]))
 * )
 * await Effect.runPromise(program) // => "OLLAMA_MODEL is set"
 * ```
 */
export const read = (file: string): Effect.Effect<LlmConfig.LlmConfig, FileError, FileSystem.FileSystem> =>
  ConfigFile.read(file, parse)

/**
 * Streams a file's settings, now and after every change, for `ProviderChain.layerReloadingConfig`. The file is followed as
 * `ConfigFile.changes` describes: it fails if the file is invalid at the start; an invalid change is skipped with a warning.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
 * import { Layer } from "effect"
 *
 * const LlmLive = ProviderChain.layerReloadingConfig(LlmConfigFile.changes("/etc/app/llm.yaml"))
 * Layer.isLayer(LlmLive) // => true
 * ```
 */
export const changes = (
  file: string
): Stream.Stream<LlmConfig.LlmConfig, FileError, FileSystem.FileSystem | Path.Path> =>
  ConfigFile.changes(file, parse, "the chain")
