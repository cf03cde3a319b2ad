/**
 * The kinds of error responses, and the consequence of each for a chain. The signals of vendors (`vendorSignals.ts`) select the
 * kind; everything that follows from it is in this table.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */

/**
 * The consequence of a kind.
 *
 * - `retry`: the same provider again; when its retries are used up the next one, and this one cools down.
 * - `retryOnly`: likewise, but the provider does not cool down: the fault lies with this request.
 * - `next`: the next provider now, without a cool-down.
 * - `nextAndCool`: the next provider now, and this one cools down.
 * - `larger`: the next provider whose context is larger.
 * - `policy`: the next provider if `fallbackOnContentPolicy` is set, otherwise no provider.
 * - `schema`: the next provider if answers are repaired, otherwise no provider.
 * - `fail`: no provider.
 */
export type Consequence = "retry" | "retryOnly" | "next" | "nextAndCool" | "larger" | "policy" | "schema" | "fail"

interface Entry {
  readonly consequence: Consequence
  /** Completes "because ..." in events and logs. */
  readonly because: string
}

/** Every kind, in the order of the documentation. */
export const kinds = {
  rateLimited: { consequence: "retry", because: "the provider limits the rate" },
  beyondRateLimit: {
    consequence: "next",
    because: "the request alone is larger than the rate limit of the account allows"
  },
  quotaSpent: { consequence: "nextAndCool", because: "the quota is spent" },
  keyRejected: { consequence: "nextAndCool", because: "the credentials were rejected" },
  permissionDenied: { consequence: "nextAndCool", because: "the credentials do not permit it" },
  accountDisabled: { consequence: "nextAndCool", because: "the account is disabled" },
  regionUnsupported: { consequence: "nextAndCool", because: "the provider does not serve this region" },
  unknownModel: { consequence: "nextAndCool", because: "the model does not exist there" },
  modelNotAllowed: { consequence: "nextAndCool", because: "the account may not use the model" },
  wrongAddress: { consequence: "nextAndCool", because: "there is no such API at that address" },
  contextOverflow: { consequence: "larger", because: "the request is too large for the model" },
  unsupported: { consequence: "next", because: "the model cannot do what was asked" },
  incompatible: { consequence: "next", because: "this provider does not take the request as it is" },
  contentPolicy: { consequence: "policy", because: "the content policy rejected it" },
  failedGeneration: { consequence: "retryOnly", because: "the model wrote an invalid answer" },
  overloaded: { consequence: "retry", because: "the provider is overloaded" },
  loading: { consequence: "retry", because: "the model is still loading" },
  outOfMemory: { consequence: "nextAndCool", because: "the model cannot be loaded there" },
  transient: { consequence: "retry", because: "the provider failed" },
  serverError: { consequence: "retry", because: "the provider failed" },
  invalidRequest: { consequence: "fail", because: "the request is invalid for every provider" }
} as const satisfies Readonly<Record<string, Entry>>

export type Kind = keyof typeof kinds
