/**
 * What the environment and the file in force say of the store.
 *
 * Guarded by `test/config/store.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { StoreData } from "../config/data/store.ts"
import * as Setting from "../config/environment.ts"
import * as Target from "./redis/target.ts"

/** The store that the environment and the file name. */
export interface Settings {
  /** The variable that has the URL. */
  readonly variable: string
  /** The URL; `undefined` where its variable is not set or blank. */
  readonly url: Redacted.Redacted | undefined
  /** The URL without what is secret about it. */
  readonly shown: string | undefined
  /** The variable that has the password. */
  readonly passwordVariable: string
  /** The password, where it is not the URL's. */
  readonly password: Redacted.Redacted | undefined
  readonly cluster: boolean
  readonly tls: boolean
  /** The variable that has the certificate of the server's authority; `undefined` where the authorities that Node.js trusts do. */
  readonly caVariable: string | undefined
  /** That certificate, in PEM; `undefined` where its variable is not set or blank. */
  readonly ca: string | undefined
  readonly prefix: string
  /** How long a step waits for the store. */
  readonly timeout: Duration.Duration
}

const optional = (name: string): Effect.Effect<Redacted.Redacted | undefined, Config.ConfigError> =>
  Effect.map(Setting.secret(name), Option.getOrUndefined)

/** Reads the settings of a store; `undefined` where there are none. Fails where a variable or its URL is invalid, and shows neither. */
export const settingsOf = Effect.fnUntraced(function*(
  store: StoreData | undefined
): Effect.fn.Return<Settings | undefined, Config.ConfigError> {
  const { ca: caName, cluster, prefix, timeout, tls, url: name = "LLM_STORE_URL" } = store?.redis ?? {}
  const caVariable = caName ?? "LLM_STORE_CA"
  const passwordVariable = store?.redis.password ?? "LLM_STORE_PASSWORD"
  const url = yield* optional(name)
  const password = yield* optional(passwordVariable)
  const pem = yield* optional(caVariable)
  if (store === undefined && url === undefined) return undefined
  const ca = pem === undefined
    ? undefined
    : yield* Setting.check(() => Arguments.check(caVariable, Target.certificate, Redacted.value(pem)))
  const common = {
    ca,
    caVariable: pem === undefined ? caName : caVariable,
    variable: name,
    url,
    passwordVariable,
    password,
    prefix: prefix ?? "holdfast:",
    timeout: timeout ?? Duration.millis(250)
  }
  if (url === undefined) {
    return { ...common, shown: undefined, cluster: cluster ?? false, tls: tls ?? false }
  }
  const target = yield* Setting.check(() => Arguments.check(name, Target.check({ ca, cluster, tls, password }), url))
  if (ca !== undefined && target?.tls === false) {
    return yield* Effect.fail(Setting.fail(`${caVariable} ${Target.withoutTls} in ${name}, or set tls`))
  }
  return target === undefined
    ? yield* Effect.fail(Setting.fail(`${name} is not a URL of Redis`))
    : { ...common, shown: Target.show(target), cluster: target.cluster, tls: target.tls }
})

/** Fails where the variable that has the URL, or the certificate that the file wants, is not set. */
export const withUrl = (
  settings: Settings
): Effect.Effect<Settings & { readonly url: Redacted.Redacted }, Config.ConfigError> => {
  const { ca, caVariable, url, variable } = settings
  if (url === undefined) {
    return Effect.fail(
      Setting.fail(
        `llm.store needs a server: set ${variable} to its URL, such as redis://host:6379, or leave llm.store out`
      )
    )
  }
  return caVariable !== undefined && ca === undefined
    ? Effect.fail(
      Setting.fail(`llm.store.redis.ca needs a certificate: set ${caVariable} to it, in PEM, or leave ca out`)
    )
    : Effect.succeed({ ...settings, url })
}
