/**
 * The options of a retry budget: their checks and defaults.
 *
 * Guarded by `test/RetryBudget.test.ts` and `test/servers/redis-server.budget.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"

/** The defaults of a budget. Durations are in milliseconds. */
export const defaults = { ratio: 0.2, minPerSecond: 10, window: 10_000, timeout: 250 } as const

const { duration, number, optional } = Arguments

/** The options of a budget, by how durations are given. */
export const budgetFields = (duration: typeof Arguments.duration) => ({
  ratio: optional(number({ min: 0 }), defaults.ratio),
  minPerSecond: optional(number({ min: 0 }), defaults.minPerSecond),
  window: optional(duration({ above: 0 }), defaults.window)
})

export const budgetOptions = Arguments.struct(budgetFields(duration))

export type BudgetOptions = ReturnType<typeof budgetOptions>

export const sharedOptions = Arguments.struct({
  ...budgetFields(duration),
  key: Arguments.text,
  timeout: optional(duration({ above: 0 }), defaults.timeout)
})
