/** The options of the transport, checked and in the units that undici and the pools want. */
import * as Arguments from "@holdfast/core/Arguments"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Client } from "undici"
import { atLeast, positiveMillis } from "../argument.ts"
import { type Dialing, urlOf } from "./connect/connector.ts"
import type { Limits } from "./exchange/exchange.ts"
import type { Options, ProxyOptions, ProxyRules } from "./options.ts"
import type { Bounds } from "./pool/originPool.ts"

export interface Settings {
  readonly bounds: Bounds
  readonly client: Client.Options
  readonly dialing: Dialing
  /** In milliseconds. */
  readonly gracePeriod: number
  readonly maxConnections: number
  readonly limits: Limits
}

const where = "UndiciTransport.make"

const millis = (name: string, value: Duration.Input): number => positiveMillis(where, name, value)

const count = (name: string, least: number, value: number): number => atLeast(where, name, least, value)

/** Every option, so that a typo is told and not passed over. */
const names: Readonly<Record<keyof Options, true>> = {
  connections: true,
  idleConnections: true,
  maxConnections: true,
  keepAlive: true,
  keepAliveMax: true,
  connectTimeout: true,
  headersTimeout: true,
  bodyTimeout: true,
  poolWait: true,
  poolQueue: true,
  gracePeriod: true,
  http2: true,
  tls: true,
  socketPath: true,
  proxy: true,
  addresses: true,
  maxResponseSize: true,
  maxDecodedSize: true
}

export const settingsOf = (options: Options): Settings => {
  const strays = Object.keys(options).filter((name) => !Object.hasOwn(names, name))
  if (strays.length > 0) throw new RangeError(`${where}: not an option: ${strays.join(", ")}`)
  const connections = count("connections", 1, options.connections ?? 100)
  const keepAlive = millis("keepAlive", options.keepAlive ?? "30 seconds")
  const keepAliveMax = millis("keepAliveMax", options.keepAliveMax ?? keepAlive)
  const idleConnections = count("idleConnections", 0, options.idleConnections ?? Math.min(20, connections))
  const http2 = options.http2 ?? false
  refuse("keepAliveMax", keepAliveMax < keepAlive, `at least keepAlive (${keepAlive} ms)`, keepAliveMax)
  refuse("idleConnections", idleConnections > connections, `at most connections (${connections})`, idleConnections)
  refuse(
    "socketPath",
    options.socketPath !== undefined && options.proxy !== undefined,
    "left out when there is a proxy",
    options.socketPath
  )
  refuse("socketPath", options.socketPath === "", "the path of a socket", "an empty one")
  const proxies = rulesOf(options.proxy)
  refuse(
    "addresses",
    options.addresses !== undefined && (options.proxy !== undefined || options.socketPath !== undefined),
    "left out when there is a proxy or a socketPath, which connect to others by themselves",
    "both"
  )
  return {
    bounds: {
      connections,
      idleConnections,
      poolWait: Duration.millis(millis("poolWait", options.poolWait ?? "10 seconds")),
      poolQueue: count("poolQueue", 0, options.poolQueue ?? 1000)
    },
    client: {
      // One exchange a connection: what undici calls pipelining makes one slow answer hold up the next.
      pipelining: 1,
      allowH2: http2,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAliveMax,
      headersTimeout: millis("headersTimeout", options.headersTimeout ?? "5 minutes"),
      bodyTimeout: millis("bodyTimeout", options.bodyTimeout ?? "5 minutes")
    },
    dialing: {
      connectTimeout: millis("connectTimeout", options.connectTimeout ?? "10 seconds"),
      http2,
      tls: options.tls,
      socketPath: options.socketPath,
      proxies,
      addresses: options.addresses
    },
    gracePeriod: grace(options.gracePeriod ?? "5 seconds"),
    maxConnections: options.maxConnections === undefined
      ? Infinity
      : count("maxConnections", 1, options.maxConnections),
    limits: {
      maxResponseSize: bytes("maxResponseSize", options.maxResponseSize),
      maxDecodedSize: bytes("maxDecodedSize", options.maxDecodedSize),
      decodes: true
    }
  }
}

const bytes = (name: string, value: number | undefined): number =>
  value === undefined || value === Infinity ? Infinity : count(name, 0, value)

/** The proxy for each scheme. */
const rulesOf = (proxy: ProxyOptions | ProxyRules | undefined): ProxyRules => {
  if (proxy === undefined) return {}
  const isOne = "url" in proxy
  const rules = isOne ? { http: proxy, https: proxy } : proxy
  if (rules.http !== undefined) checkProxy(rules.http, isOne ? "proxy" : "proxy.http")
  if (rules.https !== undefined && rules.https !== rules.http) checkProxy(rules.https, "proxy.https")
  return rules
}

const grace = (input: Duration.Input): number =>
  Arguments.duration({ min: 0 })(input, new Arguments.Place()) === 0 ? 0 : millis("gracePeriod", input)

const checkProxy = (options: ProxyOptions, at: string): void => {
  const { headers, password, token, username } = options
  const parsed = URL.parse(urlOf(options))
  // What is not a URL may still have a password in it.
  refuse(`${at}.url`, parsed === null, "a URL with http or https", "something else")
  const scheme = parsed?.protocol
  refuse(`${at}.url`, scheme !== "http:" && scheme !== "https:", "a URL with http or https", scheme)
  const credentials = `${parsed?.username}:${parsed?.password}`
  refuse(`${at}.url`, !isEncoded(credentials), "a URL whose name and password are percent-encoded", "one of others")
  refuse(`${at}.token`, token !== undefined && username !== undefined, "left out when there is a username", "both")
  refuse(`${at}.password`, password !== undefined && username === undefined, "with a username", "none")
  const secrets = token === undefined ? [] : [["token", Redacted.value(token)]]
  for (const [name, value] of Object.entries(headers ?? {})) {
    secrets.push([`headers.${name}`, typeof value === "string" ? value : Redacted.value(value)])
  }
  for (const [name, value] of secrets) {
    refuse(`${at}.${name}`, /[\r\n\0]/.test(value ?? ""), "a header's value, without line breaks", "one with some")
  }
}

const refuse = (name: string, isWrong: boolean, expected: string, got: unknown): void => {
  if (isWrong) throw new RangeError(`${where}: ${name} must be ${expected}, got ${String(got)}`)
}

const isEncoded = (text: string): boolean => {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
