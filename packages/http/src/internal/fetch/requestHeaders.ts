/**
 * Headers that a platform's `fetch` adds to a request by its options, over a transport that is not a `fetch`.
 *
 * Guarded by `test/fetch/contract.test.ts` and `test/fetch/promises.test.ts`.
 */

/** The headers of a cache mode, as the Fetch Standard has them (section "HTTP-network-or-cache fetch"). */
export const cacheHeaders = (mode: RequestCache): Readonly<Record<string, string>> => {
  switch (mode) {
    case "no-cache":
      return { "cache-control": "max-age=0" }
    case "no-store":
    case "reload":
      return { pragma: "no-cache", "cache-control": "no-cache" }
    default:
      return {}
  }
}

/**
 * The range of a coded body is of no use to those who decode it, so a `fetch` asks for no coding with it (Fetch Standard,
 * section "HTTP-network-or-cache fetch").
 */
export const rangeHeaders = (
  headers: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> => {
  if (headers["range"] === undefined) return {}
  const accepted = headers["accept-encoding"]
  return { "accept-encoding": accepted === undefined ? "identity" : `${accepted}, identity` }
}

/**
 * The `Referer` of a request to `target`, by its referrer policy (W3C Referrer Policy, section 8.3), or what the program
 * has set, where the request does not say what it comes from.
 */
export const refererOf = (request: Request, target: URL): string | undefined => {
  const { referrer, referrerPolicy } = request
  if (referrer === "about:client") return request.headers.get("referer") ?? undefined
  const from = URL.parse(referrer)
  if (from === null || !/^https?:$/.test(from.protocol)) return undefined
  const isSame = from.origin === target.origin
  const isDowngrade = isTrustworthy(from) && !isTrustworthy(target)
  const origin = `${from.origin}/`
  const full = from.origin + from.pathname + from.search
  switch (referrerPolicy) {
    case "no-referrer":
      return undefined
    case "unsafe-url":
      return full
    case "origin":
      return origin
    case "same-origin":
      return isSame ? full : undefined
    case "origin-when-cross-origin":
      return isSame ? full : origin
    case "no-referrer-when-downgrade":
      return isDowngrade ? undefined : full
    case "strict-origin":
      return isDowngrade ? undefined : origin
    default:
      return isSame ? full : isDowngrade ? undefined : origin
  }
}

/** Whether what is sent is safe from others on the way (W3C Secure Contexts, section 3.1). */
const isTrustworthy = ({ hostname, protocol }: URL): boolean =>
  protocol === "https:" || /^(?:127(?:\.\d+){3}|\[::1\]|(?:.+\.)?localhost\.?)$/.test(hostname)
