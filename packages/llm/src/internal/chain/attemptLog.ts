/**
 * The log of one request: its attempts, with how each ended. It is written by the request and tells the observers; it decides
 * nothing.
 *
 * Guarded by `test/chain/retry.test.ts`, `test/laws.test.ts` and `test/chain/commit.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Attempt } from "../../ChainError.ts"
import { BudgetSpent, NoAnswer } from "../../ChainError.ts"
import type { AttemptInterrupted, ChainEvent, Observer } from "../../ChainEvent.ts"
import type { Decision } from "../../FallbackDecision.ts"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import type { Spent } from "../budget/admission.ts"
import { Meter } from "../usage/reported.ts"
import type { Tags } from "../usage/tags.ts"
import { deadlinePassed } from "./chainReasons.ts"
import type { AttemptFailure, ChainMember, Method, Obstacle, RunningAttempt, Visit } from "./member.ts"

export class AttemptLog {
  readonly method: Method
  readonly observers: ReadonlyArray<Observer>
  readonly now: () => number
  readonly attempts: Array<Attempt> = []
  /** The budget that the request failed for, if it did. */
  spent: Pick<BudgetSpent, "budget" | "because"> | undefined = undefined
  private readonly common: Pick<ChainEvent, "operation" | "tags">
  /** The attempts that are running or have just ended, until the log has their outcome: several if the request is hedged. */
  private readonly running = new Set<RunningAttempt>()
  private readonly started = new Map<ChainMember, number>()

  constructor(method: Method, observers: ReadonlyArray<Observer>, now: () => number, tags: Tags) {
    this.method = method
    this.observers = observers
    this.now = now
    this.common = {
      ...(method === "embedMany" && { operation: "embeddings" }),
      ...(Object.keys(tags).length > 0 && { tags })
    }
  }

  emit(member: ChainMember, attempt: number, event: Told): void {
    if (this.observers.length === 0) return
    const { location, model, name } = member.provider
    const whole: ChainEvent = { provider: name, model, location, attempt, at: this.now(), ...this.common, ...event }
    for (const observer of this.observers) {
      // An observer must not be able to break the request that it watches.
      try {
        observer(whole)
      } catch {}
    }
  }

  /** How many attempts have begun, at all providers. */
  get begun(): number {
    return this.started.values().reduce((sum, attempts) => sum + attempts, 0)
  }

  /** How many attempts have begun at one provider. */
  begunAt(member: ChainMember): number {
    return this.started.get(member) ?? 0
  }

  begin({ hedge, member, repair, ticket }: Visit): RunningAttempt {
    const attempt = this.begunAt(member) + 1
    const startedAt = this.now()
    const running: RunningAttempt = {
      member,
      attempt,
      hedge,
      startedAt,
      repair: repair.turns,
      meter: new Meter(),
      ticket
    }
    this.started.set(member, attempt)
    this.running.add(running)
    this.emit(member, attempt, { _tag: "AttemptStarted" })
    return running
  }

  /** The provider has said what the attempt costs, whether it will succeed or not. */
  report(running: RunningAttempt, finish: Response.FinishPartEncoded): void {
    running.meter.finished(finish)
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
    const { reported } = running.meter
    const { usage } = reported
    const attempt = { provider: name, model, location, attempt: running.attempt, reason, decision, duration, usage }
    this.running.delete(running)
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

  /** The answer does not follow its schema, and the same model is asked to repair it. */
  repaired(running: RunningAttempt, reason: AiError.AiErrorReason): Effect.Effect<void> {
    const { model, name } = running.member.provider
    const because = "the answer does not follow the schema, and the model is asked to repair it"
    this.failed(running, reason, { _tag: "Retry", because, after: undefined }, { delay: Duration.zero })
    return Effect.logWarning(`${name}/${model}: ${because}`)
  }

  succeeded(running: RunningAttempt): void {
    this.running.delete(running)
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.member, running.attempt, { _tag: "AttemptSucceeded", duration, ...running.meter.reported })
  }

  /** The caller went away. */
  abandon(): void {
    for (const running of this.running) this.interrupted(running, "caller")
  }

  /** A hedged request has ended without this provider. Returns its attempts that ended so. */
  outrun(member: ChainMember): ReadonlyArray<RunningAttempt> {
    const outrun = [...this.running].filter((running) => running.member === member)
    for (const running of outrun) this.interrupted(running, "hedge")
    return outrun
  }

  private interrupted(running: RunningAttempt, by: AttemptInterrupted["by"]): void {
    this.running.delete(running)
    const duration = Duration.millis(this.now() - running.startedAt)
    this.emit(running.member, running.attempt, { _tag: "AttemptInterrupted", by, duration, ...running.meter.reported })
  }

  /** The request's deadline has passed: what was running are its last attempts. */
  expire(members: ReadonlyArray<ChainMember>): NoAnswer {
    const decision: Decision = { _tag: "Fail", because: "the deadline has passed" }
    for (const running of this.running) this.failed(running, deadlinePassed(running.member.provider), decision)
    const [first] = members
    if (this.attempts.length === 0 && first !== undefined) {
      this.unasked(first.provider, deadlinePassed(first.provider), decision)
    }
    return this.failure()
  }

  /** A budget has no room for the request. */
  outspent(provider: Provider, { because, reason }: Obstacle, { budget, sum, value }: Spent): void {
    const { by, limit, name, unit } = budget
    const tag = { ...(by !== undefined && { by }), ...(value !== undefined && { value }) }
    this.spent = { because, budget: { name, ...tag, unit, limit, sum } }
    this.unasked(provider, reason, { _tag: "Fail", because })
  }

  /** Nothing was sent to this provider, for this reason. */
  unasked({ location, model, name }: Provider, reason: AiError.AiErrorReason, decision: Decision): void {
    const duration = Duration.zero
    this.attempts.push({ provider: name, model, location, attempt: 0, reason, decision, duration, usage: undefined })
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
    const { method, spent } = this
    const common = { module: "ProviderChain", method, attempts: [first, ...rest] } as const
    return spent === undefined
      ? new NoAnswer({ ...common, reason })
      : new BudgetSpent({ ...common, ...spent, reason: last.reason })
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
