/**
 * Which endpoint a request is for: the first whose origin, path and methods fit.
 *
 * Guarded by `test/client/endpoints.test.ts` and `test/client/pauses.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { originOption, type PathMatch, pathOption } from "./endpointOptions.ts"

type Request = HttpClientRequest.HttpClientRequest
type Match = Pick<HttpPolicy.Endpoint, "methods" | "origin" | "path">

interface Candidate<out A> {
  readonly methods: ReadonlySet<string> | undefined
  readonly origin: string | undefined
  readonly path: PathMatch | undefined
  readonly value: A
}

export class Endpoints<out A> {
  private readonly candidates: ReadonlyArray<Candidate<A>>

  /** The options of the endpoints have been checked. */
  constructor(entries: ReadonlyArray<readonly [match: Match, value: A]>) {
    this.candidates = entries.map(([{ methods, origin, path }, value]) => ({
      methods: methods === undefined ? undefined : new Set(methods),
      origin: origin === undefined ? undefined : originOption(origin, new Arguments.Place()),
      path: path === undefined ? undefined : pathOption(path, new Arguments.Place()),
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
