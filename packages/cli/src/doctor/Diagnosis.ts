/**
 * The findings of `holdfast doctor`: which providers the settings choose, in which order, whether each would answer, and why the
 * others are left out.
 *
 * **When to use**
 *
 * Use it for a health page or a start-up check of a program that has a chain of providers.
 *
 * **Details**
 *
 * It is data, so that it can be drawn, printed as JSON and tested. The choice is the chain's own, from
 * `ProviderChain.selection`, and the checks are the providers' own preflights, which cost no tokens. A member of a chain of embeddings is
 * asked to embed a word, which costs a token or two.
 *
 * **Gotchas**
 *
 * No secret gets into a diagnosis, so a bad key is named by its variable and never shown.
 *
 * **Example**
 *
 * See {@link diagnose} and {@link exitCodeOf}.
 */
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChatService from "@holdfast/llm/ChatService"
import * as FallbackDecision from "@holdfast/llm/FallbackDecision"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import type * as AiError from "effect/ai/AiError"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as FailureWords from "../terminal/FailureWords.ts"
import { inOneLine } from "../terminal/paragraph.ts"
import { Pools, withTransport } from "../transport.ts"
import * as EmbeddingDiagnosis from "./EmbeddingDiagnosis.ts"
import * as ModelList from "./ModelList.ts"
import * as NetworkDiagnosis from "./NetworkDiagnosis.ts"
import type { Options } from "./progress.ts"
import { timed, told } from "./progress.ts"
import * as Setting from "./Setting.ts"
import * as StoreDiagnosis from "./StoreDiagnosis.ts"

export type { Network } from "./NetworkDiagnosis.ts"
export type { Options } from "./progress.ts"

/** What came of looking at a provider. Times are in milliseconds. */
export type Check =
  | { readonly _tag: "Ready"; readonly millis: number }
  | { readonly _tag: "Failed"; readonly millis: number; readonly because: string }
  /** Nothing was sent. */
  | { readonly _tag: "NotChecked"; readonly because: string }

/** One provider. */
export interface ProviderDiagnosis {
  readonly provider: string
  /** What it asks: a name of `ProviderChain.servers`. */
  readonly server: ProviderChain.Choice["server"]
  /** The pool that it is a member of, if any. */
  readonly pool: string | undefined
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

export interface Diagnosis {
  /** Whether a provider would answer. */
  readonly usable: boolean
  /** Why the settings make no chain; `undefined` if they do. */
  readonly refused: string | undefined
  /** The providers that would answer, in the order in which they are asked. */
  readonly order: ReadonlyArray<string>
  readonly network: NetworkDiagnosis.Network
  readonly store: StoreDiagnosis.StoreDiagnosis
  /** The members of the chain of embeddings, in their order; none without such a chain. */
  readonly embeddings: ReadonlyArray<EmbeddingDiagnosis.EmbeddingDiagnosis>
  /** Those that are asked first, in their order. */
  readonly providers: ReadonlyArray<ProviderDiagnosis>
  readonly settings: ReadonlyArray<Setting.Setting>
}

/** What a look at a provider has found, and what a chain would make of it. */
interface Found extends Pick<ProviderDiagnosis, "model" | "check" | "capabilities" | "models" | "version"> {
  readonly provider: Provider.Provider | undefined
  /** The reason of a failure that a question would meet too; `undefined` for a check that ran out of time. */
  readonly reason: AiError.AiErrorReason | undefined
}

const notChecked = (because: string): Pick<Found, "check" | "reason"> => ({
  check: { _tag: "NotChecked", because },
  reason: undefined
})

const failed = (millis: number, because: string, reason?: AiError.AiErrorReason): Pick<Found, "check" | "reason"> => ({
  check: { _tag: "Failed", millis, because },
  reason
})

const nothing: Found = {
  model: undefined,
  capabilities: undefined,
  models: undefined,
  version: undefined,
  provider: undefined,
  ...notChecked("it is left out")
}

/** Runs a check within the time that it has. */
const check = <A, R>(effect: Effect.Effect<A, AiError.AiError, R>, options: Options) =>
  Effect.map(
    timed(Effect.timeoutOption(effect, options.timeout)),
    ({ millis, result }): { readonly found: A | undefined; readonly outcome: Pick<Found, "check" | "reason"> } => {
      if (Result.isFailure(result)) {
        const { reason } = result.failure
        return { found: undefined, outcome: failed(millis, FailureWords.sentence(reason), reason) }
      }
      return Option.match(result.success, {
        onNone: () => ({
          found: undefined,
          outcome: failed(millis, `no answer within ${Duration.format(options.timeout)}`)
        }),
        onSome: (found) => ({ found, outcome: { check: { _tag: "Ready", millis }, reason: undefined } })
      })
    }
  )

/** Whether the list of a server that answers lacks the model, although nothing else tells. */
const isAbsent = (server: string, { model }: Provider.Provider, listed: ReadonlyArray<string> | undefined): boolean =>
  // The other servers' own preflights tell, or they answer to names that are on no list.
  server === "openai" && listed !== undefined && listed.length > 0 && !listed.includes(model)

const lookAt = Effect.fnUntraced(function*(server: string, provider: Provider.Provider, options: Options) {
  const { capabilities, model } = provider
  if (OllamaProvider.isOllamaProvider(provider)) {
    const { found, outcome } = yield* check(provider.inspect, options)
    const { capabilities, models, version } = found ?? {}
    return { model, capabilities, models, version, ...outcome }
  }
  // What the list cannot say, the preflight has said: a server may have none.
  const list = Effect.orElseSucceed(
    Effect.timeout(provider.models ?? Effect.undefined, options.timeout),
    () => undefined
  )
  const [{ outcome }, models] = yield* Effect.all([check(provider.preflight, options), list], {
    concurrency: "unbounded"
  })
  const ended = outcome.check._tag === "Ready" && models !== undefined && isAbsent(server, provider, models)
    ? failed(outcome.check.millis, `there is no model "${model}". There are ${ModelList.some(models)}`)
    : outcome
  return { model, capabilities, models, version: undefined, ...ended }
})

const look = Effect.fnUntraced(function*(choice: ProviderChain.Choice, online: boolean, options: Options) {
  const pools = yield* Effect.flatten(Pools)
  const provider = yield* ProviderChain.providerConfig(choice, { transport: pools })
  const { capabilities, model } = provider
  const found = online || provider.location === "local"
    ? yield* lookAt(choice.server, provider, options)
    : { ...nothing, model, capabilities, ...notChecked("this machine is offline, so no cloud is asked") }
  return { ...found, provider }
}, Effect.scoped)

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
        ({ cause }) => Effect.succeed<Found>({ ...nothing, ...failed(0, inOneLine(cause.message)) })
      ),
      (self) => told(self, choice.provider, options)
    )
    : nothing
  return { choice, found }
})

