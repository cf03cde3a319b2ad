/** The hook of a chain's `LanguageModel` for streams. */
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
import { annotate, authorOf, marked } from "./authorship.ts"
import { broken, deadlinePassed, silent } from "./chainReasons.ts"
import type { Chunk, Part } from "./incoming.ts"
import { Incoming } from "./incoming.ts"
import type { Entry, Running, Settings } from "./member.ts"
import * as Projection from "./projection.ts"
import { start, walkAlong } from "./request.ts"
import * as AttemptSpan from "./span.ts"
import type { Walk } from "./walk.ts"

interface Opened {
  readonly incoming: Incoming
  readonly running: Running
  readonly span: Tracer.Span
}

/** Opens a stream and reads until the first content or the end: what a policy may repeat. */
const open =
  (walk: Walk) =>
  (running: Running, visit: Scope.Scope): Effect.Effect<Opened, AiError.AiError, IdGenerator.IdGenerator> =>
    Effect.suspend(() => {
      const { provider, head } = running.entry
      // A scope below the visit's: whatever happens between the attempt and its reader, it is closed.
      const scope = Scope.forkUnsafe(visit)
      const opened = Effect.fnUntraced(function*(span: Tracer.Span) {
        const pull = yield* Stream.toPull(provider.streamText(walk.requestFor(running)))
        const incoming = new Incoming(pull, provider, walk.story)
        yield* (head === undefined ? incoming.next : within(
          incoming.next,
          head,
          () => silent(provider, `no sign of an answer within ${Duration.format(head)}`)
        ))
        while (!incoming.committed && !incoming.ended) yield* incoming.next
        if (incoming.committed) walk.story.committed(running)
        return { incoming, running, span }
      })
      return AttemptSpan.open(running, walk).pipe(
        Effect.flatMap((span) =>
          // What is read later on starts nothing that a span would show.
          Effect.withParentSpan(opened(span), span, { captureStackTrace: false }).pipe(
            Effect.onExit((exit) => Effect.sync(() => AttemptSpan.ended(span, exit)))
          )
        ),
        Scope.provide(scope),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
      )
    })

const within = <R>(
  self: Effect.Effect<void, AiError.AiError, R>,
  duration: Duration.Duration,
  reason: () => AiError.AiErrorReason
): Effect.Effect<void, AiError.AiError, R> =>
  Effect.timeoutOrElse(self, {
    duration,
    orElse: () => Effect.suspend(() => Effect.fail(broken("streamText", reason())))
  })

const seenAlready: Decision = { _tag: "Fail", because: "a part of the answer was already seen" }

/** The answer from the commit on: as it comes, until the proof or an interruption. */
class Following {
  readonly incoming: Incoming
  readonly running: Running
  readonly span: Tracer.Span
  readonly walk: Walk
  readonly deadline: number
  private readonly author: ReturnType<typeof authorOf>
  private readonly partial = { text: "", reasoning: "" }
  private introduced = false
  private over = false

  constructor({ incoming, running, span }: Opened, walk: Walk, deadline: number) {
    this.incoming = incoming
    this.running = running
    this.span = span
    this.walk = walk
    this.deadline = deadline
    this.author = authorOf(running.entry, walk)
  }

  private decorate(part: Part): ReadonlyArray<Part> {
    const { provider } = this.running.entry
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
    const { entry } = this.running
    const { story } = this.walk
    const last = story.failed(this.running, error.reason, seenAlready)
    AttemptSpan.failed(this.span, error.reason)
    entry.cooldown.brokeOff(story.now(), entry.retries, entry.pause)
    const [first = last, ...rest] = story.attempts
    return new StreamInterrupted({
      module: "ProviderChain",
      method: "streamText",
      reason: error.reason,
      provider: entry.provider.name,
      model: entry.provider.model,
      partial: this.partial,
      usage: last.usage,
      attempts: [first, ...rest]
    })
  }

  /** The next chunk, by the clock for pauses and the deadline. */
  private get next(): Effect.Effect<void, AiError.AiError> {
    const { betweenChunks, provider } = this.running.entry
    const pause = betweenChunks === undefined ? Infinity : Duration.toMillis(betweenChunks)
    const left = this.deadline - this.walk.story.now()
    const limit = Math.min(pause, left)
    return limit === Infinity ? this.incoming.next : within(
      this.incoming.next,
      Duration.millis(Math.max(0, limit)),
      () =>
        left <= pause
          ? deadlinePassed(provider)
          : silent(provider, `nothing came for ${Duration.format(Duration.millis(pause))}`)
    )
  }

  readonly pull: Pull.Pull<Chunk, AiError.AiError> = Effect.suspend(() => {
    const [first, ...rest] = this.incoming.release().flatMap((part) => this.decorate(part))
    if (first !== undefined) return Effect.succeed([first, ...rest] as const)
    if (this.over) return Cause.done()
    if (this.incoming.ended) {
      this.over = true
      this.walk.story.succeeded(this.running)
      const { finish } = this.incoming
      if (finish !== undefined) {
        AttemptSpan.finished(this.span, finish)
        annotate(this.walk.request, this.running.entry.provider, finish)
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
  entries: ReadonlyArray<Entry>,
  settings: Settings,
  request: LanguageModel.ProviderOptions
): Stream.Stream<Part, AiError.AiError, IdGenerator.IdGenerator> =>
  Stream.unwrap(Effect.gen(function*() {
    const scope = yield* Effect.scope
    const started = yield* start("streamText", entries, settings, request)
    const { deadline, walk } = started
    // The reader may stop at any time: the attempt that it leaves behind was not a failure.
    yield* Scope.addFinalizer(scope, Effect.sync(() => walk.story.abandon()))
    const opened = yield* walkAlong(started, scope, open(walk))
    return Stream.fromPull(Effect.succeed(new Following(opened, walk, deadline).pull))
  }))
