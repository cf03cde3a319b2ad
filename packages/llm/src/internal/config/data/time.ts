/**
 * Durations of a file.
 *
 * Guarded by `test/config/faults.test.ts` and `test/config/pools.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

/** A duration: `"30 seconds"`, or a number of seconds. */
export const Time = PolicyData.PolicyData.fields.deadline.schema

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const isSame = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((key, i) => key === other[i])

/** The rule of a schema, as a fault says it. */
const ruleOf = (message: string): string => {
  if (/^Expected (?:a valid Duration|.*\bDuration\b)/u.test(message)) {
    return "must be a duration such as \"30 seconds\", or a number of seconds"
  }
  if (/^Expected object\b/u.test(message)) return "must be an object: in a file, indent its keys below it"
  const types = Array.from(message.matchAll(/readonly "type": "(\w+)", \.\.\./gu), ([, type]) => type)
  return types.length > 0
    ? `must be an object with a type, one of ${types.join(", ")}`
    : message.replace(/^Expected (?=a |an |one |array|boolean|string|number|false|true)/u, "must be ")
}

/** Reports the issues of a schema below a place; one of a path that has a fault already adds nothing. */
export const report = (exit: Exit.Exit<unknown, Schema.SchemaError>, place: Arguments.Place): void => {
  if (Exit.isSuccess(exit)) return
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    for (const { message, path = [] } of format(reason.error.issue).issues) {
      const at = path.reduce((at: Arguments.Place, key) => at.at(String(isObject(key) ? key.key : key)), place)
      if (!place.faults.some((fault) => isSame(fault.path, at.path))) at.fault(ruleOf(message))
    }
  }
}

const timeOf =
  (least: string, isValid: (time: Duration.Duration) => boolean): Arguments.Check<unknown> => (value, place) => {
    const exit = Schema.decodeUnknownExit(Time)(value)
    if (Exit.isFailure(exit)) {
      place.fault(`must be a duration such as "30 seconds", or a number of seconds, got ${Arguments.show(value)}`)
    } else if (!isValid(exit.value)) place.fault(`must be ${least}, got ${Arguments.show(value)}`)
  }

export const timeCheck = timeOf("zero or longer", (time) => !Duration.isNegative(time))

export const positiveTimeCheck = timeOf("longer than zero", Duration.isPositive)
