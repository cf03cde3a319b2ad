/** The reasons that are a chain's own: what its clocks, its end and its filters make of an attempt. */
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type { Provider } from "../../Provider.ts"

/** The reason of an attempt that its clock or its end made a failure, rather than the provider's own word. */
export const silent = (provider: Provider, description: string): AiError.AiErrorReason =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: `${provider.name}/${provider.model}`,
    description
  })

/** The reason of a request that its deadline ended. */
export const deadlinePassed = (provider: Provider): AiError.AiErrorReason =>
  silent(provider, "the request passed its deadline")

/** The reason of a request that certainly is longer than what the model can read. */
export const tooLong = (provider: Provider, tokens: number): AiError.AiErrorReason =>
  new AiError.InvalidRequestError({
    parameter: "prompt",
    description:
      `${provider.name}/${provider.model} reads ${provider.capabilities.contextWindow} tokens, and the prompt ` +
      `has ${tokens} or more. Shorten it, or add a provider with a larger context`,
    metadata: { holdfast: { kind: "contextOverflow" } }
  })

export const broken = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "ProviderChain", method, reason })

export const noFinish = (provider: Provider, method: string): AiError.AiError =>
  broken(method, silent(provider, "the answer ended without a finish, so it may be incomplete"))

/** A provider that puts an error into its answer, against the contract, has failed all the same. */
export const errorPart = (part: Response.ErrorPartEncoded, method: string): AiError.AiError =>
  AiError.isAiError(part.error) ? part.error : broken(
    method,
    new AiError.InternalProviderError({ description: `an error in the stream: ${String(part.error)}` })
  )
