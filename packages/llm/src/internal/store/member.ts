/**
 * A member of a chain as a store keeps it: a small machine that takes the time as an argument. A chain without a store drives one of
 * its own; the store in memory keeps one for each member; `redis/scripts.ts` is the same machine as scripts.
 *
 * The decision about a failure starts a cool-down, and not a count of failures, since the retries are used up by then. After it one
 * request probes the member, and the others skip it until the probe has ended, or until its lease has: its process may be gone.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import type { Admission, MemberState, Report } from "./store.ts"
import { SlidingWindow } from "./window.ts"

const minute = 60_000

/** How long a probe of another process is taken to last without news of it, in milliseconds. */
const known = 1_000

/** The names of an entry without durations: the lease is in milliseconds. */
export interface Asked {
  readonly process: string
  readonly inFlight: number
  readonly lease: number
  readonly token: string
  readonly tokens: number
  readonly requestsPerMinute: number
  readonly tokensPerMinute: number
  readonly anyway: boolean
}

export type Told = Omit<Report, "chain" | "member" | "lease"> & { readonly lease: number }

/** What is held until an instant, unless it is renewed. */
interface Leased<A> {
  readonly value: A
  readonly until: number
}

export class StoredMember {
  /** Epoch milliseconds until which it is skipped; 0 when it is not known to be down. */
  until = 0
  /** The token of the request that probes it. */
  private probe: Leased<string> | undefined = undefined
  /** Requests in flight, by process. */
  private readonly holders = new Map<string, Leased<number>>()
  /** The requests and tokens of the last minute, where there are limits. */
  readonly window = new SlidingWindow(minute)
  /** The time of the last step. */
  private seen = -Infinity
  /** Since when something is kept; 0 while nothing is. */
  private madeAt = 0

  /** Lets a request in, as the probe if the member may be down. */
  enter(now: number, asked: Asked): Admission {
    const { inFlight, lease, process, requestsPerMinute, token, tokens, tokensPerMinute } = asked
    this.advance(now)
    const isClosed = this.isCooling(now) || (this.isProbed(now) && this.probe?.value !== token)
    if (isClosed && !asked.anyway) return { _tag: "CoolingDown", state: this.state(now) }
    const isLimited = requestsPerMinute < Infinity || tokensPerMinute < Infinity
    const wait = isLimited
      ? this.window.wait(now, tokens, { requests: requestsPerMinute, amount: tokensPerMinute, alone: true })
      : 0
    if (wait > 0) return { _tag: "Full", wait, state: this.state(now) }
    const isProbe = this.until > 0 && !isClosed
    if (isProbe) this.probe = { value: token, until: now + lease }
    this.hold(now, process, inFlight, lease)
    const slot = isLimited ? this.window.add(now, 1, tokens) : 0
    return { _tag: "Admitted", isProbe, slot, state: this.state(now) }
  }

  /** Takes what a process tells. */
  report(now: number, told: Told): MemberState {
    const { answered, coolFor, inFlight, lease, probe, process, settled, token, unasked } = told
    this.advance(now)
    this.hold(now, process, inFlight, lease)
    if (settled !== undefined) this.window.correct(now, settled.slot, settled.more)
    if (unasked.requests > 0 || unasked.tokens > 0) this.window.add(now, unasked.requests, unasked.tokens)
    // The fence: another request probes it, since this one was not heard of for longer than its lease.
    const isFenced = probe !== "none" && this.probe !== undefined && this.probe.value !== token
    if (!isFenced) {
      if (answered) this.warm()
      this.cool(now, coolFor)
      if (this.probe !== undefined && probe === "held") this.probe = { value: token, until: now + lease }
      if (probe === "released") this.probe = undefined
    }
    return this.state(now)
  }

  state(now: number): MemberState {
    this.advance(now)
    this.window.advance(now)
    let inFlight = 0
    for (const [process, { until, value }] of this.holders) {
      if (until > now) inFlight += value
      else this.holders.delete(process)
    }
    return {
      isDown: this.until > 0,
      coolingFor: Math.max(0, this.until - now),
      isProbed: this.isProbed(now),
      inFlight,
      processes: this.holders.size,
      requests: this.window.requests,
      tokens: this.window.amount,
      madeAt: this.madeAt
    }
  }

  /** A clock that went back by more than a second: what was to end after a time still does. */
  private advance(now: number): void {
    const ahead = this.seen - now
    this.seen = now
    if (!(ahead > 1_000)) return
    if (this.until > 0) this.until = Math.max(1, this.until - ahead)
    if (this.probe !== undefined) this.probe = { ...this.probe, until: this.probe.until - ahead }
    for (const [process, { until, value }] of this.holders) this.holders.set(process, { value, until: until - ahead })
  }

  /** It answers. Returns whether it was down before. */
  warm(): boolean {
    const wasDown = this.until > 0
    this.until = 0
    this.probe = undefined
    return wasDown
  }

  /** The request has left. If the state of the member is still unknown, the next request is a probe. */
  release(token: string): void {
    if (this.probe?.value === token) this.probe = undefined
  }

  /** It failed. A longer cool-down that is under way stays. */
  cool(now: number, millis: number): void {
    if (millis > 0) this.until = Math.max(this.until, now + millis)
  }

  isCooling(now: number): boolean {
    return now < this.until
  }

  isProbed(now: number): boolean {
    return this.probe !== undefined && now < this.probe.until
  }

  /** Takes over what another store knows. Its probe is one of this process's own or, for as long as that is likely to last, another's. */
  follow(now: number, { coolingFor, isDown, isProbed }: MemberState, probe: string | undefined): void {
    this.until = isDown ? Math.max(1, now + coolingFor) : 0
    if (!isProbed) this.probe = undefined
    else this.probe = probe === undefined ? { value: "", until: now + known } : { value: probe, until: Infinity }
  }

  private hold(now: number, process: string, inFlight: number, lease: number): void {
    if (this.madeAt === 0) this.madeAt = now
    this.holders.set(process, { value: inFlight, until: now + lease })
  }
}
