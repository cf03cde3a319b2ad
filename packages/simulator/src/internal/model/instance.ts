/**
 * An instance of a service: its workers and its queue.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type { Effect } from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Histogram } from "../../Histogram.ts"
import { type Answer, type Answers, type Generation, type Holder, Limit, type Request, Stage } from "../edge/request.ts"
import type { Engine } from "../engine/engine.ts"
import type { CheckedService } from "./check.ts"
import type { Plan } from "./plan.ts"

/** What a service has counted. */
export class ServiceCounts {
  /** Requests that have reached it. */
  arrived = 0
  /** Requests that took their time and were answered well, and those of them whose client was gone. */
  served = 0
  wasted = 0
  /** Requests by the way in which they ended badly. */
  refused = 0
  failed = 0
  dependency = 0
  overloaded = 0
  limited = 0
  timeout = 0
  cut = 0
  /** Requests that will never be answered, and those that were dropped since their client was gone. */
  hung = 0
  skipped = 0
  /** Milliseconds of busy workers, and of waiting requests. */
  busyArea = 0
  queueArea = 0
  /** Milliseconds that the requests took that have ended. */
  took = 0
  /** Tokens that were used, and what all requests cost. */
  inputTokens = 0
  outputTokens = 0
  cost = 0
}

/** The service of an instance. */
export interface Host {
  readonly options: CheckedService
  readonly engine: Engine
  readonly counts: ServiceCounts
  readonly answers: Answers
  readonly latency: Histogram
  readonly slower: number
  readonly errors: number
  busy: number
  queued: number
  mostQueued: number
  chance(): number
  count(): void
  bill(generation: Generation, output: number): void
}

