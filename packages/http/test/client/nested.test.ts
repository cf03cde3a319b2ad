/**
 * Retries multiply. A client that retries is refused around another one, or noticed at its first answer, whatever
 * combinators of Effect's stand between them.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Cookies from "effect/http/Cookies"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"

type Client = HttpClient.HttpClient
type Combinator = (client: Client) => Effect.Effect<unknown, never, never>

const pure = (combinator: (client: Client) => unknown): Combinator => (client) => Effect.sync(() => combinator(client))

/** Every combinator of Effect's, in a form that lets requests and responses pass. */
const combinators = {
  catch: pure(HttpClient.catch(Effect.fail)),
  catchTag: pure(HttpClient.catchTag("HttpClientError", Effect.fail)),
  catchTags: pure(HttpClient.catchTags({ HttpClientError: Effect.fail })),
  filterOrElse: pure(HttpClient.filterOrElse(() => true, () => Effect.fail("no"))),
  filterOrFail: pure(HttpClient.filterOrFail(() => true, () => "no")),
  filterStatus: pure(HttpClient.filterStatus(() => true)),
  filterStatusOk: pure(HttpClient.filterStatusOk),
  followRedirects: pure(HttpClient.followRedirects(2)),
  layerMergedContext: (client) =>
    Effect.scoped(
      Effect.map(Layer.build(HttpClient.layerMergedContext(Effect.succeed(client))), Context.get(HttpClient.HttpClient))
    ),
  mapRequest: pure(HttpClient.mapRequest(HttpClientRequest.setHeader("x-a", "1"))),
  mapRequestEffect: pure(HttpClient.mapRequestEffect((request) => Effect.succeed(request))),
  mapRequestInput: pure(HttpClient.mapRequestInput(HttpClientRequest.setHeader("x-a", "1"))),
  mapRequestInputEffect: pure(HttpClient.mapRequestInputEffect((request) => Effect.succeed(request))),
  retry: pure(HttpClient.retry({ times: 1 })),
  retryTransient: pure(HttpClient.retryTransient({ times: 1, schedule: Schedule.forever })),
  tap: pure(HttpClient.tap(() => Effect.void)),
  tapError: pure(HttpClient.tapError(() => Effect.void)),
  tapRequest: pure(HttpClient.tapRequest(() => Effect.void)),
  transform: pure(HttpClient.transform((effect) => effect)),
  transformResponse: pure(HttpClient.transformResponse((effect) => effect)),
  withCircuitBreaker: (client) =>
    Effect.map(
      CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(99), openDuration: "1 second" }),
      (breaker) => HttpClient.withCircuitBreaker(client, { breaker })
    ).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()), Effect.scoped),
  withCookiesRef: (client) =>
    Effect.map(Ref.make<ReadonlyArray<Cookies.Cookie>>([]), (ref) => HttpClient.withCookiesRef(client, ref)),
  withRateLimiter: (client) =>
    Effect.map(
      RateLimiter.RateLimiter,
      (limiter) => HttpClient.withRateLimiter(client, { limiter, key: "a", limit: 99, window: "1 second" })
    ).pipe(
      Effect.provide(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
    ),
  withScope: pure(HttpClient.withScope)
} satisfies Readonly<Record<string, Combinator>>

const names = Object.keys(combinators) as ReadonlyArray<keyof typeof combinators>

/** What else the module exports. */
const others = [
  ["HttpClient", "isHttpClient", "make", "makeWith", "execute"],
  ["get", "query", "head", "post", "patch", "put", "del", "options"],
  ["circuitBreakerClassifier", "isTransientError", "isTransientResponse"],
  ["SpanNameGenerator", "TracerDisabledWhen", "TracerHeaderFilter", "TracerPropagationEnabled"]
].flat()

const composed = (client: Client, composition: ReadonlyArray<keyof typeof combinators>): Effect.Effect<Client> =>
  composition.reduce(
    (made: Effect.Effect<Client>, name) =>
      Effect.flatMap(made, (client) => combinators[name](client) as Effect.Effect<Client>),
    Effect.succeed(client)
  )

