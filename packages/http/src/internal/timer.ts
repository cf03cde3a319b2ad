/**
 * Durations that a timer can measure, as the options of a policy and of a transport have them.
 *
 * Guarded by `test/undici/transport.test.ts` and `test/client/endpoints.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"

/** 24 days in milliseconds: Node and browsers count a wait in 31 bits. */
const longestTimer = 24 * 86_400_000

/** A duration of at least a millisecond, in milliseconds. */
export const timer: Arguments.Check<number> = Arguments.duration({ min: 1, max: longestTimer })
