/**
 * The flat keys that users bring along (`max_retries`, `keepalive_expiry`), and what they are in the words of
 * `HttpPolicy`. They are those of Python's HTTP clients: `timeout` is for one attempt, as it is in httpx and in the SDKs
 * on top of it.
 *
 * Guarded by `test/HttpPolicyData.test.ts` and `test/laws.data.test.ts`.
 */
import * as PolicyData from "@holdfast/core/PolicyData"
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

const key = Schema.optionalKey

/** A duration: `"30 seconds"`, or a number of seconds. */
export const Time = PolicyData.PolicyData.fields.deadline.schema

/** The flat keys of a policy. */
export const policyKeys = {
  timeout: key(Time),
  max_retries: key(Schema.Finite),
  initial_retry_delay: key(Time),
  max_retry_delay: key(Time),
  retry_multiplier: key(Schema.Finite),
  retry_jitter: key(Schema.Finite)
}

/** The flat keys of a pool. */
export const poolKeys = {
  max_connections: key(Schema.Finite),
  max_keepalive_connections: key(Schema.Finite),
  keepalive_expiry: key(Time)
}

type Struct<Fields extends Schema.Struct.Fields> = Schema.Struct<Fields>["Type"]
type FlatPolicy = Struct<typeof policyKeys>
type FlatPool = Struct<typeof poolKeys>
type RetryData = NonNullable<PolicyData.PolicyData["retry"]>

interface Said {
  readonly timeouts?: { readonly attempt?: Duration.Duration | false; readonly total?: Duration.Duration | false }
  readonly retry?: RetryData | false
}

interface SaidPool {
  readonly connections?: unknown
  readonly idleConnections?: unknown
  readonly keepAlive?: unknown
}

/** A key that cannot stand beside another, and why. */
export interface Conflict {
  readonly key: string
  readonly reason: string
}

/** The flat keys that set what another key sets too. */
export const policyConflicts = (data: FlatPolicy & Said): ReadonlyArray<Conflict> => {
  const time = data.timeout !== undefined && data.timeouts?.attempt !== undefined
    ? [twice("timeout", "timeouts.attempt")]
    : []
  if (data.retry === undefined) return time
  const retry = data.retry === false ? undefined : data.retry
  const times = data.max_retries !== undefined && (retry === undefined || retry.times !== undefined)
    ? [nested("max_retries", retry === undefined ? "retry" : "retry.times")]
    : []
  const delays = retry === undefined || retry.backoff !== undefined
    ? delayKeys.filter((key) => data[key] !== undefined)
    : []
  return [...time, ...times, ...delays.map((key) => nested(key, retry === undefined ? "retry" : "retry.backoff"))]
}

const delayKeys = ["initial_retry_delay", "max_retry_delay", "retry_multiplier", "retry_jitter"] as const

/** The flat keys of the pool that set what another key sets too. */
export const poolConflicts = (data: FlatPool, pool: SaidPool = {}): ReadonlyArray<Conflict> =>
  poolNames.flatMap(([flat, name]) =>
    data[flat] !== undefined && pool[name] !== undefined ? [twice(flat, `transport.${name}`)] : []
  )

const poolNames = [
  ["max_connections", "connections"],
  ["max_keepalive_connections", "idleConnections"],
  ["keepalive_expiry", "keepAlive"]
] as const

const twice = (key: string, other: string): Conflict => ({
  key,
  reason: `${key} and ${other} are the same: give only one`
})

const nested = (key: string, other: string): Conflict => ({
  key,
  reason: `${key} beside ${other} is a retry around a retry: give only one`
})

/** The `timeouts` and `retry` that flat keys stand for, merged with the nested ones. */
export const policyParts = (flat: FlatPolicy & Said) => {
  const { initial_retry_delay, max_retries, max_retry_delay, retry, retry_jitter, retry_multiplier, timeout } = flat
  const delays = {
    ...(initial_retry_delay !== undefined && { initial: initial_retry_delay }),
    ...(retry_multiplier !== undefined && { factor: retry_multiplier }),
    ...(max_retry_delay !== undefined && { max: max_retry_delay }),
    ...(retry_jitter !== undefined && { jitter: { proportional: retry_jitter } })
  }
  const more: RetryData = {
    ...(max_retries !== undefined && { times: max_retries }),
    ...(Object.keys(delays).length > 0 && { backoff: { type: "exponential" as const, ...delays } })
  }
  return {
    ...(timeout !== undefined && { timeouts: { ...flat.timeouts, attempt: timeout } }),
    ...(retry !== false && Object.keys(more).length > 0 && { retry: { ...retry, ...more } })
  }
}

/** The options of the pool that flat keys stand for. */
export const poolParts = ({ keepalive_expiry, max_connections, max_keepalive_connections }: FlatPool) => ({
  ...(max_connections !== undefined && { connections: max_connections }),
  ...(max_keepalive_connections !== undefined && { idleConnections: max_keepalive_connections }),
  ...(keepalive_expiry !== undefined && { keepAlive: keepalive_expiry })
})

/** Leaves out the flat keys. */
export const withoutFlat = <D extends object>(data: D): Omit<D, keyof FlatPolicy | keyof FlatPool> =>
  Object.fromEntries(Object.entries(data).filter(([key]) => !(key in policyKeys || key in poolKeys))) as never
