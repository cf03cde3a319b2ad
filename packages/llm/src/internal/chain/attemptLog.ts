/** The story of one request: its attempts, one after the other, with how each ended. It tells the observers. */
import type * as AiError from "effect/ai/AiError"
import * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import type { Attempt } from "../../ChainError.ts"
import { NoAnswer } from "../../ChainError.ts"
import type { ChainEvent, Observer } from "../../ChainEvent.ts"
import type { Decision } from "../../FallbackDecision.ts"
import type { Provider } from "../../Provider.ts"
import { deadlinePassed } from "./chainReasons.ts"
import type { AttemptFailure, Entry, Running } from "./member.ts"

/** An attempt that has ended while what follows is not yet known. A missing failure means that it was interrupted. */
export interface Pending {
  readonly endedAt: number
  readonly failure: AttemptFailure | undefined
}

export type Method = "generateText" | "streamText"

export class Story {
  readonly method: Method
  readonly observers: ReadonlyArray<Observer>
  readonly now: () => number
  readonly attempts: Array<Attempt> = []
  /** The attempt that is running or has just ended, until the story has its outcome. */
  unsettled: Running | undefined = undefined
  pending: Pending | undefined = undefined
  /** What the provider of the unsettled attempt has reported so far. */
  private reported: Response.Usage | undefined = undefined
  private readonly started = new Map<Entry, number>()

  constructor(method: Method, observers: ReadonlyArray<Observer>, now: () => number) {
    this.method = method
    this.observers = observers
    this.now = now
  }

  emit(entry: Entry, attempt: number, event: Told): void {
    if (this.observers.length === 0) return
    const { location, model, name } = entry.provider
    const whole: ChainEvent = { provider: name, model, location, attempt, at: this.now(), ...event }
    for (const observer of this.observers) {
      // An observer must not be able to break the request that it watches.
      try {
        observer(whole)
      } catch {}
    }
  }

  begin(entry: Entry): Running {
    const running = { entry, attempt: (this.started.get(entry) ?? 0) + 1, startedAt: this.now() }
    this.started.set(entry, running.attempt)
    this.unsettled = running
    this.emit(entry, running.attempt, { _tag: "AttemptStarted" })
    return running
  }

  /** The attempt has ended in failure; what follows is for its policy to say. */
  ended(failure: AttemptFailure | undefined): void {
    this.pending = { endedAt: this.now(), failure }
  }

  /** The provider has said what the attempt costs, whether it will succeed or not. */
  report(finish: Response.FinishPartEncoded): void {
    this.reported = new Response.Usage(finish.usage)
  }

  committed({ attempt, entry, startedAt }: Running): void {
    this.emit(entry, attempt, { _tag: "Committed", duration: Duration.millis(this.now() - startedAt) })
  }

  /** The attempt has failed, and what follows is known. */
  failed(
    running: Running,
    reason: AiError.AiErrorReason,
    decision: Decision,
    delay?: Duration.Duration
  ): Attempt {
    const { location, model, name } = running.entry.provider
    const duration = Duration.millis((this.pending?.endedAt ?? this.now()) - running.startedAt)
    const usage = this.reported
    const attempt = { provider: name, model, location, attempt: running.attempt, reason, decision, duration, usage }
    this.settle()
    this.attempts.push(attempt)
    this.emit(running.entry, running.attempt, { _tag: "AttemptFailed", duration, reason, decision, delay, usage })
    return attempt
  }

  succeeded(running: Running): void {
    const usage = this.reported
    this.settle()
    running.entry.cooldown.whole()
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.entry, running.attempt, { _tag: "AttemptSucceeded", duration, usage })
  }

  /** The caller went away. */
  abandon(): void {
    const running = this.unsettled
    if (running === undefined) return
    const usage = this.reported
    this.settle()
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.entry, running.attempt, { _tag: "AttemptInterrupted", duration, usage })
  }

  /** The request's deadline has passed: what was running is its last attempt. */
  expire(entries: ReadonlyArray<Entry>): NoAnswer {
    const decision: Decision = { _tag: "Fail", because: "the deadline has passed" }
    if (this.unsettled !== undefined) {
      this.failed(this.unsettled, deadlinePassed(this.unsettled.entry.provider), decision)
    }
    const [first] = entries
    if (this.attempts.length === 0 && first !== undefined) {
      this.unasked(first.provider, deadlinePassed(first.provider), decision)
    }
    return this.failure()
  }

  /** A provider that nothing was sent to is in the story with why. */
  unasked({ location, model, name }: Provider, reason: AiError.AiErrorReason, decision: Decision): void {
    const duration = Duration.zero
    this.attempts.push({ provider: name, model, location, attempt: 0, reason, decision, duration, usage: undefined })
  }

  private settle(): void {
    this.unsettled = undefined
    this.pending = undefined
    this.reported = undefined
  }

  /** The story so far as an error, with the reason of its last attempt. */
  failure(): NoAnswer {
    const [first, ...rest] = this.attempts
    if (first === undefined) throw new RangeError("ProviderChain: a request cannot fail before its first attempt")
    return new NoAnswer({
      module: "ProviderChain",
      method: this.method,
      reason: (rest.at(-1) ?? first).reason,
      attempts: [first, ...rest]
    })
  }
}

type Told = ChainEvent extends infer E ?
  E extends ChainEvent ? Omit<E, "provider" | "model" | "location" | "attempt" | "at">
  : never
  : never
