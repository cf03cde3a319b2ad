/**
 * Where a server is, and what of it may be shown. A proxy in front of a model often wants a user and a password or a key, and
 * many write them into the URL. Here they are taken out of it at once: the rest of the library has only the URL that may be
 * shown, and a request gets user and password as a header, the query as secret parameters. So no error, log or span can
 * have them.
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as Redacted from "effect/Redacted"

/** A URL that HTTP can be spoken to. */
export interface Address {
  /** The URL without what may be secret, and without slashes at its end. */
  readonly shown: string
  /** User and password as they may come back in what a server says, and the values of the query. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** A request to a path below it, with all that the URL had. */
  readonly request: (method: HttpMethod, path: string) => HttpClientRequest.HttpClientRequest
}

/** Decodes a part of a URL, which may hold a `%` that means itself. */
const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Reads a URL, with `http` where there is no scheme. */
const read = (text: string): { readonly url: URL | null; readonly hasScheme: boolean } => {
  const trimmed = text.trim()
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(trimmed)
  const rooted = trimmed.startsWith(":") ? `127.0.0.1${trimmed}` : trimmed
  return { url: URL.parse(hasScheme ? trimmed : `http://${rooted}`), hasScheme }
}

/**
 * An address as it may be shown: without user, password and query, any of which may be a secret. One that cannot be read is
 * not shown at all where it may have one.
 *
 * ```ts import.meta.vitest
 * import { Address } from "@holdfast/llm"
 *
 * Address.show("https://ada:hunter2@gpu.example.com/v1/?key=abc") // => "https://gpu.example.com/v1"
 * Address.show("gpu.local:11434") // => "gpu.local:11434"
 * Address.show("http://ada:hunter/2@gpu.local") // => "an address that cannot be read"
 * ```
 */
export const show = (address: string): string => {
  const { hasScheme, url } = read(address)
  // What has an `@` behind its host most likely has a password that should have been encoded.
  if (url === null || url.pathname.includes("@")) {
    return /[@?#]/.test(address) ? "an address that cannot be read" : address.trim()
  }
  return (hasScheme ? `${url.protocol}//` : "") + url.host + url.pathname.replace(/\/+$/, "")
}

/**
 * Reads a URL. Throws a `RangeError` where it is none of http or https; `where` and `name` say who was given it as what.
 *
 * ```ts import.meta.vitest
 * import { Address } from "@holdfast/llm"
 *
 * const address = Address.make("MyProvider.make", "baseUrl", "https://ada:hunter2@gpu.example.com/v1/")
 * const request = address.request("POST", "/chat")
 *
 * request.url // => "https://gpu.example.com/v1/chat"
 * request.headers["authorization"] // => "Basic YWRhOmh1bnRlcjI="
 * ```
 */
export const make = (where: string, name: string, url: string): Address => {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new RangeError(`${where}: ${name} must be an http or https URL, got ${JSON.stringify(show(url))}`)
  }
  const user = decode(parsed.username)
  const password = decode(parsed.password)
  const query = [...parsed.searchParams]
  const whole = parsed.origin + parsed.pathname
  const shown = whole.replace(/\/+$/, "")
  const bare = user === "" && password === ""
    ? HttpClientRequest.empty
    : HttpClientRequest.basicAuth(HttpClientRequest.empty, Redacted.make(user), Redacted.make(password))
  const request = query.reduce(
    (request, [name, value]) => HttpClientRequest.appendUrlParam(request, name, Redacted.make(value)),
    bare
  )
  const secrets = [
    password === "" ? user : password,
    bare.headers["authorization"]?.replace("Basic ", "") ?? "",
    ...query.flatMap(([, value]) => [value, new URLSearchParams([["", value]]).toString().slice(1)])
  ]
  return {
    shown,
    secrets: [...new Set(secrets)].filter((secret) => secret !== "").map((secret) => Redacted.make(secret)),
    request: (method, path) =>
      request.pipe(
        HttpClientRequest.setMethod(method),
        HttpClientRequest.setUrl(path === "" ? whole : shown + path)
      )
  }
}
