import * as Data from "effect/Data"
import * as Runtime from "effect/Runtime"

/** A flag is not valid, or the report cannot be written; `message` is the line for stderr. */
export class SimulationRefused extends Data.TaggedError("SimulationRefused")<{ readonly message: string }> {
  override readonly [Runtime.errorExitCode] = 2
}
