/**
 * The laws of policies that several callers share, with every mixture of parts, several keys, and callers who leave
 * before their call has ended.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { between, breakers, budgets, build, bulkheads, deadlineOf, hedgesOf, Mixture, rateLimits } from "../AllParts.ts"
import { type Call, Callers, crowd, type Moment } from "../Crowd.ts"
import { show } from "../Script.ts"

type AnyCall = Call<unknown, unknown>
type AnyMoment = Moment<unknown, unknown>

const tagOf = ({ what }: AnyMoment): string => typeof what === "string" ? what : what._tag

/** Whether a moment shows that the call has been let in by the parts around its attempts. */
const begins = ({ what }: AnyMoment): boolean => typeof what !== "string" && what.attempt > 0

/** When each call that was let in began its first attempt. */
const beginnings = (moments: ReadonlyArray<AnyMoment>): ReadonlyArray<AnyMoment> => {
  const begun = new Set<AnyCall>()
  return moments.filter((moment) => begins(moment) && !begun.has(moment.call) && begun.add(moment.call))
}

const reasonOf = <E>({ exit }: Call<unknown, E>): PolicyError.Reason | undefined => {
  const error = exit === undefined || Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)
  return PolicyError.isPolicyError(error) ? error.reason : undefined
}

/** Scripts without attempts that nothing can interrupt: they are waited for, whatever the deadline. */
const hearing = (callers: typeof Callers.Type): typeof Callers.Type =>
  callers.map((caller) => ({ ...caller, steps: caller.steps.filter(({ outcome }) => outcome !== "deaf") }))

const input = { callers: Callers, mixture: Mixture }

/** Callers who may all want the same, so that they wait for each other. */
const crowded = { ...input, oneKey: Schema.Boolean }
const ofKeys = (callers: typeof Callers.Type, oneKey: boolean): typeof Callers.Type =>
  oneKey ? callers.map((caller) => ({ ...caller, key: "none", comesAfter: 0 })) : callers

/** Whether the deadline has ended a call or its retries. */
const metDeadline = ({ events }: AnyCall): boolean =>
  events.some((event) =>
    event._tag === "DeadlinePassed" || (event._tag === "RetryStopped" && event.reason === "deadline")
  )

describe("C1", () => {
  law(
    "a call is executed at most (1 + times) x (1 + hedges), whatever other callers do",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const { policy } = yield* build(mixture)
        const { calls } = yield* crowd(callers, policy)
        const legs = 1 + hedgesOf(mixture)
        for (const call of calls) {
          assertTrue(call.executions <= (1 + mixture.times) * legs)
          assertTrue(call.parallel <= legs)
          if (call.executions > 1) reach("a call that is executed again")
        }
      }),
    { reaches: ["a call that is executed again"] }
  )
})

describe("C3", () => {
  // Another holds a permit for so long, who has more time than the callers.
  const Occupied = Schema.Literals([0, 700, 4_500])

  law(
    "waits, attempts and delays together keep to the deadline",
    { ...input, occupied: Occupied },
    ({ callers, mixture: drawn, occupied }, reach) =>
      Effect.gen(function*() {
        // One that ends some of the calls.
        const mixture = { ...drawn, deadline: drawn.deadline === 5_000 ? 5_000 : 1_000 } as const
        const deadline = deadlineOf(mixture)
        const { bulkhead, policy } = yield* build(mixture)
        if (bulkhead !== undefined) {
          yield* Effect.forkChild(bulkhead.protect(Effect.sleep(occupied)), { startImmediately: true })
        }
        const { calls } = yield* crowd(hearing(callers), policy)
        if (calls.some(metDeadline)) reach("a deadline that ends a call")
        for (const { endedAt, events, startedAt } of calls) {
          assertTrue(deadline === Infinity || endedAt - startedAt <= deadline)
          for (const event of events) {
            if (event._tag === "RetryScheduled") assertTrue(event.at + event.delay < startedAt + deadline)
          }
        }
      }),
    { reaches: ["a deadline that ends a call"] }
  )
})

describe("C4", () => {
  const { minPerSecond, ratio } = budgets.small
  const window = 10_000

  law(
    "retries and hedges keep to the budget, in every window",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const { policy } = yield* build({ ...mixture, budget: "small", times: mixture.times + 2 })
        const { moments } = yield* crowd(callers, policy)
        const deposits = beginnings(moments)
        const withdrawals = moments.filter((moment) => ["RetryScheduled", "Hedged"].includes(tagOf(moment)))
        const isSpent = ({ what }: AnyMoment) =>
          typeof what !== "string" && what._tag === "RetryStopped" && what.reason === "budget"
        if (moments.some(isSpent)) reach("a spent budget")
        for (const { at } of withdrawals) {
          const inWindow = (moment: AnyMoment) => moment.at > at - window && moment.at <= at
          const allowed = minPerSecond * window / 1_000 + ratio * deposits.filter(inWindow).length
          const made = withdrawals.filter(inWindow).length
          assertTrue(made <= allowed, `${made} retries where ${allowed} are allowed`)
        }
      }),
    { reaches: ["a spent budget"] }
  )
})

