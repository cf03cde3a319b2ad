/**
 * The calls from a caller or a service to a service: their clients, their policies and what was counted of them.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Random from "effect/Random"
import type { CallFailure } from "../../CallFailure.ts"
import type { PolicyOptions, Protect, Protector } from "../../Protection.ts"
import type { Engine } from "../engine/engine.ts"
import type { CheckedCall } from "./check.ts"
import { type Answer, Request } from "./request.ts"
import type { Service } from "./service.ts"

/** What the policies of the calls have decided. */
class Decisions {
  retries = 0
  hedges = 0
  /** Calls that a part has rejected. */
  readonly rejected: Record<"bulkhead" | "rateLimit" | "circuitBreaker", number> & Record<string, number> = {
    bulkhead: 0,
    rateLimit: 0,
    circuitBreaker: 0
  }
  /** Failed calls that were not tried again, by reason. */
  readonly stopped: Record<PolicyEvent.StopReason, number> = {
    times: 0,
    notRetryable: 0,
    elapsed: 0,
    deadline: 0,
    retryAfter: 0,
    schedule: 0,
    budget: 0
  }
  deadlines = 0
  /** How often a breaker has opened, and how many are open or half open now. */
  opened = 0
  open = 0

  readonly observe: PolicyEvent.Observer = (event) => {
    switch (event._tag) {
      case "RetryScheduled":
        this.retries++
        return
      case "Hedged":
        this.hedges++
        return
      case "Rejected":
        this.rejected[event.by] = (this.rejected[event.by] ?? 0) + 1
        return
      case "RetryStopped":
        this.stopped[event.reason]++
        return
      case "DeadlinePassed":
        this.deadlines++
        return
      case "CircuitChanged":
        // That an open circuit admits a probe is no event: both states count as one.
        if (event.from === "Closed") this.open++
        if (event.to === "Closed") this.open--
        if (event.to === "Open") this.opened++
    }
  }
}

export class Edge {
  readonly from: string
  readonly to: Service
  readonly engine: Engine
  readonly network: number
  readonly decisions = new Decisions()
  private readonly options: CheckedCall
  private readonly random: Random.Random
  /** Calls, and those of them that the cache has answered. */
  calls = 0
  hits = 0
  /** What the clients have sent: requests, those that were answered well and badly, those that were given up. */
  attempts = 0
  answeredWell = 0
  answeredBadly = 0
  abandoned = 0
  /** The most requests that clients waited for at once. */
  mostInFlight = 0
  /** Answers in the cache: as many as fill it when it is warm. */
  private cached: number

  constructor(from: string, to: Service, options: CheckedCall, engine: Engine, random: Random.Random) {
    this.from = from
    this.to = to
    this.options = options
    this.engine = engine
    this.random = random
    this.network = options.network
    this.cached = options.cache?.size ?? 0
  }

  chance(): number {
    return this.random.nextDoubleUnsafe()
  }

  answered(answer: Answer): void {
    if (Exit.isFailure(answer)) this.answeredBadly++
    else {
      this.answeredWell++
      const { cache } = this.options
      if (cache !== undefined && this.cached < cache.size) this.cached++
    }
  }

  /** Empties the cache. */
  forget(): void {
    this.cached = 0
  }

  private readonly attempt: Effect.Effect<void, CallFailure> = Effect.callback((resume) => {
    this.attempts++
    this.mostInFlight = Math.max(
      this.mostInFlight,
      this.attempts - this.answeredWell - this.answeredBadly - this.abandoned
    )
    const request = new Request(this, resume)
    request.send()
    return Effect.sync(() => request.abandon())
  })

  /** The calls of each client, under its policy. */
  protectAll(
    clients: number,
    make: <A>(effect: Effect.Effect<A>) => A
  ): ReadonlyArray<Effect.Effect<unknown, unknown>> {
    const { policy, shared } = this.options
    const name = `${this.from} -> ${this.to.name}`
    const one = () =>
      this.called(policy === undefined ? this.attempt : make(protector(policy, name)).protect(this.attempt))
    if (!shared && policy !== undefined) return Array.from({ length: clients }, one)
    const same = one()
    return Array.from({ length: clients }, () => same)
  }

  private called(call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const { cache } = this.options
    if (cache === undefined) {
      return Effect.suspend(() => {
        this.calls++
        return call
      })
    }
    return Effect.suspend(() => {
      this.calls++
      if (this.chance() >= cache.hits * this.cached / cache.size) return call
      this.hits++
      return Effect.void
    })
  }
}

/** `Policy.make` for options of any kind. A call of the model may be hedged: it has no effect but on the model. */
const protector = (policy: PolicyOptions | Protector, name: string): Protector =>
  Effect.isEffect(policy)
    ? policy
    : Effect.map(Policy.make({ name, ...policy }), (made) => made as unknown as { readonly protect: Protect })
