/**
 * A provider in a chain, with all that the chain keeps about it from request to request.
 *
 * Guarded by `test/chain/retry.test.ts` and `test/chain/commit.test.ts`.
 */
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as Hedge from "@holdfast/core/Hedge"
import type * as Policy from "@holdfast/core/Policy"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import type * as Tokenizer from "effect/ai/Tokenizer"
import type * as Duration from "effect/Duration"
import type * as Scope from "effect/Scope"
import type { Budgets } from "../../Budgets.ts"
import type { Observer, ProviderSkipped } from "../../ChainEvent.ts"
import type { Connectivity } from "../../Connectivity.ts"
import type { Decision } from "../../FallbackDecision.ts"
import type { Parameters } from "../../Parameters.ts"
import type { Pool, PoolMember } from "../../Pool.ts"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import type { Ledger } from "../../Usage.ts"
import type { Fleet } from "../store/fleet.ts"
import type { Gate } from "../store/gate.ts"
import type { Ticket } from "../store/ticket.ts"
import type { Meter } from "../usage/reported.ts"
import type { Repair } from "./repair.ts"

/** The member of a pool that a member of a chain is. */
export interface PoolPlace {
  readonly pool: Pool
  readonly member: PoolMember
}

export interface ChainMember {
  readonly provider: Provider
  /** Repeats attempts for as long as their failures allow it. */
  readonly retry: Policy.Policy<AttemptFailure>
  /** How long an attempt may take: to its whole answer, or, streamed, to its first content. */
  readonly attemptTimeout: { readonly [M in Method]: Duration.Duration | undefined }
  /** How long a stream may take to its first sign of life. */
  readonly head: Duration.Duration | undefined
  /** How long a stream may show no sign of life once it has begun. */
  readonly betweenChunks: Duration.Duration | undefined
  readonly bulkhead: Bulkhead.Bulkhead | undefined
  /** A longer `Retry-After` is not waited for. */
  readonly maxRetryAfter: Duration.Duration
  /** How many retries it has, which is also how many broken answers in a row are tolerated. */
  readonly retries: number
  /** How many milliseconds it is skipped after it failed. */
  readonly cooldownMillis: number
  /** How many times it is asked to repair a structured answer that does not follow its schema. */
  readonly repairs: number
  /** Who is let in: cool-down, probe and limits, of this process or of its fleet. */
  readonly gate: Gate
  /** The parameters of its requests, below those of the request. */
  readonly parameters: Parameters | undefined
  /** When another provider is asked beside it, if ever. */
  readonly hedge: Hedge.Hedge | undefined
  /** Its place in a pool, if it is a member of one. */
  readonly place: PoolPlace | undefined
}

export type Method = "generateText" | "streamText" | "embedMany"

/** Why nothing is sent to a provider: in words for an event, and as the reason of a failure. */
export interface Obstacle {
  readonly why: ProviderSkipped["why"]
  readonly because: string
  readonly reason: AiError.AiErrorReason
}

/** What all requests of a chain have in common. */
export interface Settings {
  readonly deadline: number | undefined
  readonly fallbackOnContentPolicy: boolean
  readonly hedgeBudget: RetryBudget.RetryBudget | undefined
  /** The services that the chain was made with, for requests that bring none along. */
  readonly connectivity: Connectivity["Service"] | undefined
  readonly ledger: Ledger["Service"] | undefined
  readonly budgets: Budgets["Service"] | undefined
  readonly tokenizer: Tokenizer.Service | undefined
  readonly metrics: Observer
  /** What the chain shares with other processes, if it was made with a store. */
  readonly fleet: Fleet | undefined
}

/** One attempt in progress: the provider and its number. */
export interface RunningAttempt {
  readonly member: ChainMember
  readonly attempt: number
  /** Which hedge of the request it belongs to: 1 is the first; 0 without a hedge. */
  readonly hedge: number
  readonly startedAt: number
  /** What follows the prompt, if the attempt repairs an answer. */
  readonly repair: Prompt.Prompt | undefined
  /** What the provider reports of its usage. */
  readonly meter: Meter
  /** What it was let in with. */
  readonly ticket: Ticket
}

/** One visit of a provider: what its attempts have in common. */
export interface Visit {
  readonly member: ChainMember
  /** Has all that its answer holds. */
  readonly scope: Scope.Closeable
  readonly hedge: number
  readonly repair: Repair
  /** How it is let in, and what it was let in with. */
  readonly ticket: Ticket
}

/** What follows a failed attempt: another one here where the retries still allow it, and otherwise the rest. */
export interface Follows {
  readonly retry: Extract<Decision, { readonly _tag: "Retry" }> | undefined
  readonly otherwise: Exclude<Decision, { readonly _tag: "Retry" }>
  /** The providers that the decision was not made for: they do not qualify. */
  readonly passed: ReadonlySet<ChainMember>
}

/** What the chain knows of a failed attempt. */
interface Ended {
  readonly running: RunningAttempt
  readonly endedAt: number
  readonly follows: Follows
  /** Called when it is certain that another attempt follows, with the delay in milliseconds. */
  readonly onRetry: (failure: AttemptFailure, delay: number) => void
}

/** A failed attempt as the retry sees it: with the decision about it, and the hint wherever that came from. */
export class AttemptFailure extends AiError.AiError.extend<AttemptFailure>("@holdfast/llm/AttemptFailure")({}) {
  declare readonly running: RunningAttempt
  declare readonly endedAt: number
  declare readonly follows: Follows
  declare readonly onRetry: Ended["onRetry"]

  static of({ method, module, reason }: AiError.AiError, ended: Ended): AttemptFailure {
    return Object.assign(new AttemptFailure({ module, method, reason }), ended)
  }

  override get retryAfter(): Duration.Duration | undefined {
    return detail(this.reason).retryAfter
  }
}

/** Another attempt would be beyond the limits of the account, or the provider was found to be down meanwhile. */
export const notAgain: Follows = {
  retry: undefined,
  otherwise: { _tag: "Fallback", because: "it takes no other attempt", cooldown: false },
  passed: new Set()
}

/** The end of the attempts at a provider after one that failed: no other was sent. */
export const endedBefore = (running: RunningAttempt, now: number): AttemptFailure =>
  AttemptFailure.of(
    new AiError.AiError({ module: "ProviderChain", method: "attempt", reason: new AiError.RateLimitError({}) }),
    { running, endedAt: now, follows: notAgain, onRetry: () => undefined }
  )
