/** Writes the page of `--report`. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as FailureWords from "../terminal/FailureWords.ts"
import { SimulationRefused } from "./SimulationRefused.ts"

export const write = (file: string, page: string) =>
  Effect.mapError(
    FileSystem.FileSystem.use((fs) => fs.writeFileString(file, page)),
    (error) => new SimulationRefused({ message: `the report cannot be written: ${FailureWords.ofFile(error)}` })
  )
