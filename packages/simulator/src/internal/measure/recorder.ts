/**
 * Samples a network at the end of each slot and at the edges of its phases. The memory it takes depends on the number of slots alone.
 *
 * Guarded by `test/model.test.ts` and `test/published.test.ts`.
 */
import type { Edge } from "../edge/edge.ts"
import type { Engine } from "../engine/engine.ts"
import { Timer } from "../engine/timers.ts"
import type { Caller } from "../model/caller.ts"
import type { ServiceCounts } from "../model/instance.ts"
import type { Network } from "../model/network.ts"
import type { Run } from "../model/run.ts"
import type { Service } from "../model/service.ts"

/** The counters of everything at an instant. */
export interface Snapshot {
  readonly at: number
  readonly services: ReadonlyMap<Service, Readonly<ServiceCounts>>
  readonly edges: ReadonlyMap<Edge, { readonly calls: number; readonly hits: number; readonly attempts: number }>
}

const mapOf = <A, B>(all: Iterable<A>, of: (one: A) => B): ReadonlyMap<A, B> =>
  new Map(Array.from(all, (one) => [one, of(one)]))

export const snapshot = (network: Network, engine: Engine): Snapshot => ({
  at: engine.now,
  services: mapOf(network.services.values(), (service) => {
    service.count()
    return { ...service.counts }
  }),
  edges: mapOf(network.edges, ({ attempts, calls, hits }) => ({ calls, hits, attempts }))
})

export class Series<Name extends string> {
  readonly values: Record<Name, Array<number>>
  private readonly totals: Record<Name, number>

  constructor(names: ReadonlyArray<Name>) {
    this.values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Array<number>>
    this.totals = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  }

  /** Adds by how much a total has grown in the slot. */
  grown(name: Name, total: number, by = 1): void {
    this.values[name].push((total - this.totals[name]) / by)
    this.totals[name] = total
  }

  put(name: Name, value: number): void {
    this.values[name].push(value)
  }
}

export class Recorder extends Timer {
  readonly callers: ReadonlyMap<Caller, Series<"p50" | "p99">>
  readonly services: ReadonlyMap<Service, Series<"arrived" | "served" | "busy" | "queue">>
  readonly edges: ReadonlyMap<Edge, Series<"calls" | "attempts" | "open">>
  /** At the start, where the phases change, and at the end. */
  readonly snapshots: Array<Snapshot>
  private readonly network: Network
  private readonly run: Run
  private slots = 0

  constructor(network: Network, run: Run) {
    super()
    this.network = network
    this.run = run
    this.callers = mapOf(network.callers.values(), () => new Series(["p50", "p99"]))
    this.services = mapOf(network.services.values(), () => new Series(["arrived", "served", "busy", "queue"]))
    this.edges = mapOf(network.edges, () => new Series(["calls", "attempts", "open"]))
    this.snapshots = [snapshot(network, run.engine)]
    this.next()
  }

  private next(): void {
    this.slots++
    this.run.engine.add(this, Math.min(this.run.until, this.slots * this.run.every))
  }

  override ring(): void {
    const { engine, every, until } = this.run
    for (const [caller, series] of this.callers) {
      series.put("p50", caller.recent.quantile(0.5))
      series.put("p99", caller.recent.quantile(0.99))
      caller.recent.clear()
    }
    const length = every - Math.max(0, this.slots * every - until)
    for (const [service, series] of this.services) {
      service.count()
      series.grown("arrived", service.counts.arrived)
      series.grown("served", service.counts.served)
      series.grown("busy", service.counts.busyArea, length)
      series.grown("queue", service.counts.queueArea, length)
    }
    for (const [edge, series] of this.edges) {
      series.grown("calls", edge.calls)
      series.grown("attempts", edge.attempts)
      series.put("open", edge.decisions.open)
    }
    if (engine.now < until) this.next()
    else this.snapshots.push(snapshot(this.network, engine))
  }

  /** Another phase begins. */
  turn(phase: 1 | 2): void {
    this.run.phase = phase
    this.snapshots.push(snapshot(this.network, this.run.engine))
  }
}
