/** A provider in a chain, with all that the chain keeps about it from request to request. */
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as Policy from "@holdfast/core/Policy"
import type * as PolicyError from "@holdfast/core/PolicyError"
import * as AiError from "effect/ai/AiError"
import type * as Tokenizer from "effect/ai/Tokenizer"
import type * as Duration from "effect/Duration"
import type { Observer } from "../../ChainEvent.ts"
import type { Connectivity } from "../../Connectivity.ts"
import { Decision } from "../../FallbackDecision.ts"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import type { Ledger } from "../../Usage.ts"
import type { Cooldown } from "./cooldown.ts"

/** What a policy of the chain protects and adds. */
export type AttemptPolicy = Policy.Policy<AttemptFailure, PolicyError.PolicyError<PolicyError.AttemptTimeout>>

export interface Entry {
  readonly provider: Provider
  readonly generate: AttemptPolicy
  readonly stream: AttemptPolicy
  /** How long the first part of a stream may take, whatever it holds. */
  readonly head: Duration.Duration | undefined
  /** How long the provider may be silent in the middle of a stream. */
  readonly betweenChunks: Duration.Duration | undefined
  readonly bulkhead: Bulkhead.Bulkhead | undefined
  /** The longest pause that it may ask for. */
  readonly maxRetryAfter: Duration.Duration
  /** How many retries it has, which is also how many broken answers in a row are put up with. */
  readonly retries: number
  /** For how many milliseconds it is left alone when it had to be given up. */
  readonly pause: number
  readonly cooldown: Cooldown
}

/** What all requests of a chain have in common. */
export interface Settings {
  readonly deadline: number | undefined
  readonly fallbackOnContentPolicy: boolean
  /** What the chain was made with, for requests that bring none along. */
  readonly connectivity: Connectivity["Service"] | undefined
  readonly ledger: Ledger["Service"] | undefined
  readonly tokenizer: Tokenizer.Service | undefined
  readonly metrics: Observer
}

/** A provider's failure as a policy sees it: with the decision that followed, and the hint wherever it came from. */
export class AttemptFailure extends AiError.AiError.extend<AttemptFailure>("@holdfast/llm/AttemptFailure")({
  decision: Decision
}) {
  override get retryAfter(): Duration.Duration | undefined {
    return detail(this.reason).retryAfter
  }
}

/** One attempt in progress: the provider and its number. */
export interface Running {
  readonly entry: Entry
  readonly attempt: number
  readonly startedAt: number
}
