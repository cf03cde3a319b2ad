/**
 * The store of a fleet as a file writes it, under `llm.store`. A URL is never in a file, only the name of its variable.
 *
 * Guarded by `test/config/store.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import { positiveTimeCheck, Time } from "./time.ts"

const key = Schema.optionalKey

const RedisData = Schema.Struct({
  /** The name of the variable that has the URL. Default: `LLM_STORE_URL`. */
  url: key(Schema.NonEmptyString),
  /** The name of the variable that has the password. Default: `LLM_STORE_PASSWORD`, or that of the URL. */
  password: key(Schema.NonEmptyString),
  /** Whether it is a cluster. Default: whether the URL names several servers. */
  cluster: key(Schema.Boolean),
  /** Whether the connection is encrypted. Default: as the scheme of the URL says. */
  tls: key(Schema.Boolean),
  /**
   * The name of the variable that has the certificate, in PEM, of the authority that signed that of the server. Default:
   * `LLM_STORE_CA`, or those that Node.js trusts.
   */
  ca: key(Schema.NonEmptyString),
  /** As `prefix` of `ChainStoreRedis.Options`. */
  prefix: key(Schema.NonEmptyString),
  /** As `timeout` of `ChainStoreRedis.Options`. */
  timeout: key(Time)
})

export const StoreData = Schema.Struct({
  /** As `name` of `ProviderChain.Options`: chains of one name share what they know. */
  name: key(Schema.NonEmptyString),
  redis: RedisData
})
export type StoreData = typeof StoreData.Type

const { boolean, optional, struct, text } = Arguments

/** A fault never shows the value: it may be a URL with a password. */
const variable = (what: string, such: string): Arguments.Check<unknown> => (value, place) =>
  typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/u.test(value)
    ? value
    : place.fault(`must be the name of an environment variable that has the ${what}, such as ${such}, not the ${what}`)

/** Settings by their names. A text in their place may be a URL, so it is not shown. */
const settings = (such: string, fields: Arguments.Fields): Arguments.Check<unknown> => (value, place) =>
  isObject(value) ? struct(fields)(value, place) : place.fault(`must be an object, such as ${such}`)

export const storeCheck: Arguments.Check<unknown> = settings("{ redis: { url: LLM_STORE_URL } }", {
  name: optional(text),
  redis: settings("{ url: LLM_STORE_URL }, where LLM_STORE_URL is the name of a variable", {
    url: optional(variable("URL", "LLM_STORE_URL")),
    password: optional(variable("password", "LLM_STORE_PASSWORD")),
    cluster: optional(boolean),
    tls: optional(boolean),
    ca: optional(variable("certificate", "LLM_STORE_CA")),
    prefix: optional(text),
    timeout: optional(positiveTimeCheck)
  })
})
