/**
 * A call whose caller is interrupted leaves nothing behind: no attempt that runs on, no alarm, and the caller sees the
 * end only when all finalizers have run.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { spawn } from "node:child_process"
import { once } from "node:events"

/** What a probe saw: how often it was run, how often it ended, and the events of the call. */
interface Probe {
  started: number
  ended: number
  readonly events: Array<PolicyEvent.PolicyEvent["_tag"]>
}

const probe = (): Probe => ({ started: 0, ended: 0, events: [] })

/** An attempt that the probe watches. */
const watched = <A, E, R>(seen: Probe, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    seen.started++
    return Effect.ensuring(self, Effect.sync(() => seen.ended++))
  })

/** Starts a call, interrupts its caller after `after`, and gives what the caller saw and when. */
const interruptAfter = <A, E, R>(seen: Probe, call: Effect.Effect<A, E, R>, after: number) =>
  Effect.gen(function*() {
    let endedWhenSeen = NaN
    const fiber = yield* call.pipe(
      PolicyEvent.observe((event) => seen.events.push(event._tag)),
      Effect.provide(Logger.layer([])),
      Effect.onInterrupt(() => Effect.sync(() => endedWhenSeen = seen.ended)),
      Effect.forkChild({ startImmediately: true })
    )
    if (after > 0) yield* TestClock.adjust(after)
    const interrupter = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
    const { events, started } = seen
    const before = events.length
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(interrupter)
    const exit = yield* Fiber.await(fiber)
    // An hour later nothing more has happened: neither an attempt nor an event.
    strictEqual(seen.started, started)
    strictEqual(seen.ended, seen.started)
    deepStrictEqual(events.slice(before), [])
    return { exit, endedWhenSeen }
  })

const backoff = Backoff.constant({ delay: "10 seconds" })

const full = Policy.make({
  deadline: "1 minute",
  attemptTimeout: "5 seconds",
  retry: { times: 5, backoff }
})

const interrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assertTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), `${exit}`)

