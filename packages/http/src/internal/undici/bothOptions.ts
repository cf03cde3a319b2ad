/**
 * The options of a policy and of the transport below it, where one function takes both: all faults of both at once.
 *
 * Guarded by `test/undici/bothOptions.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { httpOptions } from "../client/options.ts"
import { transportOptions } from "./transportOptions.ts"

type Place = Arguments.Place

/** Properties, each read once: a getter may throw, or give something else the next time. */
const properties = Arguments.record((option) => option)

/** Checks the options, and returns those of the policy and of the transport. `rule` is what else the transport must be. */
export const bothOptions = <T extends object, P extends { readonly transport?: T | undefined }>(
  where: string,
  options: P,
  rule?: (transport: object, place: Place) => void
): { readonly policy: Omit<P, "transport">; readonly transport: T | undefined } => {
  const { transport: given, ...policy } = Arguments.check(where, properties, options) as P
  let transport = given
  Arguments.check(where, (_, place) => {
    httpOptions(policy, place)
    if (given === undefined) return
    const at = place.at("transport")
    const before = at.faults.length
    transport = properties(given, at) as T
    if (at.faults.length > before) return
    transportOptions(transport, at)
    rule?.(transport, at)
  }, options)
  return { policy, transport }
}
