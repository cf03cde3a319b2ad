/** The flags that say where in a file a policy is, and of which kind. */
import * as Flag from "effect/cli/Flag"
import { kinds } from "../check/kind.ts"

export const at = Flag.String("at").pipe(
  Flag.withDescription("Path of the policy: policies.stock. Default: the whole file"),
  Flag.withDefault("")
)

export const as = Flag.Literals("as", kinds).pipe(
  Flag.withDescription("Kind of policy: for any call, or for HTTP"),
  Flag.withDefault("policy" as const)
)
