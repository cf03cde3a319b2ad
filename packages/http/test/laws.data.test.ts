/** The laws of policies for HTTP as data, over generated valid policies. */
import { assert, describe } from "@effect/vitest"
import { assertEquals, deepStrictEqual } from "@effect/vitest/utils"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as HttpPolicyFile from "@holdfast/http/HttpPolicyFile"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Arbitrary from "effect/Arbitrary"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { stringify } from "yaml"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1 }))
/** A key that is seldom there: where it is to be often, it has `undefined` instead. */
const key = Schema.optionalKey

/** In milliseconds, so that durations of every form are met. */
const Time = between(1, 1_000_000)
const time = Duration.millis

const PartsPlan = {
  retry: Schema.Union([
    Schema.Undefined,
    Schema.Literal(false),
    Schema.Struct({
      times: key(between(0, 10)),
      initial: key(Time),
      more: key(Time),
      jitter: key(Schema.Union([Schema.Literals(["none", "full", "equal"]), Schema.Struct({ proportional: Share })])),
      budget: key(Schema.Struct({ ratio: key(Share), window: key(Time) })),
      max: key(Time)
    })
  ]),
  attempt: key(Schema.Union([Schema.Literal(false), Time])),
  moreThanAttempt: key(Schema.Union([Schema.Literal(false), Time])),
  bulkhead: key(Schema.Union([
    Schema.Literal(false),
    Schema.Struct({ limit: between(1, 100), queue: key(between(0, 9)), maxWait: key(Time) })
  ])),
  rateLimit: key(Schema.Struct({ limit: between(1, 100), window: Time })),
  circuitBreaker: Schema.Union([
    Schema.Undefined,
    Schema.Literal(false),
    Schema.Struct({ failures: between(1, 9), openFor: key(Time) })
  ]),
  hedge: key(Schema.Union([
    Schema.Literal(false),
    Schema.Struct({ after: Schema.Union([Time, Schema.Struct({ quantile: Schema.Literals([0.5, 0.95, 0.999]) })]) })
  ])),
  retryOn: key(Schema.Array(between(400, 599)).check(Schema.isMaxLength(3))),
  idempotencyKey: key(Schema.Literals(["auto", "none"])),
  idempotent: key(Schema.Boolean),
  commit: key(Schema.Literals(["firstByte", "head"]))
}

const HeaderName = Schema.Literals(["x-a", "X-B", "accept"])

const Plan = Schema.Struct({
  name: key(Schema.NonEmptyString),
  baseUrl: key(Schema.Literals(["https://api.example.com/v1", "/api"])),
  headers: key(Schema.Array(Schema.Struct({ name: HeaderName, value: Schema.String })).check(Schema.isMaxLength(3))),
  attemptHeader: key(Schema.Union([Schema.Boolean, HeaderName])),
  ...PartsPlan,
  endpoints: Schema.Union([
    Schema.Undefined,
    Schema.Array(Schema.Struct({
      name: Schema.String.check(Schema.isMinLength(1)),
      path: Schema.Literals(["/a", "/v1/:id", "/*", "/b/c"]),
      methods: key(Schema.Literals(["GET", "PUT"])),
      ...PartsPlan
    })).check(Schema.isMaxLength(3))
  ]),
  transport: Schema.Union([
    Schema.Undefined,
    Schema.Struct({
      connections: between(1, 100),
      fewerIdle: key(between(0, 100)),
      keepAlive: key(Time),
      poolQueue: key(between(0, 9))
    })
  ])
})

type Plan = typeof Plan.Type
type PartsPlan = Pick<Plan, keyof typeof PartsPlan>

const maybe = <A extends number | object, B>(value: A | false | undefined, f: (value: A) => B): B | false | undefined =>
  value === undefined || value === false ? value : f(value)

