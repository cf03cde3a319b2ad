/**
 * An exchange whose steps are told as they happen, attempt by attempt, as undici tells them to a handler: what was sent,
 * that an answer begins, and interim responses.
 *
 * Guarded by `test/dispatcher/dispatcher.agent.test.ts`.
 */
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import { Exchange } from "./exchange.ts"
import { waiting } from "./incomingBody.ts"
import type { OnInterim } from "./interim.ts"

/** What is told. It must not throw. */
export interface Watch {
  readonly onBodySent: (chunk: Buffer) => void
  readonly onRequestSent: () => void
  readonly onResponseStarted: () => void
  readonly onInterim: OnInterim
}

export class WatchedExchange extends Exchange {
  private readonly watch: Watch

  constructor(watch: Watch, ...exchange: ConstructorParameters<typeof Exchange>) {
    super(...exchange)
    this.watch = watch
  }

  override onRequestStart(controller: Dispatcher.DispatchController): void {
    super.onRequestStart(controller)
    this.connection?.expectResponse((...interim) => {
      if (this.state !== waiting) return
      this.watch.onResponseStarted()
      if (this.state === waiting) this.watch.onInterim(...interim)
    })
  }

  onBodySent(chunk: Buffer): void {
    if (!this.isOver) this.watch.onBodySent(chunk)
  }

  onRequestSent(): void {
    if (!this.isOver) this.watch.onRequestSent()
  }

  onResponseStarted(): void {
    if (this.state === waiting) this.watch.onResponseStarted()
  }

  override onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = ""
  ): void {
    // Over HTTP/2: over HTTP/1 they are taken off the socket before.
    if (status < 200 && this.state === waiting) this.watch.onInterim(status, headers, statusText, controller.rawHeaders)
    super.onResponseStart(controller, status, headers, statusText)
  }
}
