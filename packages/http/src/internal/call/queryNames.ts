/**
 * Query parameters that hold secrets. Their values are `REDACTED` in spans, beside those that Effect's
 * `UrlParams.CurrentRedactedNames` lists, which are the signatures of AWS, Azure and Google. A program adds names of its own
 * to that reference.
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"

const secretNames: ReadonlyArray<RegExp> = [
  // `key` alone is how Google's APIs take theirs. The others may have a prefix: `access_token`, `client-secret`.
  /^key$/iu,
  /^(?:.*[-_.])?(?:token|secret|password|passwd|pwd|api[-_.]?key|access[-_.]?key|auth|authorization|credentials?|session|jwt)$/iu
]

/** The names in force, with those above. */
export const withSecretNames = (names: ReadonlyArray<string | RegExp>): ReadonlyArray<string | RegExp> => [
  ...names,
  ...secretNames
]

/** A request whose parameters of these names are `Redacted`: the same URL, and no error or log that shows the request has them. */
export const withSecretParams = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
  const { params } = request.urlParams
  if (!params.some(([name, value]) => typeof value === "string" && UrlParams.isRedactedName(name, secretNames))) {
    return request
  }
  const hidden = UrlParams.make(params.map(([name, value]) => [
    name,
    typeof value === "string" && UrlParams.isRedactedName(name, secretNames) ? Redacted.make(value) : value
  ]))
  return HttpClientRequest.makeWith(request.method, request.url, hidden, request.hash, request.headers, request.body)
}

/** Runs an effect that sends a request with the longer list, so that the spans of any client below hide these parameters. */
export const hidingQuery = <A, E, R>(
  request: HttpClientRequest.HttpClientRequest,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  request.urlParams.params.length === 0 && !request.url.includes("?")
    ? effect
    : Effect.updateService(effect, UrlParams.CurrentRedactedNames, withSecretNames)
