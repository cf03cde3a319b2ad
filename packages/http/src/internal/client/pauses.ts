/**
 * Until when each origin has asked not to be called. One server's "later" holds for every call to it, not only for the
 * call that was told.
 *
 * A pause is a rate limit that the server sets, and a policy drives it as its rate limit: behind the bulkhead, so that no
 * more calls wait for its end than the bulkhead lets in and queues, and before the first attempt, so that no attempt's
 * clock runs meanwhile.
 *
 * Guarded by `test/client/pauses.test.ts` and `test/client/requestHeaders.test.ts`.
 */
import * as Deadline from "@holdfast/core/Deadline"
import { DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

interface Pause {
  readonly from: number
  readonly until: number
  /** After `until`, those who wait return within this time. */
  readonly spread: number
  /** How many calls wait for it. */
  waiting: number
}

/** In how much time calls return after a wait: the first spread as a share of it, and the longest one, in milliseconds. */
interface Spread {
  readonly share: number
  readonly max: number
}

export class OriginPauses {
  /** The longest pause that anyone believes, in milliseconds. */
  longest = Infinity

  private readonly pauses = new Map<string, Pause>()

  /**
   * An origin has asked for `millis` from `now` on. A shorter pause does not end a longer one.
   *
   * A server whose queue is full asks for a pause, and all the calls that have waited would fill the queue again: it
   * never recovers. So a pause that is asked for while the calls return from the one before, or in as much time again as
   * that took, doubles the spread: the load falls until the server takes it, or until most calls have no time to wait.
   * What ends this is a server that goes without asking for as long as its last pause and return took. One call that waited
   * alone is not a herd, and returns as it did the first time.
   */
  ask(origin: string | undefined, now: number, millis: number, { max, share }: Spread): void {
    const wait = Math.min(millis, this.longest)
    if (origin === undefined || wait <= 0) return
    // An origin that is never called again is forgotten here.
    for (const [other, pause] of this.pauses) if (calmFrom(pause) <= now) this.pauses.delete(other)
    const before = this.pauses.get(origin)
    const until = now + wait
    if (before === undefined || until > before.until) {
      const isWithin = before !== undefined && now < before.until
      const first = wait * share
      const spread = isWithin
        ? Math.max(first, before.spread)
        : before !== undefined && before.waiting > 1
        ? 2 * Math.max(first, before.spread)
        : first
      const waiting = isWithin ? before.waiting : 0
      this.pauses.set(origin, { from: now, until, spread: share === 0 ? 0 : Math.min(spread, max), waiting })
    }
  }

  /** How long the pause of an origin still is for those who believe no more than `longest`. */
  left(origin: string | undefined, now: number, longest: number): number {
    const pause = origin === undefined ? undefined : this.pauses.get(origin)
    if (origin === undefined || pause === undefined) return 0
    if (calmFrom(pause) <= now) this.pauses.delete(origin)
    return Math.max(0, Math.min(pause.until, pause.from + longest) - now)
  }

  /** A call waits for an origin. */
  joined(origin: string | undefined): void {
    const pause = origin === undefined ? undefined : this.pauses.get(origin)
    if (pause !== undefined) pause.waiting++
  }

  /** In how much time those return who wait for an origin and believe no more than `longest`, in milliseconds. */
  spread(origin: string | undefined, longest: number): number {
    const pause = origin === undefined ? undefined : this.pauses.get(origin)
    return pause === undefined ? 0 : pause.spread * Math.min(1, longest / (pause.until - pause.from))
  }

  /** Whether no origin has asked for a pause that is not known to be over. */
  get isEmpty(): boolean {
    return this.pauses.size === 0
  }
}

/** From when on an origin that has asked for no other pause takes its calls again. */
const calmFrom = ({ from, spread, until }: Pause): number => until + spread + (until - from) + spread

/**
 * A rate limit that lets a call to an origin in when no pause of up to `longest` is left, and `limit` does. By chance the
 * wait is longer by up to the spread of the pause, so that not all calls return in the same instant. Where the call's
 * `total` ends first, the call fails at once, which takes load from a server that does not recover.
 */
export const limited = (
  limit: RateLimit.RateLimit | undefined,
  pauses: OriginPauses,
  longest: number,
  total: number | undefined
): Effect.Effect<RateLimit.RateLimit> =>
  Effect.map(limit === undefined ? unused : Effect.succeed(limit), (base) => {
    const inner = limit?.machine
    const machine: Pick<RateLimit.RateLimit["machine"], "admit" | "tryAdmit"> = {
      tryAdmit: (key, now) =>
        (pauses.isEmpty || pauses.left(key, now, longest) === 0) && (inner === undefined || inner.tryAdmit(key, now)),
      // What waits for a limit fails with its error; what waits for a pause, with that of the deadline.
      admit: (key) =>
        Effect.andThen(
          paused(pauses, key, longest, total) as Effect.Effect<void>,
          inner === undefined ? Effect.void : inner.admit(key)
        )
    }
    // The policies of the core ask no more of it.
    return { ...base, machine: machine as RateLimit.RateLimit["machine"] }
  })

/** Something to be a rate limit with, where none is configured. It is never asked. */
const unused = RateLimit.make({ limit: 1, window: "1 second" })

const paused = (
  pauses: OriginPauses,
  origin: string | undefined,
  longest: number,
  total: number | undefined
): Effect.Effect<void, PolicyError<DeadlineExceeded>> =>
  Effect.withFiber((fiber) => {
    const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    const left = pauses.left(origin, now, longest)
    if (left === 0) return Effect.void
    pauses.joined(origin)
    const chance = fiber.getRef(Random.Random).nextDoubleUnsafe()
    const wait = Math.ceil(left + pauses.spread(origin, longest) * chance)
    // A deadline from outside ends the wait by itself.
    if (total !== undefined && now + wait >= Deadline.inForce(fiber)) {
      const deadline = Duration.millis(Math.max(0, Deadline.inForce(fiber) - now))
      return Effect.fail(new PolicyError({ reason: new DeadlineExceeded({ deadline, phase: "queue" }) }))
    }
    // Another pause may have begun by then.
    return Effect.andThen(Effect.sleep(wait), paused(pauses, origin, longest, total))
  })
