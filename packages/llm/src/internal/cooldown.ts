/**
 * Whether a provider that had to be given up is left alone: the breaker of a chain, opened by the decision that gave the
 * provider up rather than by a count of failures, since by then its retries are used up. When its time is over, one
 * request finds out whether the provider is back, and the others pass it by until that is known.
 */

/** Who may ask a provider now. */
export type Admission =
  | { readonly _tag: "Open"; readonly probe: boolean }
  | { readonly _tag: "Closed"; readonly because: "cooling" | "probed"; readonly left: number }

export class Cooldown {
  /** Epoch milliseconds until which the provider is left alone; 0 when it is not known to be down. */
  private until = 0
  private probing = false
  /** Answers in a row that broke off after a part of them was seen. */
  private broken = 0

  /** What a request would be told, without taking a place. */
  peek(now: number): Admission {
    if (this.until === 0) return { _tag: "Open", probe: false }
    if (now < this.until) return { _tag: "Closed", because: "cooling", left: this.until - now }
    return this.probing ? { _tag: "Closed", because: "probed", left: 0 } : { _tag: "Open", probe: true }
  }

  /** Lets a request in, as the probe if the provider may be down. Whoever is let in leaves, or says how it went. */
  enter(now: number): Admission {
    const admission = this.peek(now)
    if (admission._tag === "Open" && admission.probe) this.probing = true
    return admission
  }

  /** The provider answers. */
  warm(): void {
    this.until = 0
    this.probing = false
  }

  /** The probe ended without a word about the provider: the next request is one. */
  leave(): void {
    this.probing = false
  }

  /** The provider was given up. A longer pause that is under way stays. */
  cool(now: number, pause: number): void {
    this.probing = false
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
