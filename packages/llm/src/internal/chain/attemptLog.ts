/**
 * The log of one request: its attempts, one after the other, with how each ended. It is written by the request and tells the
 * observers; it decides nothing.
 */
import type * as AiError from "effect/ai/AiError"
import * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import type { Attempt } from "../../ChainError.ts"
import { NoAnswer } from "../../ChainError.ts"
import type { ChainEvent, Observer, Reported } from "../../ChainEvent.ts"
import type { Decision } from "../../FallbackDecision.ts"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import { hourCacheWrites } from "../usage/hourCacheWrites.ts"
import type { Tags } from "../usage/tags.ts"
import { deadlinePassed } from "./chainReasons.ts"
import type { AttemptFailure, ChainMember, Method, RunningAttempt } from "./member.ts"

const unreported: Reported = { usage: undefined }

export class AttemptLog {
  readonly method: Method
  readonly observers: ReadonlyArray<Observer>
  readonly now: () => number
  readonly attempts: Array<Attempt> = []
  /** The attempt that is running or has just ended, until the log has its outcome. */
  private running: RunningAttempt | undefined = undefined
  /** What the provider of the running attempt has reported so far. */
  private reported: Reported = unreported
  private readonly tags: Pick<ChainEvent, "tags">
  private readonly started = new Map<ChainMember, number>()

  constructor(method: Method, observers: ReadonlyArray<Observer>, now: () => number, tags: Tags) {
    this.method = method
    this.observers = observers
    this.now = now
    this.tags = Object.keys(tags).length === 0 ? {} : { tags }
  }

  emit(member: ChainMember, attempt: number, event: Told): void {
    if (this.observers.length === 0) return
    const { location, model, name } = member.provider
    const whole: ChainEvent = { provider: name, model, location, attempt, at: this.now(), ...this.tags, ...event }
    for (const observer of this.observers) {
      // An observer must not be able to break the request that it watches.
      try {
        observer(whole)
      } catch {}
    }
  }

  begin(member: ChainMember): RunningAttempt {
    const attempt = (this.started.get(member) ?? 0) + 1
    const running: RunningAttempt = { member, attempt, startedAt: this.now(), reservation: undefined }
    this.started.set(member, attempt)
    this.running = running
    this.emit(member, attempt, { _tag: "AttemptStarted" })
    return running
  }

  /** The provider has said what the attempt costs, whether it will succeed or not. */
  report(finish: Response.FinishPartEncoded): void {
    const hourCacheWriteTokens = hourCacheWrites(finish)
    this.reported = {
      usage: new Response.Usage(finish.usage),
      ...(hourCacheWriteTokens !== undefined && { hourCacheWriteTokens })
    }
  }

  committed({ attempt, member, startedAt }: RunningAttempt): void {
    this.emit(member, attempt, { _tag: "Committed", duration: Duration.millis(this.now() - startedAt) })
  }

  /** The attempt has failed, and what follows is known. */
  failed(
    running: RunningAttempt,
    reason: AiError.AiErrorReason,
    decision: Decision,
    { delay, endedAt = this.now() }: { readonly endedAt?: number; readonly delay?: Duration.Duration } = {}
  ): Attempt {
    const { location, model, name } = running.member.provider
    const duration = Duration.millis(endedAt - running.startedAt)
    const { reported } = this
    const { usage } = reported
    const attempt = { provider: name, model, location, attempt: running.attempt, reason, decision, duration, usage }
    this.settle()
    this.attempts.push(attempt)
    this.emit(running.member, running.attempt, {
      _tag: "AttemptFailed",
      duration,
      reason,
      decision,
      delay,
      ...reported
    })
    return attempt
  }

  /** The attempt has failed, and another one follows there after `delay` milliseconds. */
  readonly retried = ({ endedAt, follows, reason, running }: AttemptFailure, delay: number): void => {
    if (follows.retry !== undefined) {
      this.failed(running, reason, follows.retry, { endedAt, delay: Duration.millis(delay) })
    }
  }

  succeeded(running: RunningAttempt): void {
    const { reported } = this
    this.settle()
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.member, running.attempt, { _tag: "AttemptSucceeded", duration, ...reported })
  }

  /** The caller went away. */
  abandon(): void {
    const { running } = this
    if (running === undefined) return
    const { reported } = this
    this.settle()
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.member, running.attempt, { _tag: "AttemptInterrupted", duration, ...reported })
  }

  /** The request's deadline has passed: what was running is its last attempt. */
  expire(members: ReadonlyArray<ChainMember>): NoAnswer {
    const decision: Decision = { _tag: "Fail", because: "the deadline has passed" }
    if (this.running !== undefined) {
      this.failed(this.running, deadlinePassed(this.running.member.provider), decision)
    }
    const [first] = members
    if (this.attempts.length === 0 && first !== undefined) {
      this.unasked(first.provider, deadlinePassed(first.provider), decision)
    }
    return this.failure()
  }

  /** Nothing was sent to this provider, for this reason. */
  unasked({ location, model, name }: Provider, reason: AiError.AiErrorReason, decision: Decision): void {
    const duration = Duration.zero
    this.attempts.push({ provider: name, model, location, attempt: 0, reason, decision, duration, usage: undefined })
  }

  private settle(): void {
    this.running = undefined
    this.reported = unreported
  }

  /**
   * The log so far as an error. Its reason is the first refusal of unknown kind, which is closest to what the caller asked for;
   * without one, or if the last attempt was refused for what the request says, that of the last attempt.
   */
  failure(): NoAnswer {
    const [first, ...rest] = this.attempts
    if (first === undefined) throw new RangeError("ProviderChain: a request cannot fail before its first attempt")
    const last = rest.at(-1) ?? first
    const { reason } = isAboutRequest(last) ? last : this.attempts.find(isUnexplained) ?? last
    return new NoAnswer({ module: "ProviderChain", method: this.method, reason, attempts: [first, ...rest] })
  }
}

/** Whether the provider refused the request for a reason that no signal explains. */
const isUnexplained = ({ reason }: Attempt): boolean =>
  reason._tag === "InvalidRequestError" && detail(reason).kind === undefined

/** Whether the provider refused what the request says, at every provider or by its policy. */
const isAboutRequest = ({ reason }: Attempt): boolean => {
  const { kind } = detail(reason)
  return kind === "invalidRequest" || reason._tag === "ContentPolicyError"
}

type Told = ChainEvent extends infer E ?
  E extends ChainEvent ? Omit<E, "provider" | "model" | "location" | "attempt" | "at">
  : never
  : never
