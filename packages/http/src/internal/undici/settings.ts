/**
 * The options of the transport, checked and in the units that undici and the pools want.
 *
 * Guarded by `test/undici/bounds.test.ts` and `test/undici/resetWhileBlocked.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Duration from "effect/Duration"
import type { Client } from "undici"
import type { Dialing } from "./connect/connector.ts"
import type { Limits } from "./exchange/exchange.ts"
import type { Options } from "./options.ts"
import type { Bounds } from "./pool/originPool.ts"
import { defaults, transportOptions } from "./transportOptions.ts"

export interface Settings {
  readonly bounds: Bounds
  readonly client: Client.Options
  readonly dialing: Dialing
  /** In milliseconds. */
  readonly gracePeriod: number
  readonly maxConnections: number
  readonly limits: Limits
}

/** Checks options and converts them. Throws a `RangeError` that lists all faults. */
export const settingsOf = (given: Options): Settings => {
  const options = Arguments.check("UndiciTransport.make", transportOptions, given)
  const { connections, http2, keepAlive } = options
  return {
    bounds: {
      connections,
      idleConnections: options.idleConnections ?? Math.min(defaults.idleConnections, connections),
      poolWait: Duration.millis(options.poolWait),
      poolQueue: options.poolQueue
    },
    client: {
      // One exchange a connection: what undici calls pipelining makes one slow answer hold up the next.
      pipelining: 1,
      allowH2: http2,
      keepAliveTimeout: Math.round(keepAlive),
      keepAliveMaxTimeout: Math.round(options.keepAliveMax ?? keepAlive),
      headersTimeout: Math.round(options.headersTimeout),
      bodyTimeout: Math.round(options.bodyTimeout)
    },
    dialing: {
      connectTimeout: Math.round(options.connectTimeout),
      http2,
      tls: options.tls,
      socketPath: options.socketPath,
      proxies: options.proxy ?? {},
      addresses: options.addresses
    },
    gracePeriod: options.gracePeriod,
    maxConnections: options.maxConnections,
    limits: {
      maxResponseSize: options.maxResponseSize,
      maxDecodedSize: options.maxDecodedSize,
      headersTimeout: Math.round(options.headersTimeout),
      decodes: true
    }
  }
}
