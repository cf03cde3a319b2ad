/**
 * A service as a provider of a language model: what a chain asks, and what the model answers.
 *
 * Guarded by `test/chain/chain.test.ts` and `test/laws.test.ts`.
 */
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Headers from "effect/http/Headers"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { CallFailure } from "../../CallFailure.ts"
import { type Answer, Generation, Request } from "../edge/request.ts"
import type { ServiceEdge } from "../edge/serviceEdge.ts"
import { limitHeaders } from "./limitHeaders.ts"

/** How many tokens a call sends and gets. All attempts for it have the same. */
export interface Size {
  readonly input: number
  readonly output: number
}

export const CurrentSize = Context.Reference<Size>("@holdfast/simulator/CurrentSize", {
  defaultValue: () => ({ input: 1, output: 1 })
})

/** While an answer is written, something of it comes at least this often. */
const pace = Duration.seconds(1)

const id = "text"
const started: ReadonlyArray<Response.StreamPartEncoded> = [
  { type: "text-start", id },
  { type: "text-delta", id, delta: "x" }
]
const more: Response.StreamPartEncoded = { type: "text-delta", id, delta: "x" }

const finish = ({ input, output }: Size) => ({
  type: "finish" as const,
  reason: "stop" as const,
  usage: {
    inputTokens: { total: input, uncached: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 }
  }
})

/** What the head of a response says of the account. */
const limitsOf = ({ engine, to: { account, options: { model } } }: ServiceEdge): Record<string, string> =>
  limitHeaders(model?.headers ?? false, account, engine.now)

/** Tells the pool of the head of a response: that of an answer, or that of a refusal. A broken connection has none. */
const heard = <A>(edge: ServiceEdge, head: Effect.Effect<A, AiError.AiError>): Effect.Effect<A, AiError.AiError> =>
  edge.to.account === undefined ?
    head :
    Effect.onExit(
      head,
      (exit) =>
        Exit.isSuccess(exit) ||
          exit.cause.reasons.some((one) => one._tag === "Fail" && one.error.reason._tag !== "NetworkError")
          ? Effect.suspend(() => Provider.reportHeaders(Headers.fromInput(limitsOf(edge))))
          : Effect.void
    )

/** The error that a provider makes of an answer, as it would of the response of a vendor. */
const errorOf = (failure: CallFailure, edge: ServiceEdge, method: string): AiError.AiError => {
  const { reason, retryAfter } = failure
  const module = "Simulator"
  if (reason === "refused" || reason === "cut") {
    return AiError.make({
      module,
      method,
      reason: new AiError.NetworkError({
        reason: "TransportError",
        method: "POST",
        url: `http://${edge.to.name}`,
        description: reason === "refused" ? "the connection was refused" : "the answer broke off"
      })
    })
  }
  const hint: Record<string, string> = retryAfter === undefined
    ? {}
    : { "retry-after": String(Math.ceil(Duration.toSeconds(retryAfter))) }
  return AiError.make({
    module,
    method,
    reason: ProviderFailure.toReason({
      status: edge.to.options.statuses[reason],
      headers: Headers.fromInput({ ...limitsOf(edge), ...hint }),
      body: "",
      now: edge.engine.now
    })
  })
}

/** A request that is on its way: its first token, and its end. */
class Asked {
  readonly size: Size
  private readonly begun = Deferred.makeUnsafe<void, AiError.AiError>()
  private readonly over = Deferred.makeUnsafe<void, AiError.AiError>()
  private readonly request: Request

  constructor(edge: ServiceEdge, size: Size, method: string) {
    const ended = (answer: Answer) => {
      const exit = Exit.mapError(answer, (failure) => errorOf(failure, edge, method))
      Deferred.doneUnsafe(this.begun, exit)
      Deferred.doneUnsafe(this.over, exit)
    }
    const generation = new Generation(size.input, size.output, () => Deferred.doneUnsafe(this.begun, Exit.void))
    this.size = size
    this.request = new Request(edge, ended, generation)
    edge.sent()
    this.request.send()
  }

  get begins(): Effect.Effect<void, AiError.AiError> {
    return Deferred.await(this.begun)
  }

  get ends(): Effect.Effect<void, AiError.AiError> {
    return Deferred.await(this.over)
  }

  abandon(): void {
    this.request.abandon()
  }
}

const ask = (edge: ServiceEdge, method: string): Effect.Effect<Asked, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(CurrentSize, (size) => new Asked(edge, size, method)),
    (asked) => Effect.sync(() => asked.abandon())
  )

type Parts = readonly [Response.StreamPartEncoded, ...ReadonlyArray<Response.StreamPartEncoded>]

/** The parts of an answer as they come: the first at its first token, the last at its end. */
const pullOf = (asked: Asked, edge: ServiceEdge) => {
  let next: "begin" | "rest" | "done" = "begin"
  return Effect.suspend((): Effect.Effect<Parts, AiError.AiError | Cause.Done> => {
    if (next === "done") return Cause.done()
    if (next === "begin") {
      next = "rest"
      return Effect.as(heard(edge, asked.begins), started as Parts)
    }
    return Effect.map(Effect.timeoutOption(asked.ends, pace), (ended): Parts => {
      if (ended._tag === "None") return [more]
      next = "done"
      return [more, { type: "text-end", id }, finish(asked.size)]
    })
  })
}

/** The provider that asks a service over an edge. It has no state but what the edge counts. */
export const providerOf = (edge: ServiceEdge, location: Provider.Location): Provider.Provider => ({
  name: edge.to.name,
  model: edge.to.name,
  location,
  capabilities: Provider.defaultCapabilities,
  preflight: Effect.void,
  generateText: () =>
    Effect.scoped(
      Effect.flatMap(ask(edge, "generateText"), ({ ends, size }) =>
        Effect.as(heard(edge, ends), [{ type: "text", text: "x" }, finish(size)] as Array<Response.PartEncoded>))
    ),
  streamText: () =>
    Stream.unwrap(Effect.map(ask(edge, "streamText"), (asked) => Stream.fromPull(Effect.succeed(pullOf(asked, edge)))))
})
