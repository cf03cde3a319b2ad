/**
 * A member of a chain as its requests see it. Without a store it is the state of this process. With one, the store decides who is let in,
 * and the state of this process follows it: it orders the members between two looks, and decides while the store is away.
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { StoredMember } from "./member.ts"
import type { ChainStore, MemberState, Report } from "./store.ts"

/** Where the state of a member is shared. */
export interface Link {
  readonly store: ChainStore["Service"]
  readonly chain: string
  readonly member: string
  /** A name that no other process has. */
  readonly process: string
}

/** The limits of a member, as its vendor states them for an account. */
export interface Limits {
  readonly requestsPerMinute: number | undefined
  readonly tokensPerMinute: number | undefined
}

/** Why a request would not be let in. */
export interface Closed {
  readonly because: "cooling" | "probed"
  /** Milliseconds until the next request may be let in; 0 where that is up to the probe. */
  readonly left: number
}

/** How old may be what a request knows of its fleet when it chooses among the members, in milliseconds. */
export const freshness = 250

/** How long a process that says nothing is taken to be alive. */
export const lease = Duration.seconds(10)

const noLimits = { requestsPerMinute: Infinity, tokensPerMinute: Infinity }

const nothing = { requests: 0, tokens: 0 }

export class Gate {
  readonly local = new StoredMember()
  limits: { readonly requestsPerMinute: number; readonly tokensPerMinute: number } = noLimits
  /** Requests of this process in flight. */
  inFlight = 0
  link: Link | undefined = undefined
  /** Called when the member answers again after a cool-down. */
  onReturn: ((now: number) => void) | undefined = undefined
  /** The token of a request of this process that probes it. */
  probe: string | undefined = undefined
  /** When the requests in flight were last reported to the store. */
  toldAt = -Infinity
  /** Requests in flight of other processes, as of the last look. */
  private elsewhere = 0
  /** How many processes share the member, as of the last look. */
  private processes = 1
  /** Until when the limits leave no room, as the store has said, and how long that is taken for certain: usage may settle it. */
  private full = { until: 0, certainUntil: 0 }
  /** Answers in a row that broke off after a part of them was seen. */
  private broken = 0
  /** Which was let in while the store was away. */
  private unasked = nothing
  /** Until when it is skipped, as the store has not been told. */
  private coolUntil = 0
  /** Since when the store keeps it, as it has said. */
  private madeAt = 0

  limit({ requestsPerMinute = Infinity, tokensPerMinute = Infinity }: Limits): void {
    this.limits = { requestsPerMinute, tokensPerMinute }
  }

  /** The limits of this process while the store is away: its share of the account's. */
  get share(): Gate["limits"] {
    const { requestsPerMinute, tokensPerMinute } = this.limits
    return {
      requestsPerMinute: Math.max(1, requestsPerMinute / this.processes),
      tokensPerMinute: tokensPerMinute / this.processes
    }
  }

  get isLimited(): boolean {
    return this.limits.requestsPerMinute < Infinity || this.limits.tokensPerMinute < Infinity
  }

  /** Requests in flight, of all processes. */
  get busy(): number {
    return this.inFlight + this.elsewhere
  }

  /** Why a request would not be let in, if so, as far as this process knows. */
  peek(now: number): Closed | undefined {
    const { local } = this
    if (local.isCooling(now)) return { because: "cooling", left: local.until - now }
    return local.isProbed(now) ? { because: "probed", left: 0 } : undefined
  }

  /** Milliseconds until there is room for a request, as far as this process knows; 0 where there is. */
  room(now: number, tokens: number): number {
    if (!this.isLimited) return 0
    const { requestsPerMinute, tokensPerMinute } = this.limits
    const here = this.local.window.wait(now, tokens, {
      requests: requestsPerMinute,
      amount: tokensPerMinute,
      alone: true
    })
    return Math.max(here, now < this.full.certainUntil ? this.full.until - now : 0)
  }

  warm(now: number): boolean {
    this.coolUntil = 0
    const wasDown = this.local.warm()
    if (wasDown) this.onReturn?.(now)
    return wasDown
  }

  /** An answer was whole. */
  whole(): void {
    this.broken = 0
  }

  /** An answer broke off after a part of it was seen. Returns whether more than `tolerated` in a row did. */
  brokeOff(tolerated: number): boolean {
    if (++this.broken <= tolerated) return false
    this.broken = 0
    return true
  }

  // ---------------------------------------------------------------------------
  // The store
  // ---------------------------------------------------------------------------

  /** Takes over what the store says. `told` is what of this process's minute it has been told with that. */
  follow(now: number, state: MemberState, told: Report["unasked"] = nothing): void {
    const { madeAt } = this
    this.madeAt = state.madeAt
    this.processes = Math.max(1, state.processes)
    this.elsewhere = Math.max(0, state.inFlight - this.inFlight)
    if (madeAt > 0 && madeAt !== state.madeAt) this.tellAgain(now, told)
    // Until it has been told, the store knows less than this process.
    if (this.coolUntil > now && state.coolingFor < this.coolUntil - now) return
    const wasDown = this.local.until > 0
    this.local.follow(now, state, this.probe)
    if (wasDown && !state.isDown) this.onReturn?.(now)
  }

  /** The store has lost what it knew: it began anew, or another server has taken its place. */
  private tellAgain(now: number, told: Report["unasked"]): void {
    const { until, window } = this.local
    window.advance(now)
    this.unasked = {
      requests: Math.max(0, window.requests - told.requests),
      tokens: Math.max(0, window.amount - told.tokens)
    }
    this.coolUntil = Math.max(this.coolUntil, until > now ? until : 0)
  }

  refused(now: number, wait: number): void {
    this.full = { until: now + wait, certainUntil: now + freshness }
  }

  /** Keeps for the store what happened while it was away. */
  owe(
    now: number,
    { coolFor = 0, requests = 0, tokens = 0 }: { coolFor?: number; requests?: number; tokens?: number }
  ): void {
    if (requests !== 0 || tokens !== 0) {
      this.unasked = { requests: this.unasked.requests + requests, tokens: this.unasked.tokens + tokens }
    }
    if (coolFor > 0) this.coolUntil = Math.max(this.coolUntil, now + coolFor)
  }

  get owes(): boolean {
    return this.unasked !== nothing || this.coolUntil > 0
  }

  /** Tells the store something, with what it has missed. */
  tell({ chain, member, process, store }: Link, now: () => number, told: Partial<Report>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { coolUntil, unasked } = this
      const at = now()
      const coolFor = Math.max(0, told.coolFor ?? 0, coolUntil - at)
      this.unasked = nothing
      this.coolUntil = 0
      this.toldAt = at
      const report: Report = {
        token: "",
        probe: "none",
        answered: false,
        settled: undefined,
        ...told,
        chain,
        member,
        process,
        inFlight: this.inFlight,
        lease,
        coolFor,
        unasked
      }
      const untold = () => {
        this.owe(now(), { coolFor, ...unasked })
        if (told.settled !== undefined) this.owe(now(), { tokens: Math.max(0, told.settled.more) })
      }
      const reported = Effect.matchEager(store.report(report), {
        onSuccess: (state) => this.follow(now(), state, unasked),
        onFailure: untold
      })
      // A request that ends while it tells: what it was about to tell is told by the next one, rather twice than never.
      return Effect.onInterrupt(reported, () => Effect.sync(untold))
    })
  }
}
