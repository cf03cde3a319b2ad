/**
 * The same system twice: in virtual time, and as real servers on loopback with real sockets, real timers and the same
 * policy. Measured and simulated figures stand side by side, within bounds that are explained where they are.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { once } from "node:events"
import { Agent, createServer, request as send, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as Simulation from "../src/Simulation.ts"
import type * as System from "../src/System.ts"

class Failed extends Data.TaggedError("Failed")<{}> {}

const policyOf = (budget: boolean): Omit<Policy.Options, "hedge"> => ({
  retry: {
    times: 2,
    logLevel: "None" as const,
    backoff: Backoff.constant({ delay: 50 }),
    budget: budget ? { ratio: 0.1, minPerSecond: 0.1 } : undefined
  },
  attemptTimeout: 2_000
})

/** What the model says of the database: its workers, its time, and when it fails. */
const workers = 4
const service = 100
const rate = 25
const seconds = 16
const failsFrom = 4_000
const failsTo = 7_000

const system = (budget: boolean): System.System => ({
  duration: seconds * 1_000,
  services: {
    web: { latency: 0, calls: [{ to: "database", policy: policyOf(budget) }] },
    database: { workers, latency: { uniform: [service / 2, service * 3 / 2] } }
  },
  callers: { users: { to: "web", rate, arrivals: "regular", policy: policyOf(budget) } },
  events: [{ type: "brownOut", service: "database", at: failsFrom, for: failsTo - failsFrom, errors: 1 }]
})

/** A server on a free port of loopback, which stops with the block that uses it. */
const listening = async (answer: (response: ServerResponse) => void) => {
  const server: Server = createServer((incoming, response) => {
    incoming.resume()
    answer(response)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}

/** One request over a pooled connection. An interrupted request closes its socket; the server works on, as the model does. */
const get = (port: number, agent: Agent): Effect.Effect<void, Failed> =>
  Effect.callback((resume) => {
    const request = send({ host: "127.0.0.1", port, agent }, (response) => {
      response.resume()
      response.on("end", () => resume(response.statusCode === 200 ? Effect.void : Effect.fail(new Failed())))
    })
    request.on("error", () => resume(Effect.fail(new Failed())))
    request.end()
    return Effect.sync(() => request.destroy())
  })

/** Builds the system of servers, calls it at the rate of the model, and counts. */
const measure = async (budget: boolean) => {
  const start = performance.now()
  const elapsed = () => performance.now() - start
  const counts = { calls: 0, succeeded: 0, during: 0, duringRequests: 0, after: 0, afterSucceeded: 0, requests: 0 }
  const took: Array<number> = []
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

  // The chances of the simulated database.
  const random = await Effect.runPromise(Random.withSeed(Random.Random, "1:service database"))
  let busy = 0
  const waiting: Array<() => void> = []
  const work = (response: ServerResponse): void => {
    busy++
    setTimeout(() => {
      const fails = elapsed() >= failsFrom && elapsed() < failsTo
      busy--
      waiting.shift()?.()
      response.writeHead(fails ? 500 : 200).end()
    }, service / 2 + random.nextDoubleUnsafe() * service)
  }
  await using database = await listening((response) => {
    counts.requests++
    if (elapsed() >= failsFrom && elapsed() < failsTo) counts.duringRequests++
    if (busy < workers) work(response)
    else waiting.push(() => work(response))
  })
  const [toDatabase, toWeb] = await Effect.runPromise(
    Effect.all([Policy.make(policyOf(budget)), Policy.make(policyOf(budget))])
  )
  await using web = await listening((response) => {
    const call = toDatabase.protect(get(database.port, agent))
    Effect.runPromise(Effect.isSuccess(call)).then((answered) => response.writeHead(answered ? 200 : 502).end())
  })

  const call = async (): Promise<void> => {
    const at = elapsed()
    const isDuring = at >= failsFrom && at < failsTo
    counts.calls++
    if (isDuring) counts.during++
    if (at >= failsTo) counts.after++
    const succeeded = await Effect.runPromise(Effect.isSuccess(toWeb.protect(get(web.port, agent))))
    if (!isDuring) took.push(elapsed() - at)
    if (succeeded) {
      counts.succeeded++
      if (at >= failsTo) counts.afterSucceeded++
    }
  }
  const calls: Array<Promise<void>> = []
  // Calls are due at instants from the start, so a late timer delays a call and loses none.
  await new Promise<void>((done) => {
    const next = () => {
      while (calls.length < elapsed() / 1_000 * rate && calls.length < seconds * rate) calls.push(call())
      if (calls.length < seconds * rate) setTimeout(next, 2)
      else done()
    }
    next()
  })
  await Promise.all(calls)
  agent.destroy()
  const sorted = took.toSorted((a, b) => a - b)
  return {
    calls: counts.calls,
    success: counts.succeeded / counts.calls,
    amplification: counts.duringRequests / counts.during,
    after: counts.afterSucceeded / counts.after,
    p50: sorted[Math.floor(sorted.length / 2)] ?? NaN
  }
}

const simulate = (budget: boolean) => {
  const { figures: { after, before, during, whole }, services } = Simulation.run(system(budget))
  return {
    calls: whole.calls,
    success: whole.success,
    amplification: services["database"]!.phases.during!.arrived / during!.calls,
    after: after!.success,
    p50: before!.p50
  }
}

describe("the same system on real sockets", () => {
  it("two tiers of three attempts with a budget: load, success and recovery are as simulated", async () => {
    const [measured, simulated] = [await measure(true), simulate(true)]
    const figures = JSON.stringify({ measured, simulated })
    assert.closeTo(measured.calls, simulated.calls, 2, figures)
    // The budgets allow some retries more or less, by how the windows of ten seconds fall.
    assert.closeTo(measured.amplification, simulated.amplification, 0.15, figures)
    // Which calls at the edges of the failure a retry still saves is a matter of milliseconds.
    assert.closeTo(measured.success, simulated.success, 0.03, figures)
    assert.isAbove(Math.min(measured.after, simulated.after), 0.97, figures)
    // A hundred calls say little more of a median. Sockets and timers that ring late add some milliseconds, more on a
    // busy machine.
    assert.isAtLeast(measured.p50, simulated.p50 - 25, figures)
    assert.isAtMost(measured.p50, simulated.p50 + 60, figures)
  }, 60_000)

  it(
    "without a budget the load during the failure is nearly twice as high, in both, and neither recovers",
    async () => {
      const [measured, simulated] = [await measure(false), simulate(false)]
      const figures = JSON.stringify({ measured, simulated })
      const budgeted = simulate(true)
      // The database is overloaded: which requests are still in time is a matter of milliseconds.
      assert.closeTo(measured.amplification / simulated.amplification, 1, 0.25, figures)
      assert.isAbove(Math.min(measured.amplification, simulated.amplification), 1.5 * budgeted.amplification, figures)
      assert.isBelow(Math.max(measured.after, simulated.after), 0.1, figures)
    },
    60_000
  )
})
