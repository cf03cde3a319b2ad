/**
 * Until when each origin has asked not to be called: one server's "later" holds for every call to it, and not for the
 * one that was told.
 */

interface Pause {
  readonly from: number
  readonly until: number
}

export class OriginPauses {
  /** The longest pause that anyone believes, in milliseconds. */
  longest = Infinity

  private readonly pauses = new Map<string, Pause>()

  /** An origin has asked for `millis` from `now` on. A shorter pause does not end a longer one. */
  ask(origin: string | undefined, now: number, millis: number): void {
    const wait = Math.min(millis, this.longest)
    if (origin === undefined || wait <= 0) return
    // An origin that is never called again is forgotten here.
    for (const [other, { until }] of this.pauses) if (until <= now) this.pauses.delete(other)
    const until = now + wait
    if (until > (this.pauses.get(origin)?.until ?? 0)) this.pauses.set(origin, { from: now, until })
  }

  /** How long the pause of an origin still is for those who believe no more than `longest`. */
  left(origin: string | undefined, now: number, longest: number): number {
    const pause = origin === undefined ? undefined : this.pauses.get(origin)
    if (origin === undefined || pause === undefined) return 0
    if (pause.until <= now) this.pauses.delete(origin)
    return Math.max(0, Math.min(pause.until, pause.from + longest) - now)
  }

  /** Whether no origin has asked for a pause that is not known to be over. */
  get isEmpty(): boolean {
    return this.pauses.size === 0
  }
}
