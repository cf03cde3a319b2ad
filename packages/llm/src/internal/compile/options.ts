/**
 * The options of a chain. `ProviderChain` exports them.
 *
 * Guarded by `test/config/selection.test.ts` and `test/ProviderChain.test.ts`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as Hedge from "@holdfast/core/Hedge"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import type { TransportData } from "@holdfast/http/HttpPolicyData"
import type * as AiError from "effect/ai/AiError"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import type { Parameters } from "../../Parameters.ts"
import type { Pool } from "../../Pool.ts"
import type { Provider } from "../../Provider.ts"

/** How attempts at one provider are repeated, before the next one is asked. */
export interface RetryOptions {
  /**
   * How many retries there may be at each provider after its first attempt. Default: 2; 4 at a local provider that says that it
   * is loading its model or busy.
   */
  readonly times?: number | undefined
  /**
   * The delays between attempts. Default: 0.5 seconds, doubled each time up to 8, less up to half by chance; at local providers
   * 1 second, doubled each time up to 8, more or less a tenth.
   */
  readonly backoff?: Schedule.Schedule<unknown, AiError.AiError> | undefined
  /** The time after its first attempt in which further attempts at a provider may start. Default: no limit. */
  readonly maxElapsed?: DurationInput | undefined
  /** The longest delay that a provider may ask for. If it asks for more, the next one is asked at once. Default: 60 seconds. */
  readonly maxRetryAfter?: DurationInput | undefined
}

/**
 * Timeouts of one provider. The transport limits the time to connect; its `headersTimeout` and `bodyTimeout` are off while one of
 * these timeouts runs, and for local providers, so that no default of the transport ends an answer that the chain waits for.
 * `fetch` on Node keeps its own limit of 5 minutes: use `UndiciTransport`.
 *
 * Any data from the server is a sign of life for `head` and `betweenChunks`: a ping, a comment, a part without content. Only
 * content counts for `firstContent`.
 */
export interface Timeouts {
  /**
   * Until the first sign of life of a stream. Default: no limit of its own.
   */
  readonly head?: DurationInput | undefined
  /** Until the first text, reasoning or tool parameters of a stream. Default: 30 seconds, locally 5 minutes. */
  readonly firstContent?: DurationInput | undefined
  /** Between two signs of life once a stream has begun. Default: 60 seconds. */
  readonly betweenChunks?: DurationInput | undefined
  /** Until a whole answer that is not streamed. Default: 2 minutes, locally 10 minutes. */
  readonly answer?: DurationInput | undefined
}

/** How a structured answer that does not follow its schema is repaired. */
export interface RepairOptions {
  /** How many times the same model is shown its answer and the error: a whole number of at least 1. Default: 1. */
  readonly rounds?: number | undefined
}

/** When another provider is asked beside one that is late. */
export interface HedgeOptions {
  /**
   * How long a provider may take to its first content, or to a whole answer that is not streamed, with its retries, before the
   * next one is asked as well: a duration, or `Hedge.quantile` of the times of that provider so far. No default.
   */
  readonly after: DurationInput | Hedge.Quantile
  /** How many providers a request may be sent to beside a late one: a whole number of at least 1. Default: 1. */
  readonly max?: number | undefined
}

/** A provider or a pool of them, or how to make one. */
export type Source<E = never, R = never> = Provider | Pool | Effect.Effect<Provider | Pool, E, R>

/** The policy of one provider. */
export interface Treatment {
  /** Retries; `false` disables them. Default: `{}`. */
  readonly retry?: RetryOptions | false | undefined
  /** The timeouts; `false` disables them. Default: `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /**
   * The most concurrent requests, and the most that wait for a slot; a stream holds its slot until it has been read. A request
   * that gets no slot in time goes to the next provider. Default: no limit; `maxWait` is `firstContent`: 30 seconds, locally 5
   * minutes.
   */
  readonly bulkhead?: Bulkhead.Options | undefined
  /**
   * How long a failed provider is skipped: credentials rejected, quota spent, retries used up. A longer `Retry-After` from it
   * wins. Then one request probes it. Default: 30 seconds; 0 disables.
   */
  readonly cooldown?: DurationInput | undefined
  /** The parameters of all requests. `Parameters.with` overrides them one by one. Default: `{}`. */
  readonly parameters?: Parameters | undefined
  /**
   * Repairs an answer of `generateObject` that does not follow its schema: the same model is shown its answer and the error, and
   * then the next provider is asked. `true` is one round. Default: `false`, and the answer fails in `LanguageModel`.
   */
  readonly repair?: RepairOptions | boolean | undefined
  /**
   * Asks the next provider as well when this one is late. The first that begins to answer, or has the whole answer if it is not
   * streamed, wins; the other is interrupted at once, and is in the ledger. Default: `false`.
   */
  readonly hedge?: HedgeOptions | false | undefined
}

/** Options of a chain. Its policy applies to each provider, and each provider has a state of its own. */
export interface Options<E = never, R = never> extends Treatment {
  /** The providers, in the order in which they are asked. Names are unique. */
  readonly providers: readonly [Source<E, R>, ...ReadonlyArray<Source<E, R>>]
  /** Names the chain in a `ChainStore`: those of the same name share what they know. Default: `"llm"`. */
  readonly name?: string | undefined
  /** The timeouts of cloud providers; `false` disables them. Default: `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /** The timeouts of local providers, which may have to load a model first; `false` disables them. Default: `{}`. */
  readonly localTimeouts?: Timeouts | false | undefined
  /** Overrides of the policy, by the provider's name. Default: `{}`. */
  readonly overrides?: Readonly<Record<string, Treatment>> | undefined
  /**
   * Limits the retries at all providers together; `false` removes the limit. Default: that of `RetryBudget`, ten a second plus
   * one for every five attempts.
   */
  readonly retryBudget?: RetryBudget.Options | RetryBudget.RetryBudget | false | undefined
  /**
   * Limits the hedges to a share of the requests; `false` removes the limit. Default: one a second plus one for every ten
   * requests.
   */
  readonly hedgeBudget?: RetryBudget.Options | RetryBudget.RetryBudget | false | undefined
  /** The deadline of a whole request: all providers, all delays, and the stream to its end. Default: no limit. */
  readonly deadline?: DurationInput | undefined
  /** Whether a request that one provider's content policy rejected is sent to the next. Default: `false`. */
  readonly fallbackOnContentPolicy?: boolean | undefined
}

/** Options of a chain that the environment configures. */
export interface ProgramOptions extends Omit<Options, "providers"> {
  /**
   * Makes the connection pool of a provider whose pool the file configures separately: `UndiciTransport.layer`. Default: none,
   * so such a file is rejected.
   */
  readonly transport?: ((options: TransportData) => Layer.Layer<HttpClient.HttpClient>) | undefined
}
