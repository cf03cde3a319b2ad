/** The flag `--config`: a file that describes the chain, below the environment. */
import * as Flag from "effect/cli/Flag"

export const flag = Flag.String("config").pipe(
  Flag.withDescription("A file that describes the chain; variables win"),
  Flag.optional
)
