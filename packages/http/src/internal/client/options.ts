/**
 * Checks the options of a policy for HTTP: every key at every depth, and the values that are HTTP's own. The options of
 * the parts are checked by the core, where the parts are made.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { all as allMethods } from "effect/http/HttpMethod"
import * as Redacted from "effect/Redacted"
import { longestTimer } from "../argument.ts"

type Check<A> = Arguments.Check<A>

const { callback, oneOf, optional, or, record, string, struct, text } = Arguments

const isFalse = (value: unknown): value is false => value === false
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean"
const isFunction = (value: unknown): value is () => unknown => typeof value === "function"

/** The options of a part, or none of it. */
const part: Check<unknown> = (value, place) => {
  if (value !== undefined && value !== false && (typeof value !== "object" || value === null)) {
    place.fault(`must be options or false, got ${Arguments.show(value)}`)
  }
  return value
}

const timer = optional(or(isFalse, Arguments.duration({ min: 1, max: longestTimer })))

const headerName = optional(or(isBoolean, string))

const secretText = or(Redacted.isRedacted, Arguments.secret(string))

const parts = {
  retry: part,
  timeouts: optional(struct({ attempt: timer, total: timer })),
  bulkhead: part,
  rateLimit: part,
  circuitBreaker: part,
  hedge: part,
  retryOn: optional(or(isFunction, Arguments.array(Arguments.integer({ min: 100, max: 599 })))),
  idempotencyKey: optional(oneOf("auto", "none")),
  idempotent: optional(or(isBoolean, callback())),
  streamBody: optional(oneOf("once", "replayable")),
  commit: optional(oneOf("firstByte", "head"))
}

const endpoint = struct({
  ...parts,
  origin: optional(string),
  path: optional(string),
  methods: optional(Arguments.array(oneOf(...allMethods)))
})

export const httpOptions: Check<unknown> = struct({
  ...parts,
  name: optional(text),
  baseUrl: optional(string),
  headers: optional(record(secretText)),
  bearer: optional(Arguments.secret(Arguments.instance(Redacted.isRedacted, "a Redacted"))),
  userAgent: optional(string),
  attemptHeader: headerName,
  deadlineHeader: headerName,
  endpoints: optional(record(endpoint))
})
