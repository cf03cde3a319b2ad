/**
 * What a program sees of a request that holds secrets: on a response, in an error, in a span. The request that is sent
 * keeps them; the copy that is shown has the same method, path and names, and none of the values.
 *
 * An error of Effect's computes its message from its request when it is read, which may be after the fiber has ended, so
 * the names in force at that time are of no use. And a client below may repeat a URL or a header in the message of a
 * cause. So errors are made anew with the request that is shown, and the texts of their causes are searched.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { CurrentRedactedPaths } from "../../RedactedPaths.ts"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { StreamResponse } from "../call/streamResponse.ts"
import { unescaped } from "./escapes.ts"
import { hiddenUrl, isPlain, isSecret, type Names, type UrlSecrets, urlSecrets, withNames } from "./hiddenUrl.ts"
import { tokensOf } from "./pathTokens.ts"
import { scrub } from "./scrub.ts"
import { ShownResponse } from "./shownResponse.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Failure = HttpClientError.HttpClientError
type Request = HttpClientRequest.HttpClientRequest

const noNames: ReadonlyArray<string> = []

/** By what a secret is known. */
type Known = Pick<Shown, "headerNames" | "urlSecrets" | "secretHeaders">

const knownBy = (fiber: AnyFiber, secretHeaders: ReadonlyArray<string>): Known => ({
  urlSecrets: urlSecrets(fiber),
  headerNames: fiber.getRef(Headers.CurrentRedactedNames),
  secretHeaders
})

export class Shown {
  /** What is secret in URLs. */
  readonly urlSecrets: UrlSecrets
  readonly headerNames: Names
  /** The names of headers that the program gave as `Redacted`. */
  readonly secretHeaders: ReadonlyArray<string>
  private readonly actual: Request
  private readonly hasSecrets: boolean
  private copy: Request | undefined
  private found: ReadonlyArray<readonly [text: string, shown: string]> | undefined

  /** What is shown of the request that a client below has made this one from. */
  private readonly above: Shown | undefined

  private constructor(actual: Request, known: Known, above?: Shown) {
    this.actual = actual
    this.urlSecrets = known.urlSecrets
    this.headerNames = known.headerNames
    this.secretHeaders = known.secretHeaders
    this.above = above
    this.hasSecrets = above?.hasSecrets === true || this.holdsSecrets()
  }

  /**
   * What is shown of a request, if that is not the request itself. `secretHeaders` are the names of headers that the
   * program gave as `Redacted`.
   */
  static of(fiber: AnyFiber, request: Request, secretHeaders = noNames): Shown | undefined {
    if (
      secretHeaders.length === 0 && request.urlParams.params.length === 0 && Option.isNone(request.hash) &&
      isPlain(request.url) && fiber.getRef(CurrentRedactedPaths).length === 0
    ) return undefined
    const shown = new Shown(request, knownBy(fiber, secretHeaders))
    return shown.hasSecrets ? shown : undefined
  }

  /** For a failure, which may tell more of a request than the request does. */
  static always(fiber: AnyFiber, request: Request): Shown {
    return new Shown(request, knownBy(fiber, noNames))
  }

  /** The same for what a client below has made of the request, which may have secrets of its own. */
  below(request: Request): Shown {
    return request === this.actual || request === this.copy ? this : new Shown(request, this, this)
  }

  get request(): Request {
    return this.copy ??= this.above?.hasSecrets === true
      ? this.above.request
      : this.hasSecrets
      ? this.made()
      : this.actual
  }

  response(response: HttpClientResponse.HttpClientResponse): BodyResponse {
    const wrapped = StreamResponse.wrap(response)
    const shown = this.below(response.request)
    return shown.hasSecrets ? new ShownResponse(wrapped, shown) : wrapped
  }

