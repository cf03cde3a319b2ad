/**
 * The visits of one request to the providers that may be asked: attempts at one under its policy, then the next, until one
 * has opened an answer or the decision is to fail.
 */
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Deadline from "@holdfast/core/Deadline"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { NoAnswer } from "../../ChainError.ts"
import type { Decision, Failure } from "../../FallbackDecision.ts"
import { decide } from "../../FallbackDecision.ts"
import type { Provider } from "../../Provider.ts"
import { detail } from "../../ProviderFailure.ts"
import type { Pending, Story } from "./attemptLog.ts"
import { deadlinePassed, silent } from "./chainReasons.ts"
import type { Probe } from "./cooldown.ts"
import type { Demands } from "./filter.ts"
import { passedBy } from "./filter.ts"
import type { Entry, Running, Settings } from "./member.ts"
import { AttemptFailure } from "./member.ts"

/** Opens an answer of a provider: what a policy may repeat. What it holds open ends with the scope. */
export type Open<A, R> = (running: Running, scope: Scope.Scope) => Effect.Effect<A, AiError.AiError, R>

export class Visits<A, R> {
  readonly settings: Settings
  readonly story: Story
  readonly demands: Demands
  readonly scope: Scope.Scope
  readonly open: Open<A, R>
  /** Whether all that may be asked are left alone, so that they are asked all the same. */
  private forced = false

  constructor(settings: Settings, story: Story, demands: Demands, scope: Scope.Scope, open: Open<A, R>) {
    this.settings = settings
    this.story = story
    this.demands = demands
    this.scope = scope
    this.open = open
  }

  private available(entry: Entry): boolean {
    return this.forced || passedBy(entry, this.story.now()) === undefined
  }

  /** Visits the providers that are not left alone, or, where that are all, those. */
  run(able: ReadonlyArray<Entry>): Effect.Effect<A, NoAnswer, R> {
    return Effect.suspend(() => {
      const now = this.story.now()
      this.forced = able.every((entry) => passedBy(entry, now) !== undefined)
      return this.next(able)
    })
  }

  private next(entries: ReadonlyArray<Entry>): Effect.Effect<A, NoAnswer, R> {
    const [entry, ...rest] = entries
    return entry === undefined ? Effect.failSync(() => this.story.failure()) : Effect.flatMap(
      this.visit(entry, rest),
      (outcome) => {
        switch (outcome._tag) {
          case "Opened":
            return Effect.succeed(outcome.answer)
          case "Failed":
            return Effect.fail(this.story.failure())
          case "Passed":
            return this.next(rest)
          case "Next":
            return Effect.andThen(
              Effect.logWarning(
                `${entry.provider.name}/${entry.provider.model} is given up: ${outcome.because}. ` +
                  `${outcome.entries[0]?.provider.name ?? "Nobody"} is asked next`
              ),
              this.next(outcome.entries)
            )
        }
      }
    )
  }

  /** A visit ends with an opened answer, or hands the request on. */
  private visit(entry: Entry, rest: ReadonlyArray<Entry>): Effect.Effect<Outcome<A>, never, R> {
    const scope = Scope.forkUnsafe(this.scope)
    let probe: Probe | undefined
    const visited = Effect.suspend(() => {
      const passed = this.forced ? undefined : passedBy(entry, this.story.now())
      // The last that is left is asked all the same: somebody has to be.
      if (passed !== undefined && (rest.length > 0 || this.story.attempts.length > 0)) {
        this.story.emit(entry, 0, { _tag: "ProviderSkipped", ...passed })
        return Effect.succeed<Outcome<A>>({ _tag: "Passed" })
      }
      const admission = entry.cooldown.enter(this.story.now())
      if (admission._tag === "Open") probe = admission.probe
      const attempts = this.attempts(entry, rest, scope)
      return entry.bulkhead === undefined ? attempts : Effect.flatMap(
        Effect.result(permit(entry.bulkhead, scope)),
        (result) => Result.isSuccess(result) ? attempts : Effect.succeed(this.full(entry, rest, result.failure))
      )
    })
    // From here on nothing that was taken is kept, whenever the request is interrupted.
    return Effect.onExit(visited, (exit) => {
      if (Exit.isSuccess(exit) && exit.value._tag === "Opened") {
        entry.cooldown.warm()
        return Effect.void
      }
      if (probe !== undefined) entry.cooldown.leave(probe)
      return Scope.close(scope, exit)
    })
  }

  /** All attempts at one provider, under its policy. */
  private attempts(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    scope: Scope.Scope
  ): Effect.Effect<Outcome<A>, never, R> {
    const policy = this.story.method === "generateText" ? entry.generate : entry.stream
    const observer: PolicyEvent.Observer = (event) => {
      if (event._tag === "RetryScheduled" && event.policy === policy.name) {
        this.retrying(entry, Duration.millis(event.delay), event.error)
      }
    }
    return Effect.gen({ self: this }, function*() {
      const result = yield* this.attempt(entry, rest, scope).pipe(
        policy.protect,
        PolicyEvent.observe(observer),
        Effect.result
      )
      if (Result.isSuccess(result)) return { _tag: "Opened", answer: result.success } as const
      const reason = reasonOf(entry.provider, this.story.pending, result.failure)
      const remaining = Option.getOrUndefined(yield* Deadline.remaining)
      const { decision, next } = this.consider(entry, rest, { reason, retriesLeft: false, remaining })
      if (this.story.unsettled !== undefined) this.story.failed(this.story.unsettled, reason, decision)
      if (decision._tag !== "Fallback") return { _tag: "Failed" } as const
      if (decision.cooldown) entry.cooldown.cool(this.story.now(), pauseOf(entry, reason))
      return { _tag: "Next", entries: next, because: decision.because } as const
    })
  }

