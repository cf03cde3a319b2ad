/**
 * The store of a fleet: the shapes that `ChainStore` publishes.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/** A member of a chain, by name. */
export interface Address {
  /** The chain's `name`. */
  readonly chain: string
  /** The provider's name. */
  readonly member: string
}

/** What one process holds at a member, which is forgotten when it has not been told again for `lease`. */
export interface Holding {
  /** Which process: a name that no other has. */
  readonly process: string
  /** How many requests it has in flight there. */
  readonly inFlight: number
  readonly lease: Duration.Duration
}

/** A request that asks to be let in. */
export interface Entry extends Address, Holding {
  /** Names the request: the fence of a probe. */
  readonly token: string
  /** The tokens that it is expected to take. */
  readonly tokens: number
  /** Requests in any minute; `Infinity` without a limit. */
  readonly requestsPerMinute: number
  /** Tokens in any minute; `Infinity` without a limit. A request that is larger by itself is let in alone. */
  readonly tokensPerMinute: number
  /** Whether it goes in even if the member is cooling down: it has nowhere else to go. */
  readonly anyway: boolean
}

/** What a fleet knows of a member. */
export interface MemberState {
  /** Whether it failed and has not answered since. */
  readonly isDown: boolean
  /** Milliseconds until it is probed; 0 when it is not cooling down. */
  readonly coolingFor: number
  /** Whether a request probes it. */
  readonly isProbed: boolean
  /** Requests in flight there, of all processes. */
  readonly inFlight: number
  /** How many processes were heard of within their lease. */
  readonly processes: number
  /** Requests let in within the last minute. */
  readonly requests: number
  /** Tokens let in within the last minute. */
  readonly tokens: number
  /**
   * Since when the store keeps it, by its own clock in milliseconds; 0 while it keeps nothing. Another value than before means that the store
   * has lost what it knew.
   */
  readonly madeAt: number
}

/** Whether a request is let in. */
export type Admission =
  | {
    readonly _tag: "Admitted"
    /** Whether it is the one request of the fleet that probes the member. */
    readonly isProbe: boolean
    /** Where its tokens are counted, for {@link Report}. */
    readonly slot: number
    readonly state: MemberState
  }
  | { readonly _tag: "CoolingDown"; readonly state: MemberState }
  /** The limits leave no room for so many milliseconds. */
  | { readonly _tag: "Full"; readonly wait: number; readonly state: MemberState }

/** A process's report on a member, while a request runs there or at its end. */
export interface Report extends Address, Holding {
  /** Names the request that it is about. */
  readonly token: string
  /** What became of the request's probe: `held` renews its lease. */
  readonly probe: "none" | "held" | "released"
  /** The member answers: it is no longer down. A probe that lost its lease to another says nothing. */
  readonly answered: boolean
  /** Milliseconds for which it is skipped, since it failed; 0 if it did not. A longer cool-down that is under way stays. */
  readonly coolFor: number
  /** Tokens that were taken beyond those counted in a slot, or less. */
  readonly settled: { readonly slot: number; readonly more: number } | undefined
  /** Requests and their tokens that were let in without asking the store, which was away. */
  readonly unasked: { readonly requests: number; readonly tokens: number }
}

/** A sum over a sliding window, by key. */
export interface Account {
  /** Such as `"tag:user:42"`. Keys with windows of different lengths are different sums. */
  readonly key: string
  readonly window: Duration.Duration
}

/** An amount to add, if the sum stays within the limit. */
export interface Spending extends Account {
  readonly amount: number
  /** The most that the window may sum up to; `Infinity` adds in any case. */
  readonly limit: number
}

/** Whether an amount was added. */
export type Reserved =
  | {
    readonly _tag: "Reserved"
    /** Where it is counted, for {@link Settlement}. */
    readonly slot: number
    readonly sum: number
    /** Since when the store keeps the sum, as that of {@link MemberState}. */
    readonly madeAt: number
  }
  /** Nothing was added. It would fit after `wait` milliseconds at the soonest. */
  | { readonly _tag: "Refused"; readonly sum: number; readonly wait: number; readonly madeAt: number }

/** The amount that was spent differs from the one that was reserved. */
export interface Settlement extends Account {
  readonly slot: number
  /** What was spent beyond the reservation; less than zero gives back. */
  readonly more: number
}

/**
 * What the chains of a fleet share: cool-downs, probes, windows of requests and tokens, requests in flight, and spent budgets. Each
 * operation is atomic, and uses the store's clock.
 */
export class ChainStore extends Context.Service<ChainStore, {
  /** Lets a request in at a member, or says why not. */
  readonly enter: (entry: Entry) => Effect.Effect<Admission, ChainStoreError>
  /** Takes a process's report on a member. */
  readonly report: (report: Report) => Effect.Effect<MemberState, ChainStoreError>
  /** Looks at members of one chain, in the order given. */
  readonly look: (
    chain: string,
    members: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<MemberState>, ChainStoreError>
  /** Adds an amount to a sum, if it stays within the limit. */
  readonly reserve: (spending: Spending) => Effect.Effect<Reserved, ChainStoreError>
  /** Corrects what was reserved. Returns the sum. */
  readonly settle: (settlement: Settlement) => Effect.Effect<number, ChainStoreError>
  /** The sum of a window. */
  readonly spent: (account: Account) => Effect.Effect<number, ChainStoreError>
}>()("@holdfast/llm/ChainStore") {}

/** The store is unavailable. No request sees this error: each process goes on alone, and logs it. */
export class ChainStoreError extends Data.TaggedError("ChainStoreError")<{
  readonly message: string
  readonly cause?: unknown
}> {}
