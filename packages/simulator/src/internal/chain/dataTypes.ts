/**
 * Chains as a file describes them. `SystemData` exports the types.
 *
 * Guarded by `test/chain/chain.test.ts` and `typetest/System.tst.ts`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import type * as PolicyData from "@holdfast/core/PolicyData"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import type { Chain } from "../../Llm.ts"

/** When another provider is asked beside one that is late: after a time, or after a quantile of the times so far. */
export interface HedgeData extends Omit<ProviderChain.HedgeOptions, "after"> {
  readonly after: DurationInput | {
    readonly quantile: number
    readonly window?: DurationInput | undefined
    readonly minimumCalls?: number | undefined
    readonly min?: DurationInput | undefined
    readonly max?: DurationInput | undefined
  }
}

/** The retries of a provider, with their delays as data. */
export interface RetryData extends Omit<ProviderChain.RetryOptions, "backoff"> {
  readonly backoff?: PolicyData.BackoffData | undefined
}

/** How a chain treats a provider. */
export interface TreatmentData extends Pick<ProviderChain.Treatment, "timeouts" | "bulkhead" | "cooldown"> {
  readonly retry?: RetryData | false | undefined
  readonly hedge?: HedgeData | false | undefined
}

/** A chain of a file. */
export interface ChainData
  extends
    TreatmentData,
    Pick<Chain, "providers" | "prompt" | "answer" | "stream" | "budgets">,
    Pick<Chain, "localTimeouts" | "retryBudget" | "hedgeBudget" | "deadline" | "fallbackOnContentPolicy">
{
  readonly overrides?: Readonly<Record<string, TreatmentData>> | undefined
}
