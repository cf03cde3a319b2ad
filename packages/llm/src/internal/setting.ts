/** Settings from `Config`. One that is set to nothing, as `.env` files have it, counts as not set. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** A text, none when it is not set. */
export const text = (name: string): Config.Config<Option.Option<string>> =>
  Config.map(
    Config.option(Config.String(name)),
    (value) => Option.filter(Option.map(value, (text) => text.trim()), (text) => text !== "")
  )

/** A secret, none when it is not set. */
export const secret = (name: string): Config.Config<Option.Option<Redacted.Redacted>> =>
  Config.map(
    Config.option(Config.Redacted(name)),
    (value) => Option.filter(value, (secret) => Redacted.value(secret).trim() !== "")
  )

/** Why the settings cannot be used. */
export const fail = (message: string, cause?: unknown): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message, cause }))

/** Turns the `RangeError` of a setting that cannot be right into a `ConfigError`. */
export const check = <A>(evaluate: () => A): Effect.Effect<A, Config.ConfigError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(evaluate())
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return Effect.fail(fail(error.message, error))
    }
  })
