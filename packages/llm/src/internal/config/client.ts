/**
 * The client that a provider asks by: the one in the context, and what a file says of it and of its connections.
 *
 * Guarded by `test/config/settings.test.ts` and `test/config/reloading.test.ts`.
 */
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as LlmConfig from "../../LlmConfig.ts"
import type { ProgramOptions } from "../compile/options.ts"
import * as Setting from "./environment.ts"
import type * as Selection from "./selection.ts"

export type Transport = NonNullable<ProgramOptions["transport"]>

export const orConfigError = <A, R>(
  self: Effect.Effect<A, Schema.SchemaError, R>
): Effect.Effect<A, Config.ConfigError, R> => Effect.mapError(self, (error) => Setting.fail(error.message, error))

/** What asks a server, over a client, and where a file says so a connection pool, of its own. */
export const overClient = Effect.fnUntraced(function*<A>(
  made: Effect.Effect<A, Config.ConfigError, HttpClient.HttpClient>,
  { provider: name, server }: Pick<Selection.Choice, "provider" | "server">,
  transport: Transport | undefined
) {
  const file = yield* LlmConfig.Current
  const options = yield* orConfigError(LlmConfig.clientOptions(file, server))
  const client = Object.keys(options).length === 0
    ? made
    : Effect.provide(made, ResilientHttpClient.layer({ ...options, name: `llm.${name}`, retry: false }))
  if (file.providers?.[server]?.transport === undefined) return yield* client
  if (transport === undefined) {
    return yield* Effect.fail(
      Setting.fail(
        `llm.providers.${server} describes a pool of its own. Give ProviderChain.layerConfig what makes one: ` +
          "{ transport: UndiciTransport.layer }"
      )
    )
  }
  return yield* Effect.provide(client, yield* Layer.build(transport(LlmConfig.transport(file, server))))
})
