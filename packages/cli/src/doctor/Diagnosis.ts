/**
 * What `holdfast doctor` finds out: which providers the settings choose, in which order, whether each would answer, and
 * why the others are left out. Data alone, so that it can be drawn, printed as JSON and tested.
 *
 * The choice is the chain's own, from `ProviderChain.selection`, and the checks are the providers' own preflights, which
 * cost no tokens. No value that is secret gets into a diagnosis.
 */
import * as Address from "@holdfast/llm/Address"
import * as ChatService from "@holdfast/llm/ChatService"
import * as Connectivity from "@holdfast/llm/Connectivity"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import type * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as FailureWords from "../terminal/FailureWords.ts"
import { inOneLine } from "../terminal/paragraph.ts"
import { withTransport } from "../transport.ts"
import * as ModelList from "./ModelList.ts"
import * as Setting from "./Setting.ts"

/** What came of looking at a provider. Times are in milliseconds. */
export type Check =
  | { readonly _tag: "Ready"; readonly millis: number }
  | { readonly _tag: "Failed"; readonly millis: number; readonly because: string }
  /** Nothing was sent. */
  | { readonly _tag: "NotChecked"; readonly because: string }

/** One provider. */
export interface ProviderDiagnosis {
  readonly provider: ProviderChain.Choice["provider"]
  readonly location: Provider.Location
  /** Whether a chain asks it. */
  readonly chosen: boolean
  /** Why it is asked, or not. */
  readonly because: string
  /** What would have it asked; `undefined` where it is. */
  readonly advice: string | undefined
  /** The model that it is asked for; `undefined` when its settings cannot be used. */
  readonly model: string | undefined
  readonly check: Check
  /** What the model can do, as far as it is known: for Ollama what it says itself, otherwise what is assumed. */
  readonly capabilities: Provider.Capabilities | undefined
  /** The models that are there, as far as it says. */
  readonly models: ReadonlyArray<string> | undefined
  /** The server's version, where it has one. */
  readonly version: string | undefined
}

/** Whether this machine is online. */
export type Network =
  | { readonly _tag: "NotChecked" }
  | { readonly _tag: "Online" | "Offline"; readonly url: string; readonly millis: number }

export interface Diagnosis {
  /** Whether a provider would answer. */
  readonly usable: boolean
  /** Why the settings make no chain; `undefined` if they do. */
  readonly refused: string | undefined
  /** The providers that would answer, in the order in which they are asked. */
  readonly order: ReadonlyArray<string>
  readonly network: Network
  /** Those that are asked first, in their order. */
  readonly providers: ReadonlyArray<ProviderDiagnosis>
  readonly settings: ReadonlyArray<Setting.Setting>
}

export interface Options {
  /** How long one check may take. */
  readonly timeout: Duration.Duration
  /** Told when a check begins and when it has ended. */
  readonly onProgress: (progress: { readonly what: string; readonly ended: boolean }) => void
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.monotonicTimeNanos
    const result = yield* Effect.result(effect)
    return { result, millis: Number((yield* Clock.monotonicTimeNanos) - start) / 1e6 }
  })

const told = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, { onProgress }: Options) =>
  Effect.suspend(() => {
    onProgress({ what, ended: false })
    return Effect.ensuring(effect, Effect.sync(() => onProgress({ what, ended: true })))
  })

/** What a look at a provider has found. */
type Found = Pick<ProviderDiagnosis, "model" | "check" | "capabilities" | "models" | "version">

const nothing: Found = {
  model: undefined,
  check: { _tag: "NotChecked", because: "it is left out" },
  capabilities: undefined,
  models: undefined,
  version: undefined
}

/** Runs a check within the time that it has, and says what came of it. */
const check = <A, R>(effect: Effect.Effect<A, AiError.AiError, R>, options: Options) =>
  Effect.map(
    timed(effect.pipe(
      Effect.mapError((error) => FailureWords.sentence(error.reason)),
      Effect.timeoutOrElse({
        duration: options.timeout,
        orElse: () => Effect.fail(`no answer within ${Duration.format(options.timeout)}`)
      })
    )),
    ({ millis, result }) => ({
      found: Result.isSuccess(result) ? result.success : undefined,
      check: Result.isSuccess(result)
        ? { _tag: "Ready" as const, millis }
        : { _tag: "Failed" as const, millis, because: result.failure }
    })
  )

const lookAtOllama = Effect.fnUntraced(function*(provider: OllamaProvider.OllamaProvider, options: Options) {
  const { check: outcome, found } = yield* check(provider.inspect, options)
  return {
    model: provider.model,
    check: outcome,
    capabilities: found?.capabilities,
    models: found?.models,
    version: found?.version
  }
})

type Server = ProviderChain.Server

