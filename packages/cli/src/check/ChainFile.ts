/** A file that describes a chain, for the commands that ask by it. */
import type * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Stdio from "effect/Stdio"
import * as PolicyFile from "./PolicyFile.ts"

/** For those who ask by it, a file that is not a chain is wrong configuration, as a wrong variable is. */
const configured = (file: string) =>
  Effect.mapError(
    PolicyFile.chain(file, ""),
    (error) => error._tag === "Refused" ? Object.assign(error, { [Runtime.errorExitCode]: 2 }) : error
  )

/** What the file says; without one it says nothing. */
export const read = (
  file: Option.Option<string>
): Effect.Effect<
  LlmConfig.LlmConfig,
  PolicyFile.Unreadable | PolicyFile.Refused,
  FileSystem.FileSystem | Stdio.Stdio
> => Option.match(file, { onNone: () => Effect.succeed({}), onSome: configured })
