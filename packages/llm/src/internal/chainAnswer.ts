/** The two hooks of a chain's `LanguageModel`: whole answers, and streams behind the commit barrier. */
import { Deadline } from "@holdfast/core/Deadline"
import * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { StreamInterrupted } from "../ChainError.ts"
import { Observers } from "../ChainEvent.ts"
import { Connectivity } from "../Connectivity.ts"
import type { Decision } from "../FallbackDecision.ts"
import type { Provider } from "../Provider.ts"
import { Ledger } from "../Usage.ts"
import * as Projection from "./projection.ts"
import type { Entry, Running, Settings } from "./walk.ts"
import { deadlinePassed, silent, Walk } from "./walk.ts"

type Part = Response.StreamPartEncoded
type Chunk = Arr.NonEmptyReadonlyArray<Part>

const startWalk = Effect.fnUntraced(function*(
  method: "generateText" | "streamText",
  settings: Settings,
  request: LanguageModel.ProviderOptions
) {
  const clock = yield* Clock.Clock
  const outer = yield* Deadline
  const ledger = Option.getOrUndefined(yield* Effect.serviceOption(Ledger)) ?? settings.ledger
  const around = yield* Observers
  const observers = ledger === undefined ? around : [...around, ledger.observer]
  const walk = new Walk(settings, method, request, observers, () => clock.currentTimeMillisUnsafe())
  const own = settings.deadline === undefined ? Infinity : clock.currentTimeMillisUnsafe() + settings.deadline
  return { walk, deadline: Math.min(outer, own) }
})

/**
 * Walks the providers, without those in the cloud when this machine is offline. Nobody asks whether it is unless somebody
 * is in the cloud.
 */
const walkAlong = Effect.fnUntraced(function*<A, R>(
  walk: Walk,
  entries: ReadonlyArray<Entry>,
  open: (running: Running) => Effect.Effect<A, AiError.AiError, R>
) {
  const connectivity = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity)) ?? walk.settings.connectivity
  const asks = connectivity !== undefined && entries.some(({ provider }) => provider.location === "cloud")
  const online = asks ? yield* connectivity.isOnline : true
  return yield* walk.run(entries, online, open)
})

/** Ends the walk when the request's deadline passes, and keeps the story straight when the caller goes away. */
const bounded = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  walk: Walk,
  entries: ReadonlyArray<Entry>,
  deadline: number
) => {
  const limited = deadline === Infinity ? self : Effect.provideService(self, Deadline, deadline).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(Math.max(0, deadline - walk.now())),
      orElse: () => Effect.suspend(() => Effect.fail(walk.expire(entries)))
    })
  )
  // What has failed is settled by now; an interruption or a defect has left its attempt behind.
  return Effect.onExit(limited, (exit) => Effect.sync(() => Exit.isFailure(exit) && walk.abandon()))
}

// -----------------------------------------------------------------------------
// Whose answer it is
// -----------------------------------------------------------------------------

type Marked = { readonly metadata?: Response.ProviderMetadata | undefined }

const mark = (provider: Provider, walk: Walk): Response.ProviderMetadata => ({
  holdfast: {
    provider: provider.name,
    model: provider.model,
    location: provider.location,
    attempts: walk.attempts.length + 1
  }
})

const marked = <P extends Marked>(part: P, holdfast: Response.ProviderMetadata): P => ({
  ...part,
  metadata: { ...part.metadata, ...holdfast }
})

const annotate = (
  request: LanguageModel.ProviderOptions,
  provider: Provider,
  finish: Response.FinishPartEncoded
): void =>
  Telemetry.addGenAIAnnotations(request.span, {
    provider: { name: provider.name },
    operation: { name: "chat" },
    request: { model: provider.model },
    response: { finishReasons: [finish.reason] },
    usage: { inputTokens: finish.usage.inputTokens.total, outputTokens: finish.usage.outputTokens.total }
  })

const broken = (method: string, reason: AiError.AiErrorReason): AiError.AiError =>
  AiError.make({ module: "ProviderChain", method, reason })

const noFinish = (provider: Provider, method: string): AiError.AiError =>
  broken(method, silent(provider, "the answer ended without a finish, so it may be incomplete"))

