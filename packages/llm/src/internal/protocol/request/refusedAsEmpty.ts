/**
 * What a server that lists no models says to a conversation without messages.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts` and `test/bedrock/BedrockProvider.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import { detail } from "../../../ProviderFailure.ts"

/** Whether a request without messages was rejected for that alone: the server has accepted the key and the model. */
export const isRefusedAsEmpty = ({ reason }: AiError.AiError): boolean => {
  const { kind, status } = detail(reason)
  return (status === 400 || status === 422) && (kind === undefined || kind === "invalidRequest")
}
