/**
 * An answer as it comes in, behind the commit barrier: what may be shown now, and what waits for the proof.
 *
 * Guarded by `test/chain/treatment.test.ts` and `test/chain/signsOfLife.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type { AttemptLog } from "./attemptLog.ts"
import { errorPart, noFinish } from "./chainReasons.ts"
import type { RunningAttempt } from "./member.ts"

export type Part = Response.StreamPartEncoded
export type Chunk = Arr.NonEmptyReadonlyArray<Part>

/** Whether this part shows the caller some of the answer. A part that only opens a block does not. */
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

/** The last sign of life of a stream: a part of it, or anything else that came from the server, such as a ping. */
export class Life {
  readonly now: () => number
  /** When it was, in milliseconds since the epoch. */
  at = 0
  begun = false
  /** Whether the stream says by itself when something has come. */
  isTold = false

  constructor(now: () => number) {
    this.now = now
  }

  readonly sign = (): number => {
    this.begun = true
    return this.at = this.now()
  }

  /** Reads from a server whose first sign must come within `limit` milliseconds. */
  begins<A, E, R>(self: Effect.Effect<A, E, R>, limit: number, silence: () => E): Effect.Effect<A, E, R> {
    const watch = Effect.flatMap(
      Effect.sleep(limit),
      (): Effect.Effect<never, E> => this.begun ? Effect.never : Effect.fail(silence())
    )
    return Effect.raceFirst(self, watch)
  }
}

export class Incoming {
  readonly running: RunningAttempt
  readonly log: AttemptLog
  readonly life: Life
  ready: Array<Part> = []
  /** Tool calls and the finish, in order. */
  private held: Array<Part> = []
  finish: Response.FinishPartEncoded | undefined = undefined
  committed = false
  ended = false

  constructor(running: RunningAttempt, log: AttemptLog, life: Life) {
    this.running = running
    this.log = log
    this.life = life
  }

  private take(chunk: Chunk): AiError.AiError | undefined {
    if (!this.life.isTold) this.life.sign()
    for (const part of chunk) {
      switch (part.type) {
        case "error":
          return errorPart(part, "streamText")
        case "finish":
          this.finish = part
          this.log.report(this.running, part)
          this.held.push(part)
          break
        case "tool-call":
          this.held.push(part)
          break
        default:
          this.ready.push(part)
          if (!this.committed && commits(part)) this.committed = true
      }
    }
    return undefined
  }

  /**
   * Takes in the next chunk of `pull` and goes on with what `then` gives; at the end asks for the proof and releases what was held. `told`
   * is the error of a failure.
   */
  next<A, E, R, R2>(
    pull: Pull.Pull<Chunk, AiError.AiError, void, R>,
    then: () => Effect.Effect<A, E, R2>,
    told: (error: AiError.AiError) => AiError.AiError
  ): Effect.Effect<A, E | AiError.AiError, R | R2> {
    type Next = Effect.Effect<A, E | AiError.AiError, R2>
    return Pull.matchEffect(pull, {
      onSuccess: (chunk): Next => {
        const error = this.take(chunk)
        return error === undefined ? then() : Effect.fail(told(error))
      },
      onFailure: (cause): Next => Effect.mapError(Effect.failCause(cause), told),
      onDone: (): Next => {
        if (this.finish === undefined) {
          return Effect.fail(told(noFinish(this.running.member.provider, "streamText")))
        }
        this.ended = true
        this.ready.push(...this.held)
        this.held = []
        return then()
      }
    })
  }

  /** Parts that may be emitted but were not yet. */
  release(): ReadonlyArray<Part> {
    const { ready } = this
    this.ready = []
    return ready
  }
}