const around = (client: Client, times: number): Effect.Effect<Client> =>
  Effect.map(
    Effect.provideService(
      ResilientHttpClient.make({ retry: times === 0 ? false : { times } }),
      HttpClient.HttpClient,
      client
    ),
    (client) => client as Client
  )

/** Ends every request in the same way, none of which is retried: by a status, or by a failure. */
const ending = (end: number | "lost") =>
  HttpClient.make((request) =>
    end === "lost"
      ? Effect.fail(
        new HttpClientError.HttpClientError({
          reason: new HttpClientError.TransportError({ request, cause: new Error("lost") })
        })
      )
      : Effect.succeed(HttpClientResponse.fromWeb(request, new Response("", { status: end })))
  )

/** Whether `use` refuses retries around retries, or warns of them. */
const seen = <E>(use: Effect.Effect<unknown, E>): Effect.Effect<"refused" | "noticed" | "passed"> =>
  Effect.suspend(() => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    const multiplies = /a client that retries itself/
    return Effect.exit(use).pipe(
      Effect.catchDefect((defect) => Effect.succeed(defect)),
      Effect.provide(Logger.layer([logger])),
      Effect.map((end) => {
        if (String(end).match(multiplies) !== null) return "refused"
        const times = warnings.filter((warning) => multiplies.test(warning)).length
        assert.isAtMost(times, 1)
        return times === 1 ? "noticed" : "passed"
      })
    )
  })

const calls = (client: Client) =>
  Effect.forEach(["/a", "/b"], (path) => Effect.exit(Effect.scoped(client.post(`http://localhost${path}`))))

describe("a client that retries", () => {
  it("is composed here by every combinator that there is", () => {
    assert.sameMembers(Object.keys(HttpClient), [...names, ...others])
  })

  law(
    "is refused around another one or noticed at the first answer, through any composition",
    {
      composition: Schema.Array(Schema.Literals(names)).check(Schema.isMaxLength(6)),
      between: Schema.Literals([0, 0, 1]),
      outer: Schema.Literals([0, 1, 1, 1]),
      inner: Schema.Literals([0, 1, 1, 1]),
      end: Schema.Literals([200, 404, "lost"])
    },
    ({ between, composition, end, inner, outer }, reach) =>
      Effect.gen(function*() {
        const half = composition.length >> 1
        const what = yield* seen(Effect.gen(function*() {
          const first = yield* composed(yield* around(ending(end), inner), composition.slice(0, half))
          // A client without retries between the two hides neither.
          const second = between === 1 ? yield* around(first, 0) : first
          const third = yield* composed(second, composition.slice(half))
          const exits = yield* calls(yield* around(third, outer))
          assert.isFalse(exits.some((exit) => Exit.isFailure(exit) && Cause.hasDies(exit.cause)))
        }))
        if (outer === 1 && inner === 1) {
          if (what === "passed") assert.fail("the retries multiply unseen")
          // At once where one combinator at most stands between; this one keeps nothing of the client that it is given.
          if (composition.length <= 1 && composition[0] !== "withCookiesRef") assert.strictEqual(what, "refused")
          reach(what)
        } else {
          reach("one of them retries, or neither")
          assert.strictEqual(what, "passed")
        }
      }),
    { cases: 300, reaches: ["refused", "noticed", "one of them retries, or neither"] }
  )

  it.effect("is not noticed in what an attempt of another one asks on the side", () =>
    Effect.gen(function*() {
      const tokens = yield* around(ending(200), 3)
      const what = yield* seen(Effect.gen(function*() {
        const client = HttpClient.mapRequestInputEffect(ending(200), (request) =>
          Effect.as(Effect.scoped(tokens.get("http://tokens/")), request))
        yield* calls(yield* around(client as Client, 3))
      }))
      assert.strictEqual(what, "passed")
    }))
})
