/**
 * What a pool knows of one member: its requests in flight, how long its answers take, how long it has been back, and the room
 * in its limits. A small machine that takes the time as an argument.
 */
import { RateWindow } from "./rateWindow.ts"

/** The limits of a member, as its vendor states them for an account. */
export interface Limits {
  readonly requestsPerMinute: number | undefined
  readonly tokensPerMinute: number | undefined
}

/** What a response says is left of a limit, and until when. */
export interface Remaining {
  readonly requests: number | undefined
  readonly requestsUntil: number
  readonly tokens: number | undefined
  readonly tokensUntil: number
}

/** Tokens that a request was let in with, until its usage is known. */
export interface Reservation {
  /** Replaces the estimate by what the vendor reported. */
  readonly settle: (now: number, tokens: number) => void
  /** The request has ended. */
  readonly end: () => void
}

/** The weight of the newest duration in the mean. */
const newest = 0.3

interface Mean {
  readonly millis: number
  readonly at: number
}

export class MemberLoad {
  inFlight = 0
  private readonly means: { generateText?: Mean; streamText?: Mean } = {}
  private back: number | undefined = undefined
  /** The mean of the tokens of answers. */
  private output = 500
  private readonly window: RateWindow
  private remaining: Remaining | undefined = undefined
  private readonly warmUp: number
  private readonly halfLife: number

  constructor(limits: Limits, warmUp: number, halfLife: number) {
    this.window = new RateWindow(limits.requestsPerMinute ?? Infinity, limits.tokensPerMinute ?? Infinity)
    this.warmUp = warmUp
    this.halfLife = halfLife
  }

  /** Milliseconds until there is room for a request that sends so many tokens; 0 where there is room now. */
  room(now: number, input: number): number {
    const tokens = this.expected(input)
    const own = this.window.wait(now, tokens)
    const { remaining } = this
    if (remaining === undefined) return own
    const requests = (remaining.requests ?? Infinity) < 1 ? remaining.requestsUntil - now : 0
    const left = (remaining.tokens ?? Infinity) < tokens ? remaining.tokensUntil - now : 0
    return Math.max(own, requests, left, 0)
  }

  /** Lets a request in. Call `room` first. */
  reserve(now: number, input: number): Reservation {
    const tokens = this.expected(input)
    const entry = this.window.enter(now, tokens)
    this.take(1, tokens)
    this.inFlight++
    let ended = false
    return {
      settle: (at, used) => {
        this.window.correct(entry, at, used)
        this.take(0, used - tokens)
      },
      end: () => {
        if (ended) return
        ended = true
        this.inFlight--
      }
    }
  }

  /** The tokens that a request is expected to take, with its answer. */
  private expected(input: number): number {
    return input + Math.round(this.output)
  }

  /** An answer had so many tokens. */
  wrote(output: number): void {
    this.output += newest * (output - this.output)
  }

  /** What the vendor says is left counts, until the instant that it names. */
  learn(remaining: Remaining): void {
    this.remaining = remaining
  }

  private take(requests: number, tokens: number): void {
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
    return mean === undefined ? 0 : mean.millis * 2 ** ((mean.at - now) / this.halfLife) * (this.inFlight + 1)
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
