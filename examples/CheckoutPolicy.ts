/**
 * The policy of a checkout, as the program uses it. Its test holds it to bounds in a simulation of the shop: change a number
 * here, and the test says what an outage makes of it.
 */
import { Backoff, CircuitBreaker, Policy } from "@holdfast/core"
import { Effect } from "effect"

/** Payments are asked once more, within a second, and not at all while they are down. */
export const options = {
  deadline: "3 seconds",
  bulkhead: { limit: 64, queue: 32 },
  retry: {
    times: 2,
    backoff: Backoff.exponential({ initial: "200 millis" }),
    budget: { ratio: 0.1, minPerSecond: 0.1 }
  },
  circuitBreaker: {
    trip: CircuitBreaker.rate({ threshold: 0.5, window: "10 seconds", minimumCalls: 20 }),
    openFor: "5 seconds"
  },
  attemptTimeout: "1 second"
} as const satisfies Policy.Options

export class CheckoutPolicy extends Policy.Service<CheckoutPolicy>()("shop/CheckoutPolicy", options) {}

/** Pays for a basket. */
export const pay = (charge: Effect.Effect<string, "declined" | "unreachable">) => CheckoutPolicy.protect(charge)
