/**
 * Tokens that are a segment of a path or a value: those that services put into paths, and keys whose makers give them a
 * prefix to be found by. Other segments are shown, because nothing tells a secret from an id: numbers, UUIDs, hashes, slugs.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */

/** What stands before a token: the paths of Telegram's bots, and of the webhooks of Slack, Zapier, Discord and Teams. */
const places = String.raw`(?:bot\d+(?::|%3a)|hooks\/+catch\/+\d+\/+)[\w~.-]{5,}`
const longPlaces = String.raw`(?:services\/+T\w+\/+B\w+\/+|webhooks\/+\d+\/+|IncomingWebhook\/+)[\w~.-]{16,}`

/**
 * How tokens begin: OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, Google, Groq, xAI, Replicate, Hugging Face, npm, PyPI,
 * SendGrid, Shopify, DigitalOcean, and JSON Web Tokens.
 */
const prefixes = String
  .raw`[sr]k[-_]|whsec_|gh[opsur]_|github_pat_|gl[a-z]{2,4}-|xox[a-z]-|xapp-|AIza|ya29\.|gsk_|xai-|r8_|hf_|npm_|pypi-|SG\.|shp[a-z]{2}_|do[opr]_v1_|eyJ`

/** A cheap test: what a URL has that may have a token, encoded or not. */
export const mayHaveToken = new RegExp(
  String.raw`/(?:bot\d|services/|hooks/|webhooks/|IncomingWebhook/|${prefixes})|%[2-7]`,
  "i"
)

const inPlace = new RegExp(String.raw`\/(?:${places}|${longPlaces})`, "gi")

// A slug can begin like a key. It has no digit and no capital, or is short.
const withPrefix = new RegExp(
  String.raw`([/\\]|^)(?:${prefixes})(?=[\w~.-]*[\dA-Z])[\w~.-]{16,}(?=[/\\;:?#]|$)`,
  "g"
)

/** A path, or a URL, with `REDACTED` for its tokens: decoded, if it has one that is encoded. */
export const withoutTokens = (path: string): string => {
  if (!mayHaveToken.test(path) && !startsWithToken.test(path)) return path
  const shown = hide(path)
  const plain = decodedPath(path)
  return plain === path || hide(plain) === plain || shown !== path ? shown : hide(plain)
}

const startsWithToken = new RegExp(`^(?:${prefixes})`)

const hide = (path: string): string =>
  path
    .replace(inPlace, (whole) => whole.slice(0, whole.length - tokenOf(whole).length) + "REDACTED")
    .replace(withPrefix, "$1REDACTED")

/** The end of what stands in its place. */
const tokenOf = (whole: string): string => /(?:[/:]|%3a)([^/:%]*)$/i.exec(whole)?.[1] ?? ""

/** The tokens of a path, as they are and as they are encoded in it. */
export const tokensOf = (path: string): ReadonlyArray<string> =>
  mayHaveToken.test(path) ? [...tokensIn(path), ...tokensIn(decodedPath(path))] : []

const tokensIn = (path: string): ReadonlyArray<string> => [
  ...Array.from(path.matchAll(inPlace), ([whole]) => tokenOf(whole)),
  ...Array.from(path.matchAll(withPrefix), ([whole, before = ""]) => whole.slice(before.length))
]

const decodedPath = (path: string): string => {
  if (!path.includes("%")) return path
  try {
    return decodeURIComponent(path)
  } catch {
    // One malformed escape does not keep the others from being read.
    return path.replaceAll(/%([2-7][\da-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  }
}
