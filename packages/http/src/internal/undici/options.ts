/** What a transport can be told, and what it tells of itself. */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/**
 * The bounds of the transport. undici counts the timeouts of heads and bodies in steps of half a second, so they come up to a
 * second late and never within one: for a finer bound there is `timeouts.attempt` of the policy.
 */
export interface Options {
  /** How many connections to one origin (scheme, host and port) may be open at once. Defaults to 100. */
  readonly connections?: number | undefined
  /**
   * How many of them are kept when no request uses them; those beyond are closed as they fall idle, the longest idle
   * first. Defaults to 20, or to `connections` if that is less.
   */
  readonly idleConnections?: number | undefined
  /**
   * How many connections may be open at once in all, over every origin. When all are in use, the one that falls free
   * next goes to the request that has waited longest, whatever its origin. Defaults to no bound but `connections`.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long an idle connection is kept for the next request. A server that announces less with `Keep-Alive: timeout`
   * is believed, less 2 seconds for what is on its way. Defaults to 30 seconds.
   */
  readonly keepAlive?: Duration.Input | undefined
  /** How long it is kept at most when the server announces more than `keepAlive`. Defaults to `keepAlive`. */
  readonly keepAliveMax?: Duration.Input | undefined
  /** How long opening a connection may take, TLS included; then `ConnectTimeout`. Defaults to 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * How long the head of a response may take after the request; then `HeadersTimeout`. `TransportTimeouts` turns this and
   * `bodyTimeout` off for one call. Defaults to 5 minutes.
   */
  readonly headersTimeout?: Duration.Input | undefined
  /** How long the body may make no progress while it is read; then `BodyTimeout`. Defaults to 5 minutes. */
  readonly bodyTimeout?: Duration.Input | undefined
  /** How long a request waits for a connection when all are in use; then `PoolTimeout`. Defaults to 10 seconds. */
  readonly poolWait?: Duration.Input | undefined
  /** How many requests to one origin may wait at once; the next fails with `PoolTimeout`. Defaults to 1,000. */
  readonly poolQueue?: number | undefined
  /**
   * How long what is under way when the layer closes may take to end. Requests made in that time fail at once. Then
   * every connection is destroyed. 0 destroys them at once. Defaults to 5 seconds.
   */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * Whether to speak HTTP/2 with servers that offer it (ALPN, so over https alone). `connections` is then the number of
   * requests under way at once, and they share one connection, or as few as the server's limit on streams allows: what
   * breaks the connection breaks all of them. The first request to an origin finds out, and others wait for it as they
   * wait for a connection. Defaults to `false`.
   */
  readonly http2?: boolean | undefined
  /** What Node's `tls.connect` takes: certificates, keys, trust. Defaults to Node's own. */
  readonly tls?: TlsOptions | undefined
  /** The path of a unix socket (or a named pipe of Windows) to open instead of host and port. Defaults to none. */
  readonly socketPath?: string | undefined
  /** A proxy for every request, or one by scheme with exceptions. Defaults to none. */
  readonly proxy?: ProxyOptions | ProxyRules | undefined
  /**
   * Which addresses may be connected to, as `Addresses.publicOnly`. Each address is looked at right before the connection
   * is opened to it, so a redirect or a name that resolves differently the second time is held to it as well; then
   * `AddressRefused`. With a proxy it is the proxy that opens connections, so there can be only one of the two. Defaults
   * to all.
   */
  readonly addresses?: Addresses | undefined
  /**
   * How many bytes of a body may come, as they come; then reading it fails with `ResponseTooLarge` and its connection is
   * closed. Defaults to no bound.
   */
  readonly maxResponseSize?: number | undefined
  /**
   * How many bytes a body may have once it is decoded: a small answer in gzip may be a large one. A body without a
   * coding counts as well. Then reading it fails with `ResponseTooLarge`. Defaults to no bound.
   */
  readonly maxDecodedSize?: number | undefined
}

/** Options of Node's `tls.connect`, with its meanings and defaults; certificates and keys as PEM text or bytes. */
export interface TlsOptions {
  /** The authorities that are trusted, instead of Node's own. */
  readonly ca?: Pem | ReadonlyArray<Pem> | undefined
  /** The certificate of this side. */
  readonly cert?: Pem | ReadonlyArray<Pem> | undefined
  readonly key?: Pem | ReadonlyArray<Pem> | undefined
  /** Certificate and key in one, as PKCS#12. */
  readonly pfx?: Pem | undefined
  readonly passphrase?: string | undefined
  readonly crl?: Pem | ReadonlyArray<Pem> | undefined
  /** Whether a server whose certificate is not trusted is refused. Defaults to `true`. */
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
  /** 4 or 6 for one family of addresses. Defaults to both. */
  readonly family?: number | undefined
  /** Resolves host names as `dns.lookup` does. Defaults to that. */
  readonly lookup?: ((hostname: string, options: never, callback: never) => void) | undefined
}

type Pem = string | Uint8Array
type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"

/**
 * A proxy as undici's `ProxyAgent` uses it: https goes through a tunnel (`CONNECT`), http is forwarded by the proxy.
 *
 * A proxy that refuses a request (407, 403) is a `ProtocolError` with a code like `PROXY_407`, one that cannot reach the
 * origin (502) a `ConnectRefused` with `PROXY_502`; in both cases nothing of the request was sent to the origin.
 */
export interface ProxyOptions {
  /** Where it is, with http or https. A name and password in it are used unless there are others below. */
  readonly url: string | URL | Redacted.Redacted
  /** What `Proxy-Authorization` says, as in `Bearer ...`. Defaults to name and password. */
  readonly token?: Redacted.Redacted | undefined
  readonly username?: string | undefined
  /** Defaults to an empty one. */
  readonly password?: Redacted.Redacted | undefined
  /** Headers for the proxy alone. Defaults to none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Whether http goes through a tunnel as well. Defaults to `false`. */
  readonly tunnel?: boolean | undefined
  /** What `tls.connect` takes for a proxy with https. Defaults to Node's own. */
  readonly tls?: TlsOptions | undefined
}

/** A proxy for each scheme, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name them. */
export interface ProxyRules {
  /** For requests with http. Defaults to none. */
  readonly http?: ProxyOptions | undefined
  /** For requests with https. Defaults to none. */
  readonly https?: ProxyOptions | undefined
  /**
   * Hosts that are asked without a proxy, separated by commas or spaces: a name with all names below it, a name and
   * port, an IP address, a range of them in CIDR notation, or `*` for all. Defaults to none.
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
  /** Exchanges under way: from the hand-over to a connection to the last byte of the body. */
  readonly running: number
}

/** The sums over all origins, and each origin by itself. */
export interface Stats extends OriginStats {
  readonly origins: Readonly<Record<string, OriginStats>>
}
