/** One request of a chain from its start to its end: what it finds in its context, and its deadline. */
import { Deadline } from "@holdfast/core/Deadline"
import type * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Observers } from "../../ChainEvent.ts"
import { Connectivity } from "../../Connectivity.ts"
import { Ledger } from "../../Usage.ts"
import type { Method } from "./attemptLog.ts"
import { Story } from "./attemptLog.ts"
import { demandsOf, tokensAtLeast } from "./filter.ts"
import type { Entry, Settings } from "./member.ts"
import type { Open } from "./visits.ts"
import { Walk } from "./walk.ts"

/** A request under way, and the instant at which it has to be over. */
export interface Started {
  readonly walk: Walk
  readonly deadline: number
}

export const start = Effect.fnUntraced(function*(
  method: Method,
  entries: ReadonlyArray<Entry>,
  settings: Settings,
  request: LanguageModel.ProviderOptions
): Effect.fn.Return<Started> {
  const clock = yield* Clock.Clock
  const outer = yield* Deadline
  const ledger = Option.getOrUndefined(yield* Effect.serviceOption(Ledger)) ?? settings.ledger
  const around = yield* Observers
  const observers = [...around, ...(ledger === undefined ? [] : [ledger.observer]), settings.metrics]
  const story = new Story(method, observers, () => clock.currentTimeMillisUnsafe())
  const own = settings.deadline === undefined ? Infinity : clock.currentTimeMillisUnsafe() + settings.deadline
  return { walk: new Walk(settings, story, request, entries), deadline: Math.min(outer, own) }
})

/** Nobody asks whether this machine is online unless somebody is in the cloud. */
const isOnline = Effect.fnUntraced(function*({ entries, settings }: Walk) {
  const connectivity = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity)) ?? settings.connectivity
  const asks = connectivity !== undefined && entries.some(({ provider }) => provider.location === "cloud")
  return asks ? yield* connectivity.isOnline : true
})

/** Nobody counts unless somebody's context is known. A tokenizer that fails is replaced by the estimate. */
const tokensOf = ({ entries, request, settings }: Walk): Effect.Effect<number | undefined> => {
  if (entries.every(({ provider }) => provider.capabilities.contextWindow === undefined)) {
    return Effect.undefined
  }
  return settings.tokenizer === undefined
    ? Effect.sync(() => tokensAtLeast(request.prompt))
    : settings.tokenizer.tokenize(request.prompt).pipe(
      Effect.map((tokens) => tokens.length),
      Effect.orElseSucceed(() => tokensAtLeast(request.prompt))
    )
}

/**
 * Walks the providers. Ends the walk when the request's deadline passes, and keeps the story straight when the caller goes
 * away.
 */
export const walkAlong = <A, R>(
  { deadline, walk }: Started,
  scope: Scope.Scope,
  open: Open<A, R>
): Effect.Effect<A, AiError.AiError, R> => {
  const { entries, story } = walk
  const walked = Effect.gen(function*() {
    const online = yield* isOnline(walk)
    const tokens = yield* tokensOf(walk)
    walk.offline = !online
    return yield* walk.run(demandsOf(walk.request, tokens, online), scope, open)
  })
  const limited = deadline === Infinity ? walked : Effect.provideService(walked, Deadline, deadline).pipe(
    Effect.timeoutOrElse({
      duration: Duration.millis(Math.max(0, deadline - story.now())),
      orElse: () => Effect.suspend(() => Effect.fail(story.expire(entries)))
    })
  )
  // What has failed is settled by now; an interruption or a defect has left its attempt behind.
  return Effect.onExit(limited, (exit) => Effect.sync(() => Exit.isFailure(exit) && story.abandon()))
}
