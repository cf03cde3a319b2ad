/**
 * The checks of models and chains.
 *
 * Guarded by `test/chain/chain.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Budgets from "@holdfast/llm/Budgets"
import * as Pool from "@holdfast/llm/Pool"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { tokens } from "../model/distribution.ts"
import * as Sampler from "../model/sampler.ts"

const { array, boolean, integer, number, oneOf, optional, struct } = Arguments

export const modelOf = struct({
  tokensPerSecond: number({ above: 0, infinite: true }),
  location: optional(oneOf("cloud", "local"), "cloud" as const),
  price: optional(struct({ input: number({ min: 0 }), output: number({ min: 0 }) })),
  requestsPerMinute: optional(integer({ min: 1 })),
  tokensPerMinute: optional(integer({ min: 1 })),
  cuts: optional(number({ min: 0, max: 1 }), 0),
  headers: optional(
    (value: unknown, place) => value === false ? value : oneOf("openai", "anthropic")(value, place),
    "openai" as const
  )
})

/** A provider that is only there for the checks of a chain. */
const stand = (name: string): Provider.Provider => ({
  name,
  model: name,
  location: "cloud",
  capabilities: Provider.defaultCapabilities,
  preflight: Effect.void,
  generateText: () => Effect.succeed([]),
  streamText: () => Stream.empty
})

/** Checks options as the module does that takes them, and says of its faults where they are here. */
const asOf = (
  check: Arguments.Check<unknown>,
  options: unknown,
  place: Arguments.Place,
  names: Readonly<Record<string, string>>
): void => {
  for (const { message, path: [first, ...rest] } of Arguments.faults(check, options)) {
    if (first === undefined) place.fault(message)
    else rest.reduce((at, key) => at.at(key), place.at(names[first] ?? first)).fault(message)
  }
}

type PoolOptions = Omit<Pool.Options, "members">

interface CheckedMember extends Pick<Pool.Member, "limits" | "weight"> {
  readonly service: string
}

interface CheckedPool {
  readonly members: ReadonlyArray<CheckedMember>
  readonly options: PoolOptions
}

type ChainOptions = Omit<ProviderChain.Options, "providers">

export interface CheckedChain {
  readonly providers: ReadonlyArray<string | CheckedPool>
  readonly prompt: Sampler.Sampler
  readonly answer: Sampler.Sampler
  readonly stream: boolean
  readonly budgets: ReadonlyArray<Budgets.BudgetOptions>
  readonly options: ChainOptions
}

const isPool = (value: unknown): value is { readonly pool: unknown } =>
  typeof value === "object" && value !== null && "pool" in value

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const poolOf = (
  service: Arguments.Check<string>,
  priced: ReadonlySet<string>
) =>
(value: { readonly pool: unknown }, place: Arguments.Place): CheckedPool => {
  const { pool, ...options } = value
  const given = Array.isArray(pool) ? pool as ReadonlyArray<unknown> : []
  if (!Array.isArray(pool)) place.at("pool").fault(`must be an array, got ${Arguments.show(pool)}`)
  const members = given.map((member, i): CheckedMember => {
    const at = place.at("pool").at(`${i}`)
    if (!isObject(member)) return { service: service(member, at) }
    service(member["service"], at.at("service"))
    return member as unknown as CheckedMember
  })
  const stands = members.map(({ service, ...member }) => ({
    ...member,
    provider: stand(service),
    price: priced.has(service) ? { input: 0, output: 0 } : undefined
  }))
  asOf(Pool.optionsCheck, { ...options, members: stands }, place, { members: "pool" })
  return { members, options: options as PoolOptions }
}

/** The check of a chain over services that have a model. */
export const chainOf = (
  models: ReadonlyArray<string>,
  priced: ReadonlySet<string>
): Arguments.Check<CheckedChain> => {
  const service: Arguments.Check<string> = (value, place) => oneOf(...models)(value, place)
  const pool = poolOf(service, priced)
  const own = struct({
    providers: array((value, place): string | CheckedPool =>
      isPool(value) ? pool(value, place) : service(value, place)
    ),
    prompt: optional(tokens, Sampler.constant(500)),
    answer: optional(tokens, Sampler.constant(200)),
    stream: optional(boolean, true)
  })
  return (value, place) => {
    const { answer, budgets, prompt, providers, stream, ...options } = isObject(value) ? value : {}
    if (!isObject(value)) place.fault(`must be the options of a chain, got ${Arguments.show(value)}`)
    const checked = own({ answer, prompt, providers, stream }, place)
    const names = namesOf(checked)
    for (const [i, name] of names.entries()) {
      if (name !== undefined && names.indexOf(name) < i) {
        place.at("providers").fault(`must name a service once, got "${name}" twice`)
      }
    }
    const stands = [...new Set(names)].map((name) => stand(String(name)))
    asOf(ProviderChain.optionsCheck, { ...options, providers: stands }, place, {})
    if (budgets !== undefined) asOf(Budgets.optionsCheck, { budgets, prices: {} }, place, {})
    return { ...checked, budgets: (budgets ?? []) as CheckedChain["budgets"], options: options as ChainOptions }
  }
}

/** The services that a chain asks. */
export const namesOf = ({ providers }: Pick<CheckedChain, "providers">): ReadonlyArray<string> =>
  providers.flatMap((provider) =>
    typeof provider === "string" ? [provider] : provider.members.map(({ service }) => service)
  )
