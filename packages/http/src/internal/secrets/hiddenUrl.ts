/**
 * URLs as they may be shown: without user info, and with `REDACTED` for the values of parameters that hold secrets.
 *
 * The names are those below and those of Effect's `UrlParams.CurrentRedactedNames`, which are the signatures of AWS, Azure
 * and Google. A program adds names of its own to that reference.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import * as UrlParams from "effect/http/UrlParams"

/** Names of parameters, and patterns of names. */
export type Names = ReadonlyArray<string | RegExp>

const secretNames: Names = [
  // `key` alone is how Google's APIs take theirs, `code` how Azure Functions and OAuth do.
  /^(?:key|code)$/iu,
  /(?:^|[-_.[\s])(?:auth|session|sid|otp|csrf|xsrf)\]?$/iu,
  /(?:token|secret|pass(?:word|wd|phrase|code)|pwd|credentials?|jwt|authorization|signature|session[-_.]?id)\]?$/iu,
  /(?:api|access|private|account|subscription|licen[cs]e|app|auth|functions?|secret|shared|master)[-_.]?key\]?$/iu
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
export const isPlain = (url: string): boolean => !/[?#@;]/.test(url)

/** A URL, or part of one that begins with `?` or `#`, as it may be shown. */
export const hiddenUrl = (url: string, names: Names): string => {
  if (isPlain(url)) return url
  const end = url.search(/[?#]/)
  const head = end === -1 ? url : url.slice(0, end)
  const tail = end === -1 ? "" : url.slice(end)
  return hiddenPath(head, names) + tail.replaceAll(/[^?#&]+/g, (part) => hiddenPart(part, names))
}

/** A value that is shown beside its name, such as a parameter that is not in the URL yet: whether it is a secret. */
export const isSecret = (name: string, value: string, names: Names): boolean =>
  UrlParams.isRedactedName(name, names) || holdsSecret(value, names)

/** The value of a header as it may be shown. Some headers have URLs in them. */
export const shownHeader = (name: string, value: string, names: Names): string =>
  urlHeaders.has(name) ? value.replaceAll(/[^\s<>"']+/g, (url) => hiddenUrl(url, names)) : value

const urlHeaders: ReadonlySet<string> = new Set(["content-location", "link", "location", "referer", "refresh"])

/** User info, and parameters of a segment (`;jsessionid=...`). */
const hiddenPath = (head: string, names: Names): string =>
  (head.includes("@") ? UrlParams.redactUrl(head, []) : head).replaceAll(
    /;([^=;/\\]+)=[^;/\\]*/g,
    (pair, name: string) => UrlParams.isRedactedName(decoded(name), names) ? `;${name}=REDACTED` : pair
  )

/** `name=value`, in which some servers take `;` for another `&`. */
const hiddenPart = (part: string, names: Names): string => {
  let shown = ""
  for (const pair of part.split(/(?=;)/)) {
    const [, before = "", name = ""] = /^(;?)([^=]*)=/.exec(pair) ?? []
    if (name === "") {
      shown += pair
    } else if (UrlParams.isRedactedName(decoded(name), names)) {
      // What follows may be more of the secret.
      return `${shown}${before}${name}=REDACTED`
    } else {
      const value = pair.slice(before.length + name.length + 1)
      shown += holdsSecret(value, names) ? `${before}${name}=REDACTED` : pair
    }
  }
  return shown
}

/** Whether a value is itself a URL with a secret, however often it is encoded. */
const holdsSecret = (value: string, names: Names): boolean => {
  for (let text = value;;) {
    if (hiddenUrl(text, names) !== text) return true
    const next = decoded(text)
    if (next === text) return false
    text = next
  }
}

const decoded = (text: string): string => {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return text
  }
}
