/**
 * A client under a policy: its options compiled, with the policies of its endpoints, over another client. A change of
 * the configuration compiles anew and keeps the parts that are the same.
 *
 * Guarded by `test/ResilientHttpClient.limits.test.ts` and `test/ResilientHttpClient.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type { PolicyError } from "@holdfast/core/PolicyError"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import { defaultName as defaultDeadlineHeader } from "../../DeadlineHeader.ts"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import type { Recorder } from "../call/bodyResponse.ts"
import { HttpCall } from "../call/httpCall.ts"
import { KeptParts } from "../live/keptParts.ts"
import type { Secrets } from "../secrets/headerSecrets.ts"
import { through } from "../telemetry/policySpan.ts"
import { type Common, compile, type EndpointPolicy } from "./endpointPolicy.ts"
import { Endpoints } from "./endpoints.ts"
import { noticing } from "./nestedRetries.ts"
import { httpOptions } from "./options.ts"
import { originOf } from "./origin.ts"
import type { OriginPauses } from "./pauses.ts"
import * as RequestDefaults from "./request.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError
type AnyFiber = Fiber.Fiber<unknown, unknown>

/** What the caller sees of an error of the policy itself. */
type Own<E> = (error: PolicyError, request: Request) => E
type Run = <E>(fiber: AnyFiber, request: Request, own: Own<E>) => Effect.Effect<Response, E | Failure>

/** The compiled options of a client. */
export interface Compiled {
  readonly name: string
  readonly prepare: HttpClient.HttpClient.Preprocess<never, never>
  /** Runs a call, as a step of its fiber. */
  readonly run: Run
  /** Whether anything is retried. */
  readonly retries: boolean
  readonly recorder: Recorder
  readonly kept: KeptParts
}

const where = "ResilientHttpClient.make"

/**
 * Checks the options and compiles them. A `RangeError` names the option at fault. `previous` is what was compiled of
 * the options before, if these are others for the same client.
 */
export const compileClient = (
  inner: HttpClient.HttpClient,
  pauses: OriginPauses,
  options: HttpPolicy.Options,
  previous?: Compiled
): Effect.Effect<Compiled> =>
  Effect.gen(function*() {
    Arguments.check(where, httpOptions, options)
    const name = options.name ?? "http"
    const kept = new KeptParts(previous?.kept)
    const common: Common = {
      kept,
      pauses,
      attemptHeader: nameOf(options.attemptHeader, "previous-attempts"),
      deadlineHeader: nameOf(options.deadlineHeader, defaultDeadlineHeader)
    }
    const own = yield* compile(name, options, common)
    const endpoints = yield* Effect.forEach(
      Object.entries(options.endpoints ?? {}),
      ([endpoint, said]) =>
        Effect.map(compile(`${name}/${endpoint}`, said, common, own), (policy) => [said, policy] as const)
    )
    const table = endpoints.length === 0 ? undefined : new Endpoints(endpoints)
    const policyOf = (request: Request): EndpointPolicy => table?.find(request) ?? own
    const policies = [own, ...endpoints.map(([, policy]) => policy)]
    const defaults = RequestDefaults.compile(options)
    pauses.longest = Math.max(...policies.map(({ rules }) => rules.longestPause))
    const isKeyed = (policy: EndpointPolicy) => policy.parts.idempotencyKey === "auto"

    const retries = policies.some(({ retries }) => retries)
    const recorder: Recorder = { retries }
    const client = {
      through: noticing(through(inner), name, retries, recorder),
      pauses,
      recorder,
      secretHeaders: defaults.secrets.names
    }
    const run: Run = (fiber, request, own) =>
      new HttpCall(client, policyOf(request), originOf(request.url), fiber, request, own).start(fiber)

    return {
      name,
      prepare: RequestDefaults.prepare(
        defaults,
        policies.some(isKeyed) ? (request) => isKeyed(policyOf(request)) : undefined
      ),
      run: keepSecrets(defaults.secrets, run),
      retries,
      recorder,
      kept
    }
  })

const nameOf = (value: string | boolean | undefined, ifTrue: string): string | undefined =>
  value === undefined || value === false ? undefined : (value === true ? ifTrue : value).toLowerCase()

/** Sends with a request the secrets that are for its origin. A redirect comes through here once more. */
const keepSecrets = (secrets: Secrets, run: Run): Run => (fiber, request, own) =>
  secrets.concerns(request)
    ? secrets.send(request, (request) => Effect.withFiber((fiber) => run(fiber, request, own)))
    : run(fiber, request, own)