export class Instance implements Holder {
  readonly service: Host
  /** Takes no new requests. */
  isOut = false
  slower = 1
  /** When it is as fast as ever again, after it was cold. */
  coldSince = 0
  warmAt = 0
  coldSlower = 1
  /** What a request does when its own work is done. */
  handler: Plan | undefined
  fork: ((effect: Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>) | undefined
  private busy = 0
  private queued = 0
  private head: Request | undefined
  private tail: Request | undefined

  constructor(service: Host) {
    this.service = service
  }

  get load(): number {
    return this.busy + this.queued
  }

  arrive(request: Request): void {
    const { service } = this
    const { options } = service
    request.instance = this
    if (this.busy < options.workers) {
      this.setLimit(request)
      return this.start(request)
    }
    if (this.queued >= options.queue) {
      service.counts.overloaded++
      return request.respond(service.answers.overloaded)
    }
    this.setLimit(request)
    this.enqueue(request)
  }

  private setLimit(request: Request): void {
    const { engine, options: { timeout } } = this.service
    if (timeout === Infinity) return
    request.limit = new Limit(request)
    engine.add(request.limit, engine.now + timeout)
  }

  private start(request: Request): void {
    const { service } = this
    const { engine, options } = service
    service.count()
    this.busy++
    service.busy++
    request.stage = Stage.working
    const load = options.slowdown === 0 ? 1 : 1 + options.slowdown * this.busy / options.workers
    engine.add(request, engine.now + options.latency(service.chance()) * load * service.slower * this.slowness)
  }

  private get slowness(): number {
    const { now } = this.service.engine
    if (now >= this.warmAt) return this.slower
    return this.slower *
      (1 + (this.coldSlower - 1) * (this.warmAt - now) / (this.warmAt - this.coldSince))
  }

  /** The own work of a request is done: it makes its calls. */
  worked(request: Request): void {
    const { handler, service } = this
    const { generation } = request
    const isBegun = generation?.begunAt !== undefined
    if (!isBegun && service.errors > 0 && service.chance() < service.errors) {
      service.counts.failed++
      return this.end(request, service.answers.failed)
    }
    if (generation !== undefined && !isBegun) return this.generate(request, generation)
    if (generation?.isCut === true) {
      service.counts.cut++
      return this.end(request, service.answers.cut)
    }
    if (handler === undefined || this.fork === undefined) return this.called(request, Exit.void)
    request.stage = Stage.calling
    if (handler.only !== undefined) handler.only.calls++
    const fiber = this.fork(handler.effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.called(request, exit)
    request.fiber = fiber
    fiber.addObserver((exit) => {
      if (request.fiber !== undefined) this.called(request, exit)
    })
  }

  /** The first token of an answer is there, and the rest follows. */
  private generate(request: Request, generation: Generation): void {
    const { service } = this
    const { cuts = 0, tokensPerSecond = Infinity } = service.options.model ?? {}
    const takes = generation.output / tokensPerSecond * 1_000 * service.slower * this.slowness
    generation.isCut = cuts > 0 && service.chance() < cuts
    service.engine.add(request, service.engine.now + (generation.isCut ? takes * service.chance() : takes))
    generation.begin(service.engine.now, takes)
  }

  private called(request: Request, exit: Exit.Exit<unknown, unknown>): void {
    const { counts, answers } = this.service
    request.fiber = undefined
    if (Exit.isSuccess(exit)) {
      counts.served++
      counts.cost += this.service.options.price
      if (request.abandoned || request.lost) counts.wasted++
      this.end(request, Exit.void)
    } else {
      counts.dependency++
      this.end(request, answers.dependency)
    }
  }

  /** Bills what was written of an answer: nothing, if it has not begun. */
  private settle({ generation }: Request): void {
    if (generation?.begunAt !== undefined) this.service.bill(generation, generation.written(this.service.engine.now))
  }

  /** Frees the worker, and answers when the next request has it. */
  private end(request: Request, answer: Answer): void {
    const { service } = this
    const took = service.engine.now - request.arrivedAt
    service.latency.add(took)
    service.counts.took += took
    this.settle(request)
    this.free(request)
    request.respond(answer)
  }

  private free(request: Request): void {
    const { service } = this
    if (request.limit !== undefined) service.engine.timers.remove(request.limit)
    service.count()
    this.busy--
    service.busy--
    const next = service.options.order === "fifo" ? this.head : this.tail
    if (next !== undefined) {
      this.dequeue(next)
      this.start(next)
    }
  }

  /** The service's own timeout: the request fails, wherever it is. */
  late(request: Request): void {
    const { counts, answers } = this.service
    counts.timeout++
    this.stop(request)
    request.respond(answers.timeout)
  }

  /** The client of a request has given up. */
  abandon(request: Request): void {
    const { counts, options: { abandoned } } = this.service
    if (abandoned === "served" || (abandoned === "skipped" && request.stage !== Stage.waiting)) return
    counts.skipped++
    this.stop(request)
    request.stage = Stage.ended
  }

  private stop(request: Request): void {
    const { engine } = this.service
    const { fiber } = request
    this.service.counts.took += engine.now - request.arrivedAt
    if (request.stage === Stage.waiting) {
      if (request.limit !== undefined) engine.timers.remove(request.limit)
      return this.dequeue(request)
    }
    if (request.stage === Stage.working) engine.timers.remove(request)
    request.fiber = undefined
    fiber?.interruptUnsafe()
    this.settle(request)
    this.free(request)
  }

  private enqueue(request: Request): void {
    const { service } = this
    service.count()
    request.stage = Stage.waiting
    request.before = this.tail
    if (this.tail === undefined) this.head = request
    else this.tail.after = request
    this.tail = request
    this.queued++
    service.mostQueued = Math.max(service.mostQueued, ++service.queued)
  }

  private dequeue(request: Request): void {
    const { after, before } = request
    this.service.count()
    if (before === undefined) this.head = after
    else before.after = after
    if (after === undefined) this.tail = before
    else after.before = before
    request.before = request.after = undefined
    this.queued--
    this.service.queued--
  }
}
