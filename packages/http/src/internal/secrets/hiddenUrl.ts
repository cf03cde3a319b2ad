/**
 * URLs as they may be shown: without user info, and with `REDACTED` for tokens in the path and for the values of
 * parameters that hold secrets.
 *
 * The names are those below and those of Effect's `UrlParams.CurrentRedactedNames`, which are the signatures of AWS, Azure
 * and Google. A program adds names of its own to that reference, and paths of its own to `CurrentRedactedPaths`.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import type * as Fiber from "effect/Fiber"
import * as UrlParams from "effect/http/UrlParams"
import { CurrentRedactedPaths, type RedactedPaths } from "../../RedactedPaths.ts"
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

/** What tells the secrets of a URL from the rest of it. */
export interface UrlSecrets {
  readonly names: Names
  readonly paths: RedactedPaths
}

/** For the values of both references. */
const extended = new WeakMap<Names, WeakMap<RedactedPaths, UrlSecrets>>()

/** What is secret by the references in force in `fiber`, or by their defaults. */
export const urlSecrets = (fiber: Fiber.Fiber<unknown, unknown> | undefined): UrlSecrets => {
  const names = fiber?.getRef(UrlParams.CurrentRedactedNames) ?? defaultNames
  const paths = fiber?.getRef(CurrentRedactedPaths) ?? noPaths
  let byPaths = extended.get(names)
  if (byPaths === undefined) extended.set(names, byPaths = new WeakMap())
  let secrets = byPaths.get(paths)
  if (secrets === undefined) {
    byPaths.set(paths, secrets = { names: [...names, ...secretNames], paths })
    // A client below gets these names, which have those above already.
    extended.set(secrets.names, new WeakMap([[paths, secrets]]))
  }
  return secrets
}

const defaultNames = UrlParams.CurrentRedactedNames.defaultValue()
const noPaths = CurrentRedactedPaths.defaultValue()

/** Secrets with the names of parameters that are some, too. */
export const withNames = (secrets: UrlSecrets, names: Names): UrlSecrets =>
  names.length === 0 ? secrets : { ...secrets, names: [...secrets.names, ...names] }

/** Whether nothing of a URL can be a secret by these rules, if a program adds no paths. */
export const isPlain = (url: string): boolean => !suspicious.test(url)

const suspicious = new RegExp(`[?#@;]|${mayHaveToken.source}`, "i")

/** A URL, or part of one that begins with `?` or `#`, as it may be shown. */
export const hiddenUrl = (url: string, secrets: UrlSecrets): string => hidden(url, secrets, holdsSecret)

/** Whether a value holds a secret. */
type Holds = (value: string, secrets: UrlSecrets) => boolean

const hidden = (text: string, secrets: UrlSecrets, holds: Holds): string => {
  if (secrets.paths.length === 0 && isPlain(text)) return text
  // A parser takes these out, so that `to\tken` is sent as `token`.
  const url = withoutBreaks(text)
  const end = url.search(/[?#]/)
  const head = end === -1 ? url : url.slice(0, end)
  const tail = end === -1 ? "" : url.slice(end)
  let isSecret = false
  const shown = tail.replaceAll(/([?#&]*)([^?#&]+)/g, (whole, before: string, part: string) => {
    // A question mark within a value is part of it.
    if (isSecret && before === "?") return ""
    const shown = hiddenPart(part, secrets, holds)
    isSecret = shown !== part
    return isSecret ? before + shown : whole
  })
  return hiddenPath(head, secrets) + shown
}

const withoutBreaks = (text: string): string => text.replaceAll(/[\t\n\r]/g, "")

/** A value that is shown beside its name, such as a parameter that is not in the URL yet: whether it is a secret. */
export const isSecret = (name: string, value: string, secrets: UrlSecrets): boolean =>
  isSecretName(name, secrets) || holdsSecret(value, secrets)

/** Whether a name, as it stands in a URL, is one of those: encoded, with an index (`token[0]`, `token2`) or not. */
const isSecretName = (name: string, secrets: UrlSecrets): boolean => {
  const plain = decoded(name)
  let end = plain.length
  while (end > 0 && /[\d\s\0[\]]/.test(plain.charAt(end - 1))) end--
  return UrlParams.isRedactedName(plain, secrets.names) || UrlParams.isRedactedName(plain.slice(0, end), secrets.names)
}

/** The value of a header as it may be shown. Some headers have URLs in them. */
export const shownHeader = (name: string, value: string, secrets: UrlSecrets): string =>
  urlHeaders.has(name) || value.includes("://")
    ? value.replaceAll(/[^\s<>"']+/g, (url) => hiddenUrl(url, secrets))
    : value

const urlHeaders: ReadonlySet<string> = new Set(["content-location", "link", "location", "referer", "refresh"])

/** User info, tokens, and parameters of a segment (`;jsessionid=...`). */
const hiddenPath = (head: string, secrets: UrlSecrets): string =>
  withoutTokens(withoutUserInfo(head), secrets.paths).replaceAll(
    /;([^=;/\\]+)=[^;/\\]*/g,
    (pair, name: string) => isSecretName(name, secrets) ? `;${name}=REDACTED` : pair
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
const hiddenPart = (part: string, secrets: UrlSecrets, holds: Holds): string => {
  let shown = ""
  for (const pair of part.split(/(?=;)/)) {
    const [, before = "", name = ""] = /^(;?)([^=]*)=/.exec(pair) ?? []
    if (name === "") {
      shown += pair
    } else if (isSecretName(name, secrets)) {
      // What follows may be more of the secret.
      return `${shown}${before}${name}=REDACTED`
    } else {
      const value = pair.slice(before.length + name.length + 1)
      shown += holds(value, secrets) ? `${before}${name}=REDACTED` : pair
    }
  }
  return shown
}

/**
 * Whether a value is itself a URL with a secret, parameters, JSON or an `Authorization`, encoded or not. A value with
 * more encodings than that counts as one.
 */
const holdsSecret = (value: string, secrets: UrlSecrets): boolean => {
  let text = withoutBreaks(value)
  for (let times = 0; times < mostEncodings; times++) {
    if (holdsPlainSecret(text, secrets)) return true
    const next = withoutBreaks(decoded(text))
    if (next === text) return false
    text = next
  }
  return true
}

const mostEncodings = 8

/** The same, without decoding: all of a value is decoded together, which takes time in proportion to its length. */
const holdsPlainSecret = (text: string, secrets: UrlSecrets): boolean => {
  if (hidden(text, secrets, holdsPlainSecret) !== text || /^(?:bearer|basic)\s+\S/i.test(text)) return true
  if (withoutTokens(text, secrets.paths) !== text) return true
  for (const [, quoted, plain] of text.matchAll(/"([^"]*)"\s*:|(?:^|[&;])([^=?#&;/:"]+)=/g)) {
    if (isSecretName(quoted ?? plain ?? "", secrets)) return true
  }
  return false
}

const decoded = (text: string): string => unescaped(text.replaceAll("+", " "))
