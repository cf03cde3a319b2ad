import type * as Backoff from "@holdfast/core/Backoff"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import type {
  AttemptTimeout,
  BulkheadFull,
  CircuitOpen,
  DeadlineExceeded,
  PolicyError,
  RateLimited
} from "@holdfast/core/PolicyError"
import type * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import { describe, expect, it } from "tstyche"

interface Down {
  readonly _tag: "Down"
}
interface Refused {
  readonly _tag: "Refused"
}
interface Broken {
  readonly _tag: "Broken"
}
interface Store {
  readonly _: "Store"
}
interface Patience {
  readonly _: "Patience"
}

/** The call of each test: a number, two errors and a requirement. */
declare const fetchStock: Effect.Effect<number, Down | Refused, Store>

/** The value that an effect gives. */
type Made<T> = T extends Effect.Effect<infer A, infer _E, infer _R> ? A : never
declare const made: <T>(effect: T) => Made<T>

type Protected<X, R = never> = Effect.Effect<number, Down | Refused | X, Store | R>

declare const schedule: Schedule.Schedule<number, unknown, Broken, Patience>
declare const scheduleOfDown: Schedule.Schedule<number, Down>
declare const asked: Effect.Effect<boolean, Broken, Patience>
declare const backoff: Backoff.Backoff
/** The same, declared idempotent. */
declare const readStock: Hedge.Idempotent<number, Down | Refused, Store>
declare const bulkhead: Bulkhead.Bulkhead
declare const rateLimit: RateLimit.RateLimit
declare const circuitBreaker: CircuitBreaker.CircuitBreaker
declare const breakerOfDown: CircuitBreaker.CircuitBreaker<Down>
declare const budget: RetryBudget.RetryBudget
declare const maybeBackoff: Backoff.Backoff | undefined
declare const maybeAsked: ((error: Down | Refused) => boolean) | undefined
declare const maybeRetry: { readonly times: number } | undefined
declare const retryOptions: Retry.Options<Down | Refused> | undefined
declare const anyOptions: Policy.Options
declare const isTransient: (error: Down | Refused) => boolean

