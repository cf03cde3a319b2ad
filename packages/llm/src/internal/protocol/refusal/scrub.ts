/**
 * Takes secrets out of what a provider said.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import * as Redacted from "effect/Redacted"

/** Shorter secrets are placeholders (`none`, `x`) or parts of words; up to this length they are removed as whole words. */
const wordLength = 8
const leastLength = 4

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** A text without a secret. */
const without = (text: string, secret: string): string => {
  if (secret.length < leastLength) return text
  if (secret.length >= wordLength) return text.replaceAll(secret, "<redacted>")
  return text.replaceAll(new RegExp(`(?<![\\p{L}\\p{N}])${escape(secret)}(?![\\p{L}\\p{N}])`, "gu"), "<redacted>")
}

/** A text without secrets: a server may repeat the key that it was sent, as it is or as JSON writes it. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.map(Redacted.value).flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]).reduce(without, text)
