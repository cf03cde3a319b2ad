/** The pools of the program: those of `UndiciTransport`, through the proxies that the environment names. */
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"

/** Makes a pool of connections. */
type Transport = (options?: UndiciTransport.Options) => Layer.Layer<HttpClient.HttpClient>

/** How the program makes its pools. Tests put a scripted client in their place. */
export const Pools: Context.Reference<Effect.Effect<Transport, Config.ConfigError>> = Context.Reference(
  "@holdfast/cli/Pools",
  {
    defaultValue: (): Effect.Effect<Transport, Config.ConfigError> =>
      Effect.map(
        UndiciTransport.proxyConfig,
        (proxy): Transport => (options) => UndiciTransport.layer({ ...options, proxy })
      )
  }
)

/** A layer that needs pools, on those of the program. */
export const withTransport = <A, E, R>(
  use: (transport: Transport) => Layer.Layer<A, E, R>
): Layer.Layer<A, E | Config.ConfigError, R> => Layer.unwrap(Effect.map(Effect.flatten(Pools), use))
