/**
 * What the pools of a transport are doing, as gauges with the names of OpenTelemetry's HTTP client metrics where those
 * exist. Nothing is counted for them: they are set from the stats whenever someone asks.
 *
 * Guarded by `test/undici/pool.test.ts`, `test/undici/bounds.test.ts` and `test/undici/transport.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { serverOf } from "../../telemetry/serverAttributes.ts"
import type { OriginStats, Stats } from "../options.ts"

const openConnections = Metric.gauge("http.client.open_connections", {
  description: "Open connections by their state",
  attributes: { unit: "{connection}" }
})
const activeRequests = Metric.gauge("http.client.active_requests", {
  description: "Exchanges in progress",
  attributes: { unit: "{request}" }
})
const pendingRequests = Metric.gauge("holdfast.http.pending_requests", {
  description: "Requests that wait for a connection",
  attributes: { unit: "{request}" }
})

const nothing: OriginStats = { connected: 0, free: 0, pending: 0, running: 0 }

/** Sets the gauges, time and again, from one transport's stats. */
export class PoolMetrics {
  private before: ReadonlyArray<string> = []

  record({ origins }: Stats): Effect.Effect<void> {
    const now = Object.keys(origins)
    // An origin that the transport has forgotten has nothing open any more, and its gauges have to say so.
    const gone = this.before.filter((origin) => origins[origin] === undefined)
    this.before = now
    return Effect.forEach([...now, ...gone], (origin) => {
      const { connected, free, pending, running } = origins[origin] ?? nothing
      const server = serverOf(origin)
      const connections = (state: string) =>
        Metric.withAttributes(openConnections, { ...server, "http.connection.state": state })
      return Effect.all([
        Metric.update(connections("active"), connected - free),
        Metric.update(connections("idle"), free),
        Metric.update(Metric.withAttributes(activeRequests, server), running),
        Metric.update(Metric.withAttributes(pendingRequests, server), pending)
      ])
    }, { discard: true })
  }
}
