/**
 * What the simulated clouds have in common: they are servers on 127.0.0.1 that fail as the act in play says, each in the
 * words of its own API.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Act from "./Act.ts"
import * as LoopbackServer from "./LoopbackServer.ts"

export interface CloudServer extends LoopbackServer.LoopbackServer {
  /** The `baseUrl` of a client. */
  readonly baseUrl: string
  /** Starts an act: from now on its faults are drawn, from the beginning. */
  readonly play: (act: Act.Act) => Effect.Effect<void>
}

/** How a fault cuts an answer, if one does. */
export type Cut = Extract<Act.Fault, { readonly _tag: "Cut" }>

/** The key of a program that has one. */
export const firstKey = "demo"

/** How a cloud refuses a request. */
export type Refusal = Extract<Act.Fault, { readonly _tag: "Unavailable" | "QuotaSpent" | "KeyLimited" }>

/**
 * Lets a request for an answer meet the fault that is drawn for it: it is refused, its connection is reset, or `answer`
 * runs, late or with a cut to make.
 */
export type Meet = (
  request: Act.Request,
  answer: (cut: Cut | undefined) => Effect.Effect<void>
) => Effect.Effect<void>

/** Opens a server that plays what the acts say of the cloud `name`. The same `seed` draws the same faults. */
export const make = Effect.fnUntraced(function*(options: {
  readonly name: "openai" | "anthropic"
  readonly seed: string | number
  /** What the API's own paths begin with. */
  readonly basePath: string
  readonly refuse: (exchange: LoopbackServer.Exchange, refusal: Refusal) => Effect.Effect<void>
  readonly handler: (exchange: LoopbackServer.Exchange, meet: Meet) => Effect.Effect<void>
}): Effect.fn.Return<CloudServer, never, Scope.Scope> {
  let nextFault = yield* Act.draw(Act.well, "")

  const server = yield* LoopbackServer.make((exchange) =>
    options.handler(exchange, (request, answer) => {
      const fault = nextFault(request)
      switch (fault._tag) {
        case "Unavailable":
        case "QuotaSpent":
          return options.refuse(exchange, fault)
        case "KeyLimited":
          return exchange.headers.authorization === `Bearer ${firstKey}`
            ? options.refuse(exchange, fault)
            : answer(undefined)
        case "Reset":
          return exchange.reset
        case "Slow":
          return Effect.andThen(Effect.sleep(fault.delay), answer(undefined))
        case "Cut":
          return answer(fault)
        case "None":
          return answer(undefined)
      }
    })
  )

  return {
    ...server,
    baseUrl: server.url + options.basePath,
    play: Effect.fnUntraced(function*(act) {
      const trouble = act[options.name]
      nextFault = yield* Act.draw(trouble, `${options.seed}/${act.name}/${options.name}`)
      yield* trouble.listening ? server.open : server.close
    })
  }
})

/**
 * Says an answer piece by piece, `pace` milliseconds apart, and gives whether it came to its end: a cut comes after at least
 * one piece and before the last.
 */
export const say = Effect.fnUntraced(function*(
  exchange: LoopbackServer.Exchange,
  pieces: ReadonlyArray<string>,
  options: {
    readonly pace: number
    readonly cut: Cut | undefined
    readonly send: (piece: string) => Effect.Effect<void>
  }
): Effect.fn.Return<boolean> {
  const { cut, pace, send } = options
  const last = cut === undefined
    ? pieces.length
    : Math.min(pieces.length - 1, Math.max(1, Math.round(pieces.length * cut.share)))
  for (const piece of pieces.slice(0, last)) {
    yield* send(piece)
    yield* Effect.sleep(pace)
  }
  if (cut === undefined) {
    return true
  }
  // A moment of silence first: what was said has been read when the connection breaks, on a busy machine too.
  yield* Effect.sleep(50)
  yield* cut.how === "reset" ? exchange.reset : exchange.end
  return false
})