describe("protect", () => {
  it("adds nothing without parts, and needs nothing", () => {
    expect(made(Policy.make({})).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ name: "stock" })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(Policy.noop.protect(fetchStock)).type.toBe<Protected<never>>()
  })

  it("adds nothing for a retry", () => {
    expect(made(Policy.make({ retry: {} })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { times: 3, backoff } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { while: isTransient } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { while: () => Retry.refuse("no") } })).protect(fetchStock)).type.toBe<
      Protected<never>
    >()
  })

  it("adds the reason of each part that is configured", () => {
    expect(made(Policy.make({ deadline: "1 second" })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<DeadlineExceeded>>
    >()
    expect(made(Policy.make({ attemptTimeout: 100 })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<AttemptTimeout>>
    >()
    expect(made(Policy.make({ deadline: "1 second", attemptTimeout: 100 })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<AttemptTimeout | DeadlineExceeded>>
    >()
    expect(made(Policy.make({ deadline: "1 second", retry: {} })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<DeadlineExceeded>>
    >()
    expect(made(Policy.make({ attemptTimeout: 100, retry: { while: isTransient } })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<AttemptTimeout>>
    >()
    expect(made(Policy.make({ deadline: "1 second", attemptTimeout: 100, retry: { backoff } })).protect(fetchStock))
      .type
      .toBe<Protected<PolicyError<AttemptTimeout | DeadlineExceeded>>>()
  })

  it("adds nothing for a part that is undefined", () => {
    const policy = made(Policy.make({ deadline: undefined, attemptTimeout: undefined }))
    expect(policy.protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ deadline: "1 second", attemptTimeout: undefined })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<DeadlineExceeded>>
    >()
  })

  it("adds the reason of a part that may be undefined", () => {
    const maybe = "1 second" as Duration.Input | undefined
    expect(made(Policy.make({ deadline: maybe })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<DeadlineExceeded>>
    >()
  })

  // Options that were written elsewhere have parts that may be undefined, and a retry of them is no reason to refuse a call.
  it("takes every call where the retry, its schedule or its predicate may be undefined", () => {
    expect(made(Policy.make({ retry: undefined })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: maybeRetry })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: retryOptions })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { backoff: undefined } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { backoff: maybeBackoff } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { while: undefined } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { while: maybeAsked } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ circuitBreaker: undefined, bulkhead: undefined })).protect(fetchStock)).type.toBe<
      Protected<never>
    >()
    expect(Policy.make).type.toBeCallableWith(anyOptions)
  })

  it("adds the error and the requirement of the schedule", () => {
    expect(made(Policy.make({ retry: { backoff: schedule } })).protect(fetchStock)).type.toBe<
      Protected<Broken, Patience>
    >()
    expect(made(Policy.make({ deadline: "1 second", retry: { backoff: schedule } })).protect(fetchStock)).type.toBe<
      Protected<Broken | PolicyError<DeadlineExceeded>, Patience>
    >()
    expect(
      made(Policy.make({ attemptTimeout: 100, retry: { backoff: schedule, while: isTransient } })).protect(fetchStock)
    )
      .type.toBe<Protected<Broken | PolicyError<AttemptTimeout>, Patience>>()
    expect(
      made(Policy.make({ deadline: "1 second", attemptTimeout: 100, retry: { backoff: schedule } })).protect(fetchStock)
    ).type.toBe<Protected<Broken | PolicyError<AttemptTimeout | DeadlineExceeded>, Patience>>()
  })

  it("is the same with the effect first, piped, and with options first", () => {
    const policy = made(Policy.make({ deadline: "1 second", attemptTimeout: 100, retry: { backoff: schedule } }))
    type Expected = Protected<Broken | PolicyError<AttemptTimeout | DeadlineExceeded>, Patience>
    expect(policy.protect(fetchStock)).type.toBe<Expected>()
    expect(fetchStock.pipe(policy.protect)).type.toBe<Expected>()
    expect(policy.protect({ key: "blue" })(fetchStock)).type.toBe<Expected>()
    expect(fetchStock.pipe(policy.protect({ key: "blue" }))).type.toBe<Expected>()
    expect(fetchStock.pipe(policy.protect({}))).type.toBe<Expected>()
    expect(Effect.succeed("a" as const).pipe(policy.protect, Effect.map((a) => a))).type.toBe<
      Effect.Effect<"a", Broken | PolicyError<AttemptTimeout | DeadlineExceeded>, Patience>
    >()
  })

  it("adds the error and the requirement of a predicate that answers with an effect", () => {
    const ask = (): Effect.Effect<boolean, Broken, Patience> => asked
    expect(made(Policy.make({ retry: { while: ask } })).protect(fetchStock)).type.toBe<Protected<Broken, Patience>>()
    expect(made(Policy.make({ retry: { whileResult: () => asked } })).protect(fetchStock)).type.toBe<
      Protected<Broken, Patience>
    >()
    expect(Policy.make).type.not.toBeCallableWith({ retry: { while: () => Effect.succeed("yes") } })
  })

  it("takes only effects whose results `whileResult` and the schedule take", () => {
    const policy = made(Policy.make({ retry: { whileResult: (stock: number) => stock < 0 } }))
    expect(policy.protect(fetchStock)).type.toBe<Protected<never>>()
    expect(policy.protect).type.not.toBeCallableWith(Effect.succeed("stock"))
    expect(policy.protect({ key: "eu" })).type.not.toBeCallableWith(Effect.succeed("stock"))
    const any = made(Policy.make({ retry: { whileResult: () => false } }))
    expect(any.protect(fetchStock)).type.toBe<Protected<never>>()
    const stepping = made(Policy.make({ retry: { backoff: scheduleOfDown, whileResult: () => false } }))
    expect(stepping.protect).type.not.toBeCallableWith(fetchStock)
  })

  it("takes only effects whose errors `while` can be asked about", () => {
    const policy = made(Policy.make({ retry: { while: (error: Down) => error._tag === "Down" } }))
    expect(policy.protect(Effect.fail<Down>({ _tag: "Down" }))).type.toBe<Effect.Effect<never, Down>>()
    expect(policy.protect).type.not.toBeCallableWith(fetchStock)
    expect(policy.protect({ key: "blue" })).type.not.toBeCallableWith(fetchStock)
    expect(policy.protect).type.toBeCallableWith(Effect.succeed(1))
  })

  it("takes only effects whose errors the schedule can be stepped with", () => {
    const policy = made(Policy.make({ retry: { backoff: scheduleOfDown } }))
    expect(policy.protect(Effect.fail<Down>({ _tag: "Down" }))).type.toBe<Effect.Effect<never, Down>>()
    expect(policy.protect).type.not.toBeCallableWith(fetchStock)
  })

  it("takes neither another value nor an unknown option", () => {
    const policy = made(Policy.make({ retry: {} }))
    expect(policy.protect).type.not.toBeCallableWith(1)
    expect(policy.protect).type.not.toBeCallableWith({ key: 1 })
  })
})

describe("make", () => {
  it("gives the policy that its options describe", () => {
    expect(Policy.make({ deadline: "1 second", retry: { backoff: schedule, while: isTransient } })).type.toBe<
      Effect.Effect<Policy.Policy<Down | Refused, Broken | PolicyError<DeadlineExceeded>, Patience>>
    >()
    expect(Policy.make({})).type.toBe<Effect.Effect<Policy.Policy>>()
  })

  it("refuses an option that no part has", () => {
    expect(Policy.make).type.not.toBeCallableWith({ deadlines: "1 second" })
    expect(Policy.make).type.not.toBeCallableWith({ deadline: "1 second", atemptTimeout: 100 })
    expect(Policy.make).type.not.toBeCallableWith({ retry: { time: 3 } })
    expect(Policy.make).type.not.toBeCallableWith({ retry: { times: 3, jitter: true } })
  })

  it("refuses values of another type", () => {
    expect(Policy.make).type.not.toBeCallableWith({ deadline: true })
    expect(Policy.make).type.not.toBeCallableWith({ deadline: "soon" })
    expect(Policy.make).type.not.toBeCallableWith({ retry: { times: "3" } })
    expect(Policy.make).type.not.toBeCallableWith({ retry: { retryAfter: { mode: "never" } } })
    expect(Policy.make).type.not.toBeCallableWith({ retry: { while: () => "yes" } })
  })
})

describe("wrap", () => {
  const bounded = made(Policy.make({ deadline: "1 second" }))
  const retrying = made(Policy.make({ attemptTimeout: 100, retry: { backoff: schedule } }))

  it("adds what both add, and needs what both need", () => {
    expect(Policy.wrap(bounded, retrying)).type.toBe<
      Policy.Policy<unknown, Broken | PolicyError<AttemptTimeout> | PolicyError<DeadlineExceeded>, Patience>
    >()
    expect(Policy.wrap(bounded, retrying).protect(fetchStock)).type.toBe<
      Protected<Broken | PolicyError<AttemptTimeout> | PolicyError<DeadlineExceeded>, Patience>
    >()
  })

  it("takes what both take", () => {
    const down = made(Policy.make({ retry: { while: (error: Down | Broken) => error._tag === "Down" } }))
    const refused = made(Policy.make({ retry: { while: (error: Refused | Broken) => error._tag === "Refused" } }))
    const both = Policy.wrap(down, refused)
    expect(both.protect).type.toBeCallableWith(Effect.fail<Broken>({ _tag: "Broken" }))
    expect(both.protect).type.not.toBeCallableWith(Effect.fail<Down>({ _tag: "Down" }))
  })

  it("refuses an outer policy that cannot take the errors of the inner one", () => {
    const picky = made(Policy.make({ retry: { while: (error: Down) => error._tag === "Down" } }))
    expect(Policy.wrap).type.not.toBeCallableWith(picky, bounded)
    expect(Policy.wrap).type.toBeCallableWith(bounded, picky)
  })

  it("changes nothing around or within a policy that does nothing", () => {
    expect(Policy.wrap(Policy.noop, retrying)).type.toBe<typeof retrying>()
    expect(Policy.wrap(retrying, Policy.noop)).type.toBe<typeof retrying>()
  })
})

describe("Service", () => {
  class Inventory extends Policy.Service<Inventory>()("app/Inventory", {
    attemptTimeout: "10 seconds",
    retry: { times: 3, while: (error: Down | Refused) => error._tag === "Down" }
  }) {}

  class Patient extends Policy.Service<Patient>()("app/Patient", { retry: { backoff: schedule } }) {}

  it("protects as the policy does, and needs the service", () => {
    type Expected = Protected<PolicyError<AttemptTimeout>, Inventory>
    expect(Inventory.protect(fetchStock)).type.toBe<Expected>()
    expect(fetchStock.pipe(Inventory.protect)).type.toBe<Expected>()
    expect(fetchStock.pipe(Inventory.protect({ key: "blue" }))).type.toBe<Expected>()
    expect(fetchStock.pipe(Patient.protect)).type.toBe<Protected<Broken, Patience | Patient>>()
    expect(Inventory.protect).type.not.toBeCallableWith(Effect.fail<Broken>({ _tag: "Broken" }))
  })

  it("is the policy in the context", () => {
    expect(Effect.map(Inventory, (policy) => policy.protect(fetchStock))).type.toBe<
      Effect.Effect<Protected<PolicyError<AttemptTimeout>>, never, Inventory>
    >()
  })

  it("has layers that need nothing and cannot fail, but for those from a configuration", () => {
    expect(Inventory.layer).type.toBe<Layer.Layer<Inventory>>()
    expect(Inventory.layerNoop).type.toBe<Layer.Layer<Inventory>>()
    expect(Inventory.layerWith({ retry: { times: 1 } })).type.toBe<Layer.Layer<Inventory>>()
    const config = null as unknown as Config.Config<{ readonly retry: { readonly times: number } }>
    expect(Inventory.layerConfig(config)).type.toBe<Layer.Layer<Inventory, Config.ConfigError>>()
  })

  it("can be given fewer parts or other values, and no part that it does not declare", () => {
    expect(Inventory.layerWith).type.toBeCallableWith({})
    expect(Inventory.layerWith).type.toBeCallableWith({ attemptTimeout: "1 second" })
    expect(Inventory.layerWith).type.toBeCallableWith({ retry: { times: 1 }, attemptTimeout: "1 second" })
    expect(Inventory.layerWith).type.not.toBeCallableWith({ deadline: "1 minute" })
    expect(Inventory.layerWith).type.not.toBeCallableWith({ retry: { backoff: schedule } })
    expect(Inventory.layerWith).type.not.toBeCallableWith({ retry: { while: (error: Down) => error._tag === "Down" } })
    expect(Inventory.layerWith).type.not.toBeCallableWith({ retries: 1 })
    expect(Inventory.layerConfig).type.not.toBeCallableWith(
      null as unknown as Config.Config<{ readonly deadline: number }>
    )
    expect(Patient.layerWith).type.toBeCallableWith({ retry: { backoff: schedule } })
  })

  it("refuses an option that no part has", () => {
    expect(Policy.Service<Inventory>()).type.not.toBeCallableWith("app/Other", { attemptTimeouts: 100 })
    expect(Policy.Service<Inventory>()).type.not.toBeCallableWith("app/Other", { retry: { time: 3 } })
  })
})

describe("all parts", () => {
  const bulkheadOptions = { limit: 1 }
  const limitOptions = { limit: 1, window: "1 second" } as const

  it("each add their own reason and no other", () => {
    expect(made(Policy.make({ bulkhead: bulkheadOptions })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<BulkheadFull>>
    >()
    expect(made(Policy.make({ bulkhead })).protect(fetchStock)).type.toBe<Protected<PolicyError<BulkheadFull>>>()
    expect(made(Policy.make({ rateLimit: limitOptions })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<RateLimited>>
    >()
    expect(made(Policy.make({ rateLimit })).protect(fetchStock)).type.toBe<Protected<PolicyError<RateLimited>>>()
    expect(made(Policy.make({ circuitBreaker: {} })).protect(fetchStock)).type.toBe<
      Protected<PolicyError<CircuitOpen>>
    >()
    expect(made(Policy.make({ circuitBreaker })).protect(fetchStock)).type.toBe<Protected<PolicyError<CircuitOpen>>>()
    expect(made(Policy.make({ retry: { budget } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ retry: { budget: { ratio: 0.1 } } })).protect(fetchStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ hedge: { after: 100 } })).protect(readStock)).type.toBe<Protected<never>>()
    expect(made(Policy.make({ hedge: { after: 100, budget } })).protect(readStock)).type.toBe<Protected<never>>()
  })

  it("together add exactly all reasons", () => {
    type All = AttemptTimeout | BulkheadFull | CircuitOpen | DeadlineExceeded | RateLimited
    const all = made(Policy.make({
      name: "stock",
      deadline: "1 minute",
      bulkhead,
      rateLimit: limitOptions,
      retry: { times: 3, backoff, while: isTransient, budget },
      circuitBreaker,
      hedge: { after: 100, budget },
      attemptTimeout: "1 second"
    }))
    expect(all.protect(readStock)).type.toBe<Protected<PolicyError<All>>>()
    expect(readStock.pipe(all.protect({ key: "oak" }))).type.toBe<Protected<PolicyError<All>>>()
    const most = made(Policy.make({ deadline: "1 minute", bulkhead, retry: {}, circuitBreaker }))
    expect(most.protect(fetchStock)).type.toBe<Protected<PolicyError<BulkheadFull | CircuitOpen | DeadlineExceeded>>>()
  })

  it("take only effects whose errors each of them can judge", () => {
    const picky = { isFailure: (error: Down) => error._tag === "Down" }
    const judging = made(Policy.make({ circuitBreaker: picky }))
    expect(judging.protect).type.toBeCallableWith(Effect.fail<Down>({ _tag: "Down" }))
    expect(judging.protect).type.not.toBeCallableWith(fetchStock)
    expect(made(Policy.make({ circuitBreaker: breakerOfDown })).protect).type.not.toBeCallableWith(fetchStock)
    const hedging = made(Policy.make({ hedge: { after: 100, while: (error: Down) => error._tag === "Down" } }))
    expect(hedging.protect).type.toBeCallableWith(Hedge.idempotent(Effect.fail<Down>({ _tag: "Down" })))
    expect(hedging.protect).type.not.toBeCallableWith(readStock)
    const both = made(
      Policy.make({ retry: { while: (error: Down | Broken) => error._tag === "Down" }, circuitBreaker: picky })
    )
    expect(both.protect).type.toBeCallableWith(Effect.fail<Down>({ _tag: "Down" }))
    expect(both.protect).type.not.toBeCallableWith(Effect.fail<Broken>({ _tag: "Broken" }))
  })

  it("refuse options that no part has, and values of another type", () => {
    expect(Policy.make).type.not.toBeCallableWith({ bulkhead: { queue: 1 } })
    expect(Policy.make).type.not.toBeCallableWith({ bulkhead: circuitBreaker })
    expect(Policy.make).type.not.toBeCallableWith({ rateLimit: { limit: 1 } })
    expect(Policy.make).type.not.toBeCallableWith({ circuitBreaker: { trip: "consecutive" } })
    expect(Policy.make).type.not.toBeCallableWith({ hedge: {} })
    expect(Policy.make).type.not.toBeCallableWith({ hedge: { after: "soon" } })
  })
})

describe("a hedge", () => {
  const hedging = made(Policy.make({ hedge: { after: 100 } }))
  const plain = made(Policy.make({ attemptTimeout: 100 }))

  it("makes `protect` refuse what is not declared idempotent, in every form", () => {
    expect(hedging.protect).type.toBeCallableWith(readStock)
    expect(hedging.protect).type.not.toBeCallableWith(fetchStock)
    expect(hedging.protect({ key: "oak" })).type.toBeCallableWith(readStock)
    expect(hedging.protect({ key: "oak" })).type.not.toBeCallableWith(fetchStock)
    expect(readStock.pipe(hedging.protect)).type.toBe<Protected<never>>()
    expect(readStock.pipe(hedging.protect({ key: "oak" }))).type.toBe<Protected<never>>()
    expect(fetchStock.pipe).type.toBeCallableWith(plain.protect)
    expect(fetchStock.pipe).type.not.toBeCallableWith(hedging.protect)
    expect(fetchStock.pipe).type.toBeCallableWith(plain.protect({ key: "oak" }))
    expect(fetchStock.pipe).type.not.toBeCallableWith(hedging.protect({ key: "oak" }))
  })

  it("has the declaration made anew for what is made of an effect", () => {
    expect(hedging.protect).type.not.toBeCallableWith(Effect.map(readStock, (stock) => stock + 1))
    expect(hedging.protect).type.toBeCallableWith(Hedge.idempotent(Effect.map(readStock, (stock) => stock + 1)))
  })

  it("asks for it through `wrap`, on either side", () => {
    const outer = Policy.wrap(hedging, plain)
    expect(outer.protect).type.toBeCallableWith(readStock)
    expect(outer.protect).type.not.toBeCallableWith(fetchStock)
    expect(outer.protect({ key: "oak" })).type.not.toBeCallableWith(fetchStock)
    const inner = Policy.wrap(plain, hedging)
    expect(inner.protect).type.toBeCallableWith(readStock)
    expect(inner.protect).type.not.toBeCallableWith(fetchStock)
    expect(inner.protect({ key: "oak" })).type.not.toBeCallableWith(fetchStock)
    expect(readStock.pipe(inner.protect)).type.toBe<Protected<PolicyError<AttemptTimeout>>>()
    expect(Policy.wrap(hedging, Policy.noop).protect).type.not.toBeCallableWith(fetchStock)
    expect(Policy.wrap(plain, Policy.noop).protect).type.toBeCallableWith(fetchStock)
  })

  class Stock extends Policy.Service<Stock>()("app/Stock", { hedge: { after: 100 }, attemptTimeout: 100 }) {}
  class Plain extends Policy.Service<Plain>()("app/Plain", { attemptTimeout: 100 }) {}

  it("asks for it through a service", () => {
    expect(Stock.protect).type.toBeCallableWith(readStock)
    expect(Stock.protect).type.not.toBeCallableWith(fetchStock)
    expect(Stock.protect({ key: "oak" })).type.not.toBeCallableWith(fetchStock)
    expect(readStock.pipe(Stock.protect)).type.toBe<Protected<PolicyError<AttemptTimeout>, Stock>>()
  })

  it("is no part that `layerWith` may add, and one that it may leave out", () => {
    expect(Stock.layerWith).type.toBeCallableWith({ attemptTimeout: 100 })
    expect(Plain.layerWith).type.not.toBeCallableWith({ hedge: { after: 100 } })
  })

  it("adds no error, and every other part that a class does not declare is refused by `layerWith`", () => {
    expect(Plain.layerWith).type.toBeCallableWith({ retry: { budget } })
    expect(Plain.layerWith).type.not.toBeCallableWith({ bulkhead: { limit: 1 } })
    expect(Plain.layerWith).type.not.toBeCallableWith({ rateLimit: { limit: 1, window: 100 } })
    expect(Plain.layerWith).type.not.toBeCallableWith({ circuitBreaker: {} })
    expect(Plain.layerWith).type.not.toBeCallableWith({ circuitBreaker })
    expect(Plain.layerWith).type.not.toBeCallableWith({ deadline: 100 })
  })
})
