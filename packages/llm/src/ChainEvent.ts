/**
 * What a chain does, as it does it: every attempt with its outcome, the decision that followed and what it cost.
 *
 * Observers are plain synchronous functions that are called in the course of the request. An observer that throws is
 * ignored.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Decision } from "./FallbackDecision.ts"
import type { Location } from "./Provider.ts"

/** What every event says. */
export interface Origin {
  /** The provider's name. */
  readonly provider: string
  readonly model: string
  readonly location: Location
  /** Which attempt at this provider: 1 is the first, 0 before there is any. */
  readonly attempt: number
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly at: number
}

/** A request was sent to a provider. */
export interface AttemptStarted extends Origin {
  readonly _tag: "AttemptStarted"
}

/** The first text, reasoning or tool parameters came: from here on the answer is this provider's, or none. */
export interface Committed extends Origin {
  readonly _tag: "Committed"
  /** Since the attempt began. */
  readonly duration: Duration.Duration
}

/** The answer is whole. */
export interface AttemptSucceeded extends Origin {
  readonly _tag: "AttemptSucceeded"
  readonly duration: Duration.Duration
  readonly usage: Response.Usage | undefined
}

/** An attempt failed, and what follows. */
export interface AttemptFailed extends Origin {
  readonly _tag: "AttemptFailed"
  readonly duration: Duration.Duration
  readonly reason: AiError.AiErrorReason
  readonly decision: Decision
  /** How long the pause is before the next attempt here; `undefined` unless the decision is to retry. */
  readonly delay: Duration.Duration | undefined
  /** What the provider reported before it failed. */
  readonly usage: Response.Usage | undefined
}

/** The caller went away, or a defect ended the request. */
export interface AttemptInterrupted extends Origin {
  readonly _tag: "AttemptInterrupted"
  readonly duration: Duration.Duration
  /** What the provider reported before that. */
  readonly usage: Response.Usage | undefined
}

/** A provider was not asked. */
export interface ProviderSkipped extends Origin {
  readonly _tag: "ProviderSkipped"
  /**
   * - `offline`: this machine is, and the provider is in the cloud.
   * - `incapable`: the model cannot do what is asked.
   * - `tooLong`: the prompt certainly is longer than the model's context.
   * - `cooling`: the provider failed before and is left alone, or another request finds out whether it is back.
   * - `full`: its bulkhead had no place.
   */
  readonly why: "offline" | "incapable" | "tooLong" | "cooling" | "full"
  readonly because: string
}

/**
 * The conversation holds what only another provider, or another model, can read, and goes to this one without it. Told
 * once a request and provider, when something is left out or renamed.
 */
export interface PromptProjected extends Origin {
  readonly _tag: "PromptProjected"
  /** How many parts of reasoning were left out. */
  readonly reasoning: number
  /** From how many parts a signature, or what else their vendor keeps beside them, was left out. */
  readonly vendorData: number
  /** How many calls of tools that ran at their vendor's were left out, with their results. */
  readonly hostedTools: number
  /** How many tool calls go under another id, which is no loss: the same one every time, in the call and in its results. */
  readonly renamedCalls: number
}

/** An event of a chain. */
export type ChainEvent =
  | AttemptStarted
  | Committed
  | AttemptSucceeded
  | AttemptFailed
  | AttemptInterrupted
  | ProviderSkipped
  | PromptProjected

/** A function that is told of events. */
export type Observer = (event: ChainEvent) => void

/** The observers in force, outermost first. Default: none. */
export const Observers: Context.Reference<ReadonlyArray<Observer>> = Context.Reference<ReadonlyArray<Observer>>(
  "@holdfast/llm/ChainEvent/Observers",
  { defaultValue: () => [] }
)

/**
 * Tells `observer` of every event of the chains that run within an effect.
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
