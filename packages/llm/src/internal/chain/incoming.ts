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
  private at = 0
  begun = false

  constructor(now: () => number) {
    this.now = now
  }

  readonly sign = (): void => {
    this.at = this.now()
    this.begun = true
  }

  /** Reads from a server that must not be silent for longer than `limit` milliseconds, while it is read from. */
  within<A, E, R>(self: Effect.Effect<A, E, R>, limit: number, silence: () => E): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const from = this.now()
      const watch: Effect.Effect<never, E> = Effect.suspend(() => {
        const left = Math.max(from, this.at) + limit - this.now()
        return left > 0 ? Effect.andThen(Effect.sleep(left), watch) : Effect.fail(silence())
      })
      return Effect.raceFirst(self, watch)
    })
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
  readonly pull: Pull.Pull<Chunk, AiError.AiError>
  readonly running: RunningAttempt
  readonly log: AttemptLog
  readonly life: Life
  ready: Array<Part> = []
  /** Tool calls and the finish, in order. */
  private held: Array<Part> = []
  finish: Response.FinishPartEncoded | undefined = undefined
  committed = false
  ended = false

  constructor(pull: Pull.Pull<Chunk, AiError.AiError>, running: RunningAttempt, log: AttemptLog, life: Life) {
    this.pull = pull
    this.running = running
    this.log = log
    this.life = life
  }

  private take(chunk: Chunk): AiError.AiError | undefined {
    this.life.sign()
    for (const part of chunk) {
      if (part.type === "error") return errorPart(part, "streamText")
      if (part.type === "finish") {
        this.finish = part
        this.log.report(this.running, part)
      }
      if (part.type === "finish" || part.type === "tool-call") this.held.push(part)
      else this.ready.push(part)
      if (commits(part)) this.committed = true
    }
    return undefined
  }

  /** Takes in the next chunk; at the end of the stream asks for the proof and releases what was held. */
  readonly next: Effect.Effect<void, AiError.AiError> = Effect.suspend(() =>
    Pull.matchEffect(this.pull, {
      onSuccess: (chunk) => {
        const error = this.take(chunk)
        return error === undefined ? Effect.void : Effect.fail(error)
      },
      onFailure: (cause) => Effect.failCause(cause),
      onDone: () => {
        if (this.finish === undefined) return Effect.fail(noFinish(this.running.member.provider, "streamText"))
        this.ended = true
        this.ready.push(...this.held)
        this.held = []
        return Effect.void
      }
    })
  )

  /** Parts that may be emitted but were not yet. */
  release(): ReadonlyArray<Part> {
    const { ready } = this
    this.ready = []
    return ready
  }
}
