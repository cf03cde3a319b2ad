/**
 * The options and the statistics of a transport.
 *
 * Guarded by `test/undici/transport.test.ts` and `test/undici/bounds.test.ts`.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import type * as Redacted from "effect/Redacted"

/**
 * The bounds of the transport. undici counts `headersTimeout` and `bodyTimeout` in steps of half a second, so they fire
 * up to a second late and never within the first second. For a finer bound use the policy's `timeouts.attempt`.
 */
export interface Options {
  /** How many connections to one origin (scheme, host and port) may be open at once. Default: 100. */
  readonly connections?: number | undefined
  /**
   * How many idle connections are kept for one origin; beyond that, the longest idle are closed. Default: 20, or
   * `connections` if that is less.
   */
  readonly idleConnections?: number | undefined
  /**
   * How many connections may be open at once, over all origins. When all are in use, the next free one goes to the
   * request that has waited longest, whatever its origin. Default: no bound except `connections`.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long an idle connection is kept for the next request. If the server announces less with `Keep-Alive: timeout`,
   * its value holds, minus 2 seconds for requests on the way. Default: 30 seconds.
   */
  readonly keepAlive?: Arguments.DurationInput | undefined
  /** The limit if the server announces more than `keepAlive`. Default: `keepAlive`. */
  readonly keepAliveMax?: Arguments.DurationInput | undefined
  /** How long opening a connection may take, TLS included; then `ConnectTimeout`. Default: 10 seconds. */
  readonly connectTimeout?: Arguments.DurationInput | undefined
  /**
   * How long the head of a response may take after the request; then `HeadersTimeout`. `TransportTimeouts` turns this
   * and `bodyTimeout` off for one call. Default: 5 minutes.
   */
  readonly headersTimeout?: Arguments.DurationInput | undefined
  /** How long the body may make no progress while it is read; then `BodyTimeout`. Default: 5 minutes. */
  readonly bodyTimeout?: Arguments.DurationInput | undefined
  /** How long a request waits for a connection when all are in use; then `PoolTimeout`. Default: 10 seconds. */
  readonly poolWait?: Arguments.DurationInput | undefined
  /** How many requests to one origin may wait at once; the next fails with `PoolTimeout`. Default: 1,000. */
  readonly poolQueue?: number | undefined
  /**
   * How long requests in progress have to end when the layer closes. Requests made in that time fail at once. Then
   * every connection is destroyed; 0 destroys them at once. Default: 5 seconds.
   */
  readonly gracePeriod?: Arguments.DurationInput | undefined
  /**
   * Whether to speak HTTP/2 with servers that offer it (ALPN, so over https alone). `connections` is then the number of
   * requests in progress at once, and they share one connection, or as few as the server's limit on streams allows. If
   * the connection breaks, all of its requests fail. The first request to an origin negotiates the protocol, and others
   * wait for the result as they wait for a connection. Default: `false`.
   */
  readonly http2?: boolean | undefined
  /** Options of Node's `tls.connect`: certificates, keys, trust. Default: Node's own. */
  readonly tls?: TlsOptions | undefined
  /** The path of a unix socket (or a named pipe of Windows) to open instead of host and port. Default: none. */
  readonly socketPath?: string | undefined
  /** A proxy for every request, or one by scheme with exceptions. Default: none. */
  readonly proxy?: ProxyOptions | ProxyRules | undefined
  /**
   * The addresses that may be connected to, such as `Addresses.publicOnly`; others fail with `AddressRefused`. Each
   * address is checked right before connecting, so redirects, and names that resolve differently the second time, are
   * checked too. A proxy opens the connections itself, so give only one of the two. Default: all.
   */
  readonly addresses?: Addresses | undefined
  /**
   * How many bytes a body may have before it is decoded. Beyond that, reading fails with `ResponseTooLarge` and the
   * connection is closed. Default: no bound.
   */
  readonly maxResponseSize?: number | undefined
  /**
   * How many bytes a body may have after it is decoded (a small gzip answer may decode to a large one), or as it is if
   * it is not compressed. Beyond that, reading fails with `ResponseTooLarge`. Default: no bound.
   */
  readonly maxDecodedSize?: number | undefined
}

