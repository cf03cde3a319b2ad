/**
 * Checks of what an endpoint matches, and of what it may not have.
 *
 * Guarded by `test/client/endpoints.test.ts` and `test/client/reloading.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { all as allMethods } from "effect/http/HttpMethod"
import * as HttpPolicy from "../../HttpPolicy.ts"
import { hiddenUrl, urlSecrets } from "../secrets/hiddenUrl.ts"

type Place = Arguments.Place

/** What of a platform's `URLPattern` is used here. */
type UrlPattern = new(init: { readonly pathname: string }) => { readonly test: (url: string) => boolean }

export type PathMatch = (url: URL) => boolean

/** A URL of the options, as a message may have it. */
export const shownUrl = (url: string): string => Arguments.show(hiddenUrl(url, urlSecrets(undefined)))

/** An origin as the platform's `URL` writes it. */
export const originOption: Arguments.Check<string> = (value, place) => {
  const text = Arguments.string(value, place)
  if (typeof text !== "string") return text
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href) return url.origin
  place.fault(`must be scheme, host and port ("https://api.example.com"), got ${shownUrl(text)}`)
  return text
}

/** The path of an endpoint, compiled. */
export const pathOption: Arguments.Check<PathMatch> = (value, place) => {
  const path = Arguments.string(value, place)
  if (typeof path !== "string") return nothing
  if (!path.startsWith("/")) {
    place.fault(`must begin with "/", got ${Arguments.show(path)}`)
    return nothing
  }
  // Most paths are text, and text is compared in a tenth of the time.
  if (!/[:*{}()?+\\]/.test(path)) {
    const { pathname } = new URL(path, "http://localhost")
    return (url) => url.pathname === pathname
  }
  const { URLPattern } = globalThis as { readonly URLPattern?: UrlPattern }
  if (URLPattern === undefined) {
    place.fault(
      `is a pattern, and this runtime has no URLPattern: use Node 24, or import "urlpattern-polyfill" before, got ${
        Arguments.show(path)
      }`
    )
    return nothing
  }
  try {
    const pattern = new URLPattern({ pathname: path })
    return (url) => pattern.test(url.href)
  } catch {
    place.fault(`must be a pattern of the URL Pattern standard, got ${Arguments.show(path)}`)
    return nothing
  }
}

const nothing: PathMatch = () => false

const methodsOption: Arguments.Check<unknown> = (value, place) => {
  const methods = Arguments.array(Arguments.oneOf(...allMethods))(value, place)
  if (Array.isArray(value) && value.length === 0) place.fault("must have one at least, got none")
  return methods
}

/** The options that say which requests an endpoint is for. */
export const matchFields = {
  origin: Arguments.optional(originOption),
  path: Arguments.optional(pathOption),
  methods: Arguments.optional(methodsOption)
}

/** An endpoint that names no request would be for all of them. */
export const checkMatch = (match: { readonly [K in keyof typeof matchFields]?: unknown }, place: Place): void => {
  if ((match.methods ?? match.origin ?? match.path) === undefined) {
    place.fault("must say to which origin, path or methods it applies")
  }
}

type Repeats = Pick<HttpPolicy.Parts, "idempotencyKey" | "idempotent">

/** A hedge that no request of the endpoint could have is a mistake, and a dangerous one to guess about. */
export const checkHedge = (
  own: Repeats & { readonly hedge?: unknown; readonly methods?: ReadonlyArray<string> | undefined },
  client: Repeats,
  place: Place
): void => {
  const { methods } = own
  if (own.hedge === undefined || own.hedge === false || !Array.isArray(methods) || methods.length === 0) return
  const keyed = (own.idempotencyKey ?? client.idempotencyKey) === "auto"
  const declared = (own.idempotent ?? client.idempotent ?? false) !== false
  if (keyed || declared || methods.some((method) => HttpPolicy.repeatableMethods.has(method))) return
  place.at("hedge").fault(
    `must be around requests that may be repeated, got ${methods.join(" and ")} ` +
      `without idempotencyKey "auto" and not declared idempotent`
  )
}
