/** Writes the page of `--report`. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as FailureWords from "../terminal/FailureWords.ts"
import { SimulationRefused } from "./SimulationRefused.ts"

const refused = (file: string, error: PlatformError) =>
  new SimulationRefused({
    message: `the report cannot be written: ${
      FailureWords.ofFile(error)
    }: give --report a file in a folder that exists, got ${file}`
  })

/** Fails if the page could not be written: better before a long search than after it. An old page stays until there is a new one. */
export const check = (file: string) =>
  Effect.mapError(
    Effect.scoped(FileSystem.FileSystem.use((fs) => fs.open(file, { flag: "a" }))),
    (error) => refused(file, error)
  )

export const write = (file: string, page: string) =>
  Effect.mapError(
    FileSystem.FileSystem.use((fs) => fs.writeFileString(file, page)),
    (error) => refused(file, error)
  )
