/**
 * What a proxy's own answer stands for: nothing of the request was sent to the origin.
 *
 * Guarded by `test/undici/routes.test.ts` and `test/Addresses.test.ts`.
 */
import { ConnectRefused, HttpFailure, ProtocolError, type Reason } from "../../../HttpFailure.ts"

/** A proxy that answers 502 or the like could not reach the origin; another answer will be the same next time. */
export const proxyRefusal = (status: number): HttpFailure => {
  const code = `PROXY_${status}`
  return notConnected(status >= 500 ? new ConnectRefused({ code }) : new ProtocolError({ code }))
}

/** The failure of a connection that was not opened. */
export const notConnected = (reason: Reason): HttpFailure =>
  new HttpFailure({ reason, phase: "connect", requestWritten: false })