/** Options of Node's `tls.connect`, with its meanings and defaults; certificates and keys as PEM text or bytes. */
export interface TlsOptions {
  /** The trusted authorities, in place of Node's own. */
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** The client's certificate. */
  readonly cert?: Pem | ReadonlyArray<Pem> | undefined
  readonly key?: Pem | ReadonlyArray<Pem> | undefined
  /** Certificate and key in one, as PKCS#12. */
  readonly pfx?: Pem | undefined
  readonly passphrase?: string | undefined
  readonly crl?: Pem | ReadonlyArray<Pem> | undefined
  /** Whether to reject a server with an untrusted certificate. Default: `true`. */
  readonly rejectUnauthorized?: boolean | undefined
  readonly servername?: string | undefined
  readonly checkServerIdentity?: ((hostname: string, certificate: never) => Error | undefined) | undefined
  readonly ciphers?: string | undefined
  readonly sigalgs?: string | undefined
  readonly ecdhCurve?: string | undefined
  readonly minVersion?: TlsVersion | undefined
  readonly maxVersion?: TlsVersion | undefined
  readonly secureOptions?: number | undefined
  /** A context that `tls.createSecureContext` has made. */
  readonly secureContext?: object | undefined
  readonly localAddress?: string | undefined
  /** 4 or 6 for one family of addresses. Default: both. */
  readonly family?: number | undefined
  /** Resolves host names as `dns.lookup` does. Default: that. */
  readonly lookup?: ((hostname: string, options: never, callback: never) => void) | undefined
}

type Pem = string | Uint8Array
type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/**
 * A proxy as undici's `ProxyAgent` uses it: https goes through a tunnel (`CONNECT`), http is forwarded by the proxy.
 *
 * If the proxy rejects a request (407, 403), it fails with a `ProtocolError` with a code like `PROXY_407`; if the proxy
 * cannot reach the origin (502), with a `ConnectRefused` with `PROXY_502`. In both cases nothing was sent to the
 * origin.
 */
export interface ProxyOptions {
  /** The URL of the proxy, http or https. The options below override a name and password in it. */
  readonly url: string | URL | Redacted.Redacted
  /** The value of `Proxy-Authorization`, such as `Bearer ...`. Default: name and password. */
  readonly token?: Redacted.Redacted | undefined
  readonly username?: string | undefined
  /** Default: empty. */
  readonly password?: Redacted.Redacted | undefined
  /** Headers only for the proxy. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Whether http goes through a tunnel too. Default: `false`. */
  readonly tunnel?: boolean | undefined
  /** Options of `tls.connect` for an https proxy. Default: Node's own. */
  readonly tls?: TlsOptions | undefined
}

/** A proxy for each scheme, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name them. */
export interface ProxyRules {
  /** For requests with http. Default: none. */
  readonly http?: ProxyOptions | undefined
  /** For requests with https. Default: none. */
  readonly https?: ProxyOptions | undefined
  /**
   * Hosts to reach without a proxy, separated by commas or spaces: a name (with its subdomains), a name and port, an IP
   * address, a CIDR range, or `*` for all. Default: none.
   */
  readonly except?: string | undefined
}

/** Which addresses may be connected to. */
export interface Addresses {
  /** Whether an IPv4 or IPv6 address may be connected to. */
  readonly allows: (address: string) => boolean
}

/** The connections and requests of one origin. */
export interface OriginStats {
  /** Open connections. */
  readonly connected: number
  /** Open connections that no request uses. */
  readonly free: number
  /** Requests that wait for a connection. */
  readonly pending: number
  /** Exchanges in progress: from the hand-over to a connection to the last byte of the body. */
  readonly running: number
}

/** The sums over all origins, and each origin separately. */
export interface Stats extends OriginStats {
  readonly origins: Readonly<Record<string, OriginStats>>
}
