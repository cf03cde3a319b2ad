/**
 * The hook of a chain's `LanguageModel` for streams.
 *
 * Guarded by `test/chain/commit.test.ts` and `test/chain/signsOfLife.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import { StreamInterrupted } from "../../ChainError.ts"
import type { Decision } from "../../FallbackDecision.ts"
import { authorOf, marked } from "../authorship/answeredBy.ts"
import * as Projection from "../authorship/projection.ts"
import { type Next, onDemand } from "../onDemand.ts"
import { answered, settled } from "../pool/place.ts"
import { endableOf } from "../protocol/answer/webBody.ts"
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
import { StreamReader, Watch } from "./streamReader.ts"

interface Opened {
  /** The rest of the stream, by the clock for silence and the deadline. */
  readonly pull: Pull.Pull<Chunk, AiError.AiError>
  /** Starts what looks after the reads of that, if it is not in them. */
  readonly watch: Effect.Effect<unknown> | undefined
  readonly incoming: Incoming
  readonly running: RunningAttempt
  readonly span: Tracer.Span
}

/** The rest of a stream: a clock ends it when it is silent for too long, or the deadline has passed. */
const timed = (
  pull: Pull.Pull<Chunk, AiError.AiError, void, IdGenerator.IdGenerator>,
  context: Context.Context<IdGenerator.IdGenerator>,
  scope: Scope.Scope,
  { member: { betweenChunks, provider } }: RunningAttempt,
  life: Life,
  { deadline, log: { now } }: ChainRequest
): Pick<Opened, "pull" | "watch"> => {
  const limit = betweenChunks === undefined ? Infinity : Duration.toMillis(betweenChunks)
  const silence = () =>
    broken("streamText", networkError(provider, `nothing came for ${Duration.format(Duration.millis(limit))}`))
  const passed = () => broken("streamText", deadlinePassed(provider))
  const due = (from: number) => {
    const at = Math.max(from, life.at) + limit
    return at <= deadline ? { at, error: silence } : { at: deadline, error: passed }
  }
  const endable = endableOf(pull)
  if (endable === undefined) {
    return { pull: new StreamReader({ pull, context, scope, now, due }).pull, watch: undefined }
  }
  const watch = new Watch({ now, due }, (late) => Effect.sync(() => endable.end?.(late)))
  endable.watch = watch
  life.isTold = true
  return {
    // It has all its services: a reader of a body is not an effect that looks for some.
    pull: pull as Pull.Pull<Chunk, AiError.AiError>,
    watch: Effect.suspend(() => {
      // The read that follows: the watch need not wait for it.
      watch.begins()
      return Effect.forkIn(watch.run, scope, { startImmediately: true })
    })
  }
}

/** Opens a stream and reads until the first content or the end: what a policy may repeat. */
const begin =
  (request: ChainRequest) =>
  (running: RunningAttempt, visit: Scope.Scope): Effect.Effect<Opened, AiError.AiError, IdGenerator.IdGenerator> =>
    Effect.suspend(() => {
      const { provider, head } = running.member
      // A scope below the visit's: whatever happens between the attempt and its reader, it is closed.
      const scope = Scope.forkUnsafe(visit)
      const life = new Life(request.log.now)
      const incoming = new Incoming(running, request.log, life)
      type Reading = Effect.Effect<void, AiError.AiError, IdGenerator.IdGenerator>
      const begun = (pull: Pull.Pull<Chunk, AiError.AiError, void, IdGenerator.IdGenerator>): Reading => {
        const rest = (): Reading => incoming.committed || incoming.ended ? Effect.void : next
        const next: Reading = incoming.next(pull, rest, identity)
        if (head === undefined) return next
        const first = life.begins(
          incoming.next(pull, () => Effect.void, identity),
          Duration.toMillis(head),
          () => broken("streamText", networkError(provider, `no sign of an answer within ${Duration.format(head)}`))
        )
        return Effect.flatMap(first, rest)
      }
      const opened = (span: Tracer.Span) =>
        Effect.contextWith((context: Context.Context<IdGenerator.IdGenerator>) =>
          Effect.flatMap(
            Channel.toPullScoped(Stream.toChannel(provider.streamText(request.optionsFor(running))), scope),
            (pull) =>
              Effect.map(begun(pull), (): Opened => {
                answered(running, "streamText", request.log.now())
                return { incoming, ...timed(pull, context, scope, running, life, request), running, span }
              })
          )
        )
      return AttemptSpan.open(running, request).pipe(
        Effect.flatMap((span) =>
          // What is read later on starts nothing that a span would show.
          Effect.withParentSpan(
            Effect.onExit(opened(span), (exit) => Effect.sync(() => AttemptSpan.ended(span, exit))),
            span,
            { captureStackTrace: false }
          )
        ),
        Effect.updateContext((context: Context.Context<IdGenerator.IdGenerator>) =>
          context.pipe(
            Context.add(Scope.Scope, scope),
            Context.add(SignOfLife, life.sign),
            Context.add(ReportedUsage, running.meter.follow)
          )
        ),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
      )
    })

