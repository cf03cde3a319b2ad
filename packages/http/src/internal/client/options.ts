/**
 * Checks the options of a policy for HTTP: every key at every depth, all faults at once. The parts are checked as the
 * core checks them.
 *
 * Guarded by `test/client/requestHeaders.test.ts` and `test/client/endpoints.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import { isObject } from "effect/Predicate"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { timer } from "../timer.ts"
import { checkHedge, checkMatch, matchFields, shownUrl } from "./endpointOptions.ts"
import { headerName, headersOption, headerValue, secretOption } from "./headerOptions.ts"
import { isAbsolute } from "./origin.ts"

type Check<A> = Arguments.Check<A>
type Place = Arguments.Place

const { callback, oneOf, optional, or, record, string, struct, text } = Arguments

const isFalse = (value: unknown): value is false => value === false
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean"
const isFunction = (value: unknown): value is () => unknown => typeof value === "function"

/** The parts that the core checks. */
const coreParts = ["bulkhead", "rateLimit", "retry", "circuitBreaker", "hedge"] as const

/** A part, which {@link checkParts} looks into. */
const part = (example: string): Check<unknown> => (value, place) => {
  if (value !== undefined && value !== false && !isObject(value)) {
    place.fault(`must be options, such as ${example}, or false, got ${Arguments.show(value)}`)
  }
  return value
}

const timeout = optional(or(isFalse, timer))

const parts = {
  retry: part("{ times: 3 }"),
  timeouts: optional(struct({ attempt: timeout, total: timeout })),
  bulkhead: part("{ limit: 64 }"),
  rateLimit: part("{ limit: 5, window: \"1 second\" }"),
  circuitBreaker: part("{ openFor: \"30 seconds\" }"),
  hedge: part("{ after: \"200 millis\" }"),
  retryOn: optional(or(isFunction, Arguments.array(Arguments.integer({ min: 100, max: 599 })))),
  idempotencyKey: optional(oneOf("auto", "none")),
  idempotent: optional(or(isBoolean, callback())),
  streamBody: optional(oneOf("once", "replayable")),
  commit: optional(oneOf("firstByte", "head"))
}

type Parts = Arguments.Checked<typeof parts>

/** Checks the parts together, as the core does, and what HTTP does not leave to the program. */
const checkParts = (options: Parts, place: Place, client?: Parts): void => {
  const total = options.timeouts?.total ?? client?.timeouts?.total
  const attempt = options.timeouts?.attempt ?? client?.timeouts?.attempt
  const given = Object.fromEntries(
    coreParts.flatMap((name) => isObject(options[name]) ? [[name, options[name]] as const] : [])
  )
  Policy.optionsCheck(isMillis(total) ? { ...given, deadline: total } : given, place)
  for (const name of ["while", "whileResult"]) {
    if (isObject(options.retry) && name in options.retry) {
      place.at("retry").at(name).fault("is not an option: retryOn and idempotent decide what is retried")
    }
  }
  if (isMillis(total) && isMillis(attempt) && attempt > total && options.timeouts !== undefined) {
    place.at("timeouts").at("attempt").fault(
      `must not be longer than timeouts.total (${total} millis), got ${attempt} millis`
    )
  }
}

const isMillis = (value: unknown): value is number => typeof value === "number" && value > 0

const endpoint = Arguments.refine(struct({ ...parts, ...matchFields }), checkMatch)

/** A base URL is a URL of HTTP or, in a page, a path. */
const baseUrlOption: Check<string> = (value, place) => {
  const url = string(value, place)
  if (typeof url === "string" && !/^\/(?![/\\])/.test(url) && !isAbsolute(url)) {
    const scheme = url.includes(":") ? "" : `: write "https://" before it`
    place.fault(`must be a URL of HTTP or a path, got ${shownUrl(url)}${scheme}`)
  }
  return url
}

const headerNameOption = optional(or(isBoolean, headerName))

const fields = struct({
  ...parts,
  name: optional(text),
  baseUrl: optional(baseUrlOption),
  headers: optional(headersOption),
  bearer: optional(secretOption),
  userAgent: optional(headerValue),
  attemptHeader: headerNameOption,
  deadlineHeader: headerNameOption,
  endpoints: optional(record(endpoint))
})

/** The options of a client. */
export const httpOptions: Check<unknown> = Arguments.refine(fields, (options, place) => {
  checkParts(options, place)
  const { bearer, endpoints, headers } = options
  if (bearer !== undefined && isObject(headers) && Object.keys(headers).some(isAuthorization)) {
    place.at("bearer").fault("must not be beside a header authorization")
  }
  for (const [name, own] of Object.entries(endpoints ?? {})) {
    const at = place.at("endpoints").at(name)
    checkParts(own, at, options)
    checkHedge(own as Repeats, options as Repeats, at)
  }
})

type Repeats = Pick<HttpPolicy.Endpoint, "hedge" | "idempotencyKey" | "idempotent" | "methods">

const isAuthorization = (name: string): boolean => name.toLowerCase() === "authorization"
