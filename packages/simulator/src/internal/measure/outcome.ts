/**
 * Turns what was counted into an outcome.
 *
 * Guarded by `test/model.test.ts` and `test/published.test.ts`.
 */
import { Histogram } from "../../Histogram.ts"
import type {
  CallerOutcome,
  CallFigures,
  EdgeOutcome,
  Figures,
  Outcome,
  Phase,
  ServiceFigures,
  ServiceOutcome
} from "../../Outcome.ts"
import type { Edge } from "../edge/edge.ts"
import type { Caller } from "../model/caller.ts"
import type { Network } from "../model/network.ts"
import type { Run } from "../model/run.ts"
import type { Service } from "../model/service.ts"
import { type Recorder, type Snapshot, snapshot } from "./recorder.ts"
import { recoveryOf } from "./recovery.ts"
import { visitsOf } from "./visits.ts"

/** A part of the run: the counters at both ends, and the phases that calls begin in. */
interface Part {
  readonly phase: Phase
  readonly from: Snapshot
  readonly to: Snapshot
  readonly phases: ReadonlyArray<0 | 1 | 2>
}

const partsOf = (snapshots: ReadonlyArray<Snapshot>, hasEvents: boolean): ReadonlyArray<Part> => {
  const [start, begin, end] = snapshots
  const last = snapshots.at(-1)!
  const whole: Part = { phase: "whole", from: start!, to: last, phases: [0, 1, 2] }
  if (!hasEvents || begin === undefined || begin === last) return [whole]
  const over = end ?? last
  const parts: Array<Part> = [
    whole,
    { phase: "before", from: start!, to: begin, phases: [0] },
    { phase: "during", from: begin, to: over, phases: [1] },
    { phase: "after", from: over, to: last, phases: [2] }
  ]
  return parts.filter(({ from, to }) => to.at > from.at)
}

const record = <A>(parts: ReadonlyArray<Part>, of: (part: Part) => A): Partial<Record<Phase, A>> =>
  Object.fromEntries(parts.map((part) => [part.phase, of(part)]))

/** Figures of the calls that began in a part of the run. One that never ends has not succeeded. */
const callFigures = (callers: ReadonlyArray<Caller>, part: Part, isOver: boolean): CallFigures => {
  const counts = callers.flatMap((caller) => part.phases.map((phase) => caller.counts[phase]))
  const sum = (key: "calls" | "successes" | "failures") => counts.reduce((sum, counts) => sum + counts[key], 0)
  const [calls, successes] = [sum("calls"), sum("successes")]
  const latency = new Histogram()
  for (const counted of counts) latency.merge(counted.latency)
  return {
    calls,
    success: successes / (isOver ? calls : successes + sum("failures")),
    goodput: successes / (part.to.at - part.from.at) * 1_000,
    p50: latency.quantile(0.5),
    p90: latency.quantile(0.9),
    p99: latency.quantile(0.99),
    max: latency.count === 0 ? NaN : latency.max
  }
}