/** A provider that puts an error into its answer, against the contract, has failed all the same. */
const errorPart = (part: Response.ErrorPartEncoded, method: string): AiError.AiError =>
  AiError.isAiError(part.error) ? part.error : AiError.make({
    module: "ProviderChain",
    method,
    reason: new AiError.InternalProviderError({ description: `an error in the stream: ${String(part.error)}` })
  })

// -----------------------------------------------------------------------------
// Whole answers
// -----------------------------------------------------------------------------

export const generateText = Effect.fnUntraced(function*(
  entries: ReadonlyArray<Entry>,
  settings: Settings,
  request: LanguageModel.ProviderOptions
): Effect.fn.Return<Array<Response.PartEncoded>, AiError.AiError, IdGenerator.IdGenerator> {
  const { deadline, walk } = yield* startWalk("generateText", settings, request)
  const open = Effect.fnUntraced(function*(running: Running) {
    const { provider } = running.entry
    const parts = yield* provider.generateText(walk.requestFor(running))
    const finish = parts.find((part) => part.type === "finish")
    if (finish === undefined) return yield* noFinish(provider, "generateText")
    walk.report(finish)
    return { parts, finish, running }
  })
  const { finish, parts, running } = yield* bounded(walkAlong(walk, entries, open), walk, entries, deadline)
  const { provider } = running.entry
  const holdfast = mark(provider, walk)
  walk.succeeded(running)
  annotate(request, provider, finish)
  const metadata = parts.some((part) => part.type === "response-metadata")
    ? []
    : [{ type: "response-metadata" as const, modelId: provider.model, metadata: holdfast }]
  return [
    ...metadata,
    ...parts.map((part) =>
      part.type === "response-metadata" || part.type === "finish"
        ? marked(part, holdfast)
        : Projection.mark(part, provider)
    )
  ]
})

// -----------------------------------------------------------------------------
// Streams
// -----------------------------------------------------------------------------

/** Whether the caller sees something of the answer in this part. What opens a block shows nothing yet. */
const commits = (part: Part): boolean => {
  switch (part.type) {
    case "text-delta":
    case "reasoning-delta":
    case "tool-params-delta":
      return part.delta !== ""
    case "tool-result":
    case "tool-approval-request":
    case "file":
    case "source":
      return true
    case "text-start":
    case "text-end":
    case "reasoning-start":
    case "reasoning-end":
    case "tool-params-start":
    case "tool-params-end":
    case "tool-call":
    case "response-metadata":
    case "finish":
    case "error":
      return false
  }
}

/** An answer as it comes in: what may be shown now, and what waits for the proof that it is whole. */
class Incoming {
  readonly pull: Pull.Pull<Chunk, AiError.AiError>
  readonly walk: Walk
  ready: Array<Part> = []
  /** Tool calls and the finish, in order. */
  held: Array<Part> = []
  finish: Response.FinishPartEncoded | undefined = undefined
  committed = false
  ended = false

  constructor(pull: Pull.Pull<Chunk, AiError.AiError>, walk: Walk) {
    this.pull = pull
    this.walk = walk
  }

  private take(chunk: Chunk): AiError.AiError | undefined {
    for (const part of chunk) {
      if (part.type === "error") return errorPart(part, "streamText")
      if (part.type === "finish") {
        this.finish = part
        this.walk.report(part)
      }
      if (part.type === "finish" || part.type === "tool-call") this.held.push(part)
      else this.ready.push(part)
      if (commits(part)) this.committed = true
    }
    return undefined
  }

  /** Takes in the next chunk; at the end of the stream asks for the proof and releases what was held. */
  next(provider: Provider): Effect.Effect<void, AiError.AiError> {
    return Pull.matchEffect(this.pull, {
      onSuccess: (chunk) => {
        const error = this.take(chunk)
        return error === undefined ? Effect.void : Effect.fail(error)
      },
      onFailure: (cause) => Effect.failCause(cause),
      onDone: () => {
        if (this.finish === undefined) return Effect.fail(noFinish(provider, "streamText"))
        this.ended = true
        this.ready.push(...this.held)
        this.held = []
        return Effect.void
      }
    })
  }
}

interface Opened {
  readonly incoming: Incoming
  readonly running: Running
}

