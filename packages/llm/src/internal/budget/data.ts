/**
 * Budgets as a file writes them, under `llm.budgets`.
 *
 * Guarded by `test/budget/config.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Schema from "effect/Schema"
import type { BudgetOptions, Limit } from "./options.ts"
import { limitCheck, uniqueNames } from "./options.ts"

const Amount = Schema.Finite.check(Schema.isGreaterThan(0))

/** A budget of a file. */
export const BudgetData = Schema.Struct({
  name: Schema.optionalKey(Schema.NonEmptyString),
  by: Schema.optionalKey(Schema.NonEmptyString),
  /** The most that may be spent: `{ cost: 5 }`, in the currency of the prices, or `{ tokens: 100000 }`. */
  limit: Schema.Union([Schema.Struct({ cost: Amount }), Schema.Struct({ tokens: Amount })]),
  /** The length of the sliding window: `"1 day"`, or a number of seconds. */
  window: PolicyData.PolicyData.fields.deadline.schema,
  when_spent: Schema.optionalKey(Schema.Literals(["fail", "cheapest"]))
})
export type BudgetData = typeof BudgetData.Type

/** What is wrong with budgets of a file, by path. `time` checks a duration of a file. */
export const budgetsDataCheck = (time: Arguments.Check<unknown>): Arguments.Check<unknown> =>
  Arguments.refine(
    Arguments.array(Arguments.struct({
      name: Arguments.optional(Arguments.text),
      by: Arguments.optional(Arguments.text),
      limit: limitCheck,
      window: (value, place) =>
        value === undefined ? place.fault("must be a duration, such as \"1 day\"") : time(value, place),
      when_spent: Arguments.optional(Arguments.oneOf("fail", "cheapest"))
    })),
    uniqueNames
  )

/** What a file's budget means. */
export const toOptions = ({ limit, when_spent, ...rest }: BudgetData): BudgetOptions => {
  const most: Limit = limit
  return { ...rest, limit: most, whenSpent: when_spent }
}