/** Turns what was counted so far into an outcome. */
export const outcomeOf = (options: {
  readonly network: Network
  readonly recorder: Recorder
  readonly run: Run
  readonly seed: number
  readonly trigger: { readonly from: number; readonly to: number } | undefined
}): Outcome => {
  const { network, recorder, run, seed, trigger } = options
  const { engine } = run
  const isOver = engine.now >= run.until
  const snapshots = isOver ? recorder.snapshots : [...recorder.snapshots, snapshot(network, engine)]
  const parts = partsOf(snapshots, trigger !== undefined)
  const visits = visitsOf(network)
  const callers = [...network.callers.values()]
  const services = [...network.services.values()]

  const amplification = (service: Service, { from, phases, to }: Part): number => {
    const expected = callers.reduce((sum, caller) =>
      sum + (visits.get(caller)?.get(service) ?? 0) *
        phases.reduce<number>((calls, phase) => calls + caller.counts[phase].calls, 0), 0)
    return ((to.services.get(service)?.arrived ?? 0) - (from.services.get(service)?.arrived ?? 0)) / expected
  }

  const serviceFigures = (service: Service, part: Part): ServiceFigures => {
    const [from, to] = [part.from.services.get(service)!, part.to.services.get(service)!]
    const length = part.to.at - part.from.at
    const workers = service.options.workers * service.options.instances
    const rejected = (counts: typeof from) => counts.refused + counts.overloaded + counts.limited
    return {
      arrived: to.arrived - from.arrived,
      served: to.served - from.served,
      wasted: to.wasted - from.wasted,
      rejected: rejected(to) - rejected(from),
      amplification: amplification(service, part),
      utilisation: (to.busyArea - from.busyArea) / length / workers,
      queue: (to.queueArea - from.queueArea) / length,
      inputTokens: to.inputTokens - from.inputTokens,
      outputTokens: to.outputTokens - from.outputTokens,
      cost: to.cost - from.cost
    }
  }

  const figures = (part: Part): Figures => {
    const all = services.map((service) => ({ service, figures: serviceFigures(service, part) }))
    const served = all.reduce((sum, { figures }) => sum + figures.served, 0)
    const known = all.map(({ figures }) => figures.amplification).filter(Number.isFinite)
    return {
      ...callFigures(callers, part, isOver),
      amplification: known.length === 0 ? NaN : Math.max(...known),
      utilisation: Math.max(...all.map(({ figures }) => figures.utilisation)),
      wasted: served === 0 ? 0 : all.reduce((sum, { figures }) => sum + figures.wasted, 0) / served,
      cost: all.reduce((sum, { figures }) => sum + figures.cost, 0)
    }
  }

  const callerOutcome = (caller: Caller): CallerOutcome => ({
    phases: record(parts, (part) => callFigures([caller], part, isOver)),
    again: caller.again,
    unended: caller.inFlight,
    series: {
      calls: Array.from(caller.started),
      succeeded: Array.from(caller.succeeded),
      ...recorder.callers.get(caller)!.values
    }
  })

  const edgeOutcome = (edge: Edge): EdgeOutcome => {
    const { calls, decisions, hits } = edge
    const grown = ({ from, to }: Part, key: "calls" | "hits" | "attempts") =>
      (to.edges.get(edge)?.[key] ?? 0) - (from.edges.get(edge)?.[key] ?? 0)
    return {
      from: edge.from,
      to: edge.to.name,
      calls,
      hits,
      attempts: edge.attempts,
      answered: edge.answeredWell,
      abandoned: edge.abandoned,
      mostInFlight: edge.mostInFlight,
      amplification: record(parts, (part) => grown(part, "attempts") / (grown(part, "calls") - grown(part, "hits"))),
      retries: decisions.retries,
      hedges: decisions.hedges,
      rejected: { ...decisions.rejected },
      stopped: { ...decisions.stopped },
      deadlines: decisions.deadlines,
      opened: decisions.opened,
      skipped: { ...decisions.skipped },
      series: recorder.edges.get(edge)!.values
    }
  }

  const serviceOutcome = (service: Service): ServiceOutcome => {
    const { counts, latency } = service
    const { cut, dependency, failed, limited, overloaded, refused, timeout } = counts
    return {
      phases: record(parts, (part) => serviceFigures(service, part)),
      failures: { refused, failed, dependency, overloaded, limited, timeout, cut },
      hung: counts.hung,
      skipped: counts.skipped,
      inService: service.busy + service.queued,
      mostQueued: service.mostQueued,
      latency: { p50: latency.quantile(0.5), p99: latency.quantile(0.99), mean: latency.mean },
      tokens: { input: counts.inputTokens, output: counts.outputTokens },
      cost: counts.cost,
      series: recorder.services.get(service)!.values
    }
  }

  const byName = <A, B>(all: ReadonlyMap<string, A>, of: (one: A) => B): Readonly<Record<string, B>> =>
    Object.fromEntries(Array.from(all, ([name, one]) => [name, of(one)]))

  const slots = Math.min(Math.ceil(engine.now / run.every), Math.ceil(run.until / run.every))
  const together = (of: (caller: Caller) => Float64Array) =>
    Array.from({ length: slots }, (_, slot) => callers.reduce((sum, caller) => sum + (of(caller)[slot] ?? 0), 0))

  return {
    seed,
    duration: run.until,
    every: run.every,
    trigger,
    figures: { ...record(parts, figures), whole: figures(parts[0]!) },
    recovery: trigger === undefined ? undefined : recoveryOf(
      {
        every: run.every,
        started: together(({ started }) => started),
        succeeded: together(({ succeeded }) => succeeded)
      },
      trigger.from,
      trigger.to
    ),
    callers: byName(network.callers, callerOutcome),
    edges: network.edges.map(edgeOutcome),
    services: byName(network.services, serviceOutcome)
  }
}
