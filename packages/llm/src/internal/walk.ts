/**
 * One request's way along the providers: attempts at one under its policy, then the next, until one has an answer or the
 * decision is to fail. It keeps the story of the request and tells the observers.
 */
import * as Deadline from "@holdfast/core/Deadline"
import type * as Policy from "@holdfast/core/Policy"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Attempt } from "../ChainError.ts"
import { AllProvidersFailed } from "../ChainError.ts"
import type { ChainEvent, Observer } from "../ChainEvent.ts"
import type { Connectivity } from "../Connectivity.ts"
import type { Failure } from "../FallbackDecision.ts"
import { decide, Decision } from "../FallbackDecision.ts"
import type { Feature, Provider } from "../Provider.ts"
import { featuresOf, missing } from "../Provider.ts"
import { detail, unsupported } from "../ProviderFailure.ts"
import type { Ledger } from "../Usage.ts"
import * as Projection from "./projection.ts"

/** What a policy of the chain protects and adds. */
export type AttemptPolicy = Policy.Policy<AttemptFailure, PolicyError.PolicyError<PolicyError.AttemptTimeout>>

/** A provider in a chain, with what the chain keeps about it from request to request. */
export interface Entry {
  readonly provider: Provider
  readonly generate: AttemptPolicy
  readonly stream: AttemptPolicy
  /** How long the provider may be silent in the middle of a stream. */
  readonly betweenChunks: Duration.Duration | undefined
  /** Epoch milliseconds until which it is left alone. */
  cooledUntil: number
}

/** What all requests of a chain have in common. */
export interface Settings {
  readonly maxWait: Duration.Duration
  readonly cooldown: number
  readonly deadline: number | undefined
  readonly fallbackOnContentPolicy: boolean
  /** What the chain was made with, for requests that bring none along. */
  readonly connectivity: Connectivity["Service"] | undefined
  readonly ledger: Ledger["Service"] | undefined
}

/** A provider's failure as a policy sees it: with the decision that followed, and the hint wherever it came from. */
export class AttemptFailure extends AiError.AiError.extend<AttemptFailure>("@holdfast/llm/AttemptFailure")({
  decision: Decision
}) {
  override get retryAfter(): Duration.Duration | undefined {
    return detail(this.reason).retryAfter
  }
}

/** An attempt that has ended while what follows is not yet known. A missing failure means that it was interrupted. */
interface Pending {
  readonly endedAt: number
  readonly failure: AttemptFailure | undefined
}

/** The reason of an attempt that its clock or its end made a failure, rather than the provider's own word. */
export const silent = (provider: Provider, description: string): AiError.AiErrorReason =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: `${provider.name}/${provider.model}`,
    description
  })

/** The reason of a request that its deadline ended. */
export const deadlinePassed = (provider: Provider): AiError.AiErrorReason =>
  silent(provider, "the request passed its deadline")

/** One attempt in progress: the provider and its number. */
export interface Running {
  readonly entry: Entry
  readonly attempt: number
  readonly startedAt: number
}

/** The story of one request. */
export class Walk {
  readonly settings: Settings
  readonly method: "generateText" | "streamText"
  readonly request: LanguageModel.ProviderOptions
  readonly features: ReadonlySet<Feature>
  readonly observers: ReadonlyArray<Observer>
  readonly now: () => number
  readonly attempts: Array<Attempt> = []
  /** The attempt that is running or has just ended, until the story has its outcome. */
  private unsettled: Running | undefined = undefined
  private pending: Pending | undefined = undefined
  /** What the provider of the unsettled attempt has reported so far. */
  private reported: Response.Usage | undefined = undefined
  private readonly started = new Map<Entry, number>()
  private readonly projected = new Map<Entry, LanguageModel.ProviderOptions>()

  constructor(
    settings: Settings,
    method: "generateText" | "streamText",
    request: LanguageModel.ProviderOptions,
    observers: ReadonlyArray<Observer>,
    now: () => number
  ) {
    this.settings = settings
    this.method = method
    this.request = request
    this.features = featuresOf(request)
    this.observers = observers
    this.now = now
  }

  // ---------------------------------------------------------------------------
  // The story
  // ---------------------------------------------------------------------------

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

