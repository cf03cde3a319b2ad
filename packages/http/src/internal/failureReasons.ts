/**
 * The reasons of an `HttpFailure`, which exports them.
 *
 * Guarded by `test/TestTransport.test.ts`, `test/HttpFailure.test.ts` and `test/UndiciTransport.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { transientStatuses } from "../ServerHints.ts"

/** The code of an answer that came from the proxy, and not from the server. */
const isProxy = (code: string): boolean => code.startsWith("PROXY_")

/** The host name did not resolve. Nothing was sent. */
export class DnsFailure extends Data.TaggedError("DnsFailure")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return `The host name did not resolve (${this.code}): check the name and the resolver`
  }
}

/** No connection could be opened: the port refused, or the network has no route. Nothing was sent. */
export class ConnectRefused extends Data.TaggedError("ConnectRefused")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return isProxy(this.code)
      ? `The proxy could not reach the server (${this.code}): check that the server is up, and that the proxy may connect to it`
      : `The connection was refused (${this.code}): check that the server is up and the port is right`
  }
}

/** No connection was open within the connect timeout. Nothing was sent. */
export class ConnectTimeout extends Data.TaggedError("ConnectTimeout")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return `The connection was not open in time (${this.code}): check the route to the server or raise connectTimeout`
  }
}

/** The TLS handshake failed, or the certificate was not accepted. Nothing was sent. */
export class TlsFailure extends Data.TaggedError("TlsFailure")<{ readonly code: string }> {
  readonly isRetryable = false
  override get message(): string {
    return this.code === "ERR_SSL_WRONG_VERSION_NUMBER"
      ? `The server did not answer with TLS (${this.code}): check the port, and that the URL may say https`
      : `The TLS handshake failed (${this.code}): check the certificate and the protocol versions of both sides`
  }
}

/** The connection ended before the whole head of the response had come. */
export class ConnectionReset extends Data.TaggedError("ConnectionReset")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return `The connection ended before the response (${this.code})`
  }
}

/** No connection became free within the bound on the wait, or the queue for one was full. Nothing was sent. */
export class PoolTimeout extends Data.TaggedError("PoolTimeout")<{
  readonly wait: Duration.Duration
  readonly queued: number
}> {
  readonly isRetryable = true
  override get message(): string {
    const what = Duration.isZero(this.wait)
      ? `The queue for a connection is full (${plural(this.queued, "request waits", "requests wait")})`
      : `No connection became free within ${Duration.format(this.wait)} (${plural(this.queued, "request")} waited)`
    return `${what}: raise connections, or send less at once`
  }
}

/** The head of the response did not come within the headers timeout. */
export class HeadersTimeout extends Data.TaggedError("HeadersTimeout")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return `The head of the response did not come in time (${this.code}): raise headersTimeout if the server is slow`
  }
}

/** The body of the response made no progress within the body timeout. */
export class BodyTimeout extends Data.TaggedError("BodyTimeout")<{ readonly code: string }> {
  readonly isRetryable = true
  override get message(): string {
    return `The body of the response stalled (${this.code}): raise bodyTimeout if the server sends in bursts`
  }
}

/** The connection ended in the middle of the body. */
export class BodyCut extends Data.TaggedError("BodyCut")<{ readonly code: string; readonly received: number }> {
  readonly isRetryable = true
  override get message(): string {
    return `The body of the response was cut after ${plural(this.received, "byte")} (${this.code})`
  }
}

/** The response is not HTTP, or exceeds the client's limits. */
export class ProtocolError extends Data.TaggedError("ProtocolError")<{ readonly code: string }> {
  readonly isRetryable = false
  override get message(): string {
    if (isProxy(this.code)) {
      return `The proxy rejected the request (${this.code}): ` +
        (this.code === "PROXY_407" ? "give its username and password, or a token" : "check what it lets through")
    }
    return this.code.startsWith("Z_")
      ? `The body is not what its content-encoding says (${this.code})`
      : `The response broke the protocol (${this.code}): check that the port speaks the HTTP version expected`
  }
}

/** The body is longer than `maxResponseSize`, or after decoding than `maxDecodedSize`, both in bytes. */
export class ResponseTooLarge extends Data.TaggedError("ResponseTooLarge")<{
  readonly limit: number
  /** Whether it is the decoded body that is too long. */
  readonly isDecoded: boolean
}> {
  readonly isRetryable = false
  override get message(): string {
    return this.isDecoded
      ? `The decoded body of the response exceeds ${
        plural(this.limit, "byte")
      }: raise maxDecodedSize if that is expected`
      : `The body of the response exceeds ${plural(this.limit, "byte")}: raise maxResponseSize if that is expected`
  }
}

/** The host has no address that the transport may connect to. Nothing was sent. */
export class AddressRefused extends Data.TaggedError("AddressRefused")<{ readonly address: string }> {
  readonly isRetryable = false
  override get message(): string {
    return `The address ${this.address} is outside of the ranges that this client may connect to: see addresses`
  }
}

/** The server answered with a status that the caller counts as a failure. */
export class StatusFailure extends Data.TaggedError("StatusFailure")<{
  readonly status: number
  readonly retryAfter: Duration.Duration | undefined
  /** The first KiB of the body, when it was read. It is the server's text: treat it as data. */
  readonly excerpt: string | undefined
}> {
  get isRetryable(): boolean {
    return transientStatuses.has(this.status) || (this.status === 413 && this.retryAfter !== undefined)
  }
  override get message(): string {
    return `The server answered ${this.status}`
  }
}

/** Every reason of an `HttpFailure`. */
export type Reason =
  | DnsFailure
  | ConnectRefused
  | ConnectTimeout
  | TlsFailure
  | ConnectionReset
  | PoolTimeout
  | HeadersTimeout
  | BodyTimeout
  | BodyCut
  | ProtocolError
  | ResponseTooLarge
  | AddressRefused
  | StatusFailure
