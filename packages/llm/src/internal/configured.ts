/** A chain as the environment and the file in force describe it: its providers, each with its client, and its options. */
import type { TransportData } from "@holdfast/http/HttpPolicyData"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as LlmConfig from "../LlmConfig.ts"
import type { Provider } from "../Provider.ts"
import type { Options, Treatment } from "../ProviderChain.ts"
import { retrySettings } from "./retrySettings.ts"
import * as Selection from "./selection.ts"
import * as Setting from "./setting.ts"

type Configurable = Effect.Effect<Provider, Config.ConfigError, HttpClient.HttpClient>

/** How each provider that settings can describe is made. */
export type Sources = Readonly<Record<Selection.Name, Configurable>>

type Transport = (options: TransportData) => Layer.Layer<HttpClient.HttpClient>

const orConfigError = <A, R>(self: Effect.Effect<A, Schema.SchemaError, R>): Effect.Effect<A, Config.ConfigError, R> =>
  Effect.mapError(self, (error) => Setting.fail(error.message, error))

/** A provider over a client, and where a file says so a pool, of its own. */
export const overItsClient = Effect.fnUntraced(function*(
  name: Selection.Name,
  source: Configurable,
  transport: Transport | undefined
) {
  const file = yield* LlmConfig.Current
  const options = yield* orConfigError(LlmConfig.clientOptions(file, name))
  const client = Object.keys(options).length === 0
    ? source
    : Effect.provide(source, ResilientHttpClient.layer({ ...options, name: `llm.${name}`, retry: false }))
  if (file.providers?.[name]?.transport === undefined) return yield* client
  if (transport === undefined) {
    return yield* Effect.fail(
      Setting.fail(
        `llm.providers.${name} describes a pool of its own. Give ProviderChain.layerConfig what makes one: ` +
          "{ transport: UndiciTransport.layer }"
      )
    )
  }
  return yield* Effect.provide(client, yield* Layer.build(transport(LlmConfig.transport(file, name))))
})

/** The names of those that the settings choose, in their order. Warns of who may be missed. */
export const chosen: Effect.Effect<Arr.NonEmptyReadonlyArray<Selection.Name>, Config.ConfigError> = Effect.gen(
  function*() {
    const facts = yield* Selection.facts
    const choices = Selection.choose(facts)
    for (const { advice, because, provider } of Selection.missed(facts, choices)) {
      yield* Effect.logWarning(`The provider "${provider}" is left out: ${because}. ${advice ?? ""}`)
    }
    const [first, ...rest] = choices.filter((choice) => choice.chosen).map(({ provider }) => provider)
    return first === undefined ? yield* Effect.fail(Selection.nobody(choices)) : [first, ...rest]
  }
)

/** The providers that the settings choose, in their order. */
export const providers = (
  sources: Sources,
  transport: Transport | undefined
): Effect.Effect<
  Arr.NonEmptyReadonlyArray<Provider>,
  Config.ConfigError,
  HttpClient.HttpClient | Scope.Scope
> =>
  Effect.flatMap(
    chosen,
    Effect.forEach((name) => overItsClient(name, sources[name], transport))
  )

/** What the environment says counts before the file, and the file before the program. */
export const options = Effect.fnUntraced(function*(
  program: Omit<Options, "providers">,
  providers: ReadonlyArray<Pick<Provider, "name">>
): Effect.fn.Return<Omit<Options, "providers">, Config.ConfigError> {
  const settings = yield* retrySettings
  const file = yield* orConfigError(LlmConfig.toOptions(yield* LlmConfig.Current))
  const overSettings = (base: Treatment["retry"], over: Treatment["retry"]): Treatment["retry"] => {
    const said = over === undefined ? base : over && { ...base, ...over }
    return settings === undefined ? said : { ...said, ...settings }
  }
  const overrides: Record<string, Treatment> = { ...program.overrides }
  for (const { name } of providers) {
    const own = file.overrides?.[name]
    if (own === undefined) continue
    const before = overrides[name]
    const retry = overSettings(before?.retry, own.retry)
    overrides[name] = { ...before, ...own, ...(retry !== undefined && { retry }) }
  }
  return { ...program, ...file, retry: overSettings(program.retry, file.retry), overrides }
})
