/**
 * Providers of language models and the chains over them, as parts of a system.
 *
 * **When to use**
 *
 * Give a service a {@link Model}, and it answers as a provider of a language model does. Put a {@link Chain} over such
 * services, and let callers call the chain by its name.
 *
 * **Details**
 *
 * A chain is the `ProviderChain` of `@holdfast/llm` with the options that production gives it, and a pool in it is the
 * `Pool`: retries, fallback, cool-downs, timeouts and limits are theirs. The providers are modelled: the latency of the
 * service is the time to the first token, `tokensPerSecond` the pace of the rest, and a request over a limit is answered
 * 429 with a `Retry-After`. A worker is busy until the answer is whole.
 *
 * **Gotchas**
 *
 * - A chain has its providers, cool-downs and limits for each client, unless the call is `shared`.
 * - A provider that is busy with an answer when its client gives up goes on with it, and bills it. Set the service's `abandoned`
 *   to `"stopped"` for servers that notice, as most local ones do: then it bills the tokens of which it knows.
 * - A pool learns the limits of its members from the headers of their answers, as in production: what is left, and when all of it
 *   is. Until the first answer it knows those that it is given.
 *
 * **Example**
 *
 * See `Scenarios.cloudAndOllama`.
 */
import type * as Budgets from "@holdfast/llm/Budgets"
import type * as LlmPool from "@holdfast/llm/Pool"
import type * as Provider from "@holdfast/llm/Provider"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import type { Price } from "@holdfast/llm/Usage"

/**
 * The distribution of a number of tokens: always the same, or as of a `Latency`.
 */
export type Tokens =
  | number
  | { readonly exponential: number }
  | { readonly uniform: readonly [number, number] }
  | { readonly median: number; readonly p99: number }
  | { readonly samples: ReadonlyArray<number> }

/** What makes a service a provider of a language model. */
export interface Model {
  /** How fast an answer comes once it has begun. */
  readonly tokensPerSecond: number

  /** Whose machine it runs on. The chain gives local providers more time. Default: `"cloud"`. */
  readonly location?: Provider.Location | undefined

  /** What a million tokens cost, in any currency. Default: nothing. */
  readonly price?: Pick<Price, "input" | "output"> | undefined

  /** How many requests an account may make in a minute. More are answered 429. Default: no limit. */
  readonly requestsPerMinute?: number | undefined

  /** How many tokens an account may use in a minute, prompts and answers together. More are answered 429. Default: no limit. */
  readonly tokensPerMinute?: number | undefined

  /**
   * In whose words each response says what is left of the limits, from which a `Pool` learns them. `false`: it does not say.
   * Default: `"openai"`.
   */
  readonly headers?: "openai" | "anthropic" | false | undefined

  /** The share of answers that break off after they have begun: from 0 to 1. Default: 0. */
  readonly cuts?: number | undefined
}

/** A member of a pool. Its price is that of its model. */
export interface Member {
  /** The name of its service. */
  readonly service: string
  /** Default: 1. */
  readonly weight?: number | undefined
  /** What the pool knows of the limits. Default: nothing. */
  readonly limits?: LlmPool.RateLimits | undefined
}

/** Several providers that stand for one. The other options are those of `Pool.make`. */
export interface Pool extends Omit<LlmPool.Options, "members"> {
  readonly pool: ReadonlyArray<string | Member>
}

/** A chain of providers. The other options are those of `ProviderChain.make`. */
export interface Chain extends Omit<ProviderChain.Options, "providers"> {
  /** The names of services that have a model, in the order in which they are asked, or pools of them. */
  readonly providers: ReadonlyArray<string | Pool>

  /** How long a prompt is. Default: 500 tokens. */
  readonly prompt?: Tokens | undefined

  /** How long an answer is. Default: 200 tokens. */
  readonly answer?: Tokens | undefined

  /** Whether answers are streamed. Default: true. */
  readonly stream?: boolean | undefined

  /**
   * What each client may spend, by the prices of the models. A budget is by the tag `caller`, whose value is the name of the caller or
   * service, or over all requests. A request for which nothing is left fails as `limited`. Default: no budgets.
   */
  readonly budgets?: ReadonlyArray<Budgets.BudgetOptions> | undefined
}
