/**
 * The loop over the providers: ask one, and on each failure decide once whether to retry it, ask the next, or fail.
 * `FallbackDecision` makes the decision; the steps are here:
 *
 * 1. Which providers could answer at all? (`filter.ts`; none: fail, and nothing was sent.)
 * 2. Is this one cooling down, or full? Then the next.
 * 3. Ask. An answer that has begun is the request's. If it is late, another provider is asked beside it. (`hedging.ts`)
 * 4. It failed: decide. A retry is made by the provider's `Policy`, if that has one left.
 * 5. Otherwise the next provider that qualifies; a failure of the provider itself starts its cool-down.
 *
 * Guarded by `test/chain/fallback.test.ts`, `test/laws.test.ts`, `test/chain/hedging.laws.test.ts` and `test/faults.test.ts`.
 */
import * as Deadline from "@holdfast/core/Deadline"
import type * as PolicyError from "@holdfast/core/PolicyError"
import { TransportTimeouts } from "@holdfast/http/TransportTimeouts"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { NoAnswer } from "../../ChainError.ts"
import type { Decision } from "../../FallbackDecision.ts"
import { choose, decide } from "../../FallbackDecision.ts"
import { afford, charged } from "../budget/afford.ts"
import { permit } from "../permit.ts"
import { heeding, roomAt, tokensAt } from "../pool/place.ts"
import { within } from "../within.ts"
import { cooldownOf, networkError, notInTime } from "./chainReasons.ts"
import type { Demands } from "./filter.ts"
import { coolingDown, demandsOf, failedBefore, qualified, withoutRoomFor } from "./filter.ts"
import type { Outcome } from "./hedging.ts"
import { hedged } from "./hedging.ts"
import type { ChainMember, Follows, Obstacle, RunningAttempt, Visit } from "./member.ts"
import { AttemptFailure, endedBefore, notAgain } from "./member.ts"
import type { ChainRequest } from "./request.ts"
import { withParameters } from "./request.ts"

/** Opens an answer of a provider: one attempt. Its resources live until the scope closes. */
export type Open<A, R> = (running: RunningAttempt, scope: Scope.Scope) => Effect.Effect<A, AiError.AiError, R>

/** Opens the answer of the first provider that gives one, by the request's deadline. The log tells an interruption. */
export const answer = <A, R>(
  request: ChainRequest,
  scope: Scope.Scope,
  open: Open<A, R>
): Effect.Effect<A, NoAnswer, R> => {
  const { deadline, log, members } = request
  const answered = Effect.flatMap(demandsOf(request), (demands) => {
    request.offline = !demands.online
    const able = qualified(request, demands)
    if (able.length === 0) return Effect.fail(log.failure())
    const asked = new Fallback(request, demands, scope, open, able).ask
    const { hedgeBudget } = request.settings
    return hedgeBudget === undefined ? asked : Effect.andThen(hedgeBudget.deposit, asked)
  })
  const limited = deadline === Infinity ? answered : Effect.provideService(answered, Deadline.Deadline, deadline).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(Math.max(0, deadline - log.now())),
      orElse: () => Effect.suspend(() => Effect.fail(log.expire(members)))
    })
  )
  // A failed attempt is in the log by now. An interruption or a defect has left its attempt running.
  return Effect.onExit(limited, (exit) => Effect.sync(() => Exit.isFailure(exit) && log.abandon()))
}

class Fallback<A, R> {
  readonly request: ChainRequest
  readonly demands: Demands
  readonly scope: Scope.Scope
  readonly open: Open<A, R>
  readonly able: ReadonlyArray<ChainMember>
  /** All providers are cooling down, so they are asked anyway. */
  private readonly ignoresCooldown: boolean
  /** The providers that have not been asked, in order. */
  private waiting: ReadonlyArray<ChainMember>
  /** The providers that are being asked: several if the request is hedged. */
  private readonly asking = new Set<ChainMember>()

  constructor(
    request: ChainRequest,
    demands: Demands,
    scope: Scope.Scope,
    open: Open<A, R>,
    able: ReadonlyArray<ChainMember>
  ) {
    this.request = request
    this.demands = demands
    this.scope = scope
    this.open = open
    this.able = able
    this.waiting = able
    this.ignoresCooldown = able.every((member) => coolingDown(member, request.log.now()) !== undefined)
  }