  private begin(entry: Entry): Running {
    const running = { entry, attempt: (this.started.get(entry) ?? 0) + 1, startedAt: this.now() }
    this.started.set(entry, running.attempt)
    this.unsettled = running
    this.emit(entry, running.attempt, { _tag: "AttemptStarted" })
    return running
  }

  /** The request as this provider may read it, the same at every attempt. */
  requestFor({ attempt, entry }: Running): LanguageModel.ProviderOptions {
    const known = this.projected.get(entry)
    if (known !== undefined) return known
    const { losses, prompt } = Projection.project(this.request.prompt, entry.provider)
    const request = losses === undefined ? this.request : { ...this.request, prompt }
    this.projected.set(entry, request)
    if (losses !== undefined) this.emit(entry, attempt, { _tag: "PromptProjected", ...losses })
    return request
  }

  /** The provider has said what the attempt costs, whether it will succeed or not. */
  report(finish: Response.FinishPartEncoded): void {
    this.reported = new Response.Usage(finish.usage)
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
    running.entry.cooledUntil = 0
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
  expire(entries: ReadonlyArray<Entry>): AllProvidersFailed {
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
  private unasked({ location, model, name }: Provider, reason: AiError.AiErrorReason, decision: Decision): void {
    const duration = Duration.zero
    this.attempts.push({ provider: name, model, location, attempt: 0, reason, decision, duration, usage: undefined })
  }

  /** What has ended is tried again after `delay`. */
  private retrying(entry: Entry, delay: Duration.Duration, error: unknown): void {
    const { pending, unsettled } = this
    if (pending === undefined || unsettled?.entry !== entry) return
    const decision = pending.failure?.decision ??
      { _tag: "Retry" as const, because: "no content came in time", after: undefined }
    this.failed(unsettled, reasonOf(entry.provider, pending, error), decision, delay)
  }

  private settle(): void {
    this.unsettled = undefined
    this.pending = undefined
    this.reported = undefined
  }

  /** The story so far as an error, with the reason of its last attempt. */
  private failure(): AllProvidersFailed {
    const [first, ...rest] = this.attempts
    if (first === undefined) throw new RangeError("ProviderChain: a request cannot fail before its first attempt")
    return new AllProvidersFailed({
      module: "ProviderChain",
      method: this.method,
      reason: (rest.at(-1) ?? first).reason,
      attempts: [first, ...rest]
    })
  }

  // ---------------------------------------------------------------------------
  // The way
  // ---------------------------------------------------------------------------

  /** The providers that may be asked, in order. Those that cool down are left out, unless they are all that there is. */
  private order(entries: ReadonlyArray<Entry>, online: boolean): ReadonlyArray<Entry> {
    const able = entries.filter((entry) => {
      if (!online && entry.provider.location === "cloud") {
        this.emit(entry, 0, { _tag: "ProviderSkipped", because: "this machine is offline" })
        return false
      }
      const lacks = missing(entry.provider.capabilities, this.features)
      if (lacks.length > 0) {
        this.emit(entry, 0, { _tag: "ProviderSkipped", because: `the model cannot do ${lacks.join(" and ")}` })
      }
      return lacks.length === 0
    })
    const now = this.now()
    const warm = able.filter((entry) => entry.cooledUntil <= now)
    if (warm.length === 0) return able
    for (const entry of able) {
      if (entry.cooledUntil > now) {
        const left = Duration.format(Duration.millis(entry.cooledUntil - now))
        this.emit(entry, 0, { _tag: "ProviderSkipped", because: `it failed before and is left alone for ${left}` })
      }
    }
    return warm
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
      maxWait: this.settings.maxWait,
      current: entry.provider.capabilities,
      features: this.features,
      fallbackOnContentPolicy: this.settings.fallbackOnContentPolicy
    }
    for (let i = 0; i < rest.length; i++) {
      const decision = decide({ ...failure, candidate: rest[i]?.provider.capabilities })
      if (decision._tag !== "Fail") return { decision, next: rest.slice(i) }
    }
    return { decision: decide({ ...failure, candidate: rest[0]?.provider.capabilities }), next: [] }
  }

  /** One attempt at a provider, as its policy runs it. */
  private attempt<A, R>(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    open: (running: Running) => Effect.Effect<A, AiError.AiError, R>
  ): Effect.Effect<A, AttemptFailure, R> {
    return Effect.suspend(() => {
      // A policy that retried without a word: what has ended was tried again at once.
      this.retrying(entry, Duration.zero, undefined)
      const running = this.begin(entry)
      return open(running).pipe(
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
            if (Exit.isSuccess(exit)) return
            this.pending = {
              endedAt: this.now(),
              failure: Option.getOrUndefined(Cause.findErrorOption(exit.cause))
            }
          })
        )
      )
    })
  }

  /** Walks the providers until one of them has opened an answer. */
  run<A, R>(
    entries: ReadonlyArray<Entry>,
    online: boolean,
    open: (running: Running) => Effect.Effect<A, AiError.AiError, R>
  ): Effect.Effect<A, AllProvidersFailed, R> {
    return Effect.suspend(() => {
      const [first, ...rest] = this.order(entries, online)
      return first === undefined ? Effect.fail(this.unable(entries, online)) : this.visit(first, rest, open)
    })
  }

  private visit<A, R>(
    entry: Entry,
    rest: ReadonlyArray<Entry>,
    open: (running: Running) => Effect.Effect<A, AiError.AiError, R>
  ): Effect.Effect<A, AllProvidersFailed, R> {
    const policy = this.method === "generateText" ? entry.generate : entry.stream
    const observer: PolicyEvent.Observer = (event) => {
      if (event._tag === "RetryScheduled" && event.policy === policy.name) {
        this.retrying(entry, Duration.millis(event.delay), event.error)
      }
    }
    return Effect.gen({ self: this }, function*() {
      const result = yield* this.attempt(entry, rest, open).pipe(
        policy.protect,
        PolicyEvent.observe(observer),
        Effect.result
      )
      if (Result.isSuccess(result)) return result.success
      const reason = reasonOf(entry.provider, this.pending, result.failure)
      const remaining = Option.getOrUndefined(yield* Deadline.remaining)
      const { decision, next } = this.consider(entry, rest, { reason, retriesLeft: false, remaining })
      const [candidate, ...others] = next
      if (this.unsettled !== undefined) this.failed(this.unsettled, reason, decision)
      if (decision._tag !== "Fallback" || candidate === undefined) return yield* this.failure()
      if (decision.cooldown) this.coolDown(entry, reason)
      return yield* this.visit(candidate, others, open)
    })
  }

  private coolDown(entry: Entry, reason: AiError.AiErrorReason): void {
    const hint = detail(reason).retryAfter
    const pause = Math.max(this.settings.cooldown, hint === undefined ? 0 : Duration.toMillis(hint))
    entry.cooledUntil = this.now() + pause
  }

  /** No provider can be asked: each is in the story with why. */
  private unable(entries: ReadonlyArray<Entry>, online: boolean): AllProvidersFailed {
    const decision: Decision = { _tag: "Fail", because: "no provider can be asked" }
    for (const { provider } of entries) {
      const { capabilities, location, model, name } = provider
      const lacks = missing(capabilities, this.features).join(" and ")
      const reason = online || location === "local"
        ? unsupported("model", `${name}/${model} cannot do ${lacks}. Choose a model that can`)
        : silent(provider, "this machine is offline, so nothing was sent. Add a local provider, or check the network")
      this.unasked(provider, reason, decision)
    }
    return this.failure()
  }
}

type Told = ChainEvent extends infer E ?
  E extends ChainEvent ? Omit<E, "provider" | "model" | "location" | "attempt" | "at">
  : never
  : never

/** Why an attempt ended: its own failure, or the clock that ended it. */
const reasonOf = (provider: Provider, pending: Pending | undefined, error: unknown): AiError.AiErrorReason => {
  if (pending?.failure !== undefined) return pending.failure.reason
  if (AiError.isAiError(error)) return error.reason
  return PolicyError.isPolicyError(error) && error.reason._tag === "AttemptTimeout"
    ? silent(provider, `no content within ${Duration.format(error.reason.timeout)}`)
    : deadlinePassed(provider)
}
