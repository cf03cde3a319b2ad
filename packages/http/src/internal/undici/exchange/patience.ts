/**
 * How long a head is waited for behind interim responses (1xx). Over HTTP/2 undici counts `headersTimeout` anew after each of
 * them, so that a server could keep a request waiting for ever; this counts from the first. Over HTTP/1 none get here.
 *
 * Guarded by `test/undici/exchange.test.ts` and `test/undici/pool.test.ts`.
 */
import { type Dispatcher, errors } from "undici"

export class Patience {
  private readonly timer: NodeJS.Timeout | undefined

  /** Aborts the request after `millis` milliseconds, unless {@link end} comes first; never if 0. */
  constructor(controller: Dispatcher.DispatchController, millis: number) {
    this.timer = millis === 0
      ? undefined
      : setTimeout(() => controller.abort(new errors.HeadersTimeoutError()), millis)
  }

  end(): void {
    clearTimeout(this.timer)
  }
}
