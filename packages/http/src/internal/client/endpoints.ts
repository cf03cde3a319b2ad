/** Which endpoint a request is for: the first whose origin, path and methods fit. And which endpoints cannot be. */
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpPolicy from "../../HttpPolicy.ts"

type Request = HttpClientRequest.HttpClientRequest
type Match = Pick<HttpPolicy.Endpoint, "methods" | "origin" | "path">

/** What of a platform's `URLPattern` is used here. */
type UrlPattern = new(init: { readonly pathname: string }) => { readonly test: (url: string) => boolean }

interface Candidate<out A> {
  readonly methods: ReadonlySet<string> | undefined
  readonly origin: string | undefined
  readonly path: ((url: URL) => boolean) | undefined
  readonly value: A
}

export class Endpoints<out A> {
  private readonly candidates: ReadonlyArray<Candidate<A>>

  /** Throws a `RangeError` that names the endpoint whose origin or path cannot be. */
  constructor(where: string, entries: ReadonlyArray<readonly [name: string, match: Match, value: A]>) {
    this.candidates = entries.map(([name, match, value]) => ({
      ...compile(`${where}: endpoints.${name}`, match),
      value
    }))
  }

  /** The first that fits the request. */
  find(request: Request): A | undefined {
    let url: URL | null | undefined
    for (const { methods, origin, path, value } of this.candidates) {
      if (methods !== undefined && !methods.has(request.method)) continue
      if (origin === undefined && path === undefined) return value
      url ??= URL.parse(request.url)
      if (url === null) return undefined
      if ((origin === undefined || url.origin === origin) && (path === undefined || path(url))) return value
    }
    return undefined
  }
}

const compile = (where: string, { methods, origin, path }: Match) => {
  if ((methods ?? origin ?? path) === undefined) {
    throw new RangeError(`${where} must say to which origin, path or methods it applies`)
  }
  if (methods?.length === 0) throw new RangeError(`${where}.methods must have one at least, got none`)
  return {
    methods: methods === undefined ? undefined : new Set(methods),
    origin: origin === undefined ? undefined : originOf(where, origin),
    path: path === undefined ? undefined : pathOf(where, path)
  }
}

const originOf = (where: string, origin: string): string => {
  const url = URL.parse(origin)
  if (url !== null && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href) return url.origin
  throw new RangeError(
    `${where}.origin must be scheme, host and port ("https://api.example.com"), got ${JSON.stringify(origin)}`
  )
}

const pathOf = (where: string, path: string): (url: URL) => boolean => {
  if (!path.startsWith("/")) {
    throw new RangeError(`${where}.path must begin with "/", got ${JSON.stringify(path)}`)
  }
  // Most paths are text, and text is compared in a tenth of the time.
  if (!/[:*{}()?+\\]/.test(path)) {
    const pathname = new URL(path, "http://localhost").pathname
    return (url) => url.pathname === pathname
  }
  const { URLPattern } = globalThis as { readonly URLPattern?: UrlPattern }
  if (URLPattern === undefined) {
    throw new RangeError(`${where}.path must be plain text where there is no URLPattern, got ${JSON.stringify(path)}`)
  }
  let pattern: InstanceType<UrlPattern>
  try {
    pattern = new URLPattern({ pathname: path })
  } catch {
    throw new RangeError(`${where}.path must be a pattern of the URL Pattern standard, got ${JSON.stringify(path)}`)
  }
  return (url) => pattern.test(url.href)
}

/** A hedge that no request of the endpoint could have is a mistake, and a dangerous one to guess about. */
export const refuseHedge = (
  at: string,
  own: Pick<HttpPolicy.Endpoint, "idempotencyKey" | "idempotent" | "methods"> & { readonly hedge?: unknown },
  client: Pick<HttpPolicy.Parts, "idempotencyKey" | "idempotent">
): void => {
  const { methods } = own
  if (own.hedge === undefined || own.hedge === false || methods === undefined) return
  const keyed = (own.idempotencyKey ?? client.idempotencyKey) === "auto"
  const declared = (own.idempotent ?? client.idempotent ?? false) !== false
  if (keyed || declared || methods.some((method) => HttpPolicy.repeatableMethods.has(method))) return
  throw new RangeError(
    `${at}.hedge must be around requests that may be repeated, got ${methods.join(" and ")} ` +
      `without idempotencyKey "auto" and not declared idempotent`
  )
}
