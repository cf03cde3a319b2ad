/**
 * The reasons that are a chain's own: what its clocks, its end and its filters make of an attempt.
 *
 * Guarded by `test/chain/commit.test.ts`, `test/chain/retry.test.ts` and `test/chain/treatment.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import type { ChainMember, Method } from "./member.ts"

/** The reason of an attempt that ended without a word of the provider's own. */
export const networkError = (provider: Provider, description: string): AiError.AiErrorReason =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: `${provider.name}/${provider.model}`,
    description
  })

/** The reason of a request that its deadline ended. */
export const deadlinePassed = (provider: Provider): AiError.AiErrorReason =>
  networkError(provider, "the request passed its deadline")

/** The reason of a request that is longer than the model's context. */
export const tooLong = (provider: Provider, tokens: number, contextWindow: number): AiError.AiErrorReason =>
  new AiError.InvalidRequestError({
    parameter: "prompt",
    description: `${provider.name}/${provider.model} reads ${plural(contextWindow, "token")}, and the prompt ` +
      `has ${tokens}. Shorten it, or add a provider with a larger context`,
    metadata: { holdfast: { kind: "contextOverflow" } }
  })

export const broken = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "ProviderChain", method, reason })

/** The error of an attempt that its clock ended. */
export const notInTime = (provider: Provider, method: Method, limit: Duration.Duration): AiError.AiError => {
  const missing = method === "streamText" ? "content" : "answer"
  return broken(method, networkError(provider, `no ${missing} within ${Duration.format(limit)}`))
}

export const noFinish = (provider: Provider, method: string): AiError.AiError =>
  broken(method, networkError(provider, "the answer ended without a finish, so it may be incomplete"))

/** A provider that puts an error into its answer, against the contract, has failed too. */
export const errorPart = (part: Response.ErrorPartEncoded, method: string): AiError.AiError =>
  AiError.isAiError(part.error) ? part.error : broken(
    method,
    new AiError.InternalProviderError({ description: `an error in the stream: ${String(part.error)}` })
  )

/** A longer `Retry-After` of the provider's own counts. */
export const cooldownOf = ({ cooldownMillis }: ChainMember, reason: AiError.AiErrorReason): number => {
  const hint = detail(reason).retryAfter
  return Math.max(cooldownMillis, hint === undefined ? 0 : Duration.toMillis(hint))
}
