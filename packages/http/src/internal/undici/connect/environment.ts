/**
 * Proxies from the environment: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case.
 *
 * Guarded by `test/undici/environment.test.ts` and `test/issues/posts-on-a-connection-that-has-just-ended.test.ts`.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ProxyRules } from "../options.ts"

/** Reads the lower-case name first, as curl does. An empty value counts as unset. */
const variable = (name: string): Config.Config<string | undefined> =>
  Config.all([
    Config.withDefault(Config.String(name), ""),
    Config.withDefault(Config.String(name.toUpperCase()), ""),
    Config.withDefault(Config.String("REQUEST_METHOD"), "")
  ]).pipe(
    Config.map(([lower, upper, method]) => {
      // In a CGI script `HTTP_PROXY` is the header `Proxy` of the request, which its sender chooses (httpoxy.org).
      const isHeader = name === "http_proxy" && method !== ""
      return [lower.trim(), isHeader ? "" : upper.trim()].find((value) => value !== "")
    })
  )

const proxy = (name: string) =>
  Config.mapEffect(variable(name), (value) => {
    if (value === undefined) return Effect.undefined
    // Without a scheme, assume http.
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`
    const scheme = URL.parse(url)?.protocol
    return scheme === "http:" || scheme === "https:"
      ? Effect.succeed({ url: Redacted.make(url) })
      : Effect.fail(wrong(name.toUpperCase(), scheme))
  })

/** Leaves the value out of the message: it may contain a password. */
const wrong = (name: string, scheme: string | undefined) =>
  new Config.ConfigError(
    new ConfigProvider.SourceError({
      message: `${name} must be the URL of a proxy with http or https${
        scheme === undefined ? "" : `, not with ${scheme.slice(0, -1)}`
      }`
    })
  )

/** The proxy rules for the transport's options; `undefined` if the environment sets no proxy. */
export const proxies: Config.Config<ProxyRules | undefined> = Config.map(
  Config.all({ http: proxy("http_proxy"), https: proxy("https_proxy"), except: variable("no_proxy") }),
  (rules) => rules.http === undefined && rules.https === undefined ? undefined : rules
)
