/**
 * Tokens that are a segment of a path or a value: those that services put into paths, and keys whose makers give them a
 * prefix to be found by. Other segments are shown, because nothing tells a secret from an id: numbers, UUIDs, hashes, slugs.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */

/** What stands before a token: the paths of Telegram's bots, and of the webhooks of Zapier, Slack, Discord and Teams. */
const places = String
  .raw`(?:bot\d+(?::|%3[aA])|hooks\/+catch\/+\d+\/+)[\w~.-]{5,}|(?:services\/+T[A-Z\d]{6,}\/+B[A-Z\d]{6,}\/+|webhooks\/+\d+\/+|IncomingWebhook\/+)[\w~.-]{16,}`

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

const inPlace = new RegExp(String.raw`\/(?:${places})`, "g")
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
  const path = url.slice(authority.length)
  const shown = hide(path)
  const plain = decodedPath(path)
  const shownPlain = plain === path ? plain : hide(plain)
  return authority + (shown !== path || shownPlain === plain ? shown : shownPlain)
}

const hide = (path: string, found?: Array<string>): string => {
  const hidden = (token: string) => {
    found?.push(token)
    return "REDACTED"
  }
  return path
    .replace(inPlace, (whole) => {
      const token = /(?:[/:]|%3a)([^/:%]*)$/i.exec(whole)?.[1] ?? ""
      return whole.slice(0, whole.length - token.length) + hidden(token)
    })
    .replace(withPrefix, (whole, before: string, token: string) => isRandom(token) ? before + hidden(token) : whole)
}

/** The tokens of a URL, as they are and as they are encoded in it. */
export const tokensOf = (url: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (mayHaveToken.test(url)) { for (const path of [url, decodedPath(url)]) hide(path, found) }
  return found
}

const decodedPath = (path: string): string => {
  if (!path.includes("%")) return path
  try {
    return decodeURIComponent(path)
  } catch {
    // One malformed escape does not keep the others from being read.
    return path.replaceAll(/%([2-7][\da-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  }
}