/** Leaves out the properties that are `undefined`, as data does. */
const given = <A extends object>(all: A): { readonly [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as never

/** Whether any endpoint stays below the total that it takes from the client is for the client to see to. */
const partsOf = ({ attempt, moreThanAttempt, ...plan }: PartsPlan, isClient: boolean) => {
  const least = attempt === undefined || attempt === false ? 0 : attempt
  const total = maybe(moreThanAttempt, (more) => time(more + least))
  return given({
    retry: maybe(plan.retry, ({ budget, initial, jitter, max, more, times }) =>
      given({
        times,
        backoff: initial === undefined ? undefined : given({
          type: "exponential" as const,
          initial: time(initial),
          max: more === undefined ? time(initial + 20_000) : time(initial + more),
          jitter
        }),
        budget: budget &&
          given({ ratio: budget.ratio, window: budget.window === undefined ? undefined : time(budget.window) }),
        retryAfter: max === undefined ? undefined : { max: time(max) }
      })),
    timeouts: isClient
      ? given({ attempt: maybe(attempt, time), total })
      : { attempt: maybe(attempt, time) ?? (false as const), total: total ?? (false as const) },
    bulkhead: maybe(
      plan.bulkhead,
      ({ limit, maxWait, queue }) => given({ limit, queue, maxWait: maxWait === undefined ? undefined : time(maxWait) })
    ),
    rateLimit: plan.rateLimit && { limit: plan.rateLimit.limit, window: time(plan.rateLimit.window) },
    circuitBreaker: maybe(plan.circuitBreaker, ({ failures, openFor }) =>
      given({
        trip: { type: "consecutive" as const, failures },
        openFor: openFor === undefined ? undefined : time(openFor)
      })),
    hedge: maybe(plan.hedge, ({ after }) => ({ after: typeof after === "number" ? time(after) : after })),
    retryOn: plan.retryOn,
    idempotencyKey: plan.idempotencyKey,
    idempotent: plan.idempotent,
    commit: plan.commit
  })
}

const isHeader = (value: string): boolean => !/[^\t\x20-\x7e\x80-\xff]/.test(value)

/** The data that a plan stands for, whatever is drawn: bounds are told as what is above the value that they bound. */
const dataOf = ({ attemptHeader, baseUrl, endpoints, headers, name, transport, ...parts }: Plan) =>
  given({
    name,
    baseUrl,
    attemptHeader,
    headers: headers &&
      Object.fromEntries(headers.filter(({ value }) => isHeader(value)).map(({ name, value }) => [name, value])),
    ...partsOf(parts, true),
    endpoints: endpoints && Object.fromEntries(
      endpoints.map(({ methods, name, path, ...parts }) => [
        `e${name}`,
        given({ path, methods: methods && [methods], ...partsOf(parts, false) })
      ])
    ),
    transport: transport && given({
      connections: transport.connections,
      idleConnections: transport.fewerIdle === undefined
        ? undefined
        : Math.max(0, transport.connections - transport.fewerIdle),
      keepAlive: transport.keepAlive === undefined ? undefined : time(transport.keepAlive),
      poolQueue: transport.poolQueue
    })
  }) as HttpPolicyData.HttpPolicyData

const policies = Arbitrary.map(Arbitrary.schema(Plan), dataOf)

/** What a policy may have that is laid out in a way of its own. */
const shapes = ["an endpoint", "a transport", "a breaker", "a retry that is off"] as const

const shapesOf = (policy: HttpPolicyData.HttpPolicyData, reach: (what: typeof shapes[number]) => void): void => {
  if (Object.keys(policy.endpoints ?? {}).length > 0) reach("an endpoint")
  if (policy.transport !== undefined) reach("a transport")
  if (Predicate.isObject(policy.circuitBreaker)) reach("a breaker")
  if (policy.retry === false) reach("a retry that is off")
}

const encode = Schema.encodeEffect(HttpPolicyData.HttpPolicyData)

/** The data with one more key at a path. */
const put = (data: unknown, [key = "", ...path]: ReadonlyArray<string>): unknown => {
  const object: Readonly<Record<string, unknown>> = Predicate.isObject(data) ? data : {}
  return { ...object, [key]: path.length === 0 ? 1 : put(object[key], path) }
}

const Flat = Schema.Struct({
  timeout: key(Time),
  max_retries: key(between(0, 10)),
  initial_retry_delay: key(Time),
  longer: key(Time),
  retry_multiplier: key(Schema.Literals([1, 1.5, 2])),
  retry_jitter: key(Share),
  max_connections: key(between(20, 100)),
  max_keepalive_connections: key(between(0, 20)),
  keepalive_expiry: key(Time)
})

describe("HttpPolicyData", () => {
  law(
    "decoding what was encoded gives the same data",
    { policy: policies },
    ({ policy }, reach) =>
      Effect.gen(function*() {
        shapesOf(policy, reach)
        assertEquals(yield* HttpPolicyData.decode(yield* encode(policy)), policy)
      }).pipe(Effect.orDie),
    { reaches: shapes }
  )

  law(
    "YAML, JSON and Config that say the same are the same data",
    { policy: policies },
    ({ policy }, reach) =>
      Effect.gen(function*() {
        shapesOf(policy, reach)
        const encoded = yield* encode(policy)
        const json = JSON.stringify(encoded)
        deepStrictEqual(JSON.parse(json), encoded)
        assertEquals(yield* HttpPolicyFile.parse(json), policy)
        assertEquals(
          yield* HttpPolicyFile.parse(stringify({ llm: { http: encoded } }), { path: ["llm", "http"] }),
          policy
        )
        const provider = ConfigProvider.fromUnknown({ llm: { http: JSON.parse(json) } }, { preserveEmptyStrings: true })
        assertEquals(yield* HttpPolicyData.config(["llm", "http"]).parse(provider), policy)
      }).pipe(Effect.orDie),
    { reaches: shapes }
  )

  law(
    "a client can be made of all that decodes",
    { policy: policies },
    ({ policy }, reach) => {
      shapesOf(policy, reach)
      return Effect.asVoid(ResilientHttpClient.make(HttpPolicyData.toOptions(policy))).pipe(
        Effect.provide(TestTransport.layer([]))
      )
    },
    { reaches: shapes }
  )

  law(
    "flat keys are the data that they stand for, in any choice of them",
    { flat: Flat },
    ({ flat }, reach) =>
      Effect.gen(function*() {
        if (flat.max_retries !== undefined && flat.timeout !== undefined) reach("retries and a timeout")
        if (flat.max_connections !== undefined || flat.keepalive_expiry !== undefined) reach("a transport")
        const { initial_retry_delay: initial, longer, ...rest } = flat
        const max = longer === undefined ? undefined : longer + (initial ?? 100)
        const seconds = (millis: number | undefined) => millis === undefined ? undefined : millis / 1000
        const written = given({
          ...rest,
          timeout: seconds(flat.timeout),
          initial_retry_delay: seconds(Math.min(initial ?? Infinity, max ?? 20_000)),
          max_retry_delay: seconds(max),
          keepalive_expiry: seconds(flat.keepalive_expiry)
        })
        const { initial_retry_delay: first, max_retry_delay: last, retry_jitter, retry_multiplier } = written
        const backoff = given({
          initial: first,
          max: last,
          factor: retry_multiplier,
          jitter: retry_jitter === undefined ? undefined : { proportional: retry_jitter }
        })
        const retry = given({ times: flat.max_retries, backoff: { type: "exponential", ...backoff } })
        const transport = given({
          connections: flat.max_connections,
          idleConnections: flat.max_keepalive_connections,
          keepAlive: written.keepalive_expiry
        })
        const canonical = given({
          timeouts: written.timeout === undefined ? undefined : { attempt: written.timeout },
          retry,
          transport: Object.keys(transport).length === 0 ? undefined : transport
        })
        assertEquals(yield* HttpPolicyData.decode(written), yield* HttpPolicyData.decode(canonical))
      }).pipe(Effect.orDie),
    { reaches: ["retries and a timeout", "a transport"] }
  )

  const Path = Schema.Literals([
    "",
    "retry",
    "retry.budget",
    "timeouts",
    "circuitBreaker",
    "bulkhead",
    "transport",
    "endpoints.x",
    "endpoints.x.retry"
  ])

  law(
    "a key that nothing has is refused with its path, beside whatever else there is",
    { key: Schema.String, path: Path, policy: policies },
    ({ key, path, policy }, reach) =>
      Effect.gen(function*() {
        reach(path === "" ? "at the top" : "within a part")
        shapesOf(policy, reach)
        const keys = [...path.split(".").filter((part) => part !== ""), `${key}?`]
        const error = yield* Effect.flip(HttpPolicyData.decode(put(yield* encode(policy), keys)))
        const at = keys.map((key) => `[${JSON.stringify(key)}]`).join("")
        assert.match(error.message, /^is not an option(?: \(.*\))?\n/)
        assert.include(error.message, `\n  at ${at}`)
      }).pipe(Effect.orDie),
    { reaches: ["at the top", "within a part", ...shapes] }
  )

  law("merging nothing changes nothing, and merging twice is merging once", {
    policy: policies
  }, ({ policy }, reach) =>
    Effect.gen(function*() {
      shapesOf(policy, reach)
      assertEquals(yield* HttpPolicyData.merge(policy, {}), policy)
      assertEquals(yield* HttpPolicyData.merge({}, policy), policy)
      assertEquals(yield* HttpPolicyData.merge(policy, policy), policy)
    }).pipe(Effect.orDie), { reaches: shapes })
})
