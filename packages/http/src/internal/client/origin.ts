/**
 * The origin of a URL, as the WHATWG URL Standard has it: scheme, host and port.
 *
 * Secrets, pauses, budgets and circuits all go by it, so it must be the origin that the transport connects to. Every
 * client parses a URL by the standard, and any other reading of it, such as a regular expression, is one that a hostile
 * URL can disagree with.
 *
 * Guarded by `test/client/secrets.test.ts` and `test/client/requestHeaders.test.ts`.
 */
import * as Url from "effect/http/Url"
import * as UrlParams from "effect/http/UrlParams"
import * as Result from "effect/Result"

/**
 * The origin of a URL of HTTP: lower case, punycode, no default port, no user info. `undefined` for a relative URL, an
 * invalid one, and other schemes. In a page, a relative URL has the origin of the page, as it has for `fetch`.
 */
export const originOf = (url: string): string | undefined => {
  const slash = url.indexOf("/", schemeLength)
  const spelling = slash === -1 ? url : url.slice(0, slash)
  return origins.get(spelling) ?? learn(spelling) ?? parsed(url)
}

/** Whether a URL has a scheme and a host of its own, so that no base URL belongs before it. */
export const isAbsolute = (url: string): boolean => {
  if (originOf(url) === undefined) return false
  return !("location" in globalThis) || isHttp(URL.parse(url))
}

const parsed = (url: string): string | undefined => {
  const result = Url.make(url, UrlParams.empty, undefined)
  return Result.isSuccess(result) && isHttp(result.success) ? result.success.origin : undefined
}

const isHttp = (url: URL | null): url is URL => url !== null && (url.protocol === "https:" || url.protocol === "http:")

/**
 * Remembers the origin of a plain spelling: scheme, two slashes, and a host of letters, digits, dots and dashes with or
 * without a port. Up to the next slash nothing of such a URL can mean anything else (URL Standard, section 4.4: the
 * authority ends at the slash, and has no `@` before it), so whatever follows, the origin is the same.
 */
const learn = (spelling: string): string | undefined => {
  if (!plain.test(spelling)) return undefined
  const origin = parsed(spelling)
  if (origin === undefined) return undefined
  if (origins.size >= capacity) origins.clear()
  origins.set(spelling, origin)
  return origin
}

const plain = /^https?:\/\/[a-z\d.-]+(?::\d+)?$/i

/** Behind `http://` and one character of the host. */
const schemeLength = 8

const origins = new Map<string, string>()

/** How many spellings are remembered. */
const capacity = 256
