/**
 * Events of a chain as they happen: every attempt with its outcome, the decision that followed and its usage.
 *
 * **When to use**
 *
 * Use it to log, count or display what a chain does. Metrics, spans and the ledger are observers too.
 *
 * **Details**
 *
 * Observers are plain synchronous functions, called by the request in the order of {@link observe}, outermost first.
 *
 * **Gotchas**
 *
 * An observer cannot change the outcome: its exceptions are ignored. It runs in the fiber of the request, so keep it short.
 *
 * **Example**
 *
 * See {@link observe}.
 */
import type * as AiError from "effect/ai/AiError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Decision } from "./FallbackDecision.ts"
import type { Reported } from "./internal/usage/reported.ts"
import type { Parameters } from "./Parameters.ts"
import type { Location } from "./Provider.ts"

export type { Reported } from "./internal/usage/reported.ts"

/** The fields of every event. */
export interface Origin {
  /** The provider's name. */
  readonly provider: string
  readonly model: string
  readonly location: Location
  /** Which attempt at this provider: 1 is the first, 0 before there is any. */
  readonly attempt: number
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly at: number
  /** What was asked for; missing for a chat. */
  readonly operation?: "embeddings" | undefined
  /** The tags of the request, of `Usage.withTags`; missing without any. */
  readonly tags?: Readonly<Record<string, string>> | undefined
}

/** A request was sent to a provider. */
export interface AttemptStarted extends Origin {
  readonly _tag: "AttemptStarted"
}

/** The first text, reasoning or tool parameters arrived. From here on, no other provider is asked. */
export interface Committed extends Origin {
  readonly _tag: "Committed"
  /** Since the attempt began. */
  readonly duration: Duration.Duration
}

/** The answer is complete. */
export interface AttemptSucceeded extends Origin, Reported {
  readonly _tag: "AttemptSucceeded"
  readonly duration: Duration.Duration
}

/** An attempt failed, and what follows. `usage` is what the provider reported before that. */
export interface AttemptFailed extends Origin, Reported {
  readonly _tag: "AttemptFailed"
  readonly duration: Duration.Duration
  readonly reason: AiError.AiErrorReason
  readonly decision: Decision
  /** The delay before the next attempt at this provider; `undefined` unless the decision is to retry. */
  readonly delay: Duration.Duration | undefined
}

/**
 * A provider is late, so another one is asked as well. The first whose answer begins is the request's, and the attempt at the
 * other is interrupted.
 */
export interface ProviderHedged extends Origin {
  readonly _tag: "ProviderHedged"
  /** The name of the provider that is asked as well. */
  readonly hedge: string
  /** How long the late provider was waited for. */
  readonly after: Duration.Duration
}

/** An attempt was interrupted before its answer was complete. `usage` is what the provider reported before that. */
export interface AttemptInterrupted extends Origin, Reported {
  readonly _tag: "AttemptInterrupted"
  /**
   * - `caller`: the caller interrupted the request, or a defect ended it.
   * - `hedge`: the request was hedged, and another provider's end came first.
   */
  readonly by: "caller" | "hedge"
  readonly duration: Duration.Duration
}

/** A provider was not asked. */
export interface ProviderSkipped extends Origin {
  readonly _tag: "ProviderSkipped"
  /**
   * - `offline`: this machine is offline, and the provider is in the cloud.
   * - `incapable`: the model lacks a feature that the request needs.
   * - `tooLong`: the prompt is certainly longer than the model's context.
   * - `cooling`: the provider failed before and is cooling down, or another request is probing it.
   * - `full`: its bulkhead had no free slot.
   * - `limited`: a member of a pool whose limits leave no room.
   * - `budget`: a budget is spent and only the cheapest provider is asked, or a budget of cost needs a price that is unknown.
   */
  readonly why: "offline" | "incapable" | "tooLong" | "cooling" | "full" | "limited" | "budget"
  readonly because: string
}

/**
 * The conversation has parts that only another provider or model can read, and they were left out or renamed for this one.
 * Published at most once for each request and provider.
 */
export interface PromptProjected extends Origin {
  readonly _tag: "PromptProjected"
  /** The number of reasoning parts left out. */
  readonly reasoning: number
  /** The number of parts that lost a signature or other metadata of their vendor. */
  readonly vendorData: number
  /** The number of vendor-run tool calls left out, with their results. */
  readonly hostedTools: number
  /** The number of tool calls with a renamed id. Nothing is lost: call and results get the same id, in every request. */
  readonly renamedCalls: number
}

/** The provider or its model does not take a parameter of the request, which was left out. */
export interface ParameterDropped extends Origin {
  readonly _tag: "ParameterDropped"
  readonly parameter: keyof Parameters
}

/** An event of a chain. */
export type ChainEvent =
  | AttemptStarted
  | Committed
  | AttemptSucceeded
  | AttemptFailed
  | AttemptInterrupted
  | ProviderSkipped
  | ProviderHedged
  | PromptProjected
  | ParameterDropped

/** A function that receives events. */
export type Observer = (event: ChainEvent) => void

/** The observers in force, outermost first. Default: none. */
export const Observers: Context.Reference<ReadonlyArray<Observer>> = Context.Reference<ReadonlyArray<Observer>>(
  "@holdfast/llm/ChainEvent/Observers",
  { defaultValue: () => [] }
)

/**
 * Calls `observer` with every event of the chains that run within an effect.
 *
 * ```ts import.meta.vitest
 * import { ChainEvent, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const seen: Array<string> = []
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   ChainEvent.observe((event) => seen.push(`${event._tag} ${event.provider}`)),
 *   Effect.provide(ProviderChain.layer({ providers: [TestProvider.script("cloud", [TestProvider.text("Hi")])] }))
 * )
 *
 * const { text } = await Effect.runPromise(program)
 * text // => "Hi"
 * seen // => ["AttemptStarted cloud", "AttemptSucceeded cloud"]
 * ```
 */
export const observe: {
  (observer: Observer): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer) =>
    Effect.updateService(self, Observers, (observers) => [...observers, observer])
)