  readonly ask: Effect.Effect<A, NoAnswer, R> = Effect.suspend(() => {
    const [member] = this.waiting
    return member === undefined ? this.fail : Effect.flatMap(hedged(member, this), (outcome) => {
      switch (outcome._tag) {
        case "Opened":
          return Effect.succeed(outcome.answer)
        case "Next":
          return this.ask
        case "Failed":
          return this.fail
      }
    })
  })

  private readonly fail: Effect.Effect<never, NoAnswer> = Effect.suspend(() => Effect.fail(this.request.log.failure()))

  // ---------------------------------------------------------------------------
  // One provider
  // ---------------------------------------------------------------------------

  private isSkipped(member: ChainMember): boolean {
    return !this.ignoresCooldown && coolingDown(member, this.request.log.now()) !== undefined
  }

  /** The provider to ask beside one that is late: the next that is neither cooling down nor without room. */
  readonly next = (): ChainMember | undefined =>
    this.waiting.find((member) =>
      !this.isSkipped(member) && roomAt(member, this.request.inputTokens, this.request.log.now()) === 0
    )

  /** Whether it may be asked; then all attempts there. */
  readonly visit = (visit: Visit): Effect.Effect<Outcome<A>, never, R> => {
    const { inputTokens, log } = this.request
    const { member, scope, ticket } = visit
    const visited = Effect.suspend(() => {
      this.waiting = this.waiting.filter((other) => other !== member)
      this.asking.add(member)
      if (this.isSkipped(member) && !this.isLastResort) return this.turnedAway(member, 0)
      const wait = roomAt(member, inputTokens, log.now())
      if (wait > 0) return this.turnedAway(member, wait)
      const entered = Effect.suspend(() => this.enter(visit))
      return member.bulkhead === undefined ? entered : Effect.flatMap(
        Effect.result(permit(member.bulkhead, scope)),
        (result) => Result.isSuccess(result) ? entered : this.full(member, result.failure)
      )
    })
    // Whenever the request is interrupted from here on, permit and probe are given back.
    return Effect.onExit(visited, (exit) => {
      this.asking.delete(member)
      return Exit.isSuccess(exit) && exit.value._tag === "Opened" ? ticket.answered : Scope.close(scope, exit)
    })
  }

  /** No other provider is left, and none was asked: this one is asked even if it is cooling down. */
  private get isLastResort(): boolean {
    return this.waiting.length + this.request.log.attempts.length === 0 && this.asking.size === 1
  }

  /** Lets the request in, by what its fleet knows; then all attempts. */
  private enter(visit: Visit): Effect.Effect<Outcome<A>, never, R> {
    const { member, scope, ticket } = visit
    const anyway = this.ignoresCooldown || this.isLastResort
    return Effect.flatMap(ticket.enter(tokensAt(member, this.request.inputTokens), anyway, scope), (entered) => {
      if (entered === "Admitted") return afford(this, visit, (why) => this.notSent(member, why), this.attempts(visit))
      return entered === "CoolingDown" && this.isLastResort ? this.enter(visit) : this.turnedAway(member, ticket.wait)
    })
  }

  /** All attempts at one provider, and what follows the last. */
  private attempts(visit: Visit): Effect.Effect<Outcome<A>, never, R> {
    const { log } = this.request
    const { member, ticket } = visit
    return Effect.matchEffect(member.retry.protect(this.attempt(visit)), {
      onSuccess: (answer) => Effect.succeed({ _tag: "Opened", answer }),
      onFailure: (failure) => {
        const { otherwise, passed } = failure.follows
        if (failure.follows === notAgain) return this.turnedAway(member, ticket.wait)
        log.failed(failure.running, failure.reason, otherwise, { endedAt: failure.endedAt })
        if (otherwise._tag === "Fail") return Effect.succeed({ _tag: "Failed" })
        if (otherwise.cooldown) ticket.cool(cooldownOf(member, failure.reason))
        this.waiting = this.waiting.filter((other) => !passed.has(other))
        return this.handOn(member, otherwise.because)
      }
    })
  }

