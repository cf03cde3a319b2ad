/**
 * A member of a chain as its requests see it. Without a store it is the state of this process. With one, the store decides who is let in,
 * and the state of this process follows it: it orders the members between two looks, and decides while the store is away.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { StoredMember } from "./member.ts"
import type { Admission, ChainStore, MemberState, Report } from "./store.ts"

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

/** How long a process that says nothing is taken to be alive. It says something three times as often. */
const lease = Duration.seconds(10)
const beat = 3_000

const nothing = { requests: 0, tokens: 0 }

export class Gate {
  readonly local = new StoredMember()
  readonly limits: { readonly requestsPerMinute: number; readonly tokensPerMinute: number }
  /** Requests of this process in flight. */
  inFlight = 0
  link: Link | undefined = undefined
  /** Called when the member answers again after a cool-down. */
  onReturn: ((now: number) => void) | undefined = undefined
  /** The token of a request of this process that probes it. */
  probe: string | undefined = undefined
  /** When the store was last told of the requests in flight. */
  toldAt = -Infinity
  /** Requests in flight of other processes, as of the last look. */
  private elsewhere = 0
  /** Until when the store has said that the limits leave no room. */
  private fullUntil = 0
  /** Answers in a row that broke off after a part of them was seen. */
  private broken = 0
  /** Which was let in while the store was away. */
  private unasked = nothing
  /** Until when it is skipped, as the store has not been told. */
  private coolUntil = 0
  private entries = 0

  constructor(limits?: Limits) {
    this.limits = {
      requestsPerMinute: limits?.requestsPerMinute ?? Infinity,
      tokensPerMinute: limits?.tokensPerMinute ?? Infinity
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
    return Math.max(here, this.fullUntil - now, 0)
  }

  /** A request that is about to be let in. */
  visit(now: () => number): Visit {
    return new Visit(this, now, `${this.link?.process ?? ""}:${++this.entries}`)
  }

  warm(now: number): boolean {
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

  /** Takes over what the store says. */
  follow(now: number, state: MemberState): void {
    const wasDown = this.local.until > 0
    this.local.follow(now, state, this.probe)
    this.elsewhere = Math.max(0, state.inFlight - this.inFlight)
    if (wasDown && !state.isDown) this.onReturn?.(now)
  }

  refused(now: number, wait: number): void {
    this.fullUntil = now + wait
  }

  /** Keeps for the store what happened while it was away. */
  owe(
    now: number,
    { coolFor = 0, requests = 0, tokens = 0 }: { coolFor?: number; requests?: number; tokens?: number }
  ): void {
    this.unasked = { requests: this.unasked.requests + requests, tokens: this.unasked.tokens + tokens }
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
      return Effect.matchEager(store.report(report), {
        onSuccess: (state) => this.follow(now(), state),
        onFailure: () => {
          this.owe(now(), { coolFor, ...unasked })
          if (told.settled !== undefined) this.owe(now(), { tokens: Math.max(0, told.settled.more) })
        }
      })
    })
  }
}

/** Whether a request is let in. */
type Entered = Admission["_tag"]

/** One request at a member: from when it is let in until its answer has been read, or it has failed. */
export class Visit {
  readonly gate: Gate
  private readonly now: () => number
  private readonly token: string
  /** Tokens that the running attempt was let in with. */
  tokens = 0
  /** Milliseconds until there is room, where there was none. */
  wait = 0
  private isProbe = false
  /** Whether the store may have let it in without this process knowing. */
  private isUnsure = false
  private hasEntered = false
  private slotHere = 0
  private slotThere: number | undefined = undefined
  private settled: Report["settled"] = undefined
  private coolFor = 0

  constructor(gate: Gate, now: () => number, token: string) {
    this.gate = gate
    this.now = now
    this.token = token
  }

  /** Lets the request in, or says why not. It leaves when the scope closes. */
  enter(tokens: number, anyway: boolean, scope: Scope.Scope): Effect.Effect<Entered> {
    const entered = this.admit(tokens, anyway)
    return Effect.andThen(
      Scope.addFinalizer(scope, this.leave),
      this.gate.link === undefined ? entered : Effect.tap(
        entered,
        (tag) => tag === "Admitted" ? Effect.forkIn(this.keep, scope) : Effect.void
      )
    )
  }

  /** Lets another attempt of the request in. Its reservation is a new one. */
  again(tokens: number): Effect.Effect<Entered> {
    return this.gate.isLimited ? this.admit(tokens, true) : Effect.succeed("Admitted")
  }

