import * as Policy from "@holdfast/core/Policy"
import * as Bound from "@holdfast/simulator/Bound"
import type { CallFailure } from "@holdfast/simulator/CallFailure"
import * as Limits from "@holdfast/simulator/Limits"
import type { Outcome } from "@holdfast/simulator/Outcome"
import * as Simulation from "@holdfast/simulator/Simulation"
import * as System from "@holdfast/simulator/System"
import * as SystemData from "@holdfast/simulator/SystemData"
import * as VirtualTime from "@holdfast/simulator/VirtualTime"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { describe, expect, it } from "tstyche"

const services = { stock: { latency: 1 } }
const system: System.System = { services, callers: { users: { to: "stock", rate: 1 } } }
const withCaller = (caller: Omit<System.Caller, "to">) =>
  System.make({ services, callers: { users: { to: "stock", ...caller } } })

describe("a policy in a system", () => {
  it("is the options of Policy.make, whose predicates see the failure of the model", () => {
    expect(withCaller).type.toBeCallableWith({ rate: 1, policy: { retry: { times: 2 }, deadline: "1 second" } })
    expect(withCaller).type.toBeCallableWith({
      rate: 1,
      policy: { retry: { while: (failure: CallFailure) => failure.reason === "overloaded" } }
    })
    expect(withCaller).type.not.toBeCallableWith({
      rate: 1,
      policy: { retry: { while: (failure: Date) => failure > new Date() } }
    })
  })

  it("or what `Policy.make` makes of options without a hedge", () => {
    expect(withCaller).type.toBeCallableWith({ rate: 1, policy: Policy.make({ deadline: "1 second" }) })
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, policy: Effect.succeed({}) })
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, policy: Effect.fail("no policy") })
  })

  it("has no keys that a policy does not have", () => {
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, policy: { retries: 2 } })
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, policy: { retry: { time: 2 } } })
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, http: { policy: { timeouts: { attempts: 1 } } } })
    expect(withCaller).type.not.toBeCallableWith({ rate: 1, http: { method: "FETCH" } })
  })
})

describe("an event", () => {
  const withEvent = (event: NonNullable<System.System["events"]>[number]) => System.make({ ...system, events: [event] })

  it("has the fields of its type", () => {
    expect(withEvent).type.toBeCallableWith({ type: "outage", service: "stock", at: 0, for: "1 minute", hang: 0.5 })
    expect(withEvent).type.not.toBeCallableWith({ type: "outage", service: "stock", at: 0 })
    expect(withEvent).type.not.toBeCallableWith({ type: "coldCache", service: "stock", at: 0, for: 1 })
    expect(withEvent).type.not.toBeCallableWith({ type: "outrage", service: "stock", at: 0, for: 1 })
  })
})

describe("a chain", () => {
  const withChain = (chain: NonNullable<System.System["chains"]>[string]) =>
    System.make({ ...system, chains: { chain } })

  it("has the options of a chain, and services for providers", () => {
    expect(withChain).type.toBeCallableWith({
      providers: ["a", { pool: ["b", { service: "c", weight: 2 }], strategy: "fastest" }]
    })
    expect(withChain).type.toBeCallableWith({
      providers: ["a"],
      retry: false,
      cooldown: "10 seconds",
      prompt: { median: 5, p99: 9 }
    })
    expect(withChain).type.not.toBeCallableWith({ providers: ["a"], cooldwon: 1 })
    expect(withChain).type.not.toBeCallableWith({ providers: [{ pool: ["b"], strategy: "best" }] })
    expect(withChain).type.not.toBeCallableWith({})
  })
})

describe("what comes of it", () => {
  it("is an outcome", () => {
    expect(Simulation.run(system)).type.toBe<Outcome>()
    expect(Simulation.runEffect(system)).type.toBe<Effect.Effect<Outcome>>()
    expect(Limits.find(system, [])).type.toBe<Effect.Effect<Limits.Limit>>()
    expect(SystemData.decode).type.toBe<(input: unknown) => Effect.Effect<SystemData.SystemData, Schema.SchemaError>>()
  })

  it("is held to bounds that have a comparison", () => {
    expect(Simulation.expect).type.toBeCallableWith(system, ["p99 after <= 1s"])
    expect(Simulation.expect).type.not.toBeCallableWith(system, ["p99 is low"])
    expect(Bound.parse("p99 <= 1s").value).type.toBe<number>()
  })

  it("of an effect in virtual time is its exit, and it needs nothing from outside", () => {
    expect(VirtualTime.run(Effect.succeed(1))).type.toBe<Exit.Exit<number>>()
    expect(VirtualTime.run(Effect.fail("down"))).type.toBe<Exit.Exit<never, string>>()
    expect(VirtualTime.run).type.not.toBeCallableWith(Effect.scope)
  })
})
