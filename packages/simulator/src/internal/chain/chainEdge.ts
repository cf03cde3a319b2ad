/**
 * Calls to a chain of providers: each client has a chain of its own, over the same services.
 *
 * Guarded by `test/chain/chain.test.ts` and `test/laws.test.ts`.
 */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as Pool from "@holdfast/llm/Pool"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { CallFailure } from "../../CallFailure.ts"
import { Edge, type EdgeOptions, type Make } from "../edge/edge.ts"
import type { ServiceEdge } from "../edge/serviceEdge.ts"
import type { Engine } from "../engine/engine.ts"
import type { CheckedChain } from "./check.ts"
import { CurrentSize, providerOf } from "./provider.ts"

/** A chain of the system: its options, and an edge to each of its providers. */
export class Chain {
  readonly name: string
  readonly options: CheckedChain
  readonly edges: ReadonlyMap<string, ServiceEdge>
  /** The services of a request, whose decisions are told to the edges of the providers. */
  private readonly context: Context.Context<never>
  private readonly random: Random.Random

  constructor(
    name: string,
    options: CheckedChain,
    edges: ReadonlyMap<string, ServiceEdge>,
    observed: (observer: PolicyEvent.Observer) => Context.Context<never>,
    random: Random.Random
  ) {
    this.name = name
    this.options = options
    this.edges = edges
    this.random = random
    this.context = Context.add(
      observed((event) => this.edges.get(event.policy.replace(/^llm\./u, ""))?.decisions.observe(event)),
      ChainEvent.Observers,
      [(event) => this.observe(event)]
    )
  }

  private observe(event: ChainEvent.ChainEvent): void {
    const edge = this.edges.get(event.provider)
    if (edge === undefined) return
    if (event._tag === "AttemptStarted" && event.attempt === 1) edge.calls++
    if (event._tag === "ProviderSkipped") edge.decisions.skip(event.why)
  }

  /** The language model of one client. */
  readonly make: Effect.Effect<LanguageModel.LanguageModel> = Effect.suspend(() => {
    const { options, providers: [first, ...others] } = this.options
    const source = (provider: CheckedChain["providers"][number]): ProviderChain.Source => {
      if (typeof provider === "string") return this.provider(provider)
      const [member, ...more] = provider.members.map(({ service, ...place }) => ({
        ...place,
        provider: this.provider(service),
        price: this.edges.get(service)?.to.options.model?.price
      }))
      return Pool.make({ ...provider.options, members: [member!, ...more] })
    }
    const made = ProviderChain.make({ ...options, providers: [source(first!), ...others.map(source)] })
    const [budget, ...more] = this.options.budgets
    return budget === undefined ? made : Effect.provideServiceEffect(
      made,
      Budgets.Budgets,
      Budgets.make({ budgets: [budget, ...more], prices: this.prices })
    )
  })

  /** The prices of its models, by the names of their services. */
  private get prices(): Readonly<Record<string, Usage.Price>> {
    return Object.fromEntries(
      Array.from(this.edges, ([name, { to: { options: { model } } }]) => [name, model?.price])
        .filter((entry): entry is [string, Usage.Price] => entry[1] !== undefined)
    )
  }

  private provider(name: string) {
    const edge = this.edges.get(name)!
    return providerOf(edge, edge.to.options.model?.location ?? "cloud")
  }

  /** A request of `from`, from its prompt to the end of its answer. */
  request(model: LanguageModel.LanguageModel, from: string): Effect.Effect<void, CallFailure> {
    const { answer, prompt, stream } = this.options
    const failed = new CallFailure({ service: this.name, reason: "failed" })
    const spent = new CallFailure({ service: this.name, reason: "limited" })
    return Effect.suspend(() => {
      const size = {
        input: Math.max(1, Math.round(prompt(this.random.nextDoubleUnsafe()))),
        output: Math.max(1, Math.round(answer(this.random.nextDoubleUnsafe())))
      }
      // A pool takes four characters for a token.
      const text = { prompt: "x".repeat(4 * size.input) }
      const asked: Effect.Effect<unknown, unknown> = stream
        ? Stream.runDrain(model.streamText(text))
        : model.generateText(text)
      const call = Effect.mapError(Effect.asVoid(asked), (error) => ChainError.isBudgetSpent(error) ? spent : failed)
      return Effect.provideContext(
        Effect.provideService(
          this.options.budgets.length === 0 ? call : Usage.withTags(call, { caller: from }),
          CurrentSize,
          size
        ),
        this.context
      )
    })
  }
}

export class ChainEdge extends Edge {
  readonly to: Chain
  protected readonly protector = undefined

  constructor(from: string, to: Chain, options: EdgeOptions, engine: Engine, random: Random.Random) {
    super(from, options, engine, random)
    this.to = to
  }

  protected connect(make: Make): Effect.Effect<void, CallFailure> {
    const request = this.to.request(make(this.to.make), this.from)
    return Effect.suspend(() => {
      this.sent()
      return Effect.onExit(request, (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit) && Exit.hasInterrupts(exit)) this.abandoned++
          else this.answered(exit)
        }))
    })
  }
}
