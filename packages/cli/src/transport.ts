/** The pools of the program: those of `UndiciTransport`, through the proxies that the environment names. */
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"

type Transport = (
  options?: UndiciTransport.Options
) => Layer.Layer<HttpClient.HttpClient | UndiciTransport.UndiciTransport>

/** A layer that needs pools, on those of the program. */
export const withTransport = <A, E, R>(
  use: (transport: Transport) => Layer.Layer<A, E, R>
): Layer.Layer<A, E | Config.ConfigError, R> =>
  Layer.unwrap(
    Effect.map(UndiciTransport.proxyConfig, (proxy) => use((options) => UndiciTransport.layer({ ...options, proxy })))
  )
