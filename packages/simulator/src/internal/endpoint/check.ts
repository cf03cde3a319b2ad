/**
 * The checks of calls over HTTP.
 *
 * Guarded by `test/endpoint/endpoint.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
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

/** A client that is only there to be made. */
const stand = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))

/** The options of a client, as it checks them itself: its error lists each fault behind its path. */
const policy: Arguments.Check<HttpPolicy.Options> = (value, place) => {
  const options = value as HttpPolicy.Options
  try {
    Effect.runSync(Effect.provideService(ResilientHttpClient.make(options), HttpClient.HttpClient, stand))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const faults = error.message.replace(/^[\w.]+: (?:\d+ options are invalid: )?/u, "")
    for (const fault of faults.split("; ")) {
      const [, path = "", message = fault] = /^([\w.]+) (.+)$/su.exec(fault) ?? []
      path.split(".").filter((key) => key !== "").reduce((at, key) => at.at(key), place).fault(message)
    }
  }
  return options
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
