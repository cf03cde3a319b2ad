/**
 * Times and numbers in files.
 *
 * Guarded by `test/System.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

const duration = Arguments.duration({ min: 0, infinite: true })

/** A duration as text is what a system in code takes. */
const Text = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transformEffect<Duration.Duration, string>({
      decode: (text, options) =>
        Effect.suspend(() => {
          const place = new Arguments.Place()
          const millis = duration(text, place)
          return place.faults.length === 0
            ? Effect.succeed(Duration.millis(millis))
            : Effect.fail(
              new SchemaIssue.InvalidValue({ expected: "a duration, such as \"30 seconds\"" }, text, options)
            )
        }),
      encode: (duration) => Effect.succeed(String(duration))
    })
  )
)

/** A duration: text, or a number of seconds. */
export const Time = Schema.Union([
  Text,
  Schema.Finite.pipe(Schema.decodeTo(
    Schema.Duration,
    SchemaTransformation.transform({ decode: Duration.seconds, encode: Duration.toSeconds })
  ))
])

export const number = Schema.optionalKey(Schema.Finite)
export const time = Schema.optionalKey(Time)
