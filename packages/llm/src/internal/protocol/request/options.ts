/**
 * The checks of a provider's options: every fault at once, each with its path.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/parameters/Parameters.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Redacted from "effect/Redacted"
import * as Address from "../../../Address.ts"

type Check = Arguments.Check<unknown>

const { boolean, faults, instance, integer, oneOf, optional, record, secret, struct, text } = Arguments

const isHeaders = (value: unknown): value is object => typeof value === "object" && value !== null

const json: Check = (value, place) => {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return value
  if (Array.isArray(value)) return Arguments.array(json)(value, place)
  if (typeof value === "object") return record(optional(json))(value, place)
  place.fault(`must be JSON, got ${Arguments.show(value)}`)
  return value
}

/** A URL, as `Address.make` takes one. */
const url: Check = (value, place) => {
  const { length } = place.faults
  const address = text(value, place)
  if (place.faults.length > length) return value
  try {
    Address.make("", "", address)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    place.fault(error.message.replace(/^: +/, ""))
  }
  return value
}

const redacted = secret(instance(Redacted.isRedacted, "a Redacted string, as Redacted.make makes one"))

/** A key or another secret. */
export const key: Check = (value, place) => {
  const given = redacted(value, place)
  if (given !== undefined && String(Redacted.value(given)).trim() === "") {
    place.fault("must not be empty, as that of a variable which is not set: leave it out where none is needed")
  }
  return given
}

const feature = optional(boolean)

/** What the providers' options have in common. */
export const common = {
  apiKey: optional(key),
  model: optional(text),
  baseUrl: optional(url),
  name: optional(text),
  location: optional(oneOf("cloud", "local")),
  capabilities: optional(struct({
    tools: feature,
    images: feature,
    structuredOutput: feature,
    contextWindow: optional(integer({ min: 1, infinite: true }))
  })),
  headers: optional(instance(isHeaders, "an object of headers")),
  parameters: optional(record(optional(json)))
}

/** What the options of models for embeddings have in common. */
export const embedding = {
  apiKey: common.apiKey,
  model: common.model,
  baseUrl: common.baseUrl,
  name: common.name,
  location: common.location,
  headers: common.headers,
  parameters: common.parameters,
  dimensions: optional(integer({ min: 1 })),
  batchSize: optional(integer({ min: 1 }))
}

/** Throws a `RangeError` that lists all faults of the options. `rule` adds those of several options together. */
export const check = (
  module: string,
  fields: Arguments.Fields,
  options: unknown,
  rule?: (place: Arguments.Place) => void
): void => {
  const whole: Check = (value, place) => {
    struct(fields)(value, place)
    rule?.(place)
  }
  Arguments.check(`${module}.make`, whole, options)
}

/** The faults of a check that throws, such as of a host, as those of an option. */
export const throwing = (run: (value: string) => unknown): Check => (value, place) => {
  if (faults(text, value).length > 0) return text(value, place)
  try {
    run(String(value))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    place.fault(error.message.replace(/^: \w+ (?=must )/, ""))
  }
  return value
}
