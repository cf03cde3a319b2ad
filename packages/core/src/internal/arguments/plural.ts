/**
 * Counts in messages.
 *
 * Guarded by `test/Arguments.test.ts`.
 */

/**
 * A count and its noun, for a message: `1 retry`, `2 retries`.
 *
 * - `many`: the plural. Default: `one` and an "s".
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * Arguments.plural(1, "attempt") // => "1 attempt"
 * Arguments.plural(0, "attempt") // => "0 attempts"
 * Arguments.plural(2, "retry", "retries") // => "2 retries"
 * ```
 */
export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