  /** One attempt at a provider, as its policy runs it. */
  private attempt(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    scope: Scope.Scope
  ): Effect.Effect<A, AttemptFailure, R> {
    return Effect.suspend(() => {
      // A policy that retried without a word: what has ended was tried again at once.
      this.retrying(entry, Duration.zero, undefined)
      return this.open(this.story.begin(entry), scope).pipe(
        Effect.catch((error) =>
          Effect.flatMap(Deadline.remaining, (remaining) => {
            const { decision } = this.consider(entry, rest, {
              reason: error.reason,
              retriesLeft: true,
              remaining: Option.getOrUndefined(remaining)
            })
            const { method, module, reason } = error
            return Effect.fail(new AttemptFailure({ module, method, reason, decision }))
          })
        ),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) this.story.ended(Option.getOrUndefined(Cause.findErrorOption(exit.cause)))
          })
        )
      )
    })
  }

  /** What has ended is tried again after `delay`. */
  private retrying(entry: Entry, delay: Duration.Duration, error: unknown): void {
    const { pending, unsettled } = this.story
    if (pending === undefined || unsettled?.entry !== entry) return
    const decision = pending.failure?.decision ??
      { _tag: "Retry" as const, because: "no content came in time", after: undefined }
    this.story.failed(unsettled, reasonOf(entry.provider, pending, error), decision, delay)
  }

  /** Decides about a failure with the best of the providers that are left, and says which one that is. */
  private consider(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    circumstances: Pick<Failure, "reason" | "retriesLeft" | "remaining">
  ): { readonly decision: Decision; readonly next: ReadonlyArray<Entry> } {
    const failure = {
      ...circumstances,
      committed: false,
      maxRetryAfter: entry.maxRetryAfter,
      current: entry.provider.capabilities,
      features: this.demands.features,
      fallbackOnContentPolicy: this.settings.fallbackOnContentPolicy
    }
    const candidates = rest.filter((candidate) => this.available(candidate))
    for (const candidate of candidates) {
      const decision = decide({ ...failure, candidate: candidate.provider.capabilities })
      if (decision._tag === "Fail") continue
      // Those that are left alone stay in the list, for the story to say so.
      const from = rest.indexOf(candidate)
      return { decision, next: rest.filter((entry, i) => i >= from || !candidates.includes(entry)) }
    }
    return { decision: decide({ ...failure, candidate: candidates[0]?.provider.capabilities }), next: [] }
  }

  /** No place was free at the provider, so nothing was sent there. That is no sign that it is down. */
  private full(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    error: PolicyError.PolicyError<PolicyError.BulkheadFull>
  ): Outcome<A> {
    const because = "no place was free for another request"
    const left = rest.some((candidate) => this.available(candidate))
    const decision: Decision = left
      ? { _tag: "Fallback", because, cooldown: false }
      : { _tag: "Fail", because: `${because}, and no provider is left` }
    this.story.unasked(entry.provider, silent(entry.provider, error.message), decision)
    this.story.emit(entry, 0, { _tag: "ProviderSkipped", why: "full", because })
    return left ? { _tag: "Next", entries: rest, because } : { _tag: "Failed" }
  }
}

/** How a visit ends. */
type Outcome<A> =
  | { readonly _tag: "Opened"; readonly answer: A }
  /** The provider is left alone. */
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Next"; readonly entries: ReadonlyArray<Entry>; readonly because: string }
  | { readonly _tag: "Failed" }

const pauseOf = ({ pause }: Entry, reason: AiError.AiErrorReason): number => {
  const hint = detail(reason).retryAfter
  return Math.max(pause, hint === undefined ? 0 : Duration.toMillis(hint))
}

/** Takes a place that is held until the scope ends: a stream holds it for as long as it is read. */
const permit = (
  bulkhead: Bulkhead.Bulkhead,
  scope: Scope.Scope
): Effect.Effect<void, PolicyError.PolicyError<PolicyError.BulkheadFull>> =>
  Effect.gen(function*() {
    const place = yield* Deferred.make<void, PolicyError.PolicyError<PolicyError.BulkheadFull>>()
    yield* Effect.andThen(Deferred.succeed(place, undefined), Effect.never).pipe(
      bulkhead.withPermit,
      Effect.catch((error) => Deferred.fail(place, error)),
      Effect.forkIn(scope, { startImmediately: true })
    )
    yield* Deferred.await(place)
  })

/** Why an attempt ended: its own failure, or the clock that ended it. */
const reasonOf = (provider: Provider, pending: Pending | undefined, error: unknown): AiError.AiErrorReason => {
  if (pending?.failure !== undefined) return pending.failure.reason
  if (AiError.isAiError(error)) return error.reason
  return PolicyError.isPolicyError(error) && error.reason._tag === "AttemptTimeout"
    ? silent(provider, `no content within ${Duration.format(error.reason.timeout)}`)
    : deadlinePassed(provider)
}
