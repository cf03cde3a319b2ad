/**
 * Under the live clock `Effect.retry` yields between two attempts even without a delay. A policy did not: fibers that an
 * attempt had forked did not start before the next attempt, and other fibers waited until all attempts were made.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Frame from "@holdfast/core/Frame"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Unexported from "../../src/internal/fiber/unexported.ts"

type Protect = <A>(self: Effect.Effect<A, string>) => Effect.Effect<A, unknown>

const retry = { times: 2, backoff: Backoff.constant({ delay: 0 }), logLevel: "None" } as const

const ways: ReadonlyArray<[name: string, protect: Effect.Effect<Protect>]> = [
  ["Retry.retry", Effect.succeed(Retry.retry(retry))],
  ["a policy", Effect.map(Policy.make({ retry }), (policy): Protect => (self) => policy.protect(self))],
  [
    "a policy of many parts",
    Effect.map(
      Policy.make({ retry, deadline: "1 minute", bulkhead: { limit: 1 }, attemptTimeout: "30 seconds" }),
      (policy): Protect => (self) => policy.protect(self)
    )
  ],
  [
    "a policy over a part",
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry })
      const bulkhead = yield* Bulkhead.make({ limit: 1 })
      return (self) => policy.protect(bulkhead.protect(self))
    })
  ],
  [
    "a client whose attempts run code of the program",
    Effect.map(
      Policy.make({ retry }),
      (policy): Protect => (self) =>
        Effect.withFiber((fiber) => Frame.begin(fiber, policy, undefined, () => self, false))
    )
  ]
]

/** What happens, in order, when each attempt forks a fiber and fails, beside a fiber that counts its turns. */
const story = (protect: Protect) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const note = (line: string) => Effect.sync(() => void lines.push(line))
    let attempt = 0
    const other = yield* Effect.forkChild(
      Effect.forEach([1, 2, 3], (turn) => Effect.andThen(note(`turn ${turn}`), Effect.yieldNow))
    )
    const call = Effect.suspend(() => {
      const number = ++attempt
      return note(`attempt ${number}`).pipe(
        Effect.andThen(Effect.forkDetach(note(`daemon ${number}`))),
        Effect.andThen(Effect.fail(`failed ${number}`))
      )
    })
    yield* Effect.exit(protect(call))
    yield* note("end")
    yield* Fiber.join(other)
    return lines
  }).pipe(Effect.provide(Logger.layer([])))

describe.each([["as a frame", true], ["by the public API", false]])("without a delay, %s,", (_, frames) => {
  it.live.each(ways)("%s yields between attempts as Effect.retry does", ([, make]) =>
    Effect.gen(function*() {
      const plain = yield* story((self) => Effect.retry(self, { times: 2 }))
      strictEqual(plain.indexOf("daemon 1") < plain.indexOf("attempt 2"), true, plain.join())
      Unexported.allow(frames)
      const protect = yield* make
      deepStrictEqual(yield* Effect.ensuring(story(protect), Effect.sync(() => Unexported.allow(true))), plain)
    }))
})

it("runs synchronously nevertheless", () => {
  let attempt = 0
  const call = Effect.suspend(() => ++attempt < 3 ? Effect.fail("down") : Effect.succeed(attempt))
  strictEqual(Effect.runSync(Retry.retry(call, retry)), 3)
})
