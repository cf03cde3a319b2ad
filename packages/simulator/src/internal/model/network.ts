/**
 * Builds a system: services, edges with their policies, callers and events.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { Chain, ChainEdge } from "../chain/chainEdge.ts"
import { namesOf } from "../chain/check.ts"
import type { Edge } from "../edge/edge.ts"
import { ServiceEdge } from "../edge/serviceEdge.ts"
import { Caller } from "./caller.ts"
import type { Checked, CheckedCall } from "./check.ts"
import { schedule } from "./disturb.ts"
import { type Planned, planOf } from "./plan.ts"
import type { Run } from "./run.ts"
import { Service } from "./service.ts"

/** A generator of its own for each part, so that one part that asks more often does not change the others. */
const randomOf = (seed: number, part: string): Random.Random =>
  Effect.runSync(Random.withSeed(Random.Random, `${seed}:${part}`))

export interface Network {
  readonly services: ReadonlyMap<string, Service>
  readonly chains: ReadonlyMap<string, Chain>
  readonly callers: ReadonlyMap<string, Caller>
  readonly edges: ReadonlyArray<Edge>
}

/** The observers of policies in the context of a fiber. One flat map: each call asks it for a dozen services. */
const observedBy = (context: Context.Context<never>, observer: PolicyEvent.Observer): Context.Context<never> =>
  Context.mergeAll(
    Effect.runSync(Effect.provideContext(PolicyEvent.observe(Effect.context<never>(), observer), context))
  )

/** How a chain calls its providers: it protects the calls itself. */
const direct = { policy: undefined, http: undefined, shared: true, network: 0, cache: undefined }

/** Builds a system. Nothing happens before the time passes. */
export const build = (system: Checked, run: Run, seed: number): Network => {
  const { engine } = run
  const services = new Map<string, Service>()
  const chains = new Map<string, Chain>()
  const callers = new Map<string, Caller>()
  const edges: Array<Edge> = []
  const base = engine.contextWith(randomOf(seed, "policies"))

  for (const [name, options] of Object.entries(system.services)) {
    services.set(name, new Service(name, options, engine, randomOf(seed, `service ${name}`)))
  }

  /** What makes a policy has no time to wait for. */
  const make = <A>(effect: Effect.Effect<A>): A => {
    const fiber = Effect.runForkWith(base)(effect)
    engine.drain()
    const exit = fiber.pollUnsafe()
    if (exit === undefined) throw new Error("an effect that makes a policy waits for something")
    if (Exit.isSuccess(exit)) return exit.value
    const defect = exit.cause.reasons.find((reason) => reason._tag === "Die")?.defect
    throw defect ?? new Error("an effect that makes a policy was interrupted")
  }

  const edgeOf = (from: string, options: CheckedCall): Edge => {
    const random = randomOf(seed, `edge ${edges.length}`)
    const chain = chains.get(options.to)
    const edge = chain === undefined
      ? new ServiceEdge(from, services.get(options.to)!, options, engine, random)
      : new ChainEdge(from, chain, options, engine, random)
    edges.push(edge)
    return edge
  }

  const planned = (from: string, options: CheckedCall, clients: number): Planned => {
    const edge = edgeOf(from, options)
    return { edge, options, protected: edge.protectAll(clients, make) }
  }

  /** Starts fibers whose policies tell the edges of their decisions. */
  const forkOf = (steps: ReadonlyArray<Planned>) => {
    const [only, ...others] = steps
    const context = only === undefined || others.length > 0 ? base : observedBy(base, only.edge.decisions.observe)
    return Effect.runForkWith(context) as (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>
  }

  for (const [name, options] of Object.entries(system.chains)) {
    const random = randomOf(seed, `chain ${name}`)
    const observed = (observer: PolicyEvent.Observer) => observedBy(base, observer)
    const providers = namesOf(options).map((to) => new ServiceEdge(name, services.get(to)!, direct, engine, random))
    edges.push(...providers)
    chains.set(name, new Chain(name, options, new Map(providers.map((edge) => [edge.to.name, edge])), observed, random))
  }

  for (const [name, service] of services) {
    const steps = service.options.calls.map((step) => step.map((call) => planned(name, call, service.instances.length)))
    const fork = forkOf(steps.flat())
    service.instances.forEach((instance, client) => {
      instance.handler = planOf(steps, client)
      instance.fork = fork
    })
  }

  for (const [name, options] of Object.entries(system.callers)) {
    const step = planned(name, options, options.clients)
    const plans = step.protected.map((_, client) =>
      planOf([[step]], client) ?? { effect: Effect.void, only: undefined }
    )
    callers.set(
      name,
      new Caller(name, options, step.edge, run, randomOf(seed, `caller ${name}`), forkOf([step]), plans)
    )
  }

  for (const event of system.events) schedule(event, { engine, services, callers, edges })
  for (const caller of callers.values()) caller.start()
  return { services, chains, callers, edges }
}
