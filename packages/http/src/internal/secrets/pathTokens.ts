/**
 * Tokens that are a segment of a path: those that services put there, and keys whose makers give them a prefix to be found
 * by. Other segments are shown, because nothing tells a secret from an id: numbers, UUIDs, hashes, slugs.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */

/** What stands before a token: the paths of Telegram's bots, and of the webhooks of Slack and Discord. */
const places = String
  .raw`bot\d+(?::|%3a)|services\/T\w+\/B\w+\/|(?:workflows|triggers)\/[TE]\w+\/\w+\/(?:\d+\/)?|webhooks\/\d+\/`

/** How tokens begin: OpenAI, Anthropic and Stripe, GitHub, GitLab, Slack, Google, Hugging Face, npm, and JSON Web Tokens. */
const prefixes = String
  .raw`[sr]k[-_]|whsec_|gh[opsur]_|github_pat_|gl[a-z]{2,4}-|xox[a-z]-|xapp-|AIza|ya29\.|hf_|npm_|eyJ`

/** A cheap test: whether a URL may have one. */
export const mayHaveToken = new RegExp(`/(?:${places}|${prefixes})`, "i")

const inPlace = new RegExp(String.raw`(\/(?:${places}))[\w~.-]{16,}`, "gi")

// A slug can begin like a key. It has no digit and no capital, or is short.
const withPrefix = new RegExp(
  String.raw`\/(?:${prefixes})(?=[\w~.-]*[\dA-Z])[\w~.-]{16,}(?=[/\\;:?#]|$)`,
  "g"
)

/** A path, or a URL, with `REDACTED` for its tokens. */
export const withoutTokens = (path: string): string =>
  mayHaveToken.test(path) ? path.replace(inPlace, "$1REDACTED").replace(withPrefix, "/REDACTED") : path

/** The tokens of a path. */
export const tokensOf = (path: string): ReadonlyArray<string> =>
  mayHaveToken.test(path)
    ? [
      ...Array.from(path.matchAll(inPlace), ([whole, before = ""]) => whole.slice(before.length)),
      ...Array.from(path.matchAll(withPrefix), ([whole]) => whole.slice(1))
    ]
    : []
