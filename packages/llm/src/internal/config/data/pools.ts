/**
 * The pools of a file: their schema, their checks, and what is read off them. A key is never in a file, only its variable's name.
 *
 * Guarded by `test/config/pools.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Strategy } from "../../pool/strategy.ts"
import { strategies } from "../../pool/strategy.ts"
import { Price, priceCheck } from "../../usage/price.ts"
import { names } from "../registry.ts"
import { positiveTimeCheck, Time, timeCheck } from "./time.ts"

const key = Schema.optionalKey

const Positive = Schema.Finite.check(Schema.isGreaterThan(0))

/** A limit below one a minute lets nothing in. */
const PerMinute = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(1))

const Member = Schema.Struct({
  /** The server: a name of `ProviderChain.servers`. */
  provider: Schema.Literals(names),
  /** Names the member in events and errors. Default: the pool's name and its number, `keys-1`. */
  name: key(Schema.NonEmptyString),
  /** The name of the environment variable that has its key. Default: the server's own, such as `OPENAI_API_KEY`. */
  key: key(Schema.NonEmptyString),
  model: key(Schema.NonEmptyString),
  base_url: key(Schema.NonEmptyString),
  weight: key(Positive),
  requests_per_minute: key(PerMinute),
  tokens_per_minute: key(PerMinute),
  price: key(Price)
})
export type Member = typeof Member.Type

const Pool = Schema.Struct({
  strategy: key(Schema.Literals(strategies as ReadonlyArray<Strategy>)),
  warm_up: key(Time),
  half_life: key(Time),
  members: Schema.NonEmptyArray(Member)
})

/** The pools by name. */
export const Pools = Schema.Record(Schema.String, Pool)
export type Pools = typeof Pools.Type

// -----------------------------------------------------------------------------
// Checks
// -----------------------------------------------------------------------------

const { array, number, oneOf, optional, struct, text } = Arguments

/** A fault never shows the value: it may be a key. */
export const variable: Arguments.Check<unknown> = (value, place) =>
  typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/u.test(value)
    ? value
    : place.fault("must be the name of an environment variable that has the key, such as OPENAI_KEY_2, not the key")

/** The address of a server. It is not shown: it may hold a password. Ollama's may be a host and a port, as in `OLLAMA_HOST`. */
export const addressCheck = (server: unknown): Arguments.Check<unknown> => (value, place) => {
  if (typeof value !== "string" || value.trim() === "") return place.fault("must be a string that is not empty")
  const protocol = URL.parse(value.trim())?.protocol ?? ""
  return server === "ollama" || server === "ollama-cloud" || /^https?:$/u.test(protocol)
    ? value
    : place.fault("must be an http or https URL (the value is not shown)")
}

/** A text in place of a member may be a key, so it is not shown. */
const member: Arguments.Check<unknown> = (value, place) => {
  if (!isObject(value)) return place.fault("must be an object, such as { provider: openai, key: OPENAI_KEY_2 }")
  addressOf(value, place)
  return memberFields(value, place)
}

/** Checks the address of a member with the server that it is of. */
export const addressOf = (value: object, place: Arguments.Place): void => {
  if ("base_url" in value && value.base_url !== undefined) {
    addressCheck("provider" in value ? value.provider : undefined)(value.base_url, place.at("base_url"))
  }
}

const memberFields = struct({
  provider: oneOf(...names),
  name: optional(text),
  key: optional(variable),
  model: optional(text),
  // Checked with the server that it is of.
  base_url: () => undefined,
  weight: optional(number({ above: 0 })),
  requests_per_minute: optional(number({ min: 1 })),
  tokens_per_minute: optional(number({ min: 1 })),
  price: optional(priceCheck)
})

/** What makes a member another one than those beside it. */
export const accountOf = (member: unknown): string | undefined => {
  const { base_url, key, model, provider } = Object(member)
  return provider === undefined ? undefined : JSON.stringify([provider, key, model, base_url])
}

const pool = struct({
  strategy: optional(oneOf(...strategies)),
  warm_up: optional(timeCheck),
  half_life: optional(positiveTimeCheck),
  members: (value, place) => {
    array(member)(value, place)
    const said = Array.isArray(value) ? value.map(accountOf) : []
    for (const [i, account] of said.entries()) {
      const first = said.indexOf(account)
      if (account !== undefined && first < i) {
        place.at(`${i}`).fault(
          `asks the same as member ${first}, whose limits would count twice: give it another key, model or base_url`
        )
      }
    }
    if (Array.isArray(value) && value.length === 0) place.fault("must have a member")
  }
})

const namesOf = (pools: object): ReadonlyArray<readonly [pool: string, index: number, name: string]> =>
  Object.entries(pools).flatMap(([name, pool]) =>
    Array.isArray(pool?.members)
      ? pool.members.map((member: unknown, i: number) =>
        [name, i, isObject(member) && "name" in member ? String(member["name"]) : `${name}-${i + 1}`] as const
      )
      : []
  )

/** The names of the members of pools that have not been checked. */
export const memberNames = (pools: object): ReadonlyArray<string> => namesOf(pools).map(([, , name]) => name)

export const poolsCheck: Arguments.Check<unknown> = (value, place) => {
  if (!isObject(value) || Array.isArray(value)) return place.fault("must be pools by name")
  for (const [name, given] of Object.entries(value)) {
    const at = place.at(name)
    pool(given, at)
    if (!/^[a-z0-9][a-z0-9_.-]*$/u.test(name)) {
      at.fault("must be named in lower case, as PROVIDER_PRIORITY would name it: letters, digits, `-`, `_` and `.`")
    }
    if ((names as ReadonlyArray<string>).includes(name)) at.fault("must not have the name of a provider")
    const said: { readonly strategy?: unknown; readonly members?: unknown } = Object(given)
    if (
      said.strategy === "cheapest" && Array.isArray(said.members) &&
      said.members.every((member) => Object(member).price === undefined)
    ) {
      at.at("strategy").fault("needs the `price` of a member")
    }
  }
  const seen = new Set<string>([...names, ...Object.keys(value)])
  for (const [pool, index, name] of namesOf(value)) {
    const at = place.at(pool).at("members").at(`${index}`).at("name")
    if (seen.has(name)) at.fault(`must be unique among providers, pools and members, got ${Arguments.show(name)}`)
    seen.add(name)
  }
}

// -----------------------------------------------------------------------------
// What they say
// -----------------------------------------------------------------------------

/** A member with the names that a chain knows it by. */
export interface NamedMember {
  readonly pool: string
  readonly name: string
  readonly data: Member
}

/** Every member of every pool, in order. */
export const membersOf = (pools: Pools | undefined): ReadonlyArray<NamedMember> =>
  Object.entries(pools ?? {}).flatMap(([pool, { members }]) =>
    members.map((data, i) => ({ pool, name: data.name ?? `${pool}-${i + 1}`, data }))
  )
