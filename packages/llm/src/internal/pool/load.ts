/**
 * What a pool knows of one member: its requests in flight, how long its answers take, how long it has been back, and the room
 * in its limits. A small machine that takes the time as an argument.
 *
 * Guarded by `test/pool/strategy.test.ts` and `test/pool/Pool.test.ts`.
 */
import type { Limits } from "../store/gate.ts"
import { Gate } from "../store/gate.ts"
import { AnswerTokens } from "../usage/tokens.ts"

/** What a response says is left of a limit, and until when. */
export interface Remaining {
  readonly requests: number | undefined
  readonly requestsUntil: number
  readonly tokens: number | undefined
  readonly tokensUntil: number
}

/** The weight of the newest duration in the mean. */
const newest = 0.3

interface Mean {
  readonly millis: number
  readonly at: number
}

export class MemberLoad {
  /** Who is let in: limits, cool-down, and requests in flight. */
  gate: Gate
  private readonly limits: Limits
  private readonly means: { generateText?: Mean; streamText?: Mean; embedMany?: Mean } = {}
  private back: number | undefined = undefined
  private readonly answers = new AnswerTokens()
  private remaining: Remaining | undefined = undefined
  private readonly warmUp: number
  private readonly halfLife: number

  constructor(limits: Limits, warmUp: number, halfLife: number) {
    this.limits = limits
    this.gate = new Gate()
    this.enterBy(this.gate)
    this.warmUp = warmUp
    this.halfLife = halfLife
  }

  /** Lets requests in by a gate, which may know the member from before. */
  enterBy(gate: Gate): void {
    this.gate = gate
    gate.limit(this.limits)
    gate.onReturn = (now) => this.returned(now)
  }

  /** Milliseconds until there is room for a request that sends so many tokens; 0 where there is room now. */
  room(now: number, input: number): number {
    const tokens = this.expected(input)
    const own = this.gate.room(now, tokens)
    const { remaining } = this
    if (remaining === undefined) return own
    const requests = (remaining.requests ?? Infinity) < 1 ? remaining.requestsUntil - now : 0
    const left = (remaining.tokens ?? Infinity) < tokens ? remaining.tokensUntil - now : 0
    return Math.max(own, requests, left, 0)
  }

  /** The tokens that a request is expected to take, with its answer. */
  expected(input: number): number {
    return input + this.answers.expected
  }

  /** An answer had so many tokens. */
  wrote(output: number): void {
    this.answers.learn(output)
  }

  /** What the vendor says is left counts, until the instant that it names. */
  learn(remaining: Remaining): void {
    this.remaining = remaining
  }

  /** A request was sent, or took other tokens than expected: there is less left. */
  take(requests: number, tokens: number): void {
    const { remaining } = this
    if (remaining === undefined) return
    this.remaining = {
      ...remaining,
      requests: remaining.requests === undefined ? undefined : remaining.requests - requests,
      tokens: remaining.tokens === undefined ? undefined : remaining.tokens - tokens
    }
  }

  /** An answer has begun, or is whole, `millis` after its request. */
  answered(method: keyof MemberLoad["means"], now: number, millis: number): void {
    const mean = this.means[method]
    this.means[method] = {
      millis: mean === undefined ? millis : mean.millis + newest * (millis - mean.millis),
      at: now
    }
  }

  /** An answer had not begun, or was not whole, after `millis`, and was not waited for any longer. */
  outpaced(method: keyof MemberLoad["means"], now: number, millis: number): void {
    if (millis > (this.means[method]?.millis ?? 0)) this.answered(method, now, millis)
  }

  /**
   * The decayed mean of the durations times the requests in flight and this one: Finagle's Peak EWMA, without its peaks. A member
   * that has not been measured costs nothing, so it is tried; a slow one that nothing is sent to is tried again in time.
   */
  cost(method: keyof MemberLoad["means"], now: number): number {
    const mean = this.means[method]
    return mean === undefined ? 0 : mean.millis * 2 ** ((mean.at - now) / this.halfLife) * (this.gate.busy + 1)
  }

  /** Goes on with what another load has learnt of the same member. */
  resume({ answers, back, means, remaining }: MemberLoad): void {
    Object.assign(this.means, means)
    this.back = back
    this.answers.resume(answers)
    this.remaining = remaining
  }

  /** The member answers again after a cool-down. */
  returned(now: number): void {
    this.back = now
  }

  /** How much of its share a member gets: from 0 when it has come back to 1 after the warm-up. */
  warmth(now: number): number {
    if (this.back === undefined || this.warmUp === 0) return 1
    const share = (now - this.back) / this.warmUp
    if (share >= 1) this.back = undefined
    return Math.max(0.05, Math.min(1, share))
  }
}
