/**
 * Finds the kind of an error response by the rows of all vendors, the most specific first.
 *
 * An exact code outweighs a key, a header, words and the class of an error, and words outweigh a class: under
 * `invalid_request_error` vendors say that a model is unknown as well as that an account is disabled. The status decides
 * last. Between rows of the same weight those of one vendor come first, then those with more conditions, then the order
 * in which they are written.
 *
 * All rows are matched on every server, because the vendor behind an address is unknown: gateways pass on their upstream's
 * errors, and a `baseUrl` may point to any server.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type * as Headers from "effect/http/Headers"
import type { ProviderError } from "./errorBody.ts"
import type { Kind } from "./kinds.ts"
import { isUnder, kindOfStatus, statuses } from "./statuses.ts"
import { anthropic } from "./vendors/anthropic.ts"
import { any } from "./vendors/any.ts"
import { azure } from "./vendors/azure.ts"
import { bedrock } from "./vendors/bedrock.ts"
import { cloud } from "./vendors/cloud.ts"
import { google } from "./vendors/google.ts"
import { hosts } from "./vendors/hosts.ts"
import { local } from "./vendors/local.ts"
import { ollama } from "./vendors/ollama.ts"
import { openAi } from "./vendors/openAi.ts"
import { routers } from "./vendors/routers.ts"
import type { Signal } from "./vendors/signal.ts"

/** What is known of an answer. */
export interface Answer {
  readonly error: ProviderError
  readonly status: number | undefined
  readonly headers: Headers.Headers
}

const weights = ["code", "field", "header", "phrase", "category", "status"] as const

/** What decides how much a row weighs: the first of its conditions. */
const weightOf = (signal: Signal): number => weights.findIndex((name) => signal[name] !== undefined)

/** Words that several vendors use are tried after the words of one. */
const breadth = ({ server }: Signal): number => server === "any" ? 1 : 0

const conditions = (signal: Signal): number => weights.filter((name) => signal[name] !== undefined).length

const sorted = (rows: () => ReadonlyArray<Signal>): ReadonlyArray<Signal> =>
  rows().toSorted((a, b) => weightOf(a) - weightOf(b) || breadth(a) - breadth(b) || conditions(b) - conditions(a))

/** Every row, in the order in which they are tried. Marked as pure, so that a bundle without a provider goes without the rows. */
export const signals: ReadonlyArray<Signal> = /* @__PURE__ */ sorted(() => [
  ...openAi,
  ...azure,
  ...anthropic,
  ...bedrock,
  ...google,
  ...cloud,
  ...hosts,
  ...routers,
  ...local,
  ...ollama,
  ...any,
  ...statuses
])

const isOneOf = (texts: ReadonlyArray<string>, wanted: string | RegExp): boolean =>
  typeof wanted === "string" ? texts.includes(wanted) : texts.some((text) => wanted.test(text))

const matches = (signal: Signal, { error, headers, status }: Answer): boolean =>
  (signal.code === undefined || isOneOf(error.codes, signal.code)) &&
  (signal.field === undefined || error.fields.has(signal.field)) &&
  (signal.header === undefined || signal.header[1].test((headers[signal.header[0]] ?? "").toLowerCase())) &&
  (signal.phrase === undefined || signal.phrase.test(error.message ?? "")) &&
  (signal.category === undefined || isOneOf(error.codes, signal.category)) &&
  isUnder(status, signal.status)

/** The row that an answer fits first, if any. */
const signalOf = (answer: Answer): Signal | undefined => signals.find((signal) => matches(signal, answer))

/** The kind of a refusal; `undefined` where no row knows it. */
export const kindOf = (answer: Answer): Kind | undefined =>
  signalOf(answer)?.kind ?? (answer.status === undefined ? undefined : kindOfStatus(answer.status))

/** The status that a class of errors stands for when the answer had begun with 200. */
export const statusByCategory: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  unavailable_error: 503,
  timeout_error: 504,
  overloaded_error: 529
}