/** Whether a server answers to names that its list does not have. */
const takesOthers = ({ name, protocol }: Server): boolean =>
  protocol._tag === "ChatCompletions" && name !== "openai" && OpenAiProvider.presets[protocol.preset].models !== "all"

const listOf = ({ protocol }: Server) => {
  switch (protocol._tag) {
    case "ChatCompletions":
      return ModelList.openAi(protocol.preset)
    case "Messages":
      return ModelList.anthropic
    default:
      return Effect.undefined
  }
}

const lookAtList = Effect.fnUntraced(function*(server: Server, provider: Provider.Provider, options: Options) {
  const listed = listOf(server)
  // What the list cannot say, the preflight has said: a server may have none.
  const list = Effect.orElseSucceed(Effect.timeout(listed, options.timeout), () => undefined)
  const [{ check: outcome }, models] = yield* Effect.all([check(provider.preflight, options), list], {
    concurrency: "unbounded"
  })
  const absent = outcome._tag === "Ready" && models !== undefined && models.length > 0 &&
    !models.includes(provider.model) && !takesOthers(server)
  return {
    model: provider.model,
    check: absent
      ? {
        _tag: "Failed" as const,
        millis: outcome.millis,
        because: `there is no model "${provider.model}". There are ${ModelList.some(models)}`
      }
      : outcome,
    capabilities: provider.capabilities,
    models,
    version: undefined
  }
})

const look = Effect.fnUntraced(function*(choice: ProviderChain.Choice, online: boolean, options: Options) {
  if (choice.provider === "ollama") return yield* lookAtOllama(yield* OllamaProvider.makeConfig(), options)
  const provider = yield* ProviderChain.providerConfig(choice.provider)
  const server = ProviderChain.servers[choice.provider]
  return online || provider.location === "local" ? yield* lookAtList(server, provider, options) : {
    ...nothing,
    model: provider.model,
    capabilities: provider.capabilities,
    check: { _tag: "NotChecked" as const, because: "this machine is offline, so no cloud is asked" }
  }
})

const diagnoseProvider = Effect.fnUntraced(function*(
  choice: ProviderChain.Choice,
  online: boolean,
  options: Options
) {
  // A local Ollama is checked even if no variable names it: it costs nothing to use.
  const found = choice.chosen || choice.provider === "ollama"
    ? yield* look(choice, online, options).pipe(
      Effect.catchTag(
        "ConfigError",
        ({ cause }) =>
          Effect.succeed<Found>({
            ...nothing,
            check: { _tag: "Failed", millis: 0, because: inOneLine(cause.message) }
          })
      ),
      (self) => told(self, choice.provider, options)
    )
    : nothing
  return { ...choice, ...found }
})

const diagnoseNetwork = Effect.fnUntraced(function*(options: Options) {
  const url = Option.getOrUndefined(yield* Config.option(Config.String("CONNECTIVITY_CHECK_URL")))
  const connectivity = yield* Connectivity.makeConfig()
  if (url === undefined || url.trim() === "") return { _tag: "NotChecked" as const }
  const probe = Effect.timeoutOrElse(connectivity.isOnline, {
    duration: options.timeout,
    orElse: () => Effect.succeed(false)
  })
  const { millis, result } = yield* timed(told(probe, "network", options))
  const online = Result.isSuccess(result) && result.success
  return { _tag: online ? "Online" as const : "Offline" as const, url: Address.show(url), millis }
})

/** What the settings of the chain itself are refused for. Nothing is sent. */
const refusal = Layer.build(
  withTransport((transport) => ChatService.layerConfig().pipe(Layer.provide(ProviderChain.layerConfig({ transport }))))
).pipe(
  Effect.scoped,
  Effect.match({
    onFailure: ({ cause }) => inOneLine(cause.message),
    onSuccess: () => undefined
  })
)

/**
 * Looks at everything, all providers at the same time, within twice `timeout`. Fails with a `ConfigError` when the
 * settings contradict themselves.
 */
export const diagnose = (options: Options): Effect.Effect<Diagnosis, Config.ConfigError> =>
  Effect.gen(function*() {
    const choices = yield* ProviderChain.selection
    const network = yield* diagnoseNetwork(options)
    const providers = yield* Effect.forEach(
      choices,
      (choice) => diagnoseProvider(choice, network._tag !== "Offline", options),
      { concurrency: "unbounded" }
    )
    const refused = choices.some(({ chosen }) => chosen) ? yield* refusal : undefined
    const order = refused === undefined
      ? providers.filter(({ check, chosen }) => chosen && check._tag === "Ready")
      : []
    return {
      usable: order.length > 0,
      refused,
      order: order.map(({ model, provider }) => `${provider}/${model}`),
      network,
      providers,
      settings: yield* Setting.all
    }
  }).pipe(Effect.provide(withTransport((transport) => transport())))
