/**
 * The hook of a chain's `LanguageModel` for streams.
 *
 * Guarded by `test/chain/commit.test.ts` and `test/chain/signsOfLife.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import { StreamInterrupted } from "../../ChainError.ts"
import type { Decision } from "../../FallbackDecision.ts"
import { annotate, authorOf, marked } from "../authorship/answeredBy.ts"
import * as Projection from "../authorship/projection.ts"
import { answered, settled } from "../pool/place.ts"
import { SignOfLife } from "../protocol/signOfLife.ts"
import * as AttemptSpan from "../telemetry/span.ts"
import { ReportedUsage } from "../usage/reported.ts"
import { broken, deadlinePassed, networkError } from "./chainReasons.ts"
import { answer } from "./fallback.ts"
import type { Chunk, Part } from "./incoming.ts"
import { Incoming, Life } from "./incoming.ts"
import type { ChainMember, RunningAttempt, Settings } from "./member.ts"
import type { ChainRequest } from "./request.ts"
import { start } from "./request.ts"

interface Opened {
  readonly incoming: Incoming
  readonly running: RunningAttempt
  readonly span: Tracer.Span
}

/** Opens a stream and reads until the first content or the end: what a policy may repeat. */
const open =
  (request: ChainRequest) =>
  (running: RunningAttempt, visit: Scope.Scope): Effect.Effect<Opened, AiError.AiError, IdGenerator.IdGenerator> =>
    Effect.suspend(() => {
      const { provider, head } = running.member
      // A scope below the visit's: whatever happens between the attempt and its reader, it is closed.
      const scope = Scope.forkUnsafe(visit)
      const life = new Life(request.log.now)
      const opened = Effect.fnUntraced(function*(span: Tracer.Span) {
        const pull = yield* Stream.toPull(provider.streamText(request.optionsFor(running)))
        const incoming = new Incoming(pull, running, request.log, life)
        yield* head === undefined ? incoming.next : life.begins(
          incoming.next,
          Duration.toMillis(head),
          () => broken("streamText", networkError(provider, `no sign of an answer within ${Duration.format(head)}`))
        )
        while (!incoming.committed && !incoming.ended) yield* incoming.next
        answered(running, "streamText", request.log.now())
        return { incoming, running, span }
      })
      return AttemptSpan.open(running, request).pipe(
        Effect.flatMap((span) =>
          // What is read later on starts nothing that a span would show.
          Effect.withParentSpan(opened(span), span, { captureStackTrace: false }).pipe(
            Effect.provideService(SignOfLife, life.sign),
            Effect.provideService(ReportedUsage, running.meter.follow),
            Effect.onExit((exit) => Effect.sync(() => AttemptSpan.ended(span, exit)))
          )
        ),
        Scope.provide(scope),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
      )
    })

const seenAlready: Decision = { _tag: "Fail", because: "a part of the answer was already seen" }

/** The answer from the commit on: as it comes, until the proof or an interruption. */
class Following {
  readonly incoming: Incoming
  readonly running: RunningAttempt
  readonly span: Tracer.Span
  readonly request: ChainRequest
  private readonly author: ReturnType<typeof authorOf>
  private readonly partial = { text: "", reasoning: "" }
  private introduced = false
  private over = false

  constructor({ incoming, running, span }: Opened, request: ChainRequest) {
    this.incoming = incoming
    this.running = running
    this.span = span
    this.request = request
    this.author = authorOf(running.member, request)
  }

  private decorate(part: Part): ReadonlyArray<Part> {
    const { provider } = this.running.member
    if (part.type === "text-delta") this.partial.text += part.delta
    if (part.type === "reasoning-delta") this.partial.reasoning += part.delta
    if (part.type === "finish") return [marked(part, this.author)]
    if (part.type === "response-metadata") {
      this.introduced = true
      return [marked(part, this.author)]
    }
    const said = Projection.mark(part, provider)
    if (this.introduced) return [said]
    this.introduced = true
    return [{ type: "response-metadata", modelId: provider.model, metadata: this.author }, said]
  }

  private interrupted(error: AiError.AiError): StreamInterrupted {
    const { member } = this.running
    const { log } = this.request
    const last = log.failed(this.running, error.reason, seenAlready)
    AttemptSpan.failed(this.span, error.reason)
    this.running.ticket.brokeOff(member.retries, member.cooldownMillis)
    const [first = last, ...rest] = log.attempts
    return new StreamInterrupted({
      module: "ProviderChain",
      method: "streamText",
      reason: error.reason,
      provider: member.provider.name,
      model: member.provider.model,
      partial: this.partial,
      usage: last.usage,
      attempts: [first, ...rest]
    })
  }

  /** The next chunk, by the clock for silence and the deadline. */
  private get next(): Effect.Effect<void, AiError.AiError> {
    const { betweenChunks, provider } = this.running.member
    const { incoming, request } = this
    const next = betweenChunks === undefined ? incoming.next : incoming.life.within(
      incoming.next,
      Duration.toMillis(betweenChunks),
      () => broken("streamText", networkError(provider, `nothing came for ${Duration.format(betweenChunks)}`))
    )
    return request.deadline === Infinity ? next : Effect.timeoutOrElse(next, {
      duration: Duration.millis(Math.max(0, request.deadline - request.log.now())),
      orElse: () => Effect.suspend(() => Effect.fail(broken("streamText", deadlinePassed(provider))))
    })
  }

  readonly pull: Pull.Pull<Chunk, AiError.AiError> = Effect.suspend(() => {
    const [first, ...rest] = this.incoming.release().flatMap((part) => this.decorate(part))
    if (first !== undefined) return Effect.succeed([first, ...rest] as const)
    if (this.over) return Cause.done()
    if (this.incoming.ended) {
      this.over = true
      this.running.member.gate.whole()
      this.request.log.succeeded(this.running)
      const { finish } = this.incoming
      if (finish !== undefined) {
        AttemptSpan.finished(this.span, finish)
        settled(this.running, finish)
        annotate(this.request.options, this.running.member.provider, finish)
      }
      return Cause.done()
    }
    return this.next.pipe(
      Effect.mapError((error) => this.interrupted(error)),
      Effect.andThen(this.pull)
    )
  })
}

export const streamText = (
  members: ReadonlyArray<ChainMember>,
  settings: Settings,
  options: LanguageModel.ProviderOptions
): Stream.Stream<Part, AiError.AiError, IdGenerator.IdGenerator> =>
  Stream.unwrap(Effect.gen(function*() {
    const scope = yield* Effect.scope
    const request = yield* start("streamText", members, settings, options)
    // The reader may stop at any time: the attempt that it leaves behind was not a failure.
    yield* Scope.addFinalizer(scope, Effect.sync(() => request.log.abandon()))
    const opened = yield* answer(request, scope, open(request))
    // Of two answers that have begun in the same instant only the request's own is one.
    if (opened.incoming.committed) request.log.committed(opened.running)
    return Stream.fromPull(Effect.succeed(new Following(opened, request).pull))
  }))
