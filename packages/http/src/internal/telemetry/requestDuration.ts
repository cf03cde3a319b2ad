/**
 * The metric `http.client.request.duration` of each request that a policy sends, whatever client sends it, as
 * OpenTelemetry's semantic conventions for HTTP clients define it.
 *
 * Guarded by `test/call/telemetry.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import type * as Cause from "effect/Cause"
import type * as Fiber from "effect/Fiber"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { all as allMethods } from "effect/http/HttpMethod"
import * as Metric from "effect/Metric"
import type { Recorder } from "../call/bodyResponse.ts"
import { serverOf } from "./serverAttributes.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The buckets that the conventions advise, in seconds. */
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const series = new Map<string, Metric.Histogram<number>>()

/** How many sets of attributes are told apart, as OpenTelemetry's SDKs bound them; the others are one more. */
const maxSeries = 2_000

const methods: ReadonlySet<string> = new Set(allMethods)

/** The series of the last request of each outcome, which most are like. There are few outcomes: statuses, and tags. */
const last = new Map<number | string, Series>()

interface Series {
  readonly method: string
  readonly origin: string | undefined
  readonly template: string | undefined
  readonly histogram: Metric.Histogram<number>
}

/**
 * Records how long a request took, from the start of its attempt to the head of the response or its failure. `outcome` is
 * the status, or the tag of the reason for which no response came.
 */
export const record = (
  fiber: AnyFiber,
  request: HttpClientRequest.HttpClientRequest,
  origin: string | undefined,
  template: string | undefined,
  outcome: number | string,
  millis: number
): void => {
  const { method } = request
  let recent = last.get(outcome)
  if (recent === undefined || recent.origin !== origin || recent.method !== method || recent.template !== template) {
    const key = `${method} ${outcome} ${origin} ${template ?? ""}`
    const histogram = series.get(key) ?? learn(key, method, origin, template, outcome)
    recent = { method, origin, template, histogram }
    last.set(outcome, recent)
  }
  recent.histogram.updateUnsafe(millis / 1000, fiber.context)
}

/** Failures that a client has given out: that has recorded their requests, and no policy around it does so again. */
const failures = new WeakMap<object, Recorder | undefined>()

export const recordedFailure = <E>(error: E, by?: Recorder): E => {
  if (typeof error === "object" && error !== null) failures.set(error, by)
  return error
}

export const isRecorded = (error: object): boolean => failures.has(error)

/** The client that has given a failure out. */
export const recorderOf = (error: object): Recorder | undefined => failures.get(error)

/**
 * Takes down that an interruption or a defect has ended a request: `false` if a policy below has done so. It passes the
 * policies around with the same reasons.
 */
export const endedFirst = (cause: Cause.Cause<unknown>): boolean => {
  const isFirst = !cause.reasons.some(isRecorded)
  for (const reason of cause.reasons) recordedFailure(reason)
  return isFirst
}

const learn = (
  key: string,
  method: string,
  origin: string | undefined,
  template: string | undefined,
  outcome: number | string
): Metric.Histogram<number> => {
  if (series.size >= maxSeries) return overflow
  const histogram = durations({
    "http.request.method": methods.has(method) ? method : "_OTHER",
    ...(origin !== undefined && serverOf(origin)),
    ...(template !== undefined && { "url.template": template }),
    ...(typeof outcome === "number" && { "http.response.status_code": String(outcome) }),
    ...((typeof outcome === "string" || outcome >= 400) && { "error.type": String(outcome) })
  })
  series.set(key, histogram)
  return histogram
}

const durations = (attributes: Readonly<Record<string, string>>): Metric.Histogram<number> =>
  Metric.histogram("http.client.request.duration", {
    description: "Duration of HTTP client requests",
    attributes: { unit: "s", ...attributes },
    boundaries
  })

const overflow = durations({ "otel.metric.overflow": "true" })

/** The template of an endpoint's path, as the conventions write it: `/v1/charges/{id}` for `/v1/charges/:id`. */
export const templateOf = (path: string | undefined): string | undefined =>
  path?.replace(/:([\p{ID_Start}_$][\p{ID_Continue}$]*)(?:\([^)]*\))?/gu, "{$1}")
