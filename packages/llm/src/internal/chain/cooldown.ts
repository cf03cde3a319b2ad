/**
 * Whether a provider that had to be given up is left alone: the breaker of a chain, opened by the decision that gave the
 * provider up rather than by a count of failures, since by then its retries are used up. When its time is over, one
 * request finds out whether the provider is back, and the others pass it by until that is known.
 */

/** The one request that finds out whether a provider is back. */
export type Probe = symbol

/** Who may ask a provider now. */
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
  /** Epoch milliseconds until which the provider is left alone; 0 when it is not known to be down. */
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

  /** The provider answers. */
  warm(): void {
    this.until = 0
    this.probe = undefined
  }

  /** The probe has ended. If it has said nothing of the provider, the next request is one. */
  leave(probe: Probe): void {
    if (this.probe === probe) this.probe = undefined
  }

  /** The provider was given up. A longer pause that is under way stays. */
  cool(now: number, pause: number): void {
    if (pause > 0) this.until = Math.max(this.until, now + pause)
  }

  /** An answer was whole. */
  whole(): void {
    this.broken = 0
    this.warm()
  }

  /** An answer broke off after a part of it was seen: after more than `tolerated` in a row the provider is left alone. */
  brokeOff(now: number, tolerated: number, pause: number): void {
    if (++this.broken <= tolerated) return
    this.broken = 0
    this.cool(now, pause)
  }
}
