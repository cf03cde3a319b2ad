/**
 * Tokens that are a segment of a path or a value: those that services put into paths, and keys whose makers give them a
 * prefix to be found by. Other segments are shown, because nothing tells a secret from an id: numbers, UUIDs, hashes, slugs.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import { unescaped } from "./escapes.ts"

/**
 * How tokens begin: OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, Google, Groq, xAI, Replicate, Hugging Face, npm, PyPI,
 * SendGrid, Shopify, DigitalOcean, and JSON Web Tokens.
 */
const prefixes = String
  .raw`[sr]k[-_]|whsec_|gh[opsur]_|github_pat_|gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-|xox[a-z]-|xapp-|AIza|ya29\.|gsk_|xai-|r8_|hf_|npm_|pypi-|SG\.|shp[a-z]{2}_|do[opr]_v1_|eyJ`

/** A cheap test: what a URL has that may have a token, encoded or not. */
export const mayHaveToken = new RegExp(
  String.raw`(?:^|[^\w~.-])(?:bot\d|services/|hooks/|webhooks/|IncomingWebhook/|${prefixes})|%[2-7]`
)

// A token, behind what it stands in: the paths of Telegram's bots and Zapier's hooks, and of the webhooks of Slack, Discord and Teams.
const inPlace =
  /(\/(?:bot\d+(?::|%3[aA])|hooks\/+catch\/+\d+\/+)(?=[\w~.-]{5})|\/(?:services\/+T[A-Z\d]{6,}\/+B[A-Z\d]{6,}\/+|webhooks\/+\d+\/+|IncomingWebhook\/+)(?=[\w~.-]{16}))([\w~.-]+)/g
const withPrefix = new RegExp(String.raw`(^|[^\w~.-])((?:${prefixes})[\w~.-]{12,})`, "g")

/** A slug can begin like a key, and have numbers and words in it. A key has a long run of both, or of both cases. */
const isRandom = (text: string): boolean =>
  text.split(/[^A-Za-z\d]+/).some((run) =>
    run.length >= 12 && ((/\d/.test(run) && /[A-Za-z]/.test(run)) || (/[a-z]/.test(run) && /[A-Z]/.test(run)))
  )

/** A path, or a URL, with `REDACTED` for its tokens: decoded, if it has one that is encoded. */
export const withoutTokens = (url: string): string => {
  if (!mayHaveToken.test(url)) return url
  const [authority = ""] = /^[a-z][a-z\d+.-]*:[/\\]{2}[^/\\]*/i.exec(url) ?? []
  const shown = hide(url.slice(authority.length))
  const plain = unescaped(shown)
  const hidden = hide(plain)
  return authority + (hidden === plain ? shown : hidden)
}

const hide = (path: string, found?: Array<string>): string => {
  const hidden = (token: string) => {
    found?.push(token)
    return "REDACTED"
  }
  return path
    .replace(inPlace, (_, before: string, token: string) => before + hidden(token))
    .replace(withPrefix, (whole, before: string, token: string) => isRandom(token) ? before + hidden(token) : whole)
}

/** The tokens of a URL, as they are and as they are encoded in it. */
export const tokensOf = (url: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (mayHaveToken.test(url)) { for (const path of [url, unescaped(url)]) hide(path, found) }
  return found
}
