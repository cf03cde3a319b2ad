/**
 * The members that a file lists: those of a pool, and those of a chain of embeddings.
 *
 * Guarded by `test/config/pools.test.ts` and `test/config/embeddings.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import type { names } from "../registry.ts"

const { array, oneOf, optional, text } = Arguments

/** A fault never shows the value: it may be a key. */
const variable: Arguments.Check<unknown> = (value, place) =>
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

/** What every member says: the server that it asks, and how. */
export const common = (servers: ReadonlyArray<typeof names[number]>) => ({
  provider: oneOf(...servers),
  name: optional(text),
  key: optional(variable),
  model: optional(text),
  // Checked with the server that it is of.
  base_url: () => undefined
})

/** What makes a member another one than those beside it. */
const accountOf = (member: unknown): string | undefined => {
  const { base_url, key, model, provider } = Object(member)
  return provider === undefined ? undefined : JSON.stringify([provider, key, model, base_url])
}

/**
 * One member or more, no two of which ask the same. A text in place of a member may be a key, so it is not shown.
 *
 * - `example`: a member as a file writes it.
 * - `harm`: the harm of two that ask the same, such as ", whose limits would count twice".
 */
export const membersCheck = (
  fields: Arguments.Check<unknown>,
  example: string,
  harm = ""
): Arguments.Check<unknown> => {
  const member: Arguments.Check<unknown> = (value, place) => {
    if (!isObject(value)) return place.fault(`must be an object, such as ${example}`)
    const { base_url: address, provider } = Object(value)
    if (address !== undefined) addressCheck(provider)(address, place.at("base_url"))
    return fields(value, place)
  }
  const list = array(member)
  return (value, place) => {
    list(value, place)
    if (!Array.isArray(value)) return
    if (value.length === 0) place.fault("must have a member")
    const accounts = value.map(accountOf)
    for (const [i, account] of accounts.entries()) {
      const first = accounts.indexOf(account)
      if (account !== undefined && first < i) {
        place.at(`${i}`).fault(`asks the same as member ${first}${harm}: give it another key, model or base_url`)
      }
    }
  }
}