/** Opens a stream and reads until the first content or the end: what a policy may repeat. */
const open =
  (walk: Walk, outer: Scope.Scope) =>
  (running: Running): Effect.Effect<Opened, AiError.AiError, IdGenerator.IdGenerator> =>
    Effect.gen(function*() {
      const { entry } = running
      // A scope below the request's: whatever happens between the attempt and its reader, it is closed.
      const scope = yield* Scope.fork(outer)
      return yield* Effect.gen(function*() {
        const pull = yield* Stream.toPull(entry.provider.streamText(walk.requestFor(running)))
        const incoming = new Incoming(pull, walk)
        while (!incoming.committed && !incoming.ended) yield* incoming.next(entry.provider)
        if (incoming.committed) {
          const duration = Duration.millis(walk.now() - running.startedAt)
          walk.emit(entry, running.attempt, { _tag: "Committed", duration })
        }
        return { incoming, running }
      }).pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))
      )
    })

const seenAlready: Decision = { _tag: "Fail", because: "a part of the answer was already seen" }

/** The answer from the commit on: as it comes, until the proof or an interruption. */
const follow = (
  { incoming, running }: Opened,
  walk: Walk,
  request: LanguageModel.ProviderOptions,
  deadline: number
): Pull.Pull<Chunk, AiError.AiError> => {
  const { betweenChunks, provider } = running.entry
  const holdfast = mark(provider, walk)
  const partial = { text: "", reasoning: "" }
  let introduced = false
  let over = false

  const decorate = (part: Part): ReadonlyArray<Part> => {
    if (part.type === "text-delta") partial.text += part.delta
    if (part.type === "reasoning-delta") partial.reasoning += part.delta
    if (part.type === "finish") return [marked(part, holdfast)]
    if (part.type === "response-metadata") {
      introduced = true
      return [marked(part, holdfast)]
    }
    const said = Projection.mark(part, provider)
    if (introduced) return [said]
    introduced = true
    return [{ type: "response-metadata", modelId: provider.model, metadata: holdfast }, said]
  }

  const interrupted = (error: AiError.AiError): StreamInterrupted => {
    const last = walk.failed(running, error.reason, seenAlready)
    const [first = last, ...rest] = walk.attempts
    return new StreamInterrupted({
      module: "ProviderChain",
      method: "streamText",
      reason: error.reason,
      provider: provider.name,
      model: provider.model,
      partial,
      usage: last.usage,
      attempts: [first, ...rest]
    })
  }

  const clocked = (self: Effect.Effect<void, AiError.AiError>): Effect.Effect<void, AiError.AiError> => {
    const pause = betweenChunks === undefined ? Infinity : Duration.toMillis(betweenChunks)
    const left = deadline - walk.now()
    const limit = Math.min(pause, left)
    if (limit === Infinity) return self
    return Effect.timeoutOrElse(self, {
      duration: Duration.millis(Math.max(0, limit)),
      orElse: () =>
        Effect.fail(broken(
          "streamText",
          left <= pause
            ? deadlinePassed(provider)
            : silent(provider, `nothing came for ${Duration.format(Duration.millis(pause))}`)
        ))
    })
  }

  const pull: Pull.Pull<Chunk, AiError.AiError> = Effect.suspend(() => {
    const [first, ...rest] = incoming.ready.flatMap(decorate)
    incoming.ready = []
    if (first !== undefined) return Effect.succeed([first, ...rest] as const)
    if (over) return Cause.done()
    if (incoming.ended) {
      over = true
      walk.succeeded(running)
      if (incoming.finish !== undefined) annotate(request, provider, incoming.finish)
      return Cause.done()
    }
    return clocked(incoming.next(provider)).pipe(
      Effect.mapError(interrupted),
      Effect.andThen(pull)
    )
  })
  return pull
}

export const streamText = (
  entries: ReadonlyArray<Entry>,
  settings: Settings,
  request: LanguageModel.ProviderOptions
): Stream.Stream<Part, AiError.AiError, IdGenerator.IdGenerator> =>
  Stream.unwrap(Effect.gen(function*() {
    const scope = yield* Effect.scope
    const { deadline, walk } = yield* startWalk("streamText", settings, request)
    // The reader may stop at any time: the attempt that it leaves behind was not a failure.
    yield* Scope.addFinalizer(scope, Effect.sync(() => walk.abandon()))
    const opened = yield* bounded(walkAlong(walk, entries, open(walk, scope)), walk, entries, deadline)
    return Stream.fromPull(Effect.succeed(follow(opened, walk, request, deadline)))
  }))
