/**
 * Until when each origin has asked not to be called: one server's "later" holds for every call to it, and not for the
 * one that was told.
 */
export class OriginPauses {
  private readonly until = new Map<string, number>()

  /** An origin has asked for `millis` from `now` on. A shorter pause does not end a longer one. */
  ask(origin: string | undefined, now: number, millis: number): void {
    if (origin === undefined || millis <= 0) return
    // An origin that is never called again is forgotten here.
    for (const [other, until] of this.until) if (until <= now) this.until.delete(other)
    const until = now + millis
    if (until > (this.until.get(origin) ?? 0)) this.until.set(origin, until)
  }

  /** How long the pause of an origin still is. */
  left(origin: string | undefined, now: number): number {
    const until = origin === undefined ? undefined : this.until.get(origin)
    if (origin === undefined || until === undefined) return 0
    if (until <= now) this.until.delete(origin)
    return Math.max(0, until - now)
  }

  /** Whether no origin has asked for a pause that is not known to be over. */
  get isEmpty(): boolean {
    return this.until.size === 0
  }
}
