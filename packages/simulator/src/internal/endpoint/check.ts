/**
 * The checks of calls over HTTP.
 *
 * Guarded by `test/endpoint/endpoint.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import { defaultStatuses, type Statuses } from "./statuses.ts"

const { integer, oneOf, optional, refine, struct, text } = Arguments

const status = integer({ min: 400, max: 599 })

/** The statuses of a service. */
const statuses = struct({
  failed: optional(status, defaultStatuses.failed),
  dependency: optional(status, defaultStatuses.dependency),
  overloaded: optional(status, defaultStatuses.overloaded),
  limited: optional(status, defaultStatuses.limited),
  timeout: optional(status, defaultStatuses.timeout)
})

export const statusesOf: Arguments.Check<Statuses> = optional(statuses, defaultStatuses)

const policy: Arguments.Check<HttpPolicy.Options> = (value, place) => {
  ResilientHttpClient.optionsCheck(value, place)
  return value as HttpPolicy.Options
}

const defaultPolicy: HttpPolicy.Options = {}

export const httpOf = refine(
  struct({
    method: optional(oneOf("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"), "GET" as const),
    url: optional(text, "http://service/"),
    policy: optional(policy, defaultPolicy)
  }),
  ({ policy, url }, place) => {
    if (policy.baseUrl === undefined && !URL.canParse(url)) place.at("url").fault(`must be a URL, got "${url}"`)
  }
)
