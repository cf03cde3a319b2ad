/**
 * How a request of Effect's goes to a connection: its target, its span, its body, and the exchange that carries it.
 *
 * Guarded by `test/UndiciTransport.test.ts` and `test/undici/bounds.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { Dispatcher } from "undici"
import { ConnectionReset } from "../../HttpFailure.ts"
import { TransportTimeouts } from "../../TransportTimeouts.ts"
import { CurrentProgress } from "../call/progress.ts"
import { Shown } from "../secrets/shown.ts"
import { isTraced, type Told, traced } from "../telemetry/span.ts"
import type { Route } from "./connect/connector.ts"
import { Exchange, type Limits } from "./exchange/exchange.ts"
import { encodeError, notSent } from "./exchange/failures.ts"
import { bodyOf, UploadFailure } from "./exchange/requestBody.ts"
import { type Watch, WatchedExchange } from "./exchange/watchedExchange.ts"
import type { Pools } from "./pool/pools.ts"
import { InvalidTarget, type Target } from "./target.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** What is known of a request beforehand: its target, and options of undici's for it alone. */
export interface Known {
  readonly target: Target
  readonly own: Partial<Dispatcher.DispatchOptions>
  /** What watches each attempt. */
  readonly watch: Watch
}

/** Sends a request on a connection of the pools, in a span. */
export const send = (
  pools: Pools,
  limits: Limits,
  request: Request,
  known?: Known
): Effect.Effect<Response, Failure> =>
  Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => sendIn(fiber, pools, limits, request, known))

/** {@link send}, as a step of `fiber`. `told` is what a policy says of the request. */
export const sendIn = (
  fiber: Fiber.Fiber<unknown, unknown>,
  pools: Pools,
  limits: Limits,
  request: Request,
  known?: Known,
  told?: Told
): Effect.Effect<Response, Failure> => {
  if (request.headers["upgrade"] !== undefined) return refuseUpgrade(request)
  const target = known?.target ?? pools.targets.of(request)
  if (target instanceof InvalidTarget) return invalidUrl(fiber, request, target.cause)
  // Of what is sent, target and headers have the secrets.
  const hasNone = told !== undefined && told.shown === undefined
  const shown = hasNone ? request : Shown.of(fiber, request)?.request ?? request
  return isTraced(fiber, request)
    ? traced(
      fiber,
      request,
      target,
      told,
      (headers, span) =>
        exchange(
          pools,
          limits,
          shown,
          target,
          headers,
          Context.add(fiber.context, Tracer.ParentSpan, span),
          known
        )
    )
    : exchange(pools, limits, shown, target, request.headers, fiber.context, known)
}

const exchange = (
  pools: Pools,
  limits: Limits,
  request: Request,
  target: Target,
  headers: Readonly<Record<string, string>>,
  context: Context.Context<never>,
  known?: Known
): Effect.Effect<Response, Failure> =>
  Effect.callback((resume) => {
    const body = bodyOf(request, context)
    if (body instanceof UploadFailure) return resume(Effect.fail(encodeError(request, body.message, body.cause)))
    if (pools.isClosing) return resume(Effect.fail(notSent(request, new ConnectionReset({ code: "UND_ERR_CLOSED" }))))
    const { origin, path } = target
    const pool = pools.of(origin)
    const { forward } = pool.route
    const scope = Context.getOrUndefined(context, Scope.Scope)
    const options = {
      method: request.method,
      path: forward === undefined ? path : origin.url + path,
      headers: sentHeaders(request, headers, forward),
      body,
      ...(!Context.get(context, TransportTimeouts) && withoutTimeouts),
      ...known?.own
    }
    const one = known === undefined
      ? new Exchange(request, options, target, limits, scope, resume)
      : new WatchedExchange(known.watch, request, options, target, limits, scope, resume)
    one.track(Context.get(context, CurrentProgress))
    pool.send(one, context)
    return Effect.sync(() => {
      pool.forget(one)
      one.cancel()
    })
  })

/** undici takes 0 for no timeout. */
const withoutTimeouts = { headersTimeout: 0, bodyTimeout: 0 }

const sentHeaders = (
  request: Request,
  headers: Readonly<Record<string, string>>,
  forward: Route["forward"]
): Readonly<Record<string, string>> => {
  const own = forward === undefined ? headers : { ...forward, ...headers }
  // undici chooses the boundary between the parts of a form, and sets `content-type` to match.
  return isForm(request.body) ? Headers.remove(Headers.fromInput(own), "content-type") : own
}

const isForm = (body: Request["body"]): boolean =>
  body._tag === "FormData" || (body._tag === "Raw" && body.body instanceof FormData)

const refuseUpgrade = (request: Request): Effect.Effect<never, Failure> =>
  Effect.fail(
    encodeError(request, "UndiciTransport does not upgrade connections: use NodeHttpClient or a WebSocket client")
  )

const invalidUrl = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request,
  cause: unknown
): Effect.Effect<never, Failure> => {
  const description = "The URL must be absolute, with http or https, or the client needs a baseUrl"
  const reason = new HttpClientError.InvalidUrlError({ request, cause, description })
  return Effect.fail(Shown.always(fiber, request).error(new HttpClientError.HttpClientError({ reason })))
}
