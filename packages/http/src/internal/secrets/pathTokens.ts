/**
 * Tokens that are a segment of a path or a value: those that services put into paths, keys whose makers give them a prefix
 * to be found by, what is random behind a segment that says so (`/reset-password/...`), and what a program adds.
 *
 * Any other segment is shown, however random: nothing tells a secret from an id. UUIDs, hashes, keys of S3, and the ids of
 * Stripe, YouTube, Google Drive, IPFS, and of blockchains are as random as a token, and a URL without them says little.
 *
 * Guarded by `test/client/pathTokens.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import type { RedactedPaths } from "../../RedactedPaths.ts"
import { unescaped } from "./escapes.ts"

/**
 * How tokens begin: OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack, Google, Groq, xAI, Replicate, Hugging Face, npm, PyPI,
 * SendGrid, Shopify, DigitalOcean, the private addresses of Google Calendar, and JSON Web Tokens.
 */
const prefixes = String
  .raw`[sr]k[-_]|whsec_|gh[opsur]_|github_pat_|gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-|xox[a-z]-|xapp-|AIza|ya29\.|gsk_|xai-|r8_|hf_|npm_|pypi-|SG\.|shp[a-z]{2}_|do[opr]_v1_|private-|eyJ`

/** Segments that say that a secret follows. Plurals are collections, whose members have ids. */
const words = [
  "(?:reset|forgot|recover)[-_]?password|password[-_]?reset|reset|recovery?",
  "verify(?:[-_]?e?mail)?|verification|confirm(?:ation|[-_]?e?mail)?|activate|activation|unlock",
  "invite|invitation|join|unsubscribe|opt[-_]?out|magic(?:[-_]?link)?|one[-_]?time|otp|passwordless|sso|share",
  "(?:access|auth|refresh|api|login|session)?[-_]?(?:token|key|secret)|webhook"
].join("|")

/** A cheap test: what a URL has that may have a token, encoded or not. */
export const mayHaveToken = new RegExp(
  String.raw`(?:^|[^\w~.-])(?:bot\d|services/|hooks/|webhooks/|IncomingWebhook/|${prefixes})|/(?:${words})/|%[2-7]`,
  "i"
)

// A token, behind what it stands in: the paths of Telegram's bots and Zapier's hooks, and of the webhooks of Slack, Discord and Teams.
const inPlace =
  /(\/(?:bot\d+(?::|%3[aA])|hooks\/+catch\/+\d+\/+)(?=[\w~.-]{5})|\/(?:services\/+T[A-Z\d]{6,}\/+B[A-Z\d]{6,}\/+|webhooks\/+\d+\/+|IncomingWebhook\/+)(?=[\w~.-]{16}))([\w~.-]+)/g
const behindWord = new RegExp(String.raw`(/(?:${words})/+)([\w~.=-]{16,})`, "gi")
const withPrefix = new RegExp(String.raw`(^|[^\w~.-])((?:${prefixes})[\w~.-]{12,})`, "g")

/** A slug can begin like a key, and have numbers and words in it. A key has a long run of both, or of both cases. */
const isRandom = (text: string): boolean =>
  text.split(/[^A-Za-z\d]+/).some((run) =>
    run.length >= 12 && ((/\d/.test(run) && /[A-Za-z]/.test(run)) || (/[a-z]/.test(run) && /[A-Z]/.test(run)))
  )

const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i

/** A path, or a URL, with `REDACTED` for its tokens: decoded, if it has one that is encoded. */
export const withoutTokens = (url: string, paths: RedactedPaths): string => {
  if (paths.length === 0 && !mayHaveToken.test(url)) return url
  const [authority = ""] = /^[a-z][a-z\d+.-]*:[/\\]{2}[^/\\]*/i.exec(url) ?? []
  const shown = hide(url.slice(authority.length), paths)
  const plain = unescaped(shown)
  const hidden = hide(plain, paths)
  return authority + (hidden === plain ? shown : hidden)
}

const hide = (path: string, paths: RedactedPaths, found?: Array<string>): string => {
  const hidden = (token: string) => {
    if (token !== "REDACTED") found?.push(token)
    return "REDACTED"
  }
  return byProgram(path, paths, hidden)
    .replace(inPlace, (_, before: string, token: string) => before + hidden(token))
    .replace(
      behindWord,
      (whole, before: string, token: string) => isRandom(token) || uuid.test(token) ? before + hidden(token) : whole
    )
    .replace(withPrefix, (whole, before: string, token: string) => isRandom(token) ? before + hidden(token) : whole)
}

/** Hides what a program says is secret. */
const byProgram = (path: string, paths: RedactedPaths, hidden: (token: string) => string): string => {
  if (paths.length === 0) return path
  // Each piece but the first begins with its slashes.
  const pieces = path.split(/(?<!\/)(?=\/)/)
  const names = pieces.map((piece) => piece.replace(/^\/+/, ""))
  const secret = new Set<number>()
  for (const rule of paths) {
    if (typeof rule === "string" && rule.startsWith("/")) {
      if (path.startsWith("/")) { for (const at of secretsOf(rule.slice(1).split("/"), names)) secret.add(at) }
    } else {
      names.forEach((name, at) => matches(rule, name) && secret.add(at))
    }
  }
  return pieces.map((piece, at) => {
    const name = names[at] ?? ""
    return secret.has(at) && name !== "" ? piece.slice(0, piece.length - name.length) + hidden(name) : piece
  }).join("")
}

const matches = (rule: string | RegExp, name: string): boolean =>
  typeof rule === "string" ? rule !== "" && name.startsWith(rule) : name.search(rule) !== -1

/** The places of what a template names (`:token`) in a path that begins as it does. */
const secretsOf = (template: ReadonlyArray<string>, names: ReadonlyArray<string>): ReadonlyArray<number> =>
  template.every((part, i) => part === "*" || part.startsWith(":") || part === names[i]) &&
    template.length <= names.length
    ? template.flatMap((part, i) => part.startsWith(":") ? [i] : [])
    : []

/** The tokens of a URL, as they are and as they are encoded in it. */
export const tokensOf = (url: string, paths: RedactedPaths): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (paths.length > 0 || mayHaveToken.test(url)) {
    const path = url.replace(/[?#].*$/s, "").replace(/^[a-z][a-z\d+.-]*:[/\\]{2}[^/\\]*/i, "")
    for (const text of [url, unescaped(url)]) hide(text, [], found)
    for (const text of [path, unescaped(path)]) hide(text, paths, found)
  }
  return [...new Set(found)]
}
