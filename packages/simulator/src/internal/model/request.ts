/**
 * One attempt of a call, from its client to the service and back.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { CallFailure } from "../../CallFailure.ts"
import * as Failure from "../../CallFailure.ts"
import type { Engine } from "../engine/engine.ts"
import { Timer } from "../engine/timers.ts"

/** How a request ends. */
export type Answer = Exit.Exit<void, CallFailure>

/** Where a request is. */
export const Stage = { there: 0, waiting: 1, working: 2, calling: 3, back: 4, ended: 5 } as const

export type Stage = typeof Stage[keyof typeof Stage]

/** Where requests come from and are answered to. */
export interface Sender {
  readonly engine: Engine
  readonly network: number
  readonly to: { arrive(request: Request): void }
  abandoned: number
  answered(answer: Answer): void
}

/** Where a request waits and is worked on. */
export interface Holder {
  /** The own work of the request is done. */
  worked(request: Request): void
  /** The service's own timeout: the request fails, wherever it is. */
  late(request: Request): void
  /** The client has given up. */
  abandon(request: Request): void
}

/** The answers of a service. One exit for each reason, so that a rejection costs no error. */
export class Answers {
  readonly refused: Answer
  readonly failed: Answer
  readonly dependency: Answer
  readonly overloaded: Answer
  readonly timeout: Answer
  private readonly service: string

  constructor(service: string) {
    const of = (reason: Failure.Reason): Answer => Exit.fail(new Failure.CallFailure({ service, reason }))
    this.service = service
    this.refused = of("refused")
    this.failed = of("failed")
    this.dependency = of("dependency")
    this.overloaded = of("overloaded")
    this.timeout = of("timeout")
  }

  limited(millis: number): Answer {
    const retryAfter = Duration.millis(millis)
    return Exit.fail(new Failure.CallFailure({ service: this.service, reason: "limited", retryAfter }))
  }
}

export class Request extends Timer {
  readonly edge: Sender
  private readonly resume: (answer: Answer) => void
  stage: Stage
  /** The client has given up. */
  abandoned: boolean
  /** The answer will not reach the client. */
  lost: boolean
  arrivedAt: number
  instance: Holder | undefined
  /** What makes the calls of the request. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  limit: Limit | undefined
  answer: Answer
  // In the queue of an instance.
  before: Request | undefined
  after: Request | undefined

  constructor(edge: Sender, resume: (answer: Answer) => void) {
    super()
    this.edge = edge
    this.resume = resume
    this.stage = Stage.there
    this.abandoned = false
    this.lost = false
    this.arrivedAt = 0
    this.instance = undefined
    this.fiber = undefined
    this.limit = undefined
    this.answer = Exit.void
    this.before = undefined
    this.after = undefined
  }

  /** Sends the request. */
  send(): void {
    const { edge } = this
    if (edge.network === 0) edge.to.arrive(this)
    else edge.engine.add(this, edge.engine.now + edge.network / 2)
  }

  override ring(): void {
    switch (this.stage) {
      case Stage.there:
        return this.edge.to.arrive(this)
      case Stage.working:
        return this.instance?.worked(this)
      case Stage.back:
        return this.deliver()
    }
  }

  /** Answers, after a delay and the way back. */
  respond(answer: Answer, delay = 0): void {
    const { edge } = this
    this.stage = Stage.back
    this.answer = answer
    if (this.lost) return
    const way = delay + edge.network / 2
    if (way === 0) this.deliver()
    else edge.engine.add(this, edge.engine.now + way)
  }

  private deliver(): void {
    this.stage = Stage.ended
    if (this.abandoned) return
    this.edge.answered(this.answer)
    this.resume(this.answer)
  }

  /** The client gives up. */
  abandon(): void {
    if (this.stage === Stage.ended) return
    this.abandoned = true
    this.edge.abandoned++
    if (this.stage === Stage.back) {
      this.stage = Stage.ended
      this.edge.engine.timers.remove(this)
    } else this.instance?.abandon(this)
  }
}

/** The timeout of the service. */
export class Limit extends Timer {
  private readonly request: Request

  constructor(request: Request) {
    super()
    this.request = request
  }

  override ring(): void {
    this.request.instance?.late(this.request)
  }
}
