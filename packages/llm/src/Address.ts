/**
 * The address of a server, split into a URL that is safe to show and its secrets.
 *
 * **When to use**
 *
 * Use {@link make} in a provider of your own, and {@link show} in a message that names an address from a setting. A proxy in front
 * of a model often wants a user and a password or a key, and many users write them into the URL.
 *
 * **Details**
 *
 * The secrets are removed from the URL at once: the rest of the library sees only the safe URL, and a request gets user and password
 * as a header and the query as secret parameters. No error, log or span contains them.
 *
 * **Gotchas**
 *
 * A key in the path of a URL is not taken for a secret, so it is shown. Put it in the query, or send it as a header.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as Redacted from "effect/Redacted"

/** An http or https URL. */
export interface Address {
  /** The URL without secrets and without trailing slashes. */
  readonly shown: string
  /** User, password and query values in every form in which a server may echo them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Builds a request to a path below the URL, with its user, password and query. */
  readonly request: (method: HttpMethod, path: string) => HttpClientRequest.HttpClientRequest
}

/** Decodes a part of a URL; a `%` that encodes nothing stays as it is. */
const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Parses a URL. Default scheme: `http`. */
const read = (text: string): { readonly url: URL | null; readonly hasScheme: boolean } => {
  const trimmed = text.trim()
  const hasScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(trimmed)
  const rooted = trimmed.startsWith(":") ? `127.0.0.1${trimmed}` : trimmed
  return { url: URL.parse(hasScheme ? trimmed : `http://${rooted}`), hasScheme }
}

/**
 * Formats an address for display, without user, password and query, because any of them may be secret. An address that does
 * not parse is replaced as a whole if it could hold one of them.
 *
 * ```ts import.meta.vitest
 * import { Address } from "@holdfast/llm"
 *
 * Address.show("https://ada:hunter2@gpu.example.com/v1/?key=abc") // => "https://gpu.example.com/v1"
 * Address.show("gpu.local:11434") // => "gpu.local:11434"
 * Address.show("http://ada:hunter/2@gpu.local") // => "an unreadable address"
 * ```
 */
export const show = (address: string): string => {
  const { hasScheme, url } = read(address)
  // An `@` in the path is most likely part of a password that should have been encoded.
  if (url === null || url.pathname.includes("@")) {
    return /[@?#]/.test(address) ? "an unreadable address" : address.trim()
  }
  return (hasScheme ? `${url.protocol}//` : "") + url.host + url.pathname.replace(/\/+$/, "")
}

/**
 * Parses an http or https URL and throws a `RangeError` for anything else; `where` and `name` are the function and the option in
 * its message.
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
