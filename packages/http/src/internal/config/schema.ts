/**
 * The shape of a policy for HTTP in a file. What its values may be is checked as it is in code: see `faults.ts`.
 *
 * Guarded by `test/laws.data.test.ts` and `test/HttpPolicyData.test.ts`.
 */
import * as Hedge from "@holdfast/core/Hedge"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Effect from "effect/Effect"
import { all as allMethods } from "effect/http/HttpMethod"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Flat from "./flatKeys.ts"

const { Time } = Flat
const { bulkhead, circuitBreaker, rateLimit, retry } = PolicyData.PolicyData.fields
const key = Schema.optionalKey
const orNone = <S extends Schema.Constraint>(schema: S) => key(Schema.Union([Schema.Literal(false), schema]))

/** Rejects options for which `Hedge.quantile` throws, with its message. */
const isQuantile = Schema.makeFilter<Parameters<typeof Hedge.quantile>[0]>((data) => {
  try {
    Hedge.quantile(data)
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}, { expected: "a valid quantile" })

const QuantileData = Schema.Struct({
  quantile: key(Schema.Finite),
  window: key(Time),
  minimumCalls: key(Schema.Finite),
  min: key(Time),
  max: key(Time)
}).check(isQuantile)

/** `after` is a duration or a quantile of the latency. The hedge shares the retries' budget. */
const HedgeData = Schema.Struct({
  after: Schema.Union([Time, QuantileData]),
  max: key(Schema.Finite),
  maxKeys: key(Schema.Finite),
  idleTimeToLive: key(Time)
})

export type HedgeData = typeof HedgeData.Type

const parts = {
  retry: orNone(retry.schema),
  timeouts: key(Schema.Struct({ attempt: orNone(Time), total: orNone(Time) })),
  bulkhead: orNone(bulkhead.schema),
  rateLimit: orNone(rateLimit.schema),
  circuitBreaker: orNone(circuitBreaker.schema),
  hedge: orNone(HedgeData),
  retryOn: key(Schema.Array(Schema.Finite)),
  idempotencyKey: key(Schema.Literals(["auto", "none"])),
  idempotent: key(Schema.Boolean),
  streamBody: key(Schema.Literals(["once", "replayable"])),
  commit: key(Schema.Literals(["firstByte", "head"]))
}

const EndpointData = Schema.Struct({
  origin: key(Schema.String),
  path: key(Schema.String),
  methods: key(Schema.Array(Schema.Literals([...allMethods]))),
  ...parts
})

export const TransportData = Schema.Struct({
  connections: key(Schema.Finite),
  idleConnections: key(Schema.Finite),
  maxConnections: key(Schema.Finite),
  keepAlive: key(Time),
  keepAliveMax: key(Time),
  connectTimeout: key(Time),
  headersTimeout: key(Time),
  bodyTimeout: key(Time),
  poolWait: key(Time),
  poolQueue: key(Schema.Finite),
  gracePeriod: key(Time)
})

/** The settings of a file, once flat keys stand where they belong. */
export const Settings = Schema.Struct({
  name: key(Schema.String),
  baseUrl: key(Schema.String),
  headers: key(Schema.Record(Schema.String, Schema.String)),
  userAgent: key(Schema.String),
  attemptHeader: key(Schema.Union([Schema.Boolean, Schema.String])),
  deadlineHeader: key(Schema.Union([Schema.Boolean, Schema.String])),
  ...parts,
  endpoints: key(Schema.Record(
    Schema.String,
    Schema.Struct({ ...EndpointData.fields, ...Flat.policyKeys }).pipe(Schema.decodeTo(
      Schema.toType(EndpointData),
      SchemaTransformation.transformEffect({
        decode: (data) =>
          unless(Flat.policyConflicts(data), () => Flat.withoutFlat({ ...data, ...Flat.policyParts(data) })),
        encode: (data) => Effect.succeed(data)
      })
    ))
  )),
  transport: key(TransportData)
})

/** The keys at the root of a file and of an endpoint. */
export const rootKeys: ReadonlyArray<string> = [
  ...Object.keys(Settings.fields),
  ...Object.keys(Flat.policyKeys),
  ...Object.keys(Flat.poolKeys)
]
export const endpointKeys: ReadonlyArray<string> = [
  ...Object.keys(EndpointData.fields),
  ...Object.keys(Flat.policyKeys)
]

/** The schema of a file, whose settings `Checked` takes. */
export const withFlatKeys = <S extends Schema.Codec<typeof Settings.Type>>(Checked: S) =>
  Schema.Struct({ ...Settings.fields, ...Flat.policyKeys, ...Flat.poolKeys }).pipe(
    Schema.decodeTo(
      Checked,
      SchemaTransformation.transformEffect({
        decode: (data) =>
          unless([...Flat.policyConflicts(data), ...Flat.poolConflicts(data, data.transport)], () => {
            const pool = Flat.poolParts(data)
            return Flat.withoutFlat({
              ...data,
              ...Flat.policyParts(data),
              ...(Object.keys(pool).length > 0 && { transport: { ...data.transport, ...pool } })
            })
          }),
        encode: (data) => Effect.succeed(data)
      })
    )
  )

/** Makes a value, unless keys contradict one another. */
const unless = <A>(conflicts: ReadonlyArray<Flat.Conflict>, make: () => A): Effect.Effect<A, SchemaIssue.Issue> => {
  const [first, ...more] = conflicts.map(({ key, reason }) =>
    new SchemaIssue.Pointer([key], new SchemaIssue.InvalidValue({ message: reason }))
  )
  return first === undefined
    ? Effect.sync(make)
    : Effect.fail(new SchemaIssue.Composite(Settings.ast, [first, ...more]))
}
