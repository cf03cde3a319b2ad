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
import { common, membersCheck } from "./members.ts"
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

const { number, oneOf, optional, struct } = Arguments

const memberFields = struct({
  ...common(names),
  weight: optional(number({ above: 0 })),
  requests_per_minute: optional(number({ min: 1 })),
  tokens_per_minute: optional(number({ min: 1 })),
  price: optional(priceCheck)
})

const pool = struct({
  strategy: optional(oneOf(...strategies)),
  warm_up: optional(timeCheck),
  half_life: optional(positiveTimeCheck),
  members: membersCheck(
    memberFields,
    "{ provider: openai, key: OPENAI_KEY_2 }",
    ", whose limits would count twice"
  )
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
