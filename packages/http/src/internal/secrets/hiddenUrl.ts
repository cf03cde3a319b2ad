/**
 * URLs as they may be shown: without user info, and with `REDACTED` for tokens in the path and for the values of
 * parameters that hold secrets.
 *
 * The names are those below and those of Effect's `UrlParams.CurrentRedactedNames`, which are the signatures of AWS, Azure
 * and Google. A program adds names of its own to that reference.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import * as UrlParams from "effect/http/UrlParams"
import { unescaped } from "./escapes.ts"
import { mayHaveToken, withoutTokens } from "./pathTokens.ts"

/** Names of parameters, and patterns of names. */
export type Names = ReadonlyArray<string | RegExp>

const secretNames: Names = [
  // `key` alone is how Google's APIs take theirs, `code` how Azure Functions and OAuth do.
  /^(?:key|code|pass|pw|bearer|sas|ticket|saml(?:request|response))$/iu,
  /(?:^|[-_.[\s])(?:auth|session|sid|t?otp|pin|csrf|xsrf|hmac)$/iu,
  /(?:token|secret|pass(?:word|wd|phrase|code)|pwd|credential|jwt|authorization|signature|assertion|verifier)s?$/iu,
  /sess(?:ion)?[-_.]?id$/iu,
  /(?:api|access|private|account|subscription|licen[cs]e|app|auth|functions?|secret|shared|master|user|encryption|signing)[-_.]?keys?$/iu
]

/** The lists that have the names above already. */
const extended = new WeakMap<Names, Names>()

/** The names in force, with those above. */
export const withSecretNames = (names: Names): Names => {
  const known = extended.get(names)
  if (known !== undefined) return known
  const all = [...names, ...secretNames]
  extended.set(names, all)
  extended.set(all, all)
  return all
}

/** Whether nothing of a URL can be a secret by these rules. */
export const isPlain = (url: string): boolean => !suspicious.test(url)

const suspicious = new RegExp(`[?#@;]|${mayHaveToken.source}`)

/** A URL, or part of one that begins with `?` or `#`, as it may be shown. */
export const hiddenUrl = (url: string, names: Names): string => hidden(url, names, holdsSecret)

/** Whether a value holds a secret. */
type Holds = (value: string, names: Names) => boolean

const hidden = (text: string, names: Names, holds: Holds): string => {
  if (isPlain(text)) return text
  // A parser takes these out, so that `to\tken` is sent as `token`.
  const url = withoutBreaks(text)
  const end = url.search(/[?#]/)
  const head = end === -1 ? url : url.slice(0, end)
  const tail = end === -1 ? "" : url.slice(end)
  let isSecret = false
  const shown = tail.replaceAll(/([?#&]*)([^?#&]+)/g, (whole, before: string, part: string) => {
    // A question mark within a value is part of it.
    if (isSecret && before === "?") return ""
    const shown = hiddenPart(part, names, holds)
    isSecret = shown !== part
    return isSecret ? before + shown : whole
  })
  return hiddenPath(head, names) + shown
}

const withoutBreaks = (text: string): string => text.replaceAll(/[\t\n\r]/g, "")

/** A value that is shown beside its name, such as a parameter that is not in the URL yet: whether it is a secret. */
export const isSecret = (name: string, value: string, names: Names): boolean =>
  isSecretName(name, names) || holdsSecret(value, names)

/** Whether a name, as it stands in a URL, is one of those: encoded, with an index (`token[0]`, `token2`) or not. */
const isSecretName = (name: string, names: Names): boolean => {
  const plain = decoded(name)
  let end = plain.length
  while (end > 0 && /[\d\s\0[\]]/.test(plain.charAt(end - 1))) end--
  return UrlParams.isRedactedName(plain, names) || UrlParams.isRedactedName(plain.slice(0, end), names)
}

/** The value of a header as it may be shown. Some headers have URLs in them. */
export const shownHeader = (name: string, value: string, names: Names): string =>
  urlHeaders.has(name) || value.includes("://")
    ? value.replaceAll(/[^\s<>"']+/g, (url) => hiddenUrl(url, names))
    : value

const urlHeaders: ReadonlySet<string> = new Set(["content-location", "link", "location", "referer", "refresh"])

/** User info, tokens, and parameters of a segment (`;jsessionid=...`). */
const hiddenPath = (head: string, names: Names): string =>
  withoutTokens(withoutUserInfo(head)).replaceAll(
    /;([^=;/\\]+)=[^;/\\]*/g,
    (pair, name: string) => isSecretName(name, names) ? `;${name}=REDACTED` : pair
  )

const withoutUserInfo = (head: string): string => {
  if (!head.includes("@")) return head
  // A password with a slash that is not encoded makes what is before it a host with an invalid port.
  const [, scheme] = /^((?:[a-z][a-z\d+.-]*:)?[/\\]{2})[^[/\\@:][^/\\@:]*:(?!\d*(?:[/\\]|$)).*@/i.exec(head) ?? []
  return scheme === undefined || URL.canParse(head)
    ? UrlParams.redactUrl(head, [])
    : `${scheme}REDACTED${head.slice(head.lastIndexOf("@"))}`
}

/** `name=value`, in which some servers take `;` for another `&`. */
const hiddenPart = (part: string, names: Names, holds: Holds): string => {
  let shown = ""
  for (const pair of part.split(/(?=;)/)) {
    const [, before = "", name = ""] = /^(;?)([^=]*)=/.exec(pair) ?? []
    if (name === "") {
      shown += pair
    } else if (isSecretName(name, names)) {
      // What follows may be more of the secret.
      return `${shown}${before}${name}=REDACTED`
    } else {
      const value = pair.slice(before.length + name.length + 1)
      shown += holds(value, names) ? `${before}${name}=REDACTED` : pair
    }
  }
  return shown
}

/**
 * Whether a value is itself a URL with a secret, parameters, JSON or an `Authorization`, encoded or not. A value with
 * more encodings than that counts as one.
 */
const holdsSecret = (value: string, names: Names): boolean => {
  let text = withoutBreaks(value)
  for (let times = 0; times < mostEncodings; times++) {
    if (holdsPlainSecret(text, names)) return true
    const next = withoutBreaks(decoded(text))
    if (next === text) return false
    text = next
  }
  return true
}

const mostEncodings = 8

/** The same, without decoding: all of a value is decoded together, which takes time in proportion to its length. */
const holdsPlainSecret = (text: string, names: Names): boolean => {
  if (hidden(text, names, holdsPlainSecret) !== text || /^(?:bearer|basic)\s+\S/i.test(text)) return true
  if (withoutTokens(text) !== text) return true
  for (const [, quoted, plain] of text.matchAll(/"([^"]*)"\s*:|(?:^|[&;])([^=?#&;/:"]+)=/g)) {
    if (isSecretName(quoted ?? plain ?? "", names)) return true
  }
  return false
}

const decoded = (text: string): string => unescaped(text.replaceAll("+", " "))
