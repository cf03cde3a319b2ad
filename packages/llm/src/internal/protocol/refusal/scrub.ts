/**
 * Takes secrets out of what a provider said.
 *
 * Guarded by `test/protocol/refusal/scrub.test.ts` and `test/ProviderFailure.test.ts`.
 */
import * as Base64 from "effect/encoding/Base64"
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

/** What is left of a secret in base64, wherever it begins within what is encoded: without the characters of its neighbours. */
const inBase64 = (secret: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(secret)
  return [0, 1, 2].flatMap((before) => {
    const padded = new Uint8Array(before + bytes.length)
    padded.set(bytes, before)
    const whole = Base64.encode(padded)
    const own = whole.slice(Math.ceil(before * 8 / 6), Math.floor(padded.length * 8 / 6))
    return own.length < wordLength ? [] : [own, own.replaceAll("+", "-").replaceAll("/", "_")]
  })
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1)

const inUrl = (text: string): ReadonlyArray<string> => {
  const encoded = encodeURIComponent(text.toWellFormed())
  return [encoded, encoded.replaceAll(/%[\dA-F]{2}/g, (code) => code.toLowerCase())]
}

const inHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;").replaceAll(
    "'",
    "&#39;"
  )

/** A secret as a server may repeat it: as it is, or as JSON, URLs, HTML or base64 write it, once or twice. */
const forms = (secret: string): ReadonlyArray<string> => {
  const json = inJson(secret)
  const url = inUrl(secret)
  const all = [secret, json, inJson(json), json.replaceAll("/", "\\/"), inHtml(secret), ...url, ...url.flatMap(inUrl)]
  // The longest first: one form may be part of another.
  return [...new Set([...all, ...inBase64(secret)])].toSorted((a, b) => b.length - a.length)
}

/** A text without secrets, in whatever form a server repeats one that it was sent. */
export const scrub = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.map(Redacted.value).flatMap((secret) => secret.length < leastLength ? [] : forms(secret)).reduce(
    without,
    text
  )
