/**
 * One request at a member, from when it is let in until its answer has been read, or it has failed: by the store, and while that is
 * away by the state of this process.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Gate } from "./gate.ts"
import { lease } from "./gate.ts"
import type { Admission, Report } from "./store.ts"

/** How often a process says that it lives, in milliseconds: three times in a lease. */
const beat = 3_000

let requests = 0

/** Whether a request is let in. */
type Entered = Admission["_tag"]

export class Ticket {
  readonly gate: Gate
  private readonly now: () => number
  private readonly token: string
  /** Tokens that the running attempt was let in with. */
  tokens = 0
  /** Milliseconds until there is room, if the limits have turned it away; 0 if the member is cooling down. */
  wait = 0
  private isProbe = false
  /** Whether the store may have let it in without this process knowing. */
  private isUnsure = false
  private hasEntered = false
  private attempts = 0
  private slotHere = 0
  private slotThere: number | undefined = undefined
  private settled: Report["settled"] = undefined
  private coolFor = 0

  constructor(gate: Gate, now: () => number) {
    this.gate = gate
    this.now = now
    this.token = `${gate.link?.process ?? ""}:${++requests}`
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

  /** Lets an attempt in. The first came in with the request; another one is a request to the vendor too. */
  attempt(tokens: number, anyway: boolean): Effect.Effect<Entered> {
    return ++this.attempts === 1 ? Effect.succeed("Admitted") : this.admit(tokens, anyway)
  }

  private admit(tokens: number, anyway: boolean): Effect.Effect<Entered> {
    return Effect.suspend(() => {
      const { gate } = this
      this.tokens = tokens
      this.wait = 0
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
    const asked = { process: "", inFlight: 0, lease: Infinity, token, tokens, anyway, ...gate.share }
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
    gate.follow(now, answer.state, answer._tag === "Admitted" ? { requests: 1, tokens } : undefined)
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
    const isKnown = this.hasEntered || this.isUnsure
    if (this.hasEntered) gate.inFlight--
    if (isProbe) gate.local.release(token)
    this.endProbe()
    this.hasEntered = this.isUnsure = false
    if (gate.link === undefined || !isKnown) return Effect.void
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