describe("an interrupted caller", () => {
  it.effect("while an attempt runs, ends the attempt", () =>
    Effect.gen(function*() {
      const seen = probe()
      const { endedWhenSeen, exit } = yield* interruptAfter(
        seen,
        (yield* full).protect(watched(seen, Effect.never)),
        1_000
      )
      interrupted(exit)
      strictEqual(seen.started, 1)
      strictEqual(endedWhenSeen, 1)
    }))

  it.effect("at the instant that an attempt began, ends the attempt", () =>
    Effect.gen(function*() {
      const seen = probe()
      const { exit } = yield* interruptAfter(seen, (yield* full).protect(watched(seen, Effect.never)), 0)
      interrupted(exit)
      strictEqual(seen.ended, 1)
    }))

  it.effect("waits for the finalizers of the attempt, however slow", () =>
    Effect.gen(function*() {
      const seen = probe()
      const slow = Effect.onInterrupt(watched(seen, Effect.never), () =>
        Effect.andThen(Effect.sleep("20 seconds"), Effect.sync(() => seen.ended++)))
      seen.started++
      const { endedWhenSeen, exit } = yield* interruptAfter(seen, (yield* full).protect(slow), 1_000)
      interrupted(exit)
      strictEqual(endedWhenSeen, 2)
    }))

  it.effect("waits for the finalizers of an attempt that a timeout is ending already", () =>
    Effect.gen(function*() {
      const seen = probe()
      const slow = Effect.onInterrupt(watched(seen, Effect.never), () =>
        Effect.andThen(Effect.sleep("20 seconds"), Effect.sync(() => seen.ended++)))
      seen.started++
      const { endedWhenSeen, exit } = yield* interruptAfter(seen, (yield* full).protect(slow), 6_000)
      interrupted(exit)
      strictEqual(endedWhenSeen, 2)
    }))

  it.effect("waits for an uninterruptible attempt, and does not take its answer", () =>
    Effect.gen(function*() {
      const seen = probe()
      const deaf = Effect.uninterruptible(watched(seen, Effect.delay(Effect.succeed("answer"), "30 seconds")))
      const { endedWhenSeen, exit } = yield* interruptAfter(seen, (yield* full).protect(deaf), 1_000)
      interrupted(exit)
      strictEqual(endedWhenSeen, 1)
    }))

  it.effect("during a delay, starts no other attempt", () =>
    Effect.gen(function*() {
      const seen = probe()
      const { exit } = yield* interruptAfter(seen, (yield* full).protect(watched(seen, Effect.fail("down"))), 4_000)
      interrupted(exit)
      strictEqual(seen.started, 1)
      deepStrictEqual(seen.events, ["AttemptStarted", "AttemptFailed", "RetryScheduled"])
    }))

  it.effect("during a later delay, starts no other attempt", () =>
    Effect.gen(function*() {
      const seen = probe()
      const { exit } = yield* interruptAfter(seen, (yield* full).protect(watched(seen, Effect.fail("down"))), 24_000)
      interrupted(exit)
      strictEqual(seen.started, 3)
    }))

  it.effect("during a step of a schedule, ends the step", () =>
    Effect.gen(function*() {
      const seen = probe()
      let stepping = 0
      const policy = yield* Policy.make({
        retry: {
          times: 5,
          backoff: Schedule.tap(Schedule.spaced("1 second"), () => {
            stepping++
            return Effect.ensuring(Effect.never, Effect.sync(() => stepping--))
          })
        }
      })
      const { exit } = yield* interruptAfter(seen, policy.protect(watched(seen, Effect.fail("down"))), 4_000)
      interrupted(exit)
      strictEqual(seen.started, 1)
      strictEqual(stepping, 0)
    }))

  it.effect("before the call began, runs nothing of it", () =>
    Effect.gen(function*() {
      const seen = probe()
      const policy = yield* full
      const fiber = yield* Effect.forkChild(policy.protect(watched(seen, Effect.never)))
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      interrupted(yield* Fiber.await(fiber))
      strictEqual(seen.started, 0)
    }))

  it.effect("after the call ended, changes nothing of it", () =>
    Effect.gen(function*() {
      const seen = probe()
      const call = (yield* full).protect(watched(seen, Effect.succeed("answer")))
      const { exit } = yield* interruptAfter(
        seen,
        Effect.onExit(call, (exit) => {
          deepStrictEqual(exit, Exit.succeed("answer"))
          return Effect.sleep("1 second")
        }),
        500
      )
      interrupted(exit)
      strictEqual(seen.started, 1)
    }))

  it.effect("in an uninterruptible region, gets the answer, all retries included", () =>
    Effect.gen(function*() {
      const seen = probe()
      const policy = yield* full
      let answer: unknown
      const attempt = Effect.suspend(() => seen.started < 3 ? Effect.fail("down") : Effect.succeed("answer"))
      const fiber = yield* Effect.uninterruptible(policy.protect(watched(seen, attempt))).pipe(
        Effect.tap((value) => Effect.sync(() => answer = value)),
        Effect.provide(Logger.layer([])),
        Effect.uninterruptible,
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("4 seconds")
      const interrupter = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(interrupter)
      strictEqual(answer, "answer")
      strictEqual(seen.started, 3)
      strictEqual(seen.ended, 3)
    }))

  it.effect("in an uninterruptible region, still has its timeouts", () =>
    Effect.gen(function*() {
      const seen = probe()
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds" })
      const fiber = yield* policy.protect(watched(seen, Effect.sleep("1 minute"))).pipe(
        Effect.flip,
        Effect.zip(Clock.currentTimeMillis),
        Effect.uninterruptible,
        Effect.forkChild({ startImmediately: true })
      )
      const start = yield* Clock.currentTimeMillis
      yield* TestClock.adjust("1 hour")
      const [error, end] = yield* Fiber.join(fiber)
      strictEqual(error.reason._tag, "AttemptTimeout")
      strictEqual(end - start, 2_000)
      strictEqual(seen.ended, 1)
    }))

  it.effect("of policies in policies ends them all", () =>
    Effect.gen(function*() {
      const policy = yield* full
      const nested = Policy.wrap(policy, Policy.wrap(policy, policy))
      for (const [after, attempt] of [[1_000, Effect.never], [4_000, Effect.fail("down")]] as const) {
        const seen = probe()
        const { exit } = yield* interruptAfter(seen, nested.protect(watched(seen, attempt)), after)
        interrupted(exit)
        strictEqual(seen.started, 1)
      }
    }))
})

describe("under the live clock", () => {
  const steps: ReadonlyArray<
    [name: string, during: Effect.Effect<string, string>, tag: PolicyEvent.PolicyEvent["_tag"]]
  > = [
    ["an attempt", Effect.never, "AttemptStarted"],
    ["a delay", Effect.fail("down"), "RetryScheduled"],
    ["an attempt that is late", Effect.never, "AttemptFailed"]
  ]

  it.live.each(steps)(
    "ends what runs when the caller is interrupted during %s",
    ([, attempt, tag]) =>
      Effect.gen(function*() {
        const seen = probe()
        const policy = yield* Policy.make({
          deadline: "1 minute",
          attemptTimeout: tag === "AttemptFailed" ? "5 millis" : "20 seconds",
          retry: { times: 5, backoff }
        })
        // The caller is interrupted as soon as the event was told, whenever that is.
        const told = yield* Deferred.make<void>()
        const fiber = yield* policy.protect(watched(seen, attempt)).pipe(
          PolicyEvent.observe((event) => {
            if (event._tag === tag) Deferred.doneUnsafe(told, Effect.void)
          }),
          Effect.provide(Logger.layer([])),
          Effect.forkChild({ startImmediately: true })
        )
        yield* Deferred.await(told)
        yield* Fiber.interrupt(fiber)
        strictEqual(seen.started, 1)
        strictEqual(seen.ended, 1)
      })
  )

  it.live("leaves no attempt behind, whatever its end", () =>
    Effect.gen(function*() {
      const seen = probe()
      const policy = yield* Policy.make({
        deadline: "20 seconds",
        attemptTimeout: "5 millis",
        retry: { times: 2, backoff: Backoff.constant({ delay: 1 }) }
      })
      const attempts = [
        Effect.succeed(1),
        Effect.delay(Effect.succeed(1), 1),
        Effect.fail("down"),
        Effect.delay(Effect.fail("down"), 1),
        Effect.never,
        Effect.die("bug")
      ]
      yield* Effect.forEach(attempts, (attempt) => Effect.exit(policy.protect(watched(seen, attempt))), {
        concurrency: "unbounded"
      }).pipe(Effect.provide(Logger.layer([])))
      strictEqual(seen.ended, seen.started)
    }))

  it.live("interrupts an attempt that takes longer than its timeout, and retries it", () =>
    Effect.gen(function*() {
      const seen = probe()
      const policy = yield* Policy.make({
        attemptTimeout: "10 millis",
        retry: { times: 2, backoff: Backoff.constant({ delay: "5 millis" }) }
      })
      const start = performance.now()
      const error = yield* Effect.flip(policy.protect(watched(seen, Effect.never))).pipe(
        Effect.provide(Logger.layer([]))
      )
      const took = performance.now() - start
      strictEqual(error.reason._tag, "AttemptTimeout")
      strictEqual(seen.started, 3)
      strictEqual(seen.ended, 3)
      // Timers may be late, and never early.
      assertTrue(took >= 40, `${took}`)
    }))

  it("leaves nothing that keeps a process alive", async () => {
    // A process of its own, where the timers are those of the policies and of nothing else.
    const script = `
      import { Backoff, Policy, PolicyEvent } from "@holdfast/core"
      import { Effect, Fiber, Logger } from "effect"

      const idle = process.getActiveResourcesInfo().length
      const run = Effect.gen(function*() {
        const backoff = Backoff.constant({ delay: "1 hour" })
        const policy = yield* Policy.make({ deadline: "2 hours", attemptTimeout: "1 hour", retry: { times: 5, backoff } })
        const hasty = yield* Policy.make({ deadline: "2 hours", attemptTimeout: "5 millis" })
        for (const [attempt, tag] of [[Effect.never, "AttemptStarted"], [Effect.fail("down"), "RetryScheduled"]]) {
          yield* Effect.callback((resume) => {
            const fiber = Effect.runFork(policy.protect(attempt).pipe(
              PolicyEvent.observe((event) => {
                if (event._tag === tag) setImmediate(() => resume(Fiber.interrupt(fiber)))
              }),
              Effect.provide(Logger.layer([]))
            ))
          })
        }
        yield* policy.protect(Effect.succeed(1))
        yield* policy.protect(Effect.delay(Effect.succeed(1), 1))
        yield* Effect.exit(policy.protect(Effect.delay(Effect.die("bug"), 1)))
        yield* Effect.exit(hasty.protect(Effect.never))
        yield* Effect.exit(hasty.protect(Effect.delay(Effect.fail("down"), 1)))
      })
      await Effect.runPromise(run)
      process.on("exit", () => console.log("ended with", process.getActiveResourcesInfo().length - idle, "more than before"))
    `
    const node = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: new URL("../..", import.meta.url),
      stdio: ["ignore", "pipe", "inherit"]
    })
    let output = ""
    node.stdout.on("data", (chunk) => output += chunk)
    const [code] = await once(node, "close")
    strictEqual(output, "ended with 0 more than before\n")
    strictEqual(code, 0)
  }, 30_000)
})

describe("an interrupted call whose finalizer fails", () => {
  const work = Effect.onExit(Effect.never, () => Effect.fail("finalizer"))
  const reasons = (call: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      return Exit.isFailure(exit) ? exit.cause.reasons.map(({ _tag }) => _tag).toSorted() : []
    })

  it.effect("keeps the failure, as without the policy", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ bulkhead: { limit: 1 } })
      deepStrictEqual(yield* reasons(policy.protect(work)), yield* reasons(work))
      deepStrictEqual(yield* reasons(work), ["Fail", "Interrupt"])
    }))

  it.effect("drops it where a retry would have taken it, as `Effect.retry` does", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: { times: 1 } })
      deepStrictEqual(yield* reasons(policy.protect(work)), yield* reasons(Effect.retry(work, { times: 1 })))
      deepStrictEqual(yield* reasons(Effect.retry(work, { times: 1 })), ["Interrupt"])
    }))
})
