/**
 * What an exchange asks of the connection that carries it.
 *
 * Guarded by `test/undici/exchange.test.ts` and `test/undici/pool.test.ts`.
 */
import type { OnInterim } from "./interim.ts"

export interface Carrier<in Exchange> {
  /** Whether it does without TLS. */
  readonly isPlain: boolean
  /** Whether a proxy at its other end forwards requests. */
  readonly isForwarded: boolean
  readonly isDestroyed: boolean
  /** A request is about to be written. */
  expectResponse(onInterim?: OnInterim): void
  dispatch(exchange: Exchange): void
  release(): void
  giveUp(): void
}
