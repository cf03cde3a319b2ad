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

/** The answer of a language model that a request asks for, in tokens. */
export class Generation {
  readonly input: number
  readonly output: number
  /** When the first token came. */
  begunAt: number | undefined
  /** How long the rest takes, and whether it breaks off before its end. */
  takes: number
  isCut: boolean
  private readonly onBegin: () => void

  constructor(input: number, output: number, onBegin: () => void) {
    this.input = input
    this.output = output
    this.begunAt = undefined
    this.takes = 0
    this.isCut = false
    this.onBegin = onBegin
  }

  begin(now: number, takes: number): void {
    this.begunAt = now
    this.takes = takes
    this.onBegin()
  }

  /** How many tokens have been written. */
  written(now: number): number {
    if (this.begunAt === undefined) return 0
    return this.takes === 0 ? this.output : Math.min(this.output, this.output * (now - this.begunAt) / this.takes)
  }
}

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
  readonly cut: Answer
  private readonly service: string

  /** `retryAfter` is what the service asks for when its queue is full. */
  constructor(service: string, retryAfter: number | undefined) {
    const of = (reason: Failure.Reason, retryAfter?: Duration.Duration): Answer =>
      Exit.fail(new Failure.CallFailure({ service, reason, retryAfter }))
    this.service = service
    this.refused = of("refused")
    this.failed = of("failed")
    this.dependency = of("dependency")
    this.overloaded = of("overloaded", retryAfter === undefined ? undefined : Duration.millis(retryAfter))
    this.timeout = of("timeout")
    this.cut = of("cut")
  }

  limited(millis: number): Answer {
    const retryAfter = Duration.millis(millis)
    return Exit.fail(new Failure.CallFailure({ service: this.service, reason: "limited", retryAfter }))
  }
}

export class Request extends Timer {
  declare readonly edge: Sender
  declare private readonly resume: (answer: Answer) => void
  declare stage: Stage
  /** The client has given up. */
  declare abandoned: boolean
  /** The answer will not reach the client. */
  declare lost: boolean
  declare arrivedAt: number
  declare instance: Holder | undefined
  /** What makes the calls of the request. */
  declare fiber: Fiber.Fiber<unknown, unknown> | undefined
  declare limit: Limit | undefined
  declare answer: Answer
  /** What is asked of a language model. */
  declare readonly generation: Generation | undefined
  // In the queue of an instance.
  declare before: Request | undefined
  declare after: Request | undefined

  constructor(edge: Sender, resume: (answer: Answer) => void, generation?: Generation) {
    super()
    this.generation = generation
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

  /** How many tokens it is for, prompt and answer together. */
  get tokens(): number {
    const { generation } = this
    return generation === undefined ? 0 : generation.input + generation.output
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
  declare private readonly request: Request

  constructor(request: Request) {
    super()
    this.request = request
  }

  override ring(): void {
    this.request.instance?.late(this.request)
  }
}
