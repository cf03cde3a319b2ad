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

/** Reports the issues of a schema below a place; one of a path that has a fault already adds nothing. */
export const report = (exit: Exit.Exit<unknown, Schema.SchemaError>, place: Arguments.Place): void => {
  if (Exit.isSuccess(exit)) return
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    for (const { message, path = [] } of format(reason.error.issue).issues) {
      const at = path.reduce((at: Arguments.Place, key) => at.at(String(isObject(key) ? key.key : key)), place)
      if (!place.faults.some((fault) => isSame(fault.path, at.path))) at.fault(message)
    }
  }
}

const timeOf =
  (least: string, isValid: (time: Duration.Duration) => boolean): Arguments.Check<unknown> => (value, place) => {
    const exit = Schema.decodeUnknownExit(Time)(value)
    report(exit, place)
    if (Exit.isSuccess(exit) && !isValid(exit.value)) place.fault(`must be ${least}, got ${Arguments.show(value)}`)
  }

export const timeCheck = timeOf("zero or longer", (time) => !Duration.isNegative(time))

export const positiveTimeCheck = timeOf("longer than zero", Duration.isPositive)
