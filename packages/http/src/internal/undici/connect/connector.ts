/**
 * How the connections to an origin are opened: straight, over a unix socket, or through a proxy, with the semantics of
 * undici's `ProxyAgent`: a tunnel (`CONNECT`) for https, and for http a request in absolute form, which the proxy
 * forwards.
 *
 * Guarded by `test/undici/routes.test.ts`, `test/undici/environment.test.ts` and `test/undici/transport.test.ts`.
 */
import * as Redacted from "effect/Redacted"
import { isIP, Socket } from "node:net"
import { buildConnector, Pool } from "undici"
import { ConnectTimeout } from "../../../HttpFailure.ts"
import { InterimResponses } from "../exchange/interim.ts"
import type { Addresses, ProxyOptions, ProxyRules, TlsOptions } from "../options.ts"
import type { Origin } from "../target.ts"
import { checked, checkedLookup } from "./checkedAddresses.ts"
import { exceptions } from "./noProxy.ts"
import { notConnected, proxyRefusal } from "./proxyRefusal.ts"

export interface Dialing {
  /** In milliseconds. */
  readonly connectTimeout: number
  readonly http2: boolean
  readonly tls: TlsOptions | undefined
  readonly socketPath: string | undefined
  readonly proxies: ProxyRules
  readonly addresses: Addresses | undefined
}

/** A connection that is being opened, and can be given up. */
export interface Opening {
  readonly destroy: (reason: Error) => void
}

export type Connect = (options: buildConnector.Options, callback: buildConnector.Callback) => Opening

/** The way to one origin. */
export interface Route {
  /** The host that connections are opened to. */
  readonly url: string
  readonly connect: Connect
  /** Headers for a proxy that forwards; they say that requests have to be in absolute form. */
  readonly forward: Readonly<Record<string, string>> | undefined
}

export class Connector {
  private readonly direct: Connect
  private readonly proxies: { readonly http: HttpProxy | undefined; readonly https: HttpProxy | undefined }
  private readonly isExcepted: (origin: Origin) => boolean

  constructor({ addresses, connectTimeout, http2, proxies, socketPath, tls }: Dialing) {
    const options = tlsOptions(tls, { timeout: connectTimeout, allowH2: http2 })
    // One for all connections: it remembers the TLS sessions.
    const direct = connectWith(
      socketPath !== undefined
        ? { ...options, socketPath }
        : addresses !== undefined
        ? { ...options, ...checkedLookup(addresses, tls?.lookup) }
        : options
    )
    this.direct = addresses === undefined ? direct : checked(addresses, direct)
    const proxy = (one: ProxyOptions) => new HttpProxy(one, connectTimeout, this.direct)
    const { except, http, https } = proxies
    const forHttp = http === undefined ? undefined : proxy(http)
    this.proxies = {
      http: forHttp,
      https: https === undefined ? undefined : https === http ? forHttp : proxy(https)
    }
    this.isExcepted = exceptions(except ?? "")
  }

  route(origin: Origin): Route {
    const proxy = this.proxies[origin.scheme]
    return proxy === undefined || this.isExcepted(origin)
      ? { url: origin.url, connect: this.direct, forward: undefined }
      : proxy.route(origin)
  }

  async destroy(): Promise<void> {
    await Promise.all([this.proxies.http?.tunnels.destroy(), this.proxies.https?.tunnels.destroy()])
  }
}

class HttpProxy {
  /** Connections to the proxy that wait for its answer to `CONNECT`. */
  readonly tunnels: Pool
  private readonly url: URL
  private readonly tunnel: boolean
  private readonly headers: Readonly<Record<string, string>>
  private readonly connectProxy: Connect
  private readonly connectOrigin: Connect

  constructor(options: ProxyOptions, timeout: number, connectOrigin: Connect) {
    const url = new URL(urlOf(options))
    this.tunnel = options.tunnel === true
    this.headers = headersOf(url, options)
    this.url = new URL(url.origin)
    this.connectOrigin = connectOrigin
    const connect = connectWith(tlsOptions(options.tls, { timeout, allowH2: false }))
    // The certificate is the proxy's, whatever origin the `Host` header names.
    const servername = options.tls?.servername ?? (isIP(url.hostname) === 0 ? url.hostname : "")
    this.connectProxy = (options, callback) => connect({ ...options, servername }, callback)
    this.tunnels = new Pool(this.url, {
      connect: (options, callback) =>
        void this.connectProxy(options, (...[error, socket]) => {
          if (error !== null) return callback(error, null)
          InterimResponses.of(socket)
          callback(null, socket)
        }),
      headersTimeout: timeout,
      allowH2: false
    })
  }

  route(origin: Origin): Route {
    return origin.scheme === "https" || this.tunnel
      ? { url: origin.url, connect: this.connectThrough, forward: undefined }
      : { url: this.url.origin, connect: this.connectProxy, forward: { ...this.headers, host: origin.host } }
  }

  private readonly connectThrough: Connect = (options, callback) => {
    const isTls = options.protocol === "https:"
    const port = options.port === "" ? (isTls ? "443" : "80") : options.port
    const host = options.hostname.includes(":") ? `[${options.hostname}]` : options.hostname
    const path = `${host}:${port}`
    const asking = new AbortController()
    let opening: Opening = { destroy: (reason) => asking.abort(reason) }
    const headers = { ...this.headers, host: path }
    this.tunnels.connect({ path, headers, signal: asking.signal }, (error, data) => {
      if (error !== null) return callback(tunnelFailure(error), null)
      // Behind CONNECT undici hands over the socket itself.
      const socket = data.socket as Socket
      if (data.statusCode !== 200) {
        socket.on("error", () => undefined).destroy()
        return callback(proxyRefusal(data.statusCode), null)
      }
      if (isTls) opening = this.connectOrigin({ ...options, httpSocket: socket }, callback)
      else callback(null, socket)
    })
    return { destroy: (reason) => opening.destroy(reason) }
  }
}

/** The options that go to `tls.connect`, whose types name what those of a transport do not. */
const tlsOptions = (tls: TlsOptions | undefined, own: buildConnector.BuildOptions): buildConnector.BuildOptions => ({
  ...tls as buildConnector.BuildOptions,
  ...own
})

/** undici's connector returns the socket, which its types do not say; one that does not could not be given up early. */
const connectWith = (options: buildConnector.BuildOptions): Connect => {
  const connect = buildConnector(options)
  return (options, callback) => {
    const socket: unknown = connect(options, callback)
    return { destroy: (reason) => void (socket instanceof Socket && socket.destroy(reason)) }
  }
}

/** Where the proxy is, with what credentials there are in that. */
const urlOf = ({ url }: ProxyOptions): string => Redacted.isRedacted(url) ? Redacted.value(url) : String(url)

const tunnelFailure = (error: Error): Error =>
  "code" in error && error.code === "UND_ERR_HEADERS_TIMEOUT"
    ? notConnected(new ConnectTimeout({ code: "UND_ERR_HEADERS_TIMEOUT" }))
    : error

const headersOf = (url: URL, options: ProxyOptions): Record<string, string> => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name.toLowerCase()] = typeof value === "string" ? value : Redacted.value(value)
  }
  if (options.token !== undefined) {
    headers["proxy-authorization"] = Redacted.value(options.token)
  } else if (options.username !== undefined) {
    headers["proxy-authorization"] = basic(options.username, Redacted.value(options.password ?? Redacted.make("")))
  } else if (url.username !== "" || url.password !== "") {
    headers["proxy-authorization"] = basic(decodeURIComponent(url.username), decodeURIComponent(url.password))
  }
  return headers
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`
