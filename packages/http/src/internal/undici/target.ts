/**
 * Where a request goes: its origin, and the path as it stands in the request line. Most requests of a program go to few
 * origins, and most of their paths are what they would be after parsing; those are not parsed.
 *
 * Guarded by `test/undici/requests.test.ts` and `test/undici/decoding.test.ts`.
 */
import * as Data from "effect/Data"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Url from "effect/http/Url"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/** A scheme, a host and a port. */
export class Origin {
  /** As a URL without a path. */
  readonly url: string
  readonly scheme: "http" | "https"
  /** The host without the brackets of an IPv6 address. */
  readonly address: string
  readonly port: number
  /** What the `Host` header says. */
  readonly host: string

  constructor(url: URL) {
    this.url = url.origin
    this.scheme = url.protocol === "https:" ? "https" : "http"
    this.address = url.hostname.replace(/^\[|\]$/g, "")
    this.port = url.port === "" ? (this.scheme === "https" ? 443 : 80) : Number(url.port)
    this.host = url.host
  }
}

export interface Target {
  readonly origin: Origin
  /** Path and query. */
  readonly path: string
  /** What a response says that it is of: without name, password and hash. */
  readonly url: string
}

/** The URL is not one that this transport can send to. */
export class InvalidTarget extends Data.TaggedClass("InvalidTarget")<{ readonly cause: unknown }> {}

/** How many spellings of origins are remembered. */
const capacity = 256

export class Targets {
  private readonly origins = new Map<string, Origin>()

  of(request: HttpClientRequest.HttpClientRequest): Target | InvalidTarget {
    if (request.urlParams.params.length === 0) {
      const { url } = request
      const slash = url.indexOf("/", schemeLength)
      const path = slash === -1 ? "/" : url.slice(slash)
      if (isParsed(path)) {
        const spelling = slash === -1 ? url : url.slice(0, slash)
        const origin = this.origins.get(spelling) ?? this.learn(spelling)
        if (origin !== undefined) return { origin, path, url: origin.url + path }
      }
    }
    return this.parse(request)
  }

  private learn(spelling: string): Origin | undefined {
    // What only parsing tells apart, and credentials, which have no business in a table.
    if (!/^https?:\/\/[^/?#@\\\s]+$/i.test(spelling)) return undefined
    const url = URL.parse(spelling)
    if (url === null) return undefined
    if (this.origins.size >= capacity) this.origins.clear()
    const origin = new Origin(url)
    this.origins.set(spelling, origin)
    return origin
  }

  private parse(request: HttpClientRequest.HttpClientRequest): Target | InvalidTarget {
    const parsed = Url.make(request.url, request.urlParams, Option.getOrUndefined(request.hash))
    if (Result.isFailure(parsed)) return new InvalidTarget({ cause: parsed.failure })
    const url = parsed.success
    if (url.protocol !== "http:" && url.protocol !== "https:") return new InvalidTarget({ cause: undefined })
    const origin = this.origins.get(url.origin) ?? this.learn(url.origin) ?? new Origin(url)
    // An empty query is in the URL, and not in its `search`.
    const isQuery = url.search === "" && url.href.split("#", 1)[0]?.endsWith("?") === true
    const path = url.pathname + (isQuery ? "?" : url.search)
    return { origin, path, url: origin.url + path }
  }
}

/** Behind `https://` there is at least one character of a host. */
const schemeLength = 9

/** Whether parsing leaves a path as it is: nothing to escape, no segment of dots, no empty query. */
const isParsed = (path: string): boolean => plain.test(path) && !path.includes("/.")

const plain = /^[\w\-.~!$&()*+,;=:@/]*(?:\?[\w\-.~!$&()*+,;=:@/?]+)?$/
