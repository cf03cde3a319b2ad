/**
 * The options of the transport: their checks and defaults. It needs nothing of Node's, so that files are checked anywhere.
 *
 * Guarded by `test/undici/transport.test.ts` and `test/undici/routes.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { headersOption, headerValue } from "../client/headerOptions.ts"
import { timer } from "../timer.ts"
import type { Addresses, ProxyOptions, ProxyRules, TlsOptions } from "./options.ts"

type Check<A> = Arguments.Check<A>
type Place = Arguments.Place

const { boolean, integer, optional, string, struct } = Arguments

/** The defaults of the transport. Durations are in milliseconds. */
export const defaults = {
  connections: 100,
  idleConnections: 20,
  maxConnections: Infinity,
  keepAlive: 30_000,
  connectTimeout: 10_000,
  headersTimeout: 300_000,
  bodyTimeout: 300_000,
  poolWait: 10_000,
  poolQueue: 1_000,
  gracePeriod: 5_000,
  http2: false,
  maxResponseSize: Infinity,
  maxDecodedSize: Infinity
} as const

const count = (min: number, infinite = false) => integer({ min, infinite })

const graceful: Check<number> = (value, place) =>
  Arguments.duration({ min: 0 })(value, new Arguments.Place()) === 0 ? 0 : timer(value, place)

const anything: Check<unknown> = (value) => value

const tlsKeys: Readonly<Record<keyof TlsOptions, true>> = {
  ca: true,
  cert: true,
  key: true,
  pfx: true,
  passphrase: true,
  crl: true,
  rejectUnauthorized: true,
  servername: true,
  checkServerIdentity: true,
  ciphers: true,
  sigalgs: true,
  ecdhCurve: true,
  minVersion: true,
  maxVersion: true,
  secureOptions: true,
  secureContext: true,
  localAddress: true,
  family: true,
  lookup: true
}

const tlsFields = struct(Object.fromEntries(Object.keys(tlsKeys).map((name) => [name, anything])))

/** Node checks the values, which may be its own objects: they are handed on as they are. */
const tls: Check<TlsOptions> = (value, place) => {
  tlsFields(value, place)
  return value as TlsOptions
}

const isText = (value: unknown): value is string | URL | Redacted.Redacted =>
  typeof value === "string" || value instanceof URL || Redacted.isRedacted(value)

/** A URL that may have a password in it, so that no message shows it. */
const proxyUrl: Check<ProxyOptions["url"]> = (value, place) => {
  if (!isText(value)) {
    place.fault("must be a URL with http or https, got something else")
    return ""
  }
  const parsed = URL.parse(String(Redacted.isRedacted(value) ? Redacted.value(value) : value))
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    place.fault(`must be a URL with http or https, got ${parsed?.protocol ?? "something else"}`)
  } else if (!isEncoded(`${parsed.username}:${parsed.password}`)) {
    place.fault("must be a URL whose name and password are percent-encoded, got one of others")
  }
  return value
}

const isEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const secret: Check<Redacted.Redacted | undefined> = (value, place) => {
  if (value === undefined) return value
  if (!Redacted.isRedacted(value)) {
    place.fault("must be a Redacted, as Redacted.make makes one, got something else")
    return undefined
  }
  headerValue(Redacted.value(value), place)
  return value as Redacted.Redacted
}

const proxyFields = Arguments.refine(
  struct({
    url: proxyUrl,
    token: secret,
    username: optional(string),
    password: secret,
    headers: optional(headersOption as Check<NonNullable<ProxyOptions["headers"]>>),
    tunnel: optional(boolean),
    tls: optional(tls)
  }),
  ({ password, token, username }, place) => {
    if (token !== undefined && username !== undefined) {
      place.at("token").fault("must be left out when there is a username, got both")
    }
    if (password !== undefined && username === undefined) {
      place.at("password").fault("must be with a username, got none")
    }
  }
)

const isProxy = (value: unknown): value is ReturnType<typeof proxyFields> => isObject(value) && !isText(value)

/** A URL in place of `{ url }` may have a password in it, so that no message shows it. Were it read as options, it would have none. */
const oneProxy: typeof proxyFields = (value, place) => {
  const given = Arguments.secret(Arguments.instance(isProxy, "{ url: \"http://...\" }"))(value, place)
  return given === undefined ? given : proxyFields(given, place)
}

const ruleFields = struct({
  http: optional(oneProxy),
  https: optional(oneProxy),
  except: optional(string)
})

/** One proxy for both schemes, or one for each. */
const proxy: Check<ProxyRules> = (value, place) => {
  if (isProxy(value) && !("url" in value)) return ruleFields(value, place)
  const one = oneProxy(value, place)
  return { http: one, https: one }
}

const isAddresses = (value: unknown): value is Addresses =>
  isObject(value) && "allows" in value && typeof value["allows"] === "function"

const socketPath: Check<string> = (value, place) => {
  const path = string(value, place)
  if (path === "") place.fault("must be the path of a socket, got an empty one")
  return path
}

const fields = struct({
  connections: optional(count(1), defaults.connections),
  idleConnections: optional(count(0)),
  maxConnections: optional(count(1, true), defaults.maxConnections),
  keepAlive: optional(timer, defaults.keepAlive),
  keepAliveMax: optional(timer),
  connectTimeout: optional(timer, defaults.connectTimeout),
  headersTimeout: optional(timer, defaults.headersTimeout),
  bodyTimeout: optional(timer, defaults.bodyTimeout),
  poolWait: optional(timer, defaults.poolWait),
  poolQueue: optional(count(0), defaults.poolQueue),
  gracePeriod: optional(graceful, defaults.gracePeriod),
  http2: optional(boolean, defaults.http2),
  tls: optional(tls),
  socketPath: optional(socketPath),
  proxy: optional(proxy),
  addresses: optional(Arguments.instance(isAddresses, "an object with allows, such as Addresses.publicOnly")),
  maxResponseSize: optional(count(0, true), defaults.maxResponseSize),
  maxDecodedSize: optional(count(0, true), defaults.maxDecodedSize)
})

type Fields = ReturnType<typeof fields>

const together = (options: Fields, place: Place): void => {
  const { addresses, connections, idleConnections = 0, keepAlive, keepAliveMax = keepAlive, proxy, socketPath } =
    options
  if (keepAliveMax < keepAlive) {
    place.at("keepAliveMax").fault(`must be at least keepAlive (${keepAlive} ms), got ${keepAliveMax}`)
  }
  if (idleConnections > connections) {
    place.at("idleConnections").fault(`must be at most connections (${connections}), got ${idleConnections}`)
  }
  if (socketPath !== undefined && proxy !== undefined) {
    place.at("socketPath").fault(`must be left out when there is a proxy, got ${socketPath}`)
  }
  if (addresses !== undefined && (proxy !== undefined || socketPath !== undefined)) {
    place.at("addresses").fault(
      "must be left out when there is a proxy or a socketPath, which connect to others by themselves, got both"
    )
  }
}

/** The options of the transport, with times in milliseconds. */
export const transportOptions = Arguments.refine(fields, together)