  /** One attempt, by its clock, and the one decision about its failure. */
  private attempt(visit: Visit, before?: RunningAttempt): Effect.Effect<A, AttemptFailure, R> {
    const { inputTokens, log, method } = this.request
    const { member, scope, ticket } = visit
    const entered = Effect.suspend(() =>
      ticket.attempt(tokensAt(member, inputTokens), this.ignoresCooldown || this.next() === undefined)
    )
    return Effect.flatMap(entered, (tag) => {
      if (tag !== "Admitted" && before !== undefined) return Effect.fail(endedBefore(before, log.now()))
      const running = before = log.begin(visit)
      const limit = member.attemptTimeout[method]
      const asked = withParameters(member, this.open(running, scope))
      const open = heeding(running, log.now, charged(this.request, running, scope, asked))
      // A clock of the chain's, or a server that may load a model first: the transport's own defaults must not end that.
      const opened = limit === undefined && member.provider.location === "cloud"
        ? open
        : Effect.provideService(open, TransportTimeouts, false)
      return Effect.catch(
        limit === undefined ? opened : within(opened, limit, () => notInTime(member.provider, method, limit)),
        (error) => {
          if (visit.repair.follows(error.reason)) {
            return Effect.andThen(log.repaired(running, error.reason), this.attempt(visit, running))
          }
          return Effect.flatMap(Deadline.remaining, (remaining) => {
            const follows = this.decide(member, error.reason, Option.getOrUndefined(remaining))
            return Effect.fail(AttemptFailure.of(error, { running, endedAt: log.now(), follows, onRetry: log.retried }))
          })
        }
      )
    })
  }

  // ---------------------------------------------------------------------------
  // Decision
  // ---------------------------------------------------------------------------

  private decide(
    member: ChainMember,
    reason: AiError.AiErrorReason,
    remaining: Duration.Duration | undefined
  ): Follows {
    const failure = {
      reason,
      remaining,
      committed: false,
      maxRetryAfter: member.maxRetryAfter,
      current: member.provider.capabilities,
      features: this.demands.features,
      fallbackOnSchemaMismatch: member.repairs > 0,
      fallbackOnContentPolicy: this.request.settings.fallbackOnContentPolicy
    }
    const here = decide({ ...failure, retriesLeft: true, candidate: undefined })
    const retry = here._tag === "Retry" ? here : undefined
    // One that is asked already is as good as the next.
    const beside = [...this.asking].filter((other) => other !== member)
    const candidates = [...beside, ...this.waiting.filter((candidate) => !this.isSkipped(candidate))]
    const { decision, next } = choose(failure, candidates.map(({ provider }) => provider.capabilities))
    if (decision._tag !== "Fallback" || next === undefined) {
      return { retry, otherwise: { _tag: "Fail", because: decision.because }, passed: new Set() }
    }
    // Those that are cooling down stay in the list, for the log to say so.
    return { retry, otherwise: decision, passed: new Set(candidates.slice(0, next)) }
  }

  private handOn(member: ChainMember, because: string): Effect.Effect<Outcome<A>> {
    const { model, name } = member.provider
    const beside = [...this.asking].find((other) => other !== member)
    const next = beside ?? this.waiting.find((candidate) => !this.isSkipped(candidate))
    return Effect.as(
      Effect.logWarning(
        `${name}/${model} failed: ${because}. ` +
          (beside === undefined ? "The next provider is " : "Asked already is ") + (next?.provider.name ?? "none")
      ),
      { _tag: "Next" }
    )
  }

  /** Nothing was sent there: its account has no room for so many milliseconds or, if that is 0, it is cooling down. */
  private turnedAway(member: ChainMember, wait: number): Effect.Effect<Outcome<A>> {
    if (wait > 0) return this.notSent(member, withoutRoomFor(wait))
    const closed = coolingDown(member, this.request.log.now()) ?? failedBefore
    this.request.log.emit(member, 0, { _tag: "ProviderSkipped", ...closed })
    return Effect.succeed({ _tag: "Next" })
  }

  /** The provider has no slot for another request, so nothing was sent there. It is not down: no cool-down. */
  private full(
    member: ChainMember,
    error: PolicyError.PolicyError<PolicyError.BulkheadFull>
  ): Effect.Effect<Outcome<A>> {
    const reason = networkError(member.provider, error.message)
    return this.notSent(member, { why: "full", because: "it had no free slot for another request", reason })
  }

  private notSent(member: ChainMember, { because, reason, why }: Obstacle): Effect.Effect<Outcome<A>> {
    const { log } = this.request
    const isLast = this.asking.size === 1 && !this.waiting.some((candidate) => !this.isSkipped(candidate))
    const decision: Decision = isLast
      ? { _tag: "Fail", because: `${because}, and no provider is left` }
      : { _tag: "Fallback", because, cooldown: false }
    log.unasked(member.provider, reason, decision)
    log.emit(member, 0, { _tag: "ProviderSkipped", why, because })
    return isLast ? Effect.succeed({ _tag: "Failed" }) : this.handOn(member, because)
  }
}
