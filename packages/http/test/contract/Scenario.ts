/**
 * What a program sees of an `HttpClient`, as scenarios that give a value. Effect's own clients say what is right: a scenario
 * does not name what it expects.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Scope from "effect/Scope"
import type { ContractServer } from "../fetch/server.ts"

/** Gives a value, or fails: how it failed is a value too. */
export type Scenario = (
  client: HttpClient.HttpClient,
  server: ContractServer
) => Effect.Effect<unknown, unknown, HttpClient.HttpClient | Scope.Scope>

export type Scenarios = Readonly<Record<string, Scenario>>

/** An error in the words that every client must share: its tag and the tag of its reason. */
const named = (error: unknown): unknown => {
  if (HttpClientError.isHttpClientError(error)) return `HttpClientError ${error.reason._tag}`
  if (typeof error !== "object" || error === null) return error
  return "_tag" in error ? error._tag : error.constructor.name
}

/** How an effect ended. */
export const ended = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<unknown, never, R> =>
  Effect.map(
    Effect.exit(effect),
    (exit) => Exit.isSuccess(exit) ? exit.value : { failed: exit.cause.reasons.map(reasonOf) }
  )

const reasonOf = (reason: Cause.Reason<unknown>): unknown =>
  reason._tag === "Fail" ? named(reason.error) : reason._tag === "Die" ? ["Die", named(reason.defect)] : reason._tag

/** The headers that a server writes by itself, and that do not depend on a client. */
const ambient: ReadonlySet<string> = new Set(["date", "connection", "keep-alive", "transfer-encoding"])

/** What a response says before its body is read. */
export const head = (response: HttpClientResponse.HttpClientResponse) => ({
  status: response.status,
  headers: Object.entries(response.headers).filter(([name]) => !ambient.has(name)).toSorted(),
  cookies: Object.entries(response.cookies.cookies).map(([name, { options, value }]) => ({ name, value, options })),
  method: response.request.method,
  url: response.url.replace(/^http:..[^/]*/, "")
})

/** The body of an answer in JSON. */
export const json = <E, R>(self: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
  Effect.flatMap(self, (response) => response.json)

export const text = <E, R>(self: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
  Effect.flatMap(self, (response) => response.text)
