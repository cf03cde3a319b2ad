/**
 * The calls from a caller or a service to a service or a chain: their clients, their policies and what was counted of them.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Random from "effect/Random"
import type { CallFailure } from "../../CallFailure.ts"
import type { PolicyOptions, Protect, Protector } from "../../Protection.ts"
import type { Engine } from "../engine/engine.ts"
import { Decisions } from "./decisions.ts"
import type { Answer } from "./request.ts"

/** Makes a policy or a client, which takes no time. */
export type Make = <A>(effect: Effect.Effect<A>) => A

/** What an edge reads of the options of its call. */
export interface EdgeOptions {
  readonly policy: PolicyOptions | Protector | undefined
  readonly shared: boolean
  readonly network: number
  readonly cache: { readonly hits: number; readonly size: number } | undefined
}

export abstract class Edge {
  readonly from: string
  abstract readonly to: { readonly name: string }
  readonly engine: Engine
  readonly network: number
  readonly decisions = new Decisions()
  private readonly options: EdgeOptions
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

  constructor(from: string, options: EdgeOptions, engine: Engine, random: Random.Random) {
    this.from = from
    this.options = options
    this.engine = engine
    this.random = random
    this.network = options.network
    this.cached = options.cache?.size ?? 0
  }

  /** What one client sends, without its policy. */
  protected abstract connect(make: Make): Effect.Effect<void, CallFailure>

  /** What protects the calls of one client in place of a `Policy`. */
  protected abstract readonly protector: Protector | undefined

  chance(): number {
    return this.random.nextDoubleUnsafe()
  }

  sent(): void {
    this.attempts++
    this.mostInFlight = Math.max(
      this.mostInFlight,
      this.attempts - this.answeredWell - this.answeredBadly - this.abandoned
    )
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

  /** The calls of each client, under its policy. With a cache they count themselves. */
  protectAll(clients: number, make: Make): ReadonlyArray<Effect.Effect<unknown, unknown>> {
    const { policy, shared } = this.options
    const protector = this.protector ??
      (policy === undefined ? undefined : made(policy, `${this.from} -> ${this.to.name}`))
    const one = () => {
      const call = this.connect(make)
      return this.cachedOr(protector === undefined ? call : make(protector).protect(call))
    }
    if (!shared) return Array.from({ length: clients }, one)
    const same = one()
    return Array.from({ length: clients }, () => same)
  }

  /** A call that is answered by the cache where it can be, and counts itself. */
  private cachedOr(call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    const { cache } = this.options
    if (cache === undefined) return call
    return Effect.suspend(() => {
      this.calls++
      if (this.chance() >= cache.hits * this.cached / cache.size) return call
      this.hits++
      return Effect.void
    })
  }

  /** Whether what starts a call has to count it. */
  get isUncounted(): boolean {
    return this.options.cache === undefined
  }
}

/** `Policy.make` for options of any kind. A call of the model may be hedged: it has no effect but on the model. */
const made = (policy: PolicyOptions | Protector, name: string): Protector =>
  Effect.isEffect(policy)
    ? policy
    : Effect.map(Policy.make({ name, ...policy }), (made) => made as unknown as { readonly protect: Protect })