const seenAlready: Decision = { _tag: "Fail", because: "a part of the answer was already seen" }

/** How a chunk is given to the reader of the stream. */
export type Give<A> = (chunk: Chunk) => Exit.Exit<Arr.NonEmptyReadonlyArray<A>, AiError.AiError>

/** The answer from the commit on: as it comes, until the proof or an interruption. */
class Following<A> {
  readonly opened: Opened
  readonly request: ChainRequest
  private readonly give: Give<A>
  private readonly author: ReturnType<typeof authorOf>
  private readonly partial = { text: "", reasoning: "" }
  private introduced = false
  private over = false
  private watch: Opened["watch"]
  constructor(opened: Opened, request: ChainRequest, give: Give<A>) {
    this.opened = opened
    this.request = request
    this.give = give
    this.author = authorOf(opened.running.member, request)
    this.watch = opened.watch
    this.more = opened.incoming.next(opened.pull, this.next, (error) => this.interrupted(error))
  }

  private decorate(part: Part, out: Array<Part>): void {
    const { provider } = this.opened.running.member
    if (part.type === "text-delta") this.partial.text += part.delta
    if (part.type === "reasoning-delta") this.partial.reasoning += part.delta
    if (part.type === "response-metadata") this.introduced = true
    if (part.type === "finish" || part.type === "response-metadata") {
      out.push(marked(part, this.author))
      return
    }
    if (!this.introduced) {
      this.introduced = true
      out.push({ type: "response-metadata", modelId: provider.model, metadata: this.author })
    }
    out.push(Projection.mark(part, provider))
  }

  private interrupted(error: AiError.AiError): StreamInterrupted {
    const { running, span } = this.opened
    const { member } = running
    const { log } = this.request
    const last = log.failed(running, error.reason, seenAlready)
    AttemptSpan.failed(span, error.reason)
    running.ticket.brokeOff(member.retries, member.cooldownMillis)
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

  /** The provider has proved that the answer is whole. */
  private end(): void {
    const { incoming: { finish }, running, span } = this.opened
    this.over = true
    running.member.gate.whole()
    this.request.log.succeeded(running)
    if (finish === undefined) return
    AttemptSpan.finished(span, finish)
    settled(running, finish)
    AttemptSpan.answeredBy(this.request.options.span, running.member.provider, finish)
  }

  /** The next chunk of the provider, as it is given. Made once: a token costs no effects of its own. */
  private readonly more: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, AiError.AiError>

  /** What has come and was not given, or the end, or else more. */
  readonly next = (): Pull.Pull<Arr.NonEmptyReadonlyArray<A>, AiError.AiError> => {
    const out: Array<Part> = []
    for (const part of this.opened.incoming.release()) this.decorate(part, out)
    if (Arr.isArrayNonEmpty(out)) return this.give(out)
    if (!this.over && !this.opened.incoming.ended) {
      const { watch } = this
      if (watch === undefined) return this.more
      this.watch = undefined
      return Effect.andThen(watch, this.more)
    }
    if (!this.over) this.end()
    return Cause.done()
  }
}

/** Opens the answer to a request, whose chunks are then given by `give`. Its resources live until the scope closes. */
export const open = <A>(
  members: ReadonlyArray<ChainMember>,
  settings: Settings,
  options: LanguageModel.ProviderOptions,
  scope: Scope.Scope,
  give: Give<A>
): Effect.Effect<Next<A, AiError.AiError, never>, AiError.AiError, IdGenerator.IdGenerator> =>
  Effect.flatMap(start("streamText", members, settings, options), (request) => {
    // The reader may stop at any time: the attempt that it leaves behind was not a failure.
    const abandoned = Scope.addFinalizer(scope, Effect.sync(() => request.log.abandon()))
    return Effect.map(Effect.andThen(abandoned, answer(request, scope, begin(request))), (opened) => {
      // Of two answers that have begun in the same instant only the request's own is one.
      if (opened.incoming.committed) request.log.committed(opened.running)
      return new Following(opened, request, give).next
    })
  })

export const streamText = (
  members: ReadonlyArray<ChainMember>,
  settings: Settings,
  options: LanguageModel.ProviderOptions
): Stream.Stream<Part, AiError.AiError, IdGenerator.IdGenerator> =>
  onDemand((scope) => open(members, settings, options, scope, Exit.succeed))
