/**
 * A system as real servers: each service listens on loopback with the workers, the queue and the latencies of the model, and
 * calls the next one over `UndiciTransport` under the policies of the model. Chance comes from the generators that the
 * simulator seeds, so calls begin at the same instants and services draw the same latencies in the same order.
 */
import * as Policy from "@holdfast/core/Policy"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as CallFailure from "../../src/CallFailure.ts"
import { recoveryOf } from "../../src/internal/measure/recovery.ts"
import type { Checked, CheckedCall, CheckedCaller, CheckedService } from "../../src/internal/model/check.ts"
import { spanOf } from "../../src/internal/model/disturb.ts"
import type { Protect, Protector } from "../../src/Protection.ts"
import * as Simulation from "../../src/Simulation.ts"
import * as System from "../../src/System.ts"

/** A part of the run. */
type Phase = "before" | "during" | "after"
const phases: ReadonlyArray<Phase> = ["before", "during", "after"]

/** The figures that a measurement and a simulation have in common. */
export interface Side {
  readonly calls: number
  /** Requests that reach each service for each call of a caller. */
  readonly load: Readonly<Record<Phase, Readonly<Record<string, number>>>>
  readonly success: Readonly<Record<Phase, number>>
  /** How long calls take before anything goes wrong, in milliseconds. */
  readonly p50: number
  readonly p90: number
  readonly recovery: number
}

const statuses = {
  refused: 521,
  failed: 500,
  dependency: 502,
  overloaded: 503,
  limited: 429,
  timeout: 504,
  cut: 520
} as const

const record = <Key extends string, A>(keys: ReadonlyArray<Key>, of: (key: Key) => A) =>
  Object.fromEntries(keys.map((key) => [key, of(key)])) as Record<Key, A>

const sum = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0)

/** A generator as the simulator makes it for a part of the system. */
const seeded = (seed: number, part: string) => Effect.runSync(Random.withSeed(Random.Random, `${seed}:${part}`))

const policyOf = (call: CheckedCall): Protector =>
  call.policy === undefined
    ? Effect.succeed({ protect: (attempt) => attempt })
    : Effect.isEffect(call.policy)
    ? call.policy
    : Effect.map(Policy.make(call.policy), (made) => made as unknown as { readonly protect: Protect })

/** Builds a system of servers, calls it as its callers do, and counts. Each service stops with the scope. */
const running = Effect.fnUntraced(function*(system: Checked, seed: number) {
  const spans = system.events.map(spanOf)
  const from = Math.min(...spans.map(([at]) => at))
  const to = Math.max(...spans.map(([, at]) => at))
  const { client } = yield* UndiciTransport.make({ connections: 5_000, poolQueue: 10_000, gracePeriod: 0 })
  const base = Context.mergeAll(
    Context.make(Random.Random, seeded(seed, "policies")),
    Context.make(Logger.CurrentLoggers, new Set())
  )
  const run = Effect.runPromiseExitWith(base)
  let started = Infinity
  const elapsed = () => performance.now() - started
  const phase = (at = elapsed()): Phase => at < from ? "before" : at < to ? "during" : "after"
  const ports = new Map<string, number>()

  const attempt = (name: string): Effect.Effect<void, CallFailure.CallFailure> =>
    Effect.suspend(() => get(client, `http://127.0.0.1:${ports.get(name)}/`)).pipe(
      Effect.matchEffect({
        onFailure: () => Effect.fail(new CallFailure.CallFailure({ service: name, reason: "refused" })),
        onSuccess: (status) => {
          const reason = CallFailure.reasons.find((reason) => statuses[reason] === status)
          return reason === undefined
            ? Effect.void
            : Effect.fail(new CallFailure.CallFailure({ service: name, reason }))
        }
      })
    )

  const arrived = record(phases, () => record(Object.keys(system.services), () => 0))
  for (const [name, options] of Object.entries(system.services)) {
    const steps: Array<Effect.Effect<unknown, unknown>> = []
    for (const call of options.calls.flat()) {
      const { protect } = yield* policyOf(call)
      steps.push(protect(attempt(call.to)))
    }
    const { serve } = tier(
      options,
      seeded(seed, `service ${name}`),
      () => faultsOf(system, name, elapsed()),
      () => run(Effect.all(steps, { discard: true }))
    )
    ports.set(
      name,
      yield* listening((response) => {
        // As in an outcome, the run ends when callers stop: requests of calls that go on then do not count.
        if (elapsed() < system.duration) arrived[phase()][name]!++
        serve(response)
      })
    )
  }

  const [[name, caller] = []] = Object.entries(system.callers)
  if (name === undefined || caller === undefined) throw new Error("a measurement needs a caller")
  const { protect } = yield* policyOf(caller)
  const call = protect(attempt(caller.to))
  const every = 1_000
  const slots = Math.ceil(system.duration / every)
  const cohorts = {
    every,
    started: Array.from({ length: slots }, () => 0),
    succeeded: Array.from({ length: slots }, () => 0)
  }
  const calls: Array<{ readonly at: number; readonly took: number; readonly succeeded: boolean }> = []
  const one = async (at: number) => {
    const slot = Math.floor(at / every)
    cohorts.started[slot]!++
    const succeeded = Exit.isSuccess(await run(call))
    if (succeeded) cohorts.succeeded[slot]!++
    calls.push({ at, took: elapsed() - at, succeeded })
  }
  const instants = arrivals(caller, system.duration, seeded(seed, `caller ${name}`))
  yield* Effect.promise(async () => {
    const ends: Array<Promise<void>> = []
    started = performance.now()
    for (const at of instants) {
      // A call is due at its instant from the start, so a timer that rings late delays one call and none after it.
      const wait = at - elapsed()
      if (wait > 0) await new Promise((resume) => setTimeout(resume, wait))
      ends.push(one(at))
    }
    await Promise.all(ends)
  })

  const of = (which: Phase) => calls.filter(({ at }) => phase(at) === which)
  const took = of("before").map(({ took }) => took).toSorted((a, b) => a - b)
  return {
    calls: calls.length,
    load: record(
      phases,
      (which) => record(Object.keys(arrived[which]), (name) => arrived[which][name]! / of(which).length)
    ),
    success: record(phases, (which) => sum(of(which).map(({ succeeded }) => Number(succeeded))) / of(which).length),
    p50: took[Math.floor(took.length * 0.5)] ?? NaN,
    p90: took[Math.floor(took.length * 0.9)] ?? NaN,
    recovery: recoveryOf(cohorts, from, to)
  } satisfies Side
})