  private admit(tokens: number, anyway: boolean): Effect.Effect<Entered> {
    return Effect.suspend(() => {
      const { gate } = this
      this.tokens = tokens
      if (gate.link === undefined) return Effect.succeed(this.admitHere(anyway))
      const { chain, member, process, store } = gate.link
      this.isUnsure = true
      const inFlight = gate.inFlight + (this.hasEntered ? 0 : 1)
      const { limits, token } = { limits: gate.limits, token: this.token }
      return Effect.matchEager(
        store.enter({ chain, member, process, inFlight, lease, token, tokens, anyway, ...limits }),
        { onSuccess: (answer) => this.admitted(answer), onFailure: () => this.admitAway(anyway) }
      )
    })
  }

  /** By the state of this process. */
  private admitHere(anyway: boolean): Entered {
    const { gate, token, tokens } = this
    const asked = { process: "", inFlight: 0, lease: Infinity, token, tokens, anyway, ...gate.limits }
    const answer = gate.local.enter(this.now(), asked)
    if (answer._tag === "Full") this.wait = answer.wait
    if (answer._tag === "Admitted") this.takePlace(answer.isProbe, answer.slot)
    return answer._tag
  }

  /** The store is away. */
  private admitAway(anyway: boolean): Entered {
    const tag = this.admitHere(anyway)
    this.slotThere = undefined
    if (tag === "Admitted" && this.gate.isLimited) this.gate.owe(this.now(), { requests: 1, tokens: this.tokens })
    return tag
  }

  /** By the store. The state of this process follows. */
  private admitted(answer: Admission): Entered {
    const { gate, tokens } = this
    const now = this.now()
    this.isUnsure = false
    if (answer._tag === "Admitted") {
      const slot = gate.isLimited ? gate.local.window.add(now, 1, tokens) : 0
      this.takePlace(answer.isProbe, slot)
      this.slotThere = answer.slot
      gate.toldAt = now
    }
    if (answer._tag === "Full") {
      this.wait = answer.wait
      gate.refused(now, answer.wait)
    }
    gate.follow(now, answer.state)
    return answer._tag
  }

  private takePlace(isProbe: boolean, slot: number): void {
    const { gate } = this
    this.slotHere = slot
    if (isProbe) {
      this.isProbe = true
      gate.probe = this.token
    }
    if (!this.hasEntered) gate.inFlight++
    this.hasEntered = true
  }

  /** The vendor has said what the attempt took. */
  settle(tokens: number): void {
    const { gate } = this
    const more = tokens - this.tokens
    this.tokens = tokens
    if (!gate.isLimited || more === 0) return
    gate.local.window.correct(this.now(), this.slotHere, more)
    if (this.slotThere !== undefined) this.settled = { slot: this.slotThere, more: more + (this.settled?.more ?? 0) }
    else if (gate.link !== undefined) gate.owe(this.now(), { tokens: more })
  }

  /** The member answers. The fleet is told at once if it was down. */
  get answered(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { gate, isProbe, token } = this
      const now = this.now()
      const wasDown = gate.warm(now)
      this.endProbe()
      return gate.link === undefined || !(wasDown || isProbe)
        ? Effect.void
        : gate.tell(gate.link, this.now, { token, answered: true, probe: isProbe ? "released" : "none" })
    })
  }

  /** The member failed, and is skipped for so long. The fleet is told when the request leaves. */
  cool(millis: number): void {
    this.gate.local.cool(this.now(), millis)
    this.coolFor = Math.max(this.coolFor, millis)
  }

  /** Its answer broke off after a part of it was seen. More than `tolerated` in a row start a cool-down. */
  brokeOff(tolerated: number, millis: number): void {
    if (this.gate.brokeOff(tolerated)) this.cool(millis)
  }

  private endProbe(): void {
    if (!this.isProbe) return
    this.isProbe = false
    if (this.gate.probe === this.token) this.gate.probe = undefined
  }

  private readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    const { coolFor, gate, isProbe, settled, token } = this
    const probe = isProbe || this.isUnsure ? "released" as const : "none" as const
    if (this.hasEntered) gate.inFlight--
    if (isProbe) gate.local.release(token)
    this.endProbe()
    if (gate.link === undefined || !(this.hasEntered || this.isUnsure)) return Effect.void
    return gate.tell(gate.link, this.now, { token, probe, settled, coolFor })
  })

  /** Tells the store that this process lives, as long as it has requests at the member and nothing else tells it. */
  private readonly keep: Effect.Effect<void> = Effect.suspend(() => {
    const { gate, isProbe, token } = this
    const wait = isProbe ? 0 : gate.toldAt + beat - this.now()
    if (gate.link === undefined || wait > 0) return Effect.delay(this.keep, Math.max(wait, 1))
    const told = gate.tell(gate.link, this.now, { token, probe: isProbe ? "held" : "none" })
    return Effect.andThen(told, Effect.delay(this.keep, beat))
  }).pipe(Effect.delay(beat))
}
