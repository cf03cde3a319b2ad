/** What holds for every system. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Engine } from "../src/internal/engine/engine.ts"
import { Recorder } from "../src/internal/measure/recorder.ts"
import { build } from "../src/internal/model/network.ts"
import * as Simulation from "../src/Simulation.ts"
import * as System from "../src/System.ts"
import { randomSystem } from "./systems.ts"

const cases = 60

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
  const system = System.check("test", randomSystem(seed))
  const engine = new Engine()
  const run = { engine, until: system.duration, every: 1_000, phase: 0 as const, inFlight: 0 }
  const network = build(system, run, seed)
  return { engine, run, network, system, recorder: new Recorder(network, run) }
}

describe("the laws of a simulation", () => {
  it(`time never goes back, and no timer rings before its instant (${cases} cases)`, () => {
    for (let seed = 1; seed <= cases; seed++) {
      const { engine } = open(seed)
      const put = engine.timers.put.bind(engine.timers)
      let wrong = 0
      let last = 0
      engine.timers.put = (timer, at, order) => {
        if (at < engine.now || at * 1024 % 1 !== 0) wrong++
        put(timer, at, order)
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
  })

  it(`all calls and requests that have begun have ended or are in flight (${cases} cases)`, () => {
    for (let seed = 1; seed <= cases; seed++) {
      const { network } = watched(seed, ({ network, run }) => {
        let inFlight = 0
        for (const caller of network.callers.values()) {
          const ended = caller.counts.reduce((sum, { failures, successes }) => sum + successes + failures, 0)
          const begun = caller.counts.reduce((sum, { calls }) => sum + calls, 0)
          assert.strictEqual(begun, caller.started.reduce((sum, calls) => sum + calls, 0))
          assert.strictEqual(begun - ended, caller.inFlight)
          inFlight += caller.inFlight
        }
        assert.strictEqual(run.inFlight, inFlight)
        for (const { busy, counts, instances, options, queued } of network.services.values()) {
          const { dependency, failed, hung, limited, overloaded, refused, served, skipped, timeout } = counts
          const ended = served + refused + failed + dependency + overloaded + limited + timeout + hung + skipped
          assert.strictEqual(counts.arrived, ended + busy + queued)
          assert.isAtMost(busy, options.workers * instances.length)
          assert.isAtMost(queued, options.queue * instances.length)
          assert.isAtLeast(Math.min(busy, queued), 0)
        }
      })
      // Callers are gone: every worker is free again, unless a call below it hangs for ever.
      const all = [...network.services.values()]
      if (all.every(({ counts }) => counts.hung === 0) && network.edges.every(({ to }) => to.lossShare === 0)) {
        for (const { queued } of all) assert.strictEqual(queued, 0)
      }
    }
  })

  it(`each request that an edge has sent is answered, given up or under way (${cases} cases)`, () => {
    for (let seed = 1; seed <= cases; seed++) {
      watched(seed, ({ network }) => {
        for (const { abandoned, answeredBadly, answeredWell, attempts } of network.edges) {
          assert.isAtMost(answeredWell + answeredBadly + abandoned, attempts)
        }
        for (const service of network.services.values()) {
          const sent = network.edges.filter(({ to }) => to === service).reduce((sum, { attempts }) => sum + attempts, 0)
          assert.isAtMost(service.counts.arrived, sent)
        }
      })
    }
  })

  it(`no more breakers are open than there are, and no fewer than zero (${cases} cases)`, () => {
    for (let seed = 1; seed <= cases; seed++) {
      watched(seed, ({ network }) => {
        for (const { decisions: { open, opened } } of network.edges) {
          assert.isAtLeast(open, 0)
          assert.isAtMost(open, Math.min(3, opened))
        }
      })
    }
  })

  it(`Little's law holds: requests at a service are arrivals times their mean time there (${cases} cases)`, () => {
    for (let seed = 1; seed <= cases; seed++) {
      const { network } = watched(seed, () => {})
      for (const service of network.services.values()) {
        if (service.busy + service.queued > 0) continue
        service.count()
        // Over a run in which all have left again, the areas are equal to the times, request by request.
        const { busyArea, queueArea, took } = service.counts
        assert.closeTo(busyArea + queueArea, took, 1e-6 * Math.max(1, took))
      }
    }
  })

  it(`the same seed gives the same outcome, byte for byte (${cases / 3} cases)`, () => {
    for (let seed = 1; seed <= cases / 3; seed++) {
      const once = JSON.stringify(Simulation.run(randomSystem(seed), { seed }))
      assert.strictEqual(JSON.stringify(Simulation.run(randomSystem(seed), { seed })), once)
    }
  })

  it(`it is the same in one go and in steps of any length (${cases / 3} cases)`, () => {
    for (let seed = 1; seed <= cases / 3; seed++) {
      const running = Simulation.start(randomSystem(seed), { seed })
      for (let step = 1; !running.isOver; step = step * 7 % 1_009 + 1) running.advance(step)
      assert.deepStrictEqual(running.outcome(), Simulation.run(randomSystem(seed), { seed }))
    }
  })
})

it("another seed is another run", () => {
  const outcomes = [1, 2].map((seed) => JSON.stringify(Simulation.run(randomSystem(3), { seed }).callers))
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
      yield* Simulation.runEffect(randomSystem(1))
      const after = yield* Random.next
      assert.deepStrictEqual([before, after], yield* Effect.all([Random.next, Random.next]).pipe(Random.withSeed(9)))
    }).pipe(Random.withSeed(9))
  ))
