/** What a run came to, by act and over time. Pure. */
import { createHistogram } from "node:perf_hooks"
import { type Act, actAt, arrivals, duration } from "./acts.ts"
import type { Memory, Played } from "./player.ts"
import type { Seen } from "./server.ts"

/** What the calls that were due in one act, or in all, came to. */
export interface Summary {
  readonly act: string
  readonly calls: number
  /** The share of calls with a good answer. */
  readonly success: number
  /** Good answers a second. */
  readonly throughput: number
  /** How long calls took from when they were due to their end, good or not, in milliseconds. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** Requests that the server saw, a call. */
  readonly amplification: number
  /** The most sockets open at the server. */
  readonly sockets: number
  /** The most memory, in bytes. */
  readonly memory: Memory
}

/** A moment of a run. */
export interface Sample {
  /** Its middle, in seconds from the beginning of the first act. */
  readonly at: number
  /** Of the calls that were due in it. Undefined when none were. */
  readonly success: number | undefined
  readonly p99: number | undefined
  /** Requests a second that reached the server in it. */
  readonly requests: number
}

export interface Result {
  readonly client: string
  readonly acts: ReadonlyArray<Summary>
  readonly whole: Summary
  readonly samples: ReadonlyArray<Sample>
}

/** The percentiles of some waits, by Node's HdrHistogram: to a thousandth of a wait. */
export const percentiles = (millis: ReadonlyArray<number>): Pick<Summary, "p50" | "p90" | "p99" | "max"> => {
  const micros = createHistogram({ figures: 3 })
  for (const wait of millis) micros.record(Math.max(1, Math.round(wait * 1000)))
  const at = (percentile: number) => millis.length === 0 ? NaN : micros.percentile(percentile) / 1000
  return { p50: at(50), p90: at(90), p99: at(99), max: millis.length === 0 ? NaN : Math.max(...millis) }
}

const share = (part: number, whole: number): number | undefined => whole === 0 ? undefined : part / whole

/** What came of a client's run under a script; `bucket` is how long a sample is, in milliseconds. */
export const evaluate = (
  client: string,
  acts: ReadonlyArray<Act>,
  bucket: number,
  { good, memory, waits }: Played,
  { byBucket, byCall, sockets }: Seen
): Result => {
  const calls = arrivals(acts).map((due, index) => ({
    act: actAt(acts, due),
    bucket: Math.floor(due / bucket),
    wait: waits[index] ?? NaN,
    good: good[index] === 1,
    requests: byCall[index] ?? 0
  }))
  type Calls = typeof calls
  const goods = (calls: Calls) => calls.filter(({ good }) => good).length
  const requests = (calls: Calls) => calls.reduce((sum, { requests }) => sum + requests, 0)
  const summary = (
    act: string,
    calls: Calls,
    millis: number,
    sockets: ReadonlyArray<number>,
    memory: ReadonlyArray<Memory>
  ): Summary => ({
    act,
    calls: calls.length,
    success: share(goods(calls), calls.length) ?? NaN,
    throughput: goods(calls) / millis * 1000,
    ...percentiles(calls.map(({ wait }) => wait)),
    amplification: share(requests(calls), calls.length) ?? NaN,
    sockets: Math.max(...sockets),
    memory: {
      heap: Math.max(...memory.map(({ heap }) => heap)),
      resident: Math.max(...memory.map(({ resident }) => resident))
    }
  })
  const byAct = Map.groupBy(calls, ({ act }) => act)
  const due = Map.groupBy(calls, ({ bucket }) => bucket)
  return {
    client,
    acts: acts.map(({ millis, name }, index) =>
      summary(name, byAct.get(index) ?? [], millis, sockets.slice(index, index + 1), memory.slice(index, index + 1))
    ),
    whole: summary("whole run", calls, duration(acts), sockets, memory),
    samples: byBucket.map((requests, index) => {
      const calls = due.get(index) ?? []
      return {
        at: (index + 0.5) * bucket / 1000,
        success: share(goods(calls), calls.length),
        p99: calls.length === 0 ? undefined : percentiles(calls.map(({ wait }) => wait)).p99,
        requests: requests / bucket * 1000
      }
    })
  }
}
