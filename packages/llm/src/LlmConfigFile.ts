/**
 * A chain in a file, YAML or JSON, and what becomes of it when the file changes. What a file may say is `LlmConfig`'s.
 *
 * This module reads text, and brings a YAML parser along; import it by its own name, `@holdfast/llm/LlmConfigFile`.
 */
import * as ConfigFile from "@holdfast/http/ConfigFile"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as LlmConfig from "./LlmConfig.ts"

/** What can go wrong with a file: it is not there, it is neither YAML nor JSON, or it says what cannot be meant. */
export type FileError = PlatformError | ConfigFile.TextError | Schema.SchemaError

/**
 * Decodes a file's text. What does not stand under `llm:` is refused; an empty text says nothing.
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
 * What a file says, and what it says after every change of it, for `ProviderChain.layerReloadingConfig`. The file is followed as
 * `ConfigFile.changes` says: one that cannot be read when it begins is a failure, a change that cannot be is left out with a
 * warning.
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
