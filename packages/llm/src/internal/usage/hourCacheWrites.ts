/**
 * The writes to a prompt cache for an hour, which some vendors tell beside their usage.
 *
 * Guarded by `test/laws.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import { count, fields } from "../protocol/field.ts"

/** Where the decoders of these protocols put it. */
const protocols = ["anthropic", "bedrock"]

export const hourCacheWrites = ({ metadata }: Response.FinishPartEncoded): number | undefined => {
  for (const protocol of protocols) {
    const tokens = count(fields(metadata?.[protocol])["hourCacheWriteTokens"])
    if (tokens !== undefined) return tokens
  }
  return undefined
}
