/**
 * Settings from `Config`. A blank variable, as in many `.env` files, counts as not set.
 *
 * Guarded by `test/config/selection.test.ts` and `test/config/settings.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

// A codec of its own for each variable would take most of the time that the settings take to read.
const anyText = Config.String()
const anySecret = Config.Redacted()

/** A variable as it stands, read as a secret. None when it is missing. */
export const variable = (name: string): Config.Config<Option.Option<Redacted.Redacted>> =>
  Config.option(Config.nested(anySecret, name))

/** A text, none when it is not set. */
export const text = (name: string): Config.Config<Option.Option<string>> =>
  Config.map(
    Config.option(Config.nested(anyText, name)),
    (value) => Option.filter(Option.map(value, (text) => text.trim()), (text) => text !== "")
  )

/** A secret, without the white space around it, which no header may have. None when it is not set. */
export const secret = (name: string): Config.Config<Option.Option<Redacted.Redacted>> =>
  Config.map(
    variable(name),
    (value) =>
      Option.filter(
        Option.map(value, (secret) => Redacted.make(Redacted.value(secret).trim())),
        (secret) => Redacted.value(secret) !== ""
      )
  )

/** A number, none when it is not set: `check` says whether it can be right, `what` is how it must be. */
const number = (
  name: string,
  what: string,
  check: (value: number) => boolean
): Effect.Effect<number | undefined, Config.ConfigError> =>
  Effect.flatMap(text(name), (value) => {
    if (Option.isNone(value)) return Effect.undefined
    const parsed = Number(value.value)
    return check(parsed)
      ? Effect.succeed(parsed)
      : Effect.fail(fail(`${name} must be ${what}, got ${JSON.stringify(value.value)}`))
  })

/** A whole number of `min` or more, none when it is not set. */
export const wholeNumber = (name: string, min: number): Effect.Effect<number | undefined, Config.ConfigError> =>
  number(name, `a whole number of ${min} or more`, (value) => Number.isInteger(value) && value >= min)

/** A number above `limit`, none when it is not set. */
export const numberAbove = (name: string, limit: number): Effect.Effect<number | undefined, Config.ConfigError> =>
  number(name, `a number above ${limit}`, (value) => value > limit && value < Infinity)

const nonNegative = Arguments.duration({ min: 0 })

/** A duration of zero or more: a number of seconds, `"2 minutes"` or `"1m 30s"`. None when it is not set. */
export const duration = (name: string): Effect.Effect<Duration.Duration | undefined, Config.ConfigError> =>
  Effect.flatMap(text(name), (value) => {
    if (Option.isNone(value)) return Effect.undefined
    const seconds = Number(value.value)
    const input = Number.isFinite(seconds) ? seconds * 1000 : value.value
    return Arguments.faults(nonNegative, input).length === 0
      ? Effect.succeed(Duration.millis(Arguments.check(name, nonNegative, input)))
      : Effect.fail(
        fail(
          `${name} must be a number of seconds, or a duration as "2 minutes" or "1m 30s", got ${
            JSON.stringify(value.value)
          }`
        )
      )
  })

/** Why the settings cannot be used. */
export const fail = (message: string, cause?: unknown): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message, cause }))

/** Turns the `RangeError` of an invalid setting into a `ConfigError`. */
export const check = <A>(evaluate: () => A): Effect.Effect<A, Config.ConfigError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return Effect.fail(fail(error.message, error))
    }
  })

/** How to reach an API, as its variables say. */
export interface Api {
  readonly apiKey: Redacted.Redacted | undefined
  readonly model: string | undefined
  readonly baseUrl: string | undefined
}

/** Which variables describe an API beside those of its prefix. */
interface ApiVariables {
  /** Describes the key for the error, if the vendor requires one. */
  readonly key?: string | undefined
  /** Renames the model's variable. */
  readonly model?: string | undefined
  /** Renames the URL's variable. */
  readonly address?: string | undefined
  /** Other names of the variables of the key, of the URL and of the model, read where the first is missing or blank. */
  readonly others?: { readonly key?: string; readonly address?: string; readonly model?: string } | undefined
}

/**
 * Reads `OPENAI_API_KEY`, `OPENAI_MODEL` and `OPENAI_BASE_URL` for the prefix `OPENAI`. If the vendor requires a key, it fails
 * without a key and without the URL of another server.
 */
export const api = Effect.fnUntraced(function*(
  prefix: string,
  {
    address = `${prefix}_BASE_URL`,
    key,
    model: modelVariable = `${prefix}_MODEL`,
    others = {}
  }: ApiVariables
): Effect.fn.Return<Api, Config.ConfigError> {
  const either = <A>(
    read: (name: string) => Config.Config<Option.Option<A>>,
    first: string,
    other: string | undefined
  ): Effect.Effect<A | undefined, Config.ConfigError> =>
    Effect.flatMap(read(first), (value) =>
      Option.isSome(value) || other === undefined
        ? Effect.succeed(Option.getOrUndefined(value))
        : Effect.map(read(other), Option.getOrUndefined))
  const apiKey = yield* either(secret, `${prefix}_API_KEY`, others.key)
  const model = yield* either(text, modelVariable, others.model)
  const baseUrl = yield* either(text, address, others.address)
  if (key !== undefined && apiKey === undefined && baseUrl === undefined) {
    return yield* Effect.fail(
      fail(`Set ${prefix}_API_KEY to ${key}, or ${address} to a server that needs none`)
    )
  }
  return { apiKey, model, baseUrl }
})

/** Makes what options describe, with a `RangeError` of theirs as a `ConfigError`. */
export const make = <A, R>(evaluate: () => Effect.Effect<A, never, R>): Effect.Effect<A, Config.ConfigError, R> =>
  Effect.flatten(check(evaluate))

const first = <A>(
  ...read: ReadonlyArray<Config.Config<Option.Option<A>>>
): Effect.Effect<A | undefined, Config.ConfigError> =>
  Effect.gen(function*() {
    for (const config of read) {
      const value = yield* config
      if (Option.isSome(value)) return value.value
    }
    return undefined
  })

/** How to reach Bedrock, as AWS's own clients read it from the environment. */
export const bedrock = Effect.gen(function*() {
  const model = yield* first(text("BEDROCK_MODEL"))
  const baseUrl = yield* first(text("BEDROCK_BASE_URL"))
  const region = yield* first(text("AWS_REGION"), text("AWS_DEFAULT_REGION"))
  const apiKey = yield* first(secret("AWS_BEARER_TOKEN_BEDROCK"))
  const accessKeyId = yield* first(secret("AWS_ACCESS_KEY_ID"))
  const secretAccessKey = yield* first(secret("AWS_SECRET_ACCESS_KEY"))
  const sessionToken = yield* first(secret("AWS_SESSION_TOKEN"))
  if (model === undefined) {
    return yield* Effect.fail(fail("Set BEDROCK_MODEL to the id of a model or an inference profile"))
  }
  const credentials = accessKeyId === undefined || secretAccessKey === undefined
    ? undefined
    : { accessKeyId, secretAccessKey, sessionToken }
  if (apiKey === undefined && credentials === undefined && baseUrl === undefined) {
    return yield* Effect.fail(fail(
      "Set AWS_BEARER_TOKEN_BEDROCK to an API key of Bedrock's, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ))
  }
  return { model, baseUrl, region, apiKey, credentials }
})