type Seen = Effect.Success<ReturnType<typeof diagnoseProvider>>

/**
 * Those that would answer, in the order in which a chain asks them. A failed check is what a question would meet, so the chain's
 * own decision about it says whether those below are asked at all.
 */
const orderOf = (seen: ReadonlyArray<Seen>): ReadonlyArray<Seen> => {
  const order: Array<Seen> = []
  let rest = seen.filter(({ choice, found }) => choice.chosen && found.check._tag !== "NotChecked")
  for (let [one, ...others] = rest; one !== undefined; [one, ...others] = rest) {
    const { check, provider, reason } = one.found
    if (check._tag === "Ready") order.push(one)
    rest = others
    if (reason === undefined || provider === undefined) continue
    const { next } = FallbackDecision.choose({
      reason,
      committed: false,
      remaining: undefined,
      maxRetryAfter: Duration.infinity,
      current: provider.capabilities,
      features: new Set()
    }, others.map(({ found }) => found.provider?.capabilities ?? Provider.defaultCapabilities))
    rest = next === undefined ? [] : others.slice(next)
  }
  return order
}

/** What the settings of the chain itself are refused for. Nothing is sent: a store in memory stands for that of the fleet. */
const refusal = Layer.build(
  withTransport((transport) =>
    ChatService.layerConfig().pipe(
      Layer.provide(ProviderChain.layerConfig({ transport })),
      Layer.provide(ChainStore.layerMemory)
    )
  )
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
    const network = yield* NetworkDiagnosis.diagnose(options)
    const seen = yield* Effect.forEach(
      choices,
      (choice) => diagnoseProvider(choice, network._tag !== "Offline", options),
      { concurrency: "unbounded" }
    )
    const store = yield* StoreDiagnosis.diagnose(options)
    const embeddings = yield* EmbeddingDiagnosis.diagnose(network._tag !== "Offline", options)
    const invalid = store._tag === "Failed" && store.url === undefined ? store.because : undefined
    const refused = choices.some(({ chosen }) => chosen) ? invalid ?? (yield* refusal) : undefined
    const order = refused === undefined ? orderOf(seen) : []
    return {
      usable: order.length > 0,
      refused,
      order: order.map(({ choice, found }) => `${choice.provider}/${found.model}`),
      network,
      store,
      embeddings,
      providers: seen.map(({ choice, found: { capabilities, check, model, models, version } }) =>
        Object.assign({ model, check, capabilities, models, version }, choice)
      ),
      settings: yield* Setting.all
    }
  }).pipe(Effect.provide(Layer.unwrap(Effect.map(
    LlmConfig.Current,
    (file) => withTransport((transport) => transport(LlmConfig.transport(file)))
  ))))

/** How the process ends: 0 if a provider would answer, 1 if none of those that are asked would, 2 if none can be asked. */
export const exitCodeOf = ({ providers, refused, usable }: Diagnosis): 0 | 1 | 2 =>
  usable ? 0 : refused === undefined && providers.some(({ chosen }) => chosen) ? 1 : 2
