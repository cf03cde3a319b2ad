/** What holds for every system. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import { Engine } from "../src/internal/engine/engine.ts"
import { Recorder } from "../src/internal/measure/recorder.ts"
import { build } from "../src/internal/model/network.ts"
import * as Simulation from "../src/Simulation.ts"
import * as System from "../src/System.ts"
import { anySystem } from "./systems.ts"

/** Runs a system within the engine, watched after every event. */
const watched = (seed: number, watch: (watched: ReturnType<typeof open>) => void) => {
  const opened = open(seed)
  const { engine } = opened
  for (let at = 0; at <= 15_000; at += 500) {
    engine.advance(at)
    watch(opened)
  }
  engine.advance(60 * 60_000)
  watch(opened)
  return opened
}

const open = (seed: number) => {
  const system = System.check("test", anySystem(seed))
  const engine = new Engine()
  const run = { engine, until: system.duration, every: 1_000, phase: 0 as const, inFlight: 0 }
  const network = build(system, run, seed)
  return { engine, run, network, system, recorder: new Recorder(network, run) }
}

/** A law for systems of any kind, which are drawn by their seed. */
const lawOf = <const Case extends string>(
  name: string,
  options: { readonly cases?: number; readonly reaches: ReadonlyArray<Case> },
  property: (seed: number, reach: (what: Case) => void) => void
) =>
  law(
    name,
    { seed: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })) },
    ({ seed }, reach) => Effect.sync(() => property(seed, reach)),
    { cases: 60, ...options }
  )

