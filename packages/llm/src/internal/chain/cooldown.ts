/**
 * Whether a provider that failed is skipped. A chain's breaker: the decision about a failure opens it, and not a count of
 * failures, since the retries are used up by then; answers that break off in a row open it too. After the cool-down one
 * request probes the provider, and the others skip it until the probe has ended.
 */

/** The one request that probes a provider after its cool-down. */
export type Probe = symbol

/** Whether a request may ask the provider now. */
export type Admission =
  | { readonly _tag: "Open"; readonly probe: Probe | undefined }
  | Closed

export interface Closed {
  readonly _tag: "Closed"
  readonly because: "cooling" | "probed"
  /** Milliseconds until the next request may be let in; 0 where that is up to the probe. */
  readonly left: number
}

export class Cooldown {
  /** Epoch milliseconds until which the provider is skipped; 0 when it is not known to be down. */
  private until = 0
  private probe: Probe | undefined = undefined
  /** Answers in a row that broke off after a part of them was seen. */
  private broken = 0

  /** Why a request would not be let in, if so. */
  peek(now: number): Closed | undefined {
    if (this.until === 0) return undefined
    if (now < this.until) return { _tag: "Closed", because: "cooling", left: this.until - now }
    return this.probe === undefined ? undefined : { _tag: "Closed", because: "probed", left: 0 }
  }

  /** Lets a request in, as the probe if the provider may be down. A probe leaves, however it ends. */
  enter(now: number): Admission {
    const closed = this.peek(now)
    if (closed !== undefined) return closed
    if (this.until > 0) this.probe = Symbol("probe")
    return { _tag: "Open", probe: this.probe }
  }

  /** The provider answers. Returns whether it was down before. */
  warm(): boolean {
    const wasDown = this.until > 0
    this.until = 0
    this.probe = undefined
    return wasDown
  }

  /** The probe has ended. If the provider's state is still unknown, the next request is a probe. */
  leave(probe: Probe): void {
    if (this.probe === probe) this.probe = undefined
  }

  /** The provider failed. A longer cool-down that is under way stays. */
  cool(now: number, millis: number): void {
    if (millis > 0) this.until = Math.max(this.until, now + millis)
  }

  /** An answer was whole. */
  whole(): void {
    this.broken = 0
    this.warm()
  }

  /** An answer broke off after a part of it was seen. More than `tolerated` in a row start a cool-down. */
  brokeOff(now: number, tolerated: number, millis: number): void {
    if (++this.broken <= tolerated) return
    this.broken = 0
    this.cool(now, millis)
  }
}