  /** Headers without the values of those that the program gave as `Redacted`, which a server may send back. */
  hideHeaders<A>(headers: Readonly<Record<string, A>>): Readonly<Record<string, A | string>> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, this.secretHeaders.includes(name) ? "<redacted>" : value])
    )
  }

  /** An error that this request has had. `response` is the one that is shown, if it has one. */
  error(error: Failure, response?: HttpClientResponse.HttpClientResponse): Failure {
    const { reason } = error
    const below = this.below(reason.request)
    if (below !== this) return below.error(error, response)
    const cause = this.cause(reason.cause)
    const description = reason.description === undefined ? undefined : this.text(reason.description)
    const { request } = this
    const given = "response" in reason ? response ?? this.response(reason.response) : undefined
    if (
      request === reason.request && cause === reason.cause && description === reason.description &&
      given === error.response
    ) return error
    const said = {
      request,
      ...(cause === undefined ? undefined : { cause }),
      ...(description === undefined ? undefined : { description })
    }
    const made = new HttpClientError.HttpClientError({
      reason: "response" in reason
        ? new answered[reason._tag]({ ...said, response: given ?? reason.response })
        : new unanswered[reason._tag](said)
    })
    return Object.defineProperty(made, "stack", {
      value: `${made.name}: ${made.message}${framesOf(error.stack)}`,
      configurable: true,
      writable: true
    })
  }

  /** A cause whose texts hold no secret of this request: the same object, if they do not anyway. */
  cause(cause: unknown): unknown {
    return scrub(cause, (text) => this.text(text), (error) => this.error(error))
  }

  /** A text without the secrets of this request. */
  text(text: string): string {
    let shown = this.above === undefined ? text : this.above.text(text)
    for (const [found, instead] of this.secrets) if (shown.includes(found)) shown = shown.replaceAll(found, instead)
    return shown
  }

  /** Why a span failed, with errors as they are shown. */
  failure(cause: Cause.Cause<unknown>): Cause.Cause<unknown> {
    return Cause.map(cause, (error) => this.cause(error))
  }

  private holdsSecrets(): boolean {
    const { hash, url, urlParams } = this.actual
    return this.secretHeaders.length > 0 || hiddenUrl(url, this.urlSecrets) !== url ||
      this.hash(hash) !== Option.getOrUndefined(hash) ||
      urlParams.params.some(([name, value]) => Redacted.isRedacted(value) || isSecret(name, value, this.urlSecrets))
  }

  private made(): Request {
    const { body, hash, headers, method, url, urlParams } = this.actual
    const params = urlParams.params.map(([name, value]): [string, string | Redacted.Redacted<string>] => [
      name,
      typeof value === "string" && isSecret(name, value, this.urlSecrets) ? Redacted.make(value) : value
    ])
    const copy = HttpClientRequest.makeWith(
      method,
      hiddenUrl(url, this.urlSecrets),
      UrlParams.make(params),
      Option.fromUndefinedOr(this.hash(hash)),
      headers,
      body
    )
    // Effect hides headers by the names in force, which are no longer those of the client when a program logs a request.
    return this.secretHeaders.length === 0 ? copy : Object.defineProperty(copy, "toJSON", {
      value: () => {
        const shown = toJSON.call(copy) as { readonly headers: Readonly<Record<string, unknown>> }
        return { ...shown, headers: this.hideHeaders(shown.headers) }
      }
    })
  }

  private hash(hash: Option.Option<string>): string | undefined {
    return Option.isNone(hash) ? undefined : hiddenUrl(`#${hash.value}`, this.urlSecrets).slice(1)
  }

  /** The texts that may not be shown, each with what stands for it, the longest first. */
  private get secrets(): ReadonlyArray<readonly [text: string, shown: string]> {
    if (this.found !== undefined) return this.found
    const { headers, url, urlParams } = this.actual
    const found = new Map<string, string>()
    const href = Option.match(HttpClientRequest.toUrl(this.actual), { onNone: () => undefined, onSome: (url) => url })
    const withoutParams = URL.parse(url)
    for (const whole of [url, href?.href, withoutParams?.href]) {
      if (whole !== undefined) found.set(whole, this.whole(whole))
    }
    const value = (text: string) => {
      // A line break in a header is shown as an escape.
      for (const part of [text, ...text.split(/\p{Cc}+/u), encodeURIComponent(text)]) {
        if (part.length >= shortest) found.set(part, "<redacted>")
      }
    }
    for (const [name, text] of [...(href?.searchParams ?? []), ...(withoutParams?.searchParams ?? [])]) {
      if (isSecret(name, text, this.urlSecrets)) value(text)
    }
    tokensOf(url, this.urlSecrets.paths).forEach(value)
    for (const [, text] of urlParams.params) if (Redacted.isRedacted(text)) value(Redacted.value(text))
    for (const text of [withoutParams?.username, withoutParams?.password]) {
      if (text !== undefined) [text, unescaped(text)].forEach(value)
    }
    for (const name in headers) {
      if (this.secretHeaders.includes(name) || Headers.isRedactedName(name, this.headerNames)) {
        value(headers[name] ?? "")
      }
    }
    return this.found = [...found].filter(([text, shown]) => text !== shown).toSorted(([a], [b]) => b.length - a.length)
  }

  /** A whole URL, with parameters that are `Redacted` behind it. */
  private whole(href: string): string {
    const hidden = this.actual.urlParams.params.filter(([, value]) => Redacted.isRedacted(value)).map(([name]) => name)
    return hiddenUrl(href, withNames(this.urlSecrets, hidden))
  }
}

const { DecodeError, EmptyBodyError, EncodeError, InvalidUrlError, StatusCodeError, TransportError } = HttpClientError
const answered = { DecodeError, EmptyBodyError, StatusCodeError }
const unanswered = { EncodeError, InvalidUrlError, TransportError }

const { toJSON } = HttpClientRequest.empty

/** A shorter secret is not searched for in texts: it would strike out parts of words. Within its URL it is hidden. */
const shortest = 4

const framesOf = (stack: string | undefined): string => {
  const at = stack?.search(/\n\s+at /) ?? -1
  return stack === undefined || at === -1 ? "" : stack.slice(at)
}
