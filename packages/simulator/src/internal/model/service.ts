/**
 * A service: which of its instances gets a request, and what is wrong with it.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type * as Random from "effect/Random"
import { Histogram } from "../../Histogram.ts"
import { Answers, type Generation, type Request, Stage } from "../edge/request.ts"
import type { Engine } from "../engine/engine.ts"
import type { CheckedService } from "./check.ts"
import { type Host, Instance, ServiceCounts } from "./instance.ts"
import { Account, type Limiter } from "./limiters.ts"

export class Service implements Host {
  readonly name: string
  readonly options: CheckedService
  readonly engine: Engine
  readonly random: Random.Random
  readonly instances: ReadonlyArray<Instance>
  readonly counts = new ServiceCounts()
  readonly answers: Answers
  /** How long requests were here, that were answered. */
  readonly latency = new Histogram()
  busy = 0
  queued = 0
  mostQueued = 0
  // What is wrong with it.
  outages: ReadonlyArray<{ readonly hang: number; readonly after: number }> = []
  slower = 1
  errors: number
  lossShare = 0
  limiters: ReadonlyArray<Limiter> = []
  /** The limits of a language model, which its answers name. */
  readonly account: Account | undefined
  private countedAt = 0
  private turn = 0

  constructor(name: string, options: CheckedService, engine: Engine, random: Random.Random) {
    this.name = name
    this.options = options
    this.engine = engine
    this.random = random
    this.errors = options.errors
    this.answers = new Answers(name, options.retryAfter)
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = options.model ?? {}
    if (Math.min(requestsPerMinute, tokensPerMinute) < Infinity) {
      this.account = new Account(requestsPerMinute, tokensPerMinute)
      this.limiters = [this.account]
    }
    this.instances = Array.from({ length: options.instances }, () => new Instance(this))
  }

  chance(): number {
    return this.random.nextDoubleUnsafe()
  }

  /** Brings the areas up to date. Called before the number of busy workers or waiting requests changes. */
  count(): void {
    const { counts, engine } = this
    const passed = engine.now - this.countedAt
    if (passed === 0) return
    counts.busyArea += passed * this.busy
    counts.queueArea += passed * this.queued
    this.countedAt = engine.now
  }

  arrive(request: Request): void {
    const { counts, engine } = this
    counts.arrived++
    request.arrivedAt = engine.now
    if (this.lossShare > 0 && this.chance() < this.lossShare) {
      // Half of what is lost is lost on the way here, the other half on the way back.
      request.lost = true
      if (this.chance() < 0.5) return this.hang(request)
    }
    const [outage] = this.outages
    if (outage !== undefined) {
      if (outage.hang > 0 && this.chance() < outage.hang) return this.hang(request)
      counts.refused++
      return request.respond(this.answers.refused, outage.after)
    }
    for (const limiter of this.limiters) {
      const wait = limiter.admit(engine.now, request.tokens)
      if (wait > 0) {
        counts.limited++
        return request.respond(this.answers.limited(wait))
      }
    }
    const instance = this.pick()
    if (instance === undefined) {
      counts.refused++
      return request.respond(this.answers.refused)
    }
    instance.arrive(request)
  }

  /** Bills the tokens of a request: its prompt, and what was written of its answer. */
  bill({ input }: Generation, output: number): void {
    const { counts, options: { model } } = this
    counts.inputTokens += input
    counts.outputTokens += output
    const { price } = model ?? {}
    if (price !== undefined) counts.cost += (input * price.input + output * price.output) / 1_000_000
  }

  private hang(request: Request): void {
    this.counts.hung++
    request.stage = Stage.back
  }

  private pick(): Instance | undefined {
    const { instances } = this
    if (instances.length === 1) return instances[0]!.isOut ? undefined : instances[0]
    const up = instances.filter((instance) => !instance.isOut)
    switch (this.options.balance) {
      case "random":
        return up[Math.floor(this.chance() * up.length)]
      case "roundRobin":
        return up[this.turn++ % up.length]
      case "leastBusy":
        return up.reduce<Instance | undefined>(
          (least, instance) => least === undefined || instance.load < least.load ? instance : least,
          undefined
        )
    }
  }
}