describe("C5", () => {
  law(
    "an open circuit admits none, a half-open one its probes, and who leaves makes room",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const kind = mixture.circuitBreaker === "rate" ? "rate" : "consecutive"
        const probes = kind === "rate" ? 2 : 1
        const { held, policy } = yield* build({ ...mixture, circuitBreaker: kind })
        const { moments } = yield* crowd(callers, policy)
        for (const key of [undefined, "blue"]) {
          let openUntil = -Infinity
          let isOpen = false
          // The attempts that were let through since, of which those count that still run.
          let probing = new Set<AnyCall>()
          const running = new Map<AnyCall, number>()
          for (const moment of moments.filter(({ call }) => call.key === key)) {
            const { at, call, what } = moment
            if (what === "executed") running.set(call, (running.get(call) ?? 0) + 1)
            if (what === "ran") running.set(call, (running.get(call) ?? 0) - 1)
            if (typeof what !== "string" && what._tag === "CircuitChanged") {
              isOpen = what.to === "Open"
              probing = new Set()
              if (isOpen) reach("a circuit that opens")
              if (isOpen) openUntil = at + breakers[kind].openFor
            } else if (isOpen && tagOf(moment) === "AttemptStarted") {
              assertTrue(at >= openUntil, `an attempt started ${openUntil - at} ms before the circuit was half-open`)
              probing = new Set([...probing].filter((probe) => probe !== call && running.get(probe) !== 0)).add(call)
              assertTrue(probing.size <= probes, `${probing.size} probes at the same time`)
            }
          }
        }
        deepStrictEqual(yield* held, [])
      }),
    { reaches: ["a circuit that opens"] }
  )

  law(
    "a circuit in a store admits none while it is open",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const { circuitBreaker, held, policy } = yield* build({ ...mixture, circuitBreaker: "shared", hedge: "none" })
        const runSync = Effect.runSyncWith(yield* Effect.context())
        const { moments, wrongs } = yield* crowd(callers, policy, {
          wrong: ({ call, what }) => {
            if (what !== "executed" || circuitBreaker === undefined) return
            const state = runSync(circuitBreaker.state({ key: call.key }))
            if (state._tag === "HalfOpen") reach("a probe")
            return state._tag === "Open" ? "an attempt of a call that the circuit rejected" : undefined
          }
        })
        deepStrictEqual(wrongs, [])
        deepStrictEqual(yield* held, [])
        if (
          moments.some(({ what }) =>
            typeof what !== "string" && what._tag === "Rejected" && what.by === "circuitBreaker"
          )
        ) {
          reach("a rejection")
        }
      }),
    { reaches: ["a rejection", "a probe"] }
  )
})

