/**
 * A worker of Cloudflare's. Each request makes one call, of the kind that it names, under policies that all requests share.
 * The runtime cancels the timers of a request that has been answered.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"

const wait = 150

const build = <A>(effect: Effect.Effect<A>): A => Effect.runSync(effect)

const timeout = build(Policy.make({ attemptTimeout: wait }))
const deadline = build(Policy.make({ deadline: wait }))
const retry = build(Policy.make({ retry: { times: 1, backoff: Backoff.constant({ delay: wait }) } }))
const queue = build(Policy.make({ bulkhead: { limit: 1, queue: 8, maxWait: wait } }))
const slow = build(Policy.make({ rateLimit: { limit: 1, window: wait, maxWait: 10 * wait } }))
const hedge = build(Policy.make({ hedge: { after: wait } }))
const patient = build(Policy.make({
  deadline: 10 * wait,
  retry: { times: 3, backoff: Backoff.constant({ delay: 0 }) },
  circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: wait }
}))
const shared = build(Policy.make({ bulkhead: { limit: 1, queue: 8, maxWait: 20 * wait }, attemptTimeout: 10 * wait }))
const behind = build(Policy.make({ rateLimit: { limit: 1, window: wait, maxWait: 20 * wait } }))

const failing = (failures: number): Effect.Effect<string, string> =>
  Effect.suspend(() => failures-- > 0 ? Effect.fail("down") : Effect.succeed("answer"))

/** Hangs at first, and answers the second time. */
const hangingOnce = (): Effect.Effect<string> => {
  let leg = 0
  return Effect.suspend(() => leg++ === 0 ? Effect.never : Effect.succeed("answer"))
}

const kinds: Readonly<Record<string, () => Effect.Effect<unknown, unknown>>> = {
  "Effect.timeout": () => Effect.timeout(Effect.never, wait),
  "an attempt timeout": () => timeout.protect(Effect.never),
  "a deadline": () => deadline.protect(Effect.never),
  "a delay before a retry": () => retry.protect(failing(1)),
  "a wait in a queue": () => queue.protect(queue.protect(Effect.void)),
  "a wait for a rate limit": () =>
    Effect.andThen(slow.protect({ key: "limited" })(Effect.void), slow.protect({ key: "limited" })(Effect.void)),
  "a hedge": () => hedge.protect(Hedge.idempotent(hangingOnce())),
  "a wait for a circuit": () => patient.protect(failing(1)),
  "a permit that another request holds": () => shared.protect(Effect.sleep(wait)),
  "a place that another request holds": () => behind.protect(Effect.sleep(wait)),
  "a callback that throws": () =>
    Policy.make({
      retry: {
        times: 1,
        while: () => {
          throw new Error("from while")
        }
      }
    }).pipe(
      Effect.flatMap((policy) => policy.protect(Effect.fail("down")))
    ),
  "a short call": () => timeout.protect(Effect.sleep(20))
}

const words = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ?
    `Success ${String(exit.value)}` :
    exit.cause.reasons.map((reason) => reason._tag === "Fail" ? String(reason.error) : reason._tag).join(" + ")

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url)
    const call = kinds[searchParams.get("kind") ?? ""]
    if (call === undefined) return Response.json(Object.keys(kinds))
    const ended = Effect.runPromiseExit(Effect.provide(call(), Logger.layer([]))).then(words)
    const patience = new Promise<string>((resolve) => setTimeout(resolve, 20 * wait, "hangs"))
    return new Response(await Promise.race([ended, patience]))
  }
}