/** The status of a request over a pooled connection. An interrupted request closes its socket. */
const get = (client: HttpClient.HttpClient, url: string) =>
  Effect.scoped(Effect.map(client.execute(HttpClientRequest.get(url)), ({ status }) => status))

/** A server on a free port of loopback. */
const listening = (answer: (response: ServerResponse) => void): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const server = createServer((incoming, response) => {
          incoming.resume()
          answer(response)
        })
        await once(server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }), "listening")
        return server
      }),
      (server) =>
        Effect.promise(async () => {
          server.closeAllConnections()
          await once(server.close(), "close")
        })
    ),
    (server) => (server.address() as AddressInfo).port
  )

/** The workers and the queue of a service. It works on when the client of a request is gone, as the model does. */
const tier = (
  { errors, latency, queue, workers }: CheckedService,
  random: Random.Random,
  faults: () => { readonly errors: number; readonly slower: number; readonly refuses: boolean },
  calls: () => Promise<Exit.Exit<unknown, unknown>>
) => {
  let busy = 0
  const waiting: Array<ServerResponse> = []
  const start = (response: ServerResponse): void => {
    busy++
    const worked = async () => {
      const share = Math.max(errors, faults().errors)
      const status = share > 0 && random.nextDoubleUnsafe() < share
        ? statuses.failed
        : Exit.isSuccess(await calls())
        ? 200
        : statuses.dependency
      busy--
      const next = waiting.shift()
      if (next !== undefined) start(next)
      response.writeHead(status).end()
    }
    setTimeout(() => void worked(), latency(random.nextDoubleUnsafe()) * faults().slower)
  }
  return {
    serve: (response: ServerResponse): void => {
      if (faults().refuses) response.writeHead(statuses.refused).end()
      else if (busy < workers) start(response)
      else if (waiting.length < queue) waiting.push(response)
      else response.writeHead(statuses.overloaded).end()
    }
  }
}

/** What is wrong with a service at an instant. */
const faultsOf = (system: Checked, service: string, now: number) => {
  let [errors, slower, refuses] = [0, 1, false]
  for (const event of system.events) {
    const [from, to] = spanOf(event)
    if (now < from || now >= to || !("service" in event) || event.service !== service) continue
    if (event.type === "brownOut") [errors, slower] = [Math.max(errors, event.errors), slower * event.slower]
    else if (event.type === "outage") refuses = true
    else throw new Error(`${event.type} has no counterpart on real servers`)
  }
  return { errors, slower, refuses }
}

/** The instants at which a caller calls, as the simulator draws them. */
const arrivals = (caller: CheckedCaller, duration: number, random: Random.Random): ReadonlyArray<number> => {
  const { rate = 0 } = caller
  const gap = () =>
    caller.arrivals === "regular" ? 1_000 / rate : -Math.log1p(-random.nextDoubleUnsafe()) / rate * 1_000
  const all: Array<number> = []
  for (let at = gap(); at < duration; at += gap()) all.push(at)
  return all
}

/** What real servers make of a system. */
export const measure = (system: System.System, seed = 1): Promise<Side> =>
  Effect.runPromise(Effect.scoped(running(System.check("measure", system), seed)))

/** What the simulator makes of it. */
export const simulate = (system: System.System, seed = 1): Side => {
  const { callers, figures, recovery, services } = Simulation.run(system, { seed })
  const calls = (which: Phase) => sum(Object.values(callers).map(({ phases }) => phases[which]!.calls))
  return {
    calls: figures.whole.calls,
    load: record(
      phases,
      (which) => record(Object.keys(services), (name) => services[name]!.phases[which]!.arrived / calls(which))
    ),
    success: record(phases, (which) => figures[which]!.success),
    p50: figures.before!.p50,
    p90: figures.before!.p90,
    recovery: recovery!
  }
}
