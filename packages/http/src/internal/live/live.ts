/**
 * Clients whose policy may change while they are used: each call uses the policy in force when it starts.
 *
 * Guarded by `test/Service.test.ts` and `test/laws.data.test.ts`.
 */
import type { PolicyError } from "@holdfast/core/PolicyError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { compileClient, type Compiled } from "../client/client.ts"
import { OriginPauses } from "../client/pauses.ts"
import type * as HttpPolicy from "../policyOptions.ts"

type Failure = HttpClientError.HttpClientError

/** A client whose policy may change while it is used: each call uses the policy in force when it starts. */
export interface Live {
  current: Compiled
}

/**
 * Our clients, and the two functions of which each is made. No client may retry around one that retries, and a combinator
 * of Effect's that makes another client of it keeps one of the functions, unless it changes requests and responses both:
 * the first answer shows that.
 */
const parts = new WeakMap<object, Live>()

const isRetrying = (client: HttpClient.HttpClient): boolean =>
  [client, client.postprocess, client.preprocess].some((part) => parts.get(part)?.current.recorder.retries === true)

/** Compiles a client over the `HttpClient` in the context. */
export const over = (options: HttpPolicy.Options = {}): Effect.Effect<Live, never, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (inner) => Effect.map(compile(inner, new OriginPauses(), options), live))

const live = (current: Compiled): Live => ({ current })

const compile = (
  inner: HttpClient.HttpClient,
  pauses: OriginPauses,
  options: HttpPolicy.Options,
  previous?: Compiled
): Effect.Effect<Compiled> =>
  Effect.map(compileClient(inner, pauses, options, previous), (compiled) => {
    if (isRetrying(inner)) {
      if (compiled.retries) {
        throw new RangeError("ResilientHttpClient.make: retry must be false around a client that retries itself")
      }
      compiled.recorder.retries = true
    }
    return compiled
  })

/** The client, with what its caller sees of an error of the policy itself. */
export const client = <E>(
  live: Live,
  own: (error: PolicyError, request: HttpClientRequest) => E
): HttpClient.HttpClient.With<Failure | E> =>
  marked(
    live,
    HttpClient.makeWith<never, never, Failure | E, never>(
      (prepared) => {
        const run = (request: HttpClientRequest) => Effect.withFiber((fiber) => live.current.run(fiber, request, own))
        // Most requests are ready at once.
        return isReady(prepared) ? run(prepared.value) : Effect.flatMap(prepared, run)
      },
      (request) => live.current.prepare(request)
    )
  )

const isReady = <A>(self: Effect.Effect<A>): self is Exit.Success<A> => Exit.isExit(self) && Exit.isSuccess(self)

const marked = <E>(live: Live, client: HttpClient.HttpClient.With<E>): HttpClient.HttpClient.With<E> => {
  for (const part of [client, client.postprocess, client.preprocess]) parts.set(part, live)
  return client
}

/** {@link over} with options that change while it is used. */
export const overChanges = <E, R>(
  changes: Stream.Stream<HttpPolicy.Options, E, R>
): Effect.Effect<Live, E, HttpClient.HttpClient | R | Scope.Scope> =>
  Effect.gen(function*() {
    const inner = yield* HttpClient.HttpClient
    const pauses = new OriginPauses()
    const ready = yield* Deferred.make<Live, E>()
    let client: Live | undefined
    const take = (options: HttpPolicy.Options): Effect.Effect<void> => {
      if (client !== undefined) return swap(client, options)
      return Effect.flatMap(compile(inner, pauses, options), (first) => Deferred.succeed(ready, client = live(first)))
    }
    const swap = (client: Live, options: HttpPolicy.Options): Effect.Effect<void> =>
      compile(inner, pauses, options, client.current).pipe(
        Effect.flatMap((next) => {
          client.current = next
          return Effect.logInfo(`${options.name ?? "http"}: the policy has changed`)
        }),
        Effect.catchDefect((defect) =>
          Effect.logWarning(
            `${client.current.name}: the policy stays as it is: ${
              defect instanceof Error ? defect.message : String(defect)
            }`
          )
        )
      )
    const follow = Effect.andThen(
      Stream.runForEach(changes, take),
      Effect.suspend(() => client === undefined ? take({}) : Effect.void)
    )
    yield* follow.pipe(
      Effect.catchCause((cause) =>
        client === undefined
          ? Deferred.failCause(ready, cause)
          : Effect.logWarning("The policy of the HTTP client no longer changes", cause)
      ),
      Effect.forkScoped
    )
    return yield* Deferred.await(ready)
  })