describe("the laws of a simulation", () => {
  lawOf(
    "time never goes back, and no timer rings before its instant",
    { reaches: ["a timer was cleared"] },
    (seed, reach) => {
      const { engine } = open(seed)
      const { timers } = engine
      const put = timers.put.bind(timers)
      const remove = timers.remove.bind(timers)
      let wrong = 0
      let last = 0
      timers.put = (timer, at, order) => {
        if (at < engine.now || at * 1024 % 1 !== 0) wrong++
        put(timer, at, order)
      }
      timers.remove = (timer) => {
        if (timer.slot > 0) reach("a timer was cleared")
        remove(timer)
      }
      for (let at = 0; at <= 20_000; at += 500) {
        engine.advance(at, () => {
          if (engine.now < last) wrong++
          last = engine.now
          return false
        })
      }
      assert.strictEqual(wrong, 0)
    }
  )

  lawOf("all calls and requests that have begun have ended or are in flight", {
    reaches: ["a call was in flight", "a request waited", "a call failed", "a request hung", "an answer was skipped"]
  }, (seed, reach) => {
    const { network } = watched(seed, ({ network, run }) => {
      let inFlight = 0
      for (const caller of network.callers.values()) {
        const ended = caller.counts.reduce((sum, { failures, successes }) => sum + successes + failures, 0)
        const begun = caller.counts.reduce((sum, { calls }) => sum + calls, 0)
        assert.strictEqual(begun, caller.started.reduce((sum, calls) => sum + calls, 0))
        assert.strictEqual(begun - ended, caller.inFlight)
        inFlight += caller.inFlight
        if (caller.inFlight > 0) reach("a call was in flight")
        if (caller.counts.some(({ failures }) => failures > 0)) reach("a call failed")
      }
      assert.strictEqual(run.inFlight, inFlight)
      for (const { busy, counts, instances, options, queued } of network.services.values()) {
        const { cut, dependency, failed, hung, limited, overloaded, refused, served, skipped, timeout } = counts
        const ended = served + refused + failed + dependency + overloaded + limited + timeout + cut + hung + skipped
        assert.strictEqual(counts.arrived, ended + busy + queued)
        assert.isAtMost(busy, options.workers * instances.length)
        assert.isAtMost(queued, options.queue * instances.length)
        assert.isAtLeast(Math.min(busy, queued), 0)
        if (queued > 0) reach("a request waited")
        if (hung > 0) reach("a request hung")
        if (skipped > 0) reach("an answer was skipped")
      }
    })
    // Callers are gone: every worker is free again, unless a call below it hangs for ever.
    const all = [...network.services.values()]
    if (all.every(({ counts, lossShare }) => counts.hung === 0 && lossShare === 0)) {
      for (const { queued } of all) assert.strictEqual(queued, 0)
    }
  })

  lawOf("each request that an edge has sent is answered, given up or under way", {
    reaches: ["a client gave up", "an answer was bad"]
  }, (seed, reach) => {
    watched(seed, ({ network }) => {
      for (const { abandoned, answeredBadly, answeredWell, attempts } of network.edges) {
        assert.isAtMost(answeredWell + answeredBadly + abandoned, attempts)
        if (abandoned > 0) reach("a client gave up")
        if (answeredBadly > 0) reach("an answer was bad")
      }
      for (const service of network.services.values()) {
        const sent = network.edges.filter(({ to }) => to === service).reduce((sum, { attempts }) => sum + attempts, 0)
        assert.isAtMost(service.counts.arrived, sent)
      }
    })
  })

  lawOf("tokens cost their price, and the answers of a chain are those of its providers", {
    cases: 20,
    reaches: ["an answer broke off", "a model over its limit", "a provider was passed by", "an answer was stopped"]
  }, (seed, reach) => {
    const { network } = watched(seed * 4, () => {})
    let served = 0
    for (const { counts, options: { abandoned, model } } of network.services.values()) {
      if (model === undefined) continue
      const { cost, cut, inputTokens, limited, outputTokens, skipped } = counts
      const { input, output } = model.price!
      assert.closeTo(cost, (inputTokens * input + outputTokens * output) / 1e6, 1e-9 * Math.max(1, cost))
      assert.strictEqual(inputTokens % 1, 0)
      // A prompt of a token or more is billed with each answer that has begun.
      assert.isAtLeast(inputTokens, counts.served + cut)
      served += counts.served
      if (cut > 0) reach("an answer broke off")
      if (limited > 0) reach("a model over its limit")
      if (abandoned === "stopped" && skipped > 0) reach("an answer was stopped")
    }
    let answered = 0
    for (const { answeredWell, decisions, to } of network.edges) {
      if (to.name === "assistant") answered += answeredWell
      if (Object.keys(decisions.skipped).length > 0) reach("a provider was passed by")
    }
    assert.isAtLeast(served, answered)
  })

  lawOf(
    "no more breakers are open than there are, and no fewer than zero",
    { reaches: ["a breaker opened"] },
    (seed, reach) => {
      watched(seed, ({ network }) => {
        for (const { decisions: { open, opened } } of network.edges) {
          assert.isAtLeast(open, 0)
          assert.isAtMost(open, Math.min(3, opened))
          if (opened > 0) reach("a breaker opened")
        }
      })
    }
  )

  lawOf("Little's law holds: requests at a service are arrivals times their mean time there", {
    reaches: ["requests waited"]
  }, (seed, reach) => {
    const { network } = watched(seed, () => {})
    for (const service of network.services.values()) {
      if (service.busy + service.queued > 0) continue
      service.count()
      // Over a run in which all have left again, the areas are equal to the times, request by request.
      const { busyArea, queueArea, took } = service.counts
      assert.closeTo(busyArea + queueArea, took, 1e-6 * Math.max(1, took))
      if (queueArea > 0) reach("requests waited")
    }
  })

  lawOf("the same seed gives the same outcome, byte for byte", {
    cases: 20,
    reaches: ["something was retried"]
  }, (seed, reach) => {
    const outcome = Simulation.run(anySystem(seed), { seed })
    assert.strictEqual(JSON.stringify(Simulation.run(anySystem(seed), { seed })), JSON.stringify(outcome))
    if (outcome.edges.some(({ retries }) => retries > 0)) reach("something was retried")
  })

  lawOf("it is the same in one go and in steps of any length", {
    cases: 20,
    reaches: ["calls went on when callers had stopped"]
  }, (seed, reach) => {
    const running = Simulation.start(anySystem(seed), { seed })
    for (let step = 1; !running.isOver; step = step * 7 % 1_009 + 1) running.advance(step)
    assert.deepStrictEqual(running.outcome(), Simulation.run(anySystem(seed), { seed }))
    if (running.now > running.duration) reach("calls went on when callers had stopped")
  })
})

it("another seed is another run", () => {
  const outcomes = [1, 2].map((seed) => JSON.stringify(Simulation.run(anySystem(3), { seed }).callers))
  assert.notStrictEqual(outcomes[0], outcomes[1])
})

it("a part that asks for chance does not change the chance of another: arrivals are the same under any policy", () => {
  const arrivals = [0, 3].map((times) => {
    const system: System.System = {
      duration: "1 minute",
      services: { stock: { latency: { exponential: 20 }, errors: 0.3 } },
      callers: { users: { to: "stock", rate: 50, policy: { retry: { times } } } }
    }
    return Simulation.run(system).callers["users"]?.series.calls
  })
  assert.deepStrictEqual(arrivals[0], arrivals[1])
})

it("a simulation within an effect leaves the services of its caller alone", () =>
  Effect.runPromise(
    Effect.gen(function*() {
      const before = yield* Random.next
      yield* Simulation.runEffect(anySystem(1))
      const after = yield* Random.next
      assert.deepStrictEqual([before, after], yield* Effect.all([Random.next, Random.next]).pipe(Random.withSeed(9)))
    }).pipe(Random.withSeed(9))
  ))