describe("C6", () => {
  law(
    "so many run, so many wait, in order, and who leaves makes room",
    crowded,
    ({ callers, mixture, oneKey }, reach) =>
      Effect.gen(function*() {
        const kind = mixture.bulkhead === "none" ? "small" : mixture.bulkhead
        const { limit, queue } = bulkheads[kind]
        const { bulkhead, held, policy } = yield* build({ ...mixture, bulkhead: kind, rateLimit: "none" })
        const runSync = Effect.runSyncWith(yield* Effect.context())
        const { calls, moments, wrongs } = yield* crowd(ofKeys(callers, oneKey), policy, {
          wrong: ({ call: { key } }) => {
            const stats = bulkhead === undefined ? undefined : runSync(bulkhead.stats({ key }))
            return stats !== undefined && stats.running <= limit && stats.waiting <= queue
              ? undefined
              : JSON.stringify(stats)
          }
        })
        deepStrictEqual(wrongs, [])
        for (const key of [undefined, "blue"]) {
          // A call has a permit while an attempt runs, and during the delays between attempts.
          const running = new Map<AnyCall, number>()
          const delaying = new Set<AnyCall>()
          const queued: Array<AnyCall> = []
          for (const moment of moments.filter(({ call }) => call.key === key)) {
            const { call, what } = moment
            if (what === "executed") running.set(call, (running.get(call) ?? 0) + 1)
            if (what === "ran") running.set(call, (running.get(call) ?? 0) - 1)
            if (tagOf(moment) === "RetryScheduled") delaying.add(call)
            else delaying.delete(call)
            if (tagOf(moment) === "Queued") queued.push(call)
            if (queued.includes(call) && tagOf(moment) === "AttemptStarted") reach("a permit after a wait")
            if (tagOf(moment) === "Rejected") reach("a rejection")
            const holding = calls.filter((call) => (running.get(call) ?? 0) > 0 || delaying.has(call))
            assertTrue(holding.filter((call) => call.key === key).length <= limit, "more calls run than may")
          }
          const served = beginnings(moments).map(({ call }) => call).filter((call) => queued.includes(call))
          deepStrictEqual(served, queued.filter((call) => served.includes(call)))
        }
        deepStrictEqual(yield* held, [])
      }),
    { reaches: ["a permit after a wait", "a rejection"] }
  )

  law(
    "a rate limit lets so many in, in order, and who leaves makes room",
    crowded,
    ({ callers, mixture, oneKey }, reach) =>
      Effect.gen(function*() {
        const kind = mixture.rateLimit === "none" ? "bucket" : mixture.rateLimit
        const { limit, window } = rateLimits[kind]
        const { held, policy } = yield* build({ ...mixture, rateLimit: kind, bulkhead: "none" })
        const { calls, moments } = yield* crowd(ofKeys(callers, oneKey), policy)
        if (calls.some((call) => reasonOf(call)?._tag === "RateLimited")) reach("a rejection")
        for (const key of [undefined, "blue"]) {
          const begun = beginnings(moments).filter(({ call }) => call.key === key)
          for (const { at, call } of begun) {
            if (at > call.startedAt) reach("a permission after a wait")
            // Two windows may meet, and a bucket that is full may fill again.
            const inWindow = begun.filter((other) => other.at > at - window && other.at <= at)
            assertTrue(inWindow.length <= 2 * limit, `${inWindow.length} calls in a window`)
          }
          const came = calls.filter((call) => begun.some((moment) => moment.call === call))
          const inOrder = came.toSorted((one, other) => one.startedAt - other.startedAt)
          deepStrictEqual(begun.map(({ call }) => call.startedAt), inOrder.map(({ startedAt }) => startedAt))
        }
        deepStrictEqual(yield* held, [])
      }),
    { reaches: ["a rejection", "a permission after a wait"] }
  )

  law(
    "a call that is rejected has not run, and says so",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const { policy } = yield* build(mixture)
        const { calls } = yield* crowd(callers, policy)
        for (const call of calls) {
          const reason = reasonOf(call)
          if (reason !== undefined && reason._tag !== "AttemptTimeout") reach("a rejection")
          switch (reason?._tag) {
            case "BulkheadFull":
            case "RateLimited":
              strictEqual(call.executions, 0)
              assertTrue(reason.message.endsWith("nothing of the call ran"))
              break
            case "DeadlineExceeded":
              strictEqual(reason.phase === "queue", call.executions === 0)
              break
            case "CircuitOpen":
              assertTrue(call.executions <= mixture.times * (1 + hedgesOf(mixture)))
              assertTrue(reason.message.endsWith("nothing of the call ran"))
          }
        }
      }),
    { reaches: ["a rejection"] }
  )
})

describe("C7", () => {
  law(
    "hedges keep to their number, and the losers have ended when the answer is seen",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const hedge = mixture.hedge === "none" ? "twice" : mixture.hedge
        const { policy } = yield* build({ ...mixture, hedge })
        const { calls, wrongs } = yield* crowd(callers, policy, { lingers: 70 })
        for (const { events } of calls) {
          for (const attempt of events.map((event) => event.attempt)) {
            const hedged = events.filter((event) => event._tag === "Hedged" && event.attempt === attempt)
            if (hedged.length > 0) reach("a hedge")
            assertTrue(hedged.length <= hedgesOf({ ...mixture, hedge }))
          }
        }
        deepStrictEqual(wrongs, [])
      }),
    { reaches: ["a hedge"] }
  )
})

describe("C9", () => {
  law(
    "the same seed and clock give the same story",
    { ...input, seed: between(0, 1_000) },
    ({ callers, mixture, seed }, reach) =>
      Effect.gen(function*() {
        const story = Effect.gen(function*() {
          const { policy } = yield* build(mixture)
          const { calls, moments } = yield* crowd(callers, policy, { seed })
          return {
            moments: moments.map(({ at, call, what }) => [at, calls.indexOf(call), what]),
            exits: calls.map(({ exit }) => exit === undefined ? undefined : show(exit))
          }
        })
        const first = yield* story
        deepStrictEqual(yield* story, first)
        if (callers.length > 1) reach("several callers")
        if (first.moments.filter(([, , what]) => what === "executed").length > callers.length) {
          reach("more executions than callers")
        }
      }),
    { reaches: ["several callers", "more executions than callers"] }
  )
})

describe("interruption", () => {
  law(
    "leaves no attempt, timer, permit, place or probe, whenever it comes",
    input,
    ({ callers, mixture }, reach) =>
      Effect.gen(function*() {
        const { held, policy } = yield* build(mixture)
        const { calls, moments, wrongs } = yield* crowd(callers, policy)
        if (moments.some(({ what }) => what === "left")) reach("a caller who leaves")
        deepStrictEqual(wrongs, [])
        deepStrictEqual(yield* held, [])
        for (const { exit, running, sleeping } of calls) {
          assertTrue(exit !== undefined)
          deepStrictEqual([running, sleeping], [0, 0])
        }
      }),
    { cases: 3_000, reaches: ["a caller who leaves"] }
  )
})
